"""Outcomes: what judging made of one group of a batch.

Here: the value that a commit writes, when the group is due again, and what its newest alert tells judging. Not here:
judging (`core.judging.group_evaluation`), what follows from it (`service.docket`), and writing it all
(`service.evaluator`).
"""

from __future__ import annotations

import msgspec

from engine.core.alerting.ids import alert_id
from engine.core.judging.fold import earlier
from engine.core.judging.group_evaluation import Group, take_over
from engine.core.judging.group_key import Key
from engine.core.judging.group_state import ByHand, Circumstances, Closing, GroupState, Reopening
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.core.judging.rule_dependency import kind_of
from engine.matching.variant import ends_at
from engine.service.casebook import Case
from engine.service.docket import Cases
from engine.service.groups import Judged


class Outcome(msgspec.Struct, frozen=True):
    """What judging one group made of it in this batch; where it was not `looked` at, its due instant stays."""

    judged: Judged | None
    due: Instant | None
    cases: Cases
    looked: bool = True


def newest_alert(namespace: str, key: Key, state: GroupState) -> str | None:
    """Return the id of the alert that a group has open, else of its latest; None where it never had one."""
    ordinal = state.open.ordinal if state.open else state.opened
    return alert_id(namespace, key.space, key.rule, key.group, ordinal) if ordinal else None


def closing_of(newest: Case | None) -> ByHand | None:
    """Return how people closed an alert, or when they withdrew that, if they did."""
    if newest is None:
        return None
    alert = newest.alert
    if alert.unresolved and alert.reopened_at is not None:
        return Reopening(ordinal=alert.ordinal, at=alert.reopened_at)
    if alert.resolved_reason != "by_hand":
        return None
    return Closing(floor=alert.floor, at=alert.resolved_at or 0, ordinal=alert.ordinal)


def after_exception(
    rule: Rule, state: GroupState, over: Instant, around: Circumstances, newest: Case | None
) -> Group:
    """Return a group that goes on under its rule after the exception that held for it ended at `over`."""
    return take_over(
        rule,
        state.points,
        state,
        before=over,
        around=around,
        unresolved=newest.alert.ordinal if newest is not None and newest.alert.unresolved else 0,
        closed=closing_of(newest),
        kind=kind_of(rule),
    )


def due_of(group: Group) -> Instant | None:
    """Return when a group must be looked at: its own due instant, or the end of the exception that holds for it."""
    return earlier(group.due, ends_at(group.rule))
