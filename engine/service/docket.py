"""The docket: what the groups of a batch say, and the decisions that follow, alert by alert.

Here: the order in which judgements of one batch are decided, and which alert each is about. Not here: judging
(`core.judging.group_evaluation`), what a decision is (`core.alerting.decide`) and the commit (`service.evaluator`).

Judgements are decided in the order of the clock, and at one instant those of a rule that hides come before those of a
rule that it hides. What is open of the hiding rules is what the store has and what this batch opened and closed so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.case_editor import Decision, Surroundings
from engine.core.alerting.command import Open
from engine.core.alerting.credential import EVALUATOR
from engine.core.alerting.decide import decide, open_alert
from engine.core.alerting.ids import alert_id
from engine.core.judging.group_key import Key, region_of_group
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Judgement, Opened
from engine.core.judging.region import NATION
from engine.core.judging.rule import ranks
from engine.errors import SiagaError, StoreError, StoreUnavailableError
from engine.matching.variant import variant_of
from engine.service.casebook import Case, load, standing
from engine.service.rule_sets import RuleSet, Tenure
from engine.store.port import Store


class Said(NamedTuple):
    """A judgement of a group, and the clock instant at which it could first be said."""

    at: Instant
    key: Key
    judgement: Judgement


class UndecidedError(SiagaError):
    """Deciding what some groups say raised."""

    def __init__(self, raised: Mapping[Key, Exception]) -> None:
        super().__init__()
        self.raised = raised


Cases = dict[str, tuple[list[Decision], Case | None]]
"""By alert id what was decided, and the case before it (None: it was opened now)."""


class Docket:
    """Decides the judgements of one batch, each on what the ones before left."""

    def __init__(
        self,
        store: Store,
        rule_set: RuleSet,
        tenures: Mapping[str, Tenure],
        around: Surroundings,
        now: Instant,
    ) -> None:
        self._store = store
        self._rule_set = rule_set
        self._tenures = tenures
        self._around = around
        self._now = now
        self._open: dict[str, tuple[str, str, str]] = {}

    async def decide(
        self, said: Iterable[Said], cases: Mapping[str, Case], decided: Mapping[Key, Cases] = {}
    ) -> dict[Key, Cases]:
        """Return what was decided of the alerts of each group, on what was `decided` of them before in this batch.

        `cases` are those that are known already, by id. Raises `UndecidedError` with all groups on which that raised.
        """
        rules = self._rule_set.rules
        said = list(said)
        hiding = {(one.key.space, id_) for one in said for id_ in rules[one.key.rule].hide_while}
        for space in sorted({space for space, _ in hiding}):
            found = await standing(self._store, space, [id_ for own, id_ in hiding if own == space])
            self._open.update({alert: (space, *place) for alert, place in found.items()})
        if hiding:
            rank = ranks(rules.values())
            said.sort(key=lambda one: (one.at, rank[one.key.rule]))
        settled = dict(decided)
        raised: dict[Key, Exception] = {}
        for _, key, judgement in said:
            if key in raised:
                continue
            mine = settled.setdefault(key, {})
            try:
                decision = await self._next(key, judgement, mine, cases)
            except StoreUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 -- told with all others
                raised[key] = error
                continue
            if (key.space, key.rule) in hiding:
                self._note(key, decision.alert)
        if raised:
            raise UndecidedError(raised)
        return settled

    async def _next(
        self, key: Key, judgement: Judgement, decided: Cases, cases: Mapping[str, Case]
    ) -> Decision:
        alert = alert_id(self._around.namespace, key.space, key.rule, key.group, judgement.ordinal)
        if isinstance(judgement, Opened):
            decision = self._opened(key, judgement)
            former = alert_id(self._around.namespace, key.space, key.rule, key.group, judgement.ordinal - 1)
            if former in cases and former not in decided:
                decision = msgspec.structs.replace(decision, after=(former, cases[former].version))
            decided[alert] = ([decision], None)
            return decision
        if alert not in decided:
            case = cases.get(alert) or (await load(self._store, [alert])).get(alert)
            if case is None:
                raise StoreError(f"judging speaks of alert {alert}, which the store does not have")
            decided[alert] = ([], case)
        decisions, before = decided[alert]
        alert_now, notifications = _latest(decisions, before)
        decision = decide(alert_now, notifications, judgement, self._around, self._now, by=EVALUATOR)
        decisions.append(decision)
        return decision

    def _opened(self, key: Key, opened: Opened) -> Decision:
        rule = variant_of(self._rule_set.rules[key.rule], key.group, self._now)
        tenure = self._tenures.get(key.rule)
        around = self._around
        if rule.hide_while:
            places = {(id_, region) for space, id_, region in self._open.values() if space == key.space}
            around = msgspec.structs.replace(around, standing=places)
        reported = opened.evidence[0].region if opened.evidence else NATION
        command = Open(
            rule=rule,
            policy=self._rule_set.policies[rule.escalate],
            space=key.space,
            group=key.group,
            region=region_of_group(rule.per, key.group, reported),
            ordinal=opened.ordinal,
            opened=opened,
            author=tenure.author if tenure else "",
            approved_by=tenure.approved_by if tenure else "",
        )
        return open_alert(command, around, self._now, by=EVALUATOR)

    def _note(self, key: Key, alert: Alert) -> None:
        """Remember whether an alert of a rule that hides is open now."""
        if alert.unresolved:
            self._open[alert.id] = key.space, key.rule, alert.region
        else:
            self._open.pop(alert.id, None)


def _latest(decisions: Sequence[Decision], before: Case | None) -> tuple[Alert, Mapping[str, Notification]]:
    notifications = dict(before.notifications) if before else {}
    for decision in decisions:
        notifications.update({notification.id: notification for notification in decision.notifications})
    if decisions:
        return decisions[-1].alert, notifications
    if before is None:
        raise AssertionError("a case without alert")
    return before.alert, notifications
