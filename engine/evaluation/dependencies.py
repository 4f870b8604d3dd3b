"""Bonds of one batch: which groups of rules on rules hear of the groups that were judged, and what.

Here: who listens to whom, and gathering what is said. Not here: what a group makes of it
(`core.judging.rule_dependency`), and the order in which groups are judged (`evaluation.evaluator`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from engine.core.alerting.ids import alert_id
from engine.core.judging.alert_assignment import assign
from engine.core.judging.condition import Bond
from engine.core.judging.group_key import GroupKey, region_of_group
from engine.core.judging.group_state import Closing, FiringInterval
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Evidence, Redated, Undone
from engine.core.judging.rule import Rule, level_of, rule_ranks, rules_counted_by
from engine.core.judging.rule_dependency import AFTER_REQUESTS, Hearing
from engine.core.judging.upstream_interval import OpenInterval, source_of
from engine.evaluation.groups import Judged
from engine.evaluation.judgements import GroupJudgements
from engine.matching.rule_exception import variant_of


class Bonds:
    """What the groups of a batch tell each other.

    `heard` is what each group hears in this batch; `depths` are the places of rules: who is listened to is first.
    """

    def __init__(self, rules: Mapping[str, Rule], namespace: str) -> None:
        self._rules, self._namespace = rules, namespace
        self._listeners: defaultdict[str, list[Rule]] = defaultdict(list)
        for rule in rules.values():
            for id_ in rule.condition.open if isinstance(rule.condition, Bond) else ():
                self._listeners[id_].append(rule)
        self.depths = rule_ranks(rules.values(), rules_counted_by)
        self.heard: defaultdict[GroupKey, list[Hearing]] = defaultdict(list)

    def heeds(self, rule: str) -> bool:
        """Say whether somebody listens to the groups of a rule, by its id."""
        return rule in self._listeners

    def tell(
        self,
        key: GroupKey,
        judged: Judged,
        said: Iterable[GroupJudgements],
        *,
        at: Instant,
        closed: Closing | None,
        because: Iterable[str] = (),
        request: int = AFTER_REQUESTS,
    ) -> None:
        """Tell all that listen to a group for how long its alerts ought to be open, as it is known at `at`.

        `request` is the place of the request after which this is known (`Hearing`).
        `because` are reasons for changes of which nothing was `said`.
        """
        undone = (one.judgement.reason for one in said if isinstance(one.judgement, Undone | Redated))
        reason = next(chain(undone, because), "late_report")
        rule = self._rules[key.rule]
        listeners = self._listeners.get(key.rule, ())
        stretches = tuple(self._stretches(key, judged, at)) if listeners else ()
        told: list[tuple[GroupKey, Hearing]] = []
        for bond in listeners:
            found = source_of(rule, key.group, bond)
            if found is None:
                continue
            text, source = found
            hearing = Hearing(
                source=source,
                stretches=stretches,
                at=at,
                since=judged.head.base,
                closed_at=closed.at if closed else None,
                reason=reason,
                request=request,
            )
            told.append((GroupKey(key.space, bond.id, text), hearing))
        for listener, hearing in told:  # all or none of them: the group may yet be put off
            self.heard[listener].append(hearing)

    def _stretches(self, key: GroupKey, judged: Judged, at: Instant) -> Iterator[OpenInterval]:
        """Yield the stretches of a group, each under the newest alert that stands for it."""
        spells, points = judged.group.spells, judged.group.points
        places = assign(judged.head.openings, spells)
        stands = {place: ordinal for ordinal, place in sorted(places.items())}
        for place, spell in enumerate(spells):
            if place in stands:
                evidence = tuple(points.rows[i].evidence for i in points.of(spell) if points.rows[i].watched)
                yield self._stretch(key, at, stands[place], spell, evidence)

    def _stretch(
        self, key: GroupKey, at: Instant, ordinal: int, spell: FiringInterval, evidence: tuple[Evidence, ...]
    ) -> OpenInterval:
        rule = variant_of(self._rules[key.rule], key.group, at)
        naming = next((one for one in evidence if one.subject_role), None)
        reported = evidence[0].region if evidence else ""
        return OpenInterval(
            alert=alert_id(self._namespace, key.space, key.rule, key.group, ordinal),
            region=naming.region if naming else region_of_group(rule.per, key.group, reported),
            level=level_of(rule, spell.figure, evidence),
            happened_at=spell.happened_at,
            ended_at=spell.ended_at,
            by_hand=spell.reason == "by_hand",
            title=rule.short_title,
            subject_role=naming.subject_role if naming else None,
        )
