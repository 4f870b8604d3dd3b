"""Experience: what the store has seen of the rules in force, for the advice that `siaga check` gives.

It finds rules that matched nothing for long, and rules that wait shorter for silence than reports usually are apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import msgspec

from engine.core.judging.condition import SilenceCondition
from engine.core.judging.group_key import GroupKey, key_of
from engine.core.judging.group_state import Point
from engine.core.judging.instant import DAY, Instant, Millis
from engine.core.judging.rule import Rule
from engine.evaluation.groups import GROUPS, GroupHead, KeptGroup, read
from engine.records.rule_sets import RULES, InForce, fetch_rule_set
from engine.records.tolerant_read import readable
from engine.store.codec import decode_record
from engine.store.port import Store

LONG: Millis = 90 * DAY
"""A rule that matched nothing for so long is worth a look."""
ENOUGH = 20
"""So many gaps between reports show what is usual."""
USUAL = 0.9
"""The usual gap: so many of all gaps are no longer."""


class Experience(msgspec.Struct, frozen=True, kw_only=True):
    """Rules in force of which there is something to say, by their id.

    `unmatched` matched nothing for 90 days, though they were in force all the while. `hasty` wait for a silence shorter
    than the usual gap between reports, which stands beside them (ms).
    """

    rules: Mapping[str, Rule]
    unmatched: tuple[str, ...] = ()
    hasty: Mapping[str, Millis] = {}


async def experience(store: Store, now: Instant) -> Experience:
    """Return what the store has seen; a store in which no rules are in force has seen nothing."""
    record = (await store.get(RULES, ["in_force"]))[0]
    if record is None:
        return Experience(rules={})
    in_force = decode_record(RULES, "in_force", record.value, InForce)
    rules = dict((await fetch_rule_set(store, in_force.rule_set)).rules)
    groups: dict[str, list[GroupKey]] = {}
    newest: dict[str, Instant] = {}
    for member, head in readable(GROUPS, await store.scan(GROUPS), GroupHead).items():
        key = key_of(member)
        groups.setdefault(key.rule, []).append(key)
        newest[key.rule] = max(newest.get(key.rule, 0), _newest(head))
    unmatched = []
    for id_ in sorted(rules):
        tenure = in_force.tenures.get(id_)
        loaded_at = now if tenure is None or tenure.loaded_at is None else tenure.loaded_at
        if max(loaded_at, newest.get(id_, 0)) < now - LONG:
            unmatched.append(id_)
    hasty = {}
    for id_, rule in sorted(rules.items()):
        if isinstance(rule.condition, SilenceCondition):
            kept = await read(store, groups.get(id_, []))
            gap = usual_gap(one.state.points for one in kept.values() if isinstance(one, KeptGroup))
            if gap is not None and gap > rule.condition.length:
                hasty[id_] = gap
    return Experience(rules=rules, unmatched=tuple(unmatched), hasty=hasty)


def usual_gap(groups: Iterable[tuple[Point, ...]]) -> Millis | None:
    """Return how far apart watched events of a group usually are; None where there are too few to say."""
    gaps = sorted(
        after.evidence.occurred_at - before.evidence.occurred_at
        for points in groups
        for before, after in pairwise(point for point in points if point.watched)
    )
    return gaps[int(USUAL * (len(gaps) - 1))] if len(gaps) >= ENOUGH else None


def _newest(head: GroupHead) -> Instant:
    """Return the instant of the newest event of a group, as far as its last page and its fold tell."""
    last, seen = head.state.points[-1:], head.state.status.seen
    return max(
        [point.evidence.occurred_at for point in last], default=0 if seen is None else seen.occurred_at
    )
