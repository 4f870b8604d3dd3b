"""What judging made of the groups of a batch, and the decisions on alerts that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.case_editor import Decision, DecisionContext
from engine.core.alerting.command import Open
from engine.core.alerting.credential import EVALUATOR
from engine.core.alerting.decide import decide, open_alert
from engine.core.alerting.ids import alert_id
from engine.core.judging.fold import earlier_of
from engine.core.judging.group_evaluation import Group, take_over
from engine.core.judging.group_key import GroupKey, region_of_group
from engine.core.judging.group_state import ByHand, Circumstances, Closing, GroupState, Reopening
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Judgement, Opened
from engine.core.judging.region import NATION
from engine.core.judging.rule import Rule, rule_ranks
from engine.core.judging.rule_dependency import kind_of
from engine.errors import SiagaError, StoreError, StoreUnavailableError
from engine.evaluation.groups import Judged
from engine.matching.rule_exception import ends_at, variant_of
from engine.records.alert_repository import Case, load, standing
from engine.records.rule_sets import RuleSet, Tenure
from engine.store.port import Store


class GroupResult(msgspec.Struct, frozen=True):
    """What judging one group made of it in this batch; where it was not `looked` at, its due instant stays."""

    judged: Judged | None
    due: Instant | None
    cases: Cases
    looked: bool = True


def newest_alert(namespace: str, key: GroupKey, state: GroupState) -> str | None:
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
    return earlier_of(group.due, ends_at(group.rule))


class GroupJudgements(NamedTuple):
    """A judgement of a group, and the clock instant at which it could first be said."""

    at: Instant
    key: GroupKey
    judgement: Judgement


class UndecidedError(SiagaError):
    """Deciding what some groups say raised."""

    def __init__(self, raised: Mapping[GroupKey, Exception]) -> None:
        super().__init__()
        self.raised = raised


Cases = dict[str, tuple[list[Decision], Case | None]]
"""By alert id what was decided, and the case before it (None: it was opened now)."""


class JudgementCommitter:
    """Decides the judgements of one batch, each on what the ones before left."""

    def __init__(
        self,
        store: Store,
        rule_set: RuleSet,
        tenures: Mapping[str, Tenure],
        around: DecisionContext,
        now: Instant,
    ) -> None:
        self._store = store
        self._rule_set = rule_set
        self._tenures = tenures
        self._around = around
        self._now = now
        self._open: dict[str, tuple[str, str, str]] = {}

    async def decide(
        self,
        said: Iterable[GroupJudgements],
        cases: Mapping[str, Case],
        decided: Mapping[GroupKey, Cases] = {},
    ) -> dict[GroupKey, Cases]:
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
            rank = rule_ranks(rules.values())
            said.sort(key=lambda one: (one.at, rank[one.key.rule]))
        settled = dict(decided)
        raised: dict[GroupKey, Exception] = {}
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
        self, key: GroupKey, judgement: Judgement, decided: Cases, cases: Mapping[str, Case]
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

    def _opened(self, key: GroupKey, opened: Opened) -> Decision:
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

    def _note(self, key: GroupKey, alert: Alert) -> None:
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
