"""The recorder: what changed when in a run, read from alerts and histories after every instant."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from engine.core.alerting.alert import WENT_OUT, Alert, HistoryEntry, Notification
from engine.core.judging.explanation import explain_group
from engine.core.judging.group_key import key_of, key_values
from engine.core.judging.group_state import UNKNOWN, Circumstances, GroupState
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.documents.test_files.rule_tests import ExpectedGroup, ExpectedState
from engine.escalation.alert_commands import AlertCommands
from engine.evaluation.groups import GROUPS, read, state_of
from engine.matching.rule_exception import variant_of
from engine.records.alert_repository import NOTIFICATIONS
from engine.simulation.simulator import Simulator
from engine.store.codec import decode
from engine.store.port import Store

UNDONE = frozenset(("late_report", "corrected", "refuted"))
"""Closing reasons after which the opening never was."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an alert: `at` in event time, `detected` on the clock.

    Specification: docs/specification/tests.md#rule-tests.

    `evidence` are ids of events in event order, `count` how many; `undone` marks an opening that was taken back.
    `level` is that of the instant, of an opening; `highest` the one the alert has by the end of the run.
    """

    at: Instant
    detected: Instant
    state: ExpectedState
    rule: str
    group: str
    reason: str = ""
    evidence: tuple[str, ...] = ()
    count: int = 0
    level: int = 0
    highest: int = 0
    undone: bool = False


class RecordedState(msgspec.Struct, frozen=True, kw_only=True):
    """How a group stands: whether an alert of it is unresolved, what that has, and the figure over the window."""

    group: str
    open: bool
    evidence: tuple[str, ...]
    count: int
    level: int
    value: float


async def happenings(desk: AlertCommands, occurred: Mapping[tuple[str, str], Instant]) -> list[Happening]:
    """Return everything that happened, by event time. `occurred` tells the instants of events by (desk, id).

    Alerts are evidence of rules on rules, by (group, id).
    """
    found: list[Happening] = []
    alerts = await desk.alerts()
    known = {**occurred, **{(f"{a.rule.id}|{a.group}", a.id): a.happened_at for a in alerts}}
    for alert in alerts:
        found += _of_alert(alert, await desk.history(alert.id), known)
    return sorted(found, key=lambda one: (one.at, one.detected, one.rule, one.group, one.state))


def _of_alert(
    alert: Alert, history: list[HistoryEntry], occurred: Mapping[tuple[str, str], Instant]
) -> Iterator[Happening]:
    happened_at = _happened_at(alert, history)
    undone = any(_undoes(entry) for entry in history)
    opening = [e for e in alert.evidence if e.occurred_at <= happened_at]
    redated = any(entry.name == "redated" for entry in history)
    first = next(entry for entry in history if entry.name in ("opened", "hidden"))
    counted = first.details.get("events", 0)
    whole = alert.evidence_count == len(alert.evidence) or redated
    yield Happening(
        at=happened_at,
        detected=alert.detected_at,
        state="hidden" if any(entry.name == "hidden" for entry in history[:2]) else "opens",
        rule=alert.rule.id,
        group=alert.group,
        reason=first.reason,
        evidence=tuple(e.id for e in opening),
        count=len(opening) if whole else int(counted),
        level=int(first.details.get("level", alert.level)),
        highest=alert.level,
        undone=undone,
    )
    joined: dict[Instant, Happening] = {}
    for entry in history:
        if entry.name == "joined":
            name = str(entry.details.get("desk")), str(entry.details.get("event"))
            at = occurred.get(name, happened_at)
            joined.setdefault(at, _at(alert, entry, at, "joins"))
        elif entry.name == "redated":
            later = [e for e in alert.evidence if e.occurred_at > happened_at and e.occurred_at not in joined]
            joined.update({e.occurred_at: _at(alert, entry, e.occurred_at, "joins") for e in later})
        elif entry.name == "resolved":
            ended_at = entry.details.get("ended_at")
            yield _at(alert, entry, entry.at if ended_at is None else int(ended_at), "closes")
    yield from joined.values()


def _happened_at(alert: Alert, history: Iterable[HistoryEntry]) -> Instant:
    """Return when the opening happened, as last said; a closed alert is re-dated in its history only."""
    happened_at = alert.happened_at
    for entry in history:
        if entry.name == "redated":
            happened_at = int(entry.details["happened_at"])
    return happened_at


def _undoes(entry: HistoryEntry) -> bool:
    return entry.name == "corrected" or (entry.name == "resolved" and entry.reason in UNDONE)


def _at(alert: Alert, entry: HistoryEntry, at: Instant, state: ExpectedState) -> Happening:
    evidence = tuple(e.id for e in alert.evidence if state != "joins" or e.occurred_at <= at)
    return Happening(
        at=at,
        detected=entry.at,
        state=state,
        rule=alert.rule.id,
        group=alert.group,
        reason=entry.reason,
        evidence=evidence,
        count=alert.evidence_count if state == "closes" else len(evidence),
        level=alert.level,
    )


# --- how a group stands -----------------------------------------------------------------------------------------------


Around = Callable[[Rule, str], Circumstances]
"""Tells the circumstances of a group of a rule."""


async def groups_at(
    store: Store, desk: AlertCommands, rule: Rule, group: ExpectedGroup, at: Instant, around: Around
) -> list[RecordedState]:
    """Return how the groups of a rule that are meant stand at an instant of the clock, each group once.

    Of the alerts of a group the one that is unresolved speaks for it, else the one that happened last.
    """
    alerts: dict[str, Alert] = {}
    for alert in sorted(await desk.alerts(), key=_speaks):
        if alert.rule.id == rule.id:
            alerts[alert.group] = alert
    known = await group_states(store)
    states = {text: state for (rule_id, text), state in known.items() if rule_id == rule.id}
    found = [text for text in {**states, **alerts} if is_meant_group(rule, group, text)]
    return [
        _standing(
            text,
            variant_of(rule, text, at),
            alerts.get(text),
            states.get(text),
            at,
            around(rule, text),
        )
        for text in sorted(found)
    ]


def _speaks(alert: Alert) -> tuple[bool, Instant, int]:
    """Return what tells which alert speaks for its group: the one for which this is greatest."""
    return alert.unresolved, alert.happened_at, alert.ordinal


async def open_now(desk: AlertCommands) -> frozenset[tuple[str, str]]:
    """Return rule and group of all alerts that are unresolved now."""
    return frozenset((alert.rule.id, alert.group) for alert in await desk.alerts() if alert.unresolved)


def open_by(happened: Iterable[Happening], at: Instant) -> frozenset[tuple[str, str]]:
    """Return rule and group of all alerts that are open by the openings and closings noticed up to a clock instant.

    What was over before its rule was in force is closed with its recording; that is no closing of its own.
    """
    count: Counter[tuple[str, str]] = Counter()
    for one in happened:
        if one.detected <= at and one.state != "joins" and one.reason != "before_rule":
            count[one.rule, one.group] += -1 if one.state == "closes" else 1
    return frozenset(place for place, number in count.items() if number > 0)


def _standing(
    group: str,
    rule: Rule,
    alert: Alert | None,
    state: GroupState | None,
    at: Instant,
    around: Circumstances,
) -> RecordedState:
    return RecordedState(
        group=group,
        open=alert is not None and alert.unresolved,
        evidence=tuple(e.id for e in alert.evidence) if alert else (),
        count=alert.evidence_count if alert else 0,
        level=alert.level if alert else 1,
        value=figure_at(rule, state, at, around) if state else 0.0,
    )


def figure_at(rule: Rule, state: GroupState, at: Instant, around: Circumstances = UNKNOWN) -> float:
    """Return the figure of the rule's condition over the window at an instant; 0 without events."""
    return explain_group(rule, state, at=at, around=around).figure or 0.0


def why_not(rule: Rule, state: GroupState | None, at: Instant, around: Circumstances = UNKNOWN) -> str:
    """Return the gate that kept an alert from opening at an instant, with the numbers that show it."""
    if state is None:
        return "0 events"
    gate = explain_group(rule, state, at=at, around=around).gates[-1]
    shown = {key: gate.detail[key] for key in ("figure", "limit", "ids") if gate.detail.get(key) is not None}
    return ", ".join((gate.name, *(f"{key} {_shown(value)}" for key, value in shown.items())))


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "/".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


async def group_states(store: Store) -> dict[tuple[str, str], GroupState]:
    """Return the states of all groups by (rule, group)."""
    keys = [key_of(member) for member in await store.scan(GROUPS)]
    return {(key.rule, key.group): state_of(kept) for key, kept in (await read(store, keys)).items()}


# --- groups -----------------------------------------------------------------------------------------------------------


def is_meant_group(rule: Rule, group: ExpectedGroup, text: str) -> bool:
    """Say whether a group of a rule, by its canonical text, is the one that a test names."""
    if group is None or isinstance(group, str):
        return group is None or group == text
    parts = key_values(rule.per, text)
    return set(group) <= set(parts) and all(parts[name] == part for name, part in group.items())


class RecordedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that came to be so at an instant: an alert in a status, or a notification in a state.

    `alert` is None for a reply that speaks of none.
    """

    at: Instant
    alert: Alert | None
    state: str
    reason: str = ""
    by: str = ""
    level: int = 0
    notification: Notification | None = None

    @property
    def about(self) -> Alert:
        """The alert of a turn that has one."""
        if self.alert is None:
            raise AssertionError("this turn is of a reply that speaks of no alert")
        return self.alert


class Recorder:
    """Remembers what there was after each instant."""

    def __init__(self, rig: Simulator) -> None:
        self._rig = rig
        self.alerts: dict[str, Alert] = {}
        self.notifications: dict[str, Notification] = {}
        self.histories: dict[str, list[HistoryEntry]] = {}
        self._turns: dict[str, list[RecordedTurn]] = {}
        self.openings: list[RecordedTurn] = []

    async def look(self) -> None:
        """Look at everything as it is now, after all of this instant."""
        now = self._rig.clock.now()
        for alert in reversed(await self._rig.desk.alerts()):
            before = self.alerts.get(alert.id)
            if alert == before:
                continue
            self.alerts[alert.id] = alert
            written = self.histories.setdefault(alert.id, [])
            written += await self._rig.desk.history(alert.id, since=len(written))
            self._note_alert(alert, before, now)
        for id_, record in (await self._rig.store.scan(NOTIFICATIONS)).items():
            notification = decode(record.value, Notification)
            known = self.notifications.get(id_)
            if notification == known:
                continue
            self.notifications[id_] = notification
            shown = notification.state, notification.reason or notification.held
            if known is None or shown != (known.state, known.reason or known.held):
                self._turns.setdefault(id_, []).append(
                    RecordedTurn(
                        at=now,
                        alert=self.alerts.get(notification.alert),
                        state=notification.state,
                        reason=notification.reason or notification.held,
                        notification=notification,
                    )
                )

    def _note_alert(self, alert: Alert, before: Alert | None, now: Instant) -> None:
        if before is None:
            hidden = any(entry.name == "hidden" for entry in self.histories[alert.id][:2])
            first = self.histories[alert.id][0]
            self.openings.append(
                RecordedTurn(
                    at=alert.detected_at,
                    alert=alert,
                    state="hidden" if hidden else "opens",
                    reason=first.reason,
                    level=int(first.details.get("level", alert.level)),
                )
            )
        turn = RecordedTurn(
            at=now,
            alert=alert,
            state=alert.status,
            reason=_reason(alert, self.histories[alert.id]),
            by={"acknowledged": alert.acknowledged_by, "resolved": alert.resolved_by}.get(alert.status, ""),
            level=alert.level,
        )
        turns = self._turns.setdefault(alert.id, [])
        last = turns[-1] if turns else None
        if last is None or (last.state, last.reason, last.by, last.level) != (
            turn.state,
            turn.reason,
            turn.by,
            turn.level,
        ):
            turns.append(turn)

    # --- questions ---

    def messages(self) -> list[Notification]:
        """Return the messages that gateways accepted, in the order in which they did; a digest is one."""
        sent = [n for n in self.notifications.values() if n.sent_at is not None and not n.digest]
        return sorted(sent, key=lambda n: (n.sent_at or 0, n.person, n.channel, n.kind))

    def turns_of_alerts(self) -> Iterator[RecordedTurn]:
        """Yield every change of an alert's status, the opening first."""
        for id_, turns in self._turns.items():
            if id_ in self.alerts:
                before = None
                for turn in turns:
                    if turn.state != before:
                        yield turn
                    before = turn.state

    def turns_of_messages(self) -> Iterator[RecordedTurn]:
        """Yield every state that a notification reached, with what held it."""
        return (turn for id_, turns in self._turns.items() if id_ not in self.alerts for turn in turns)

    def standing(self, at: Instant, *, alerts: bool) -> list[RecordedTurn]:
        """Return how each alert (or each notification) stood after everything of an instant."""
        found = []
        for id_, turns in self._turns.items():
            place = bisect_right(turns, at, key=lambda turn: turn.at)
            if place and (id_ in self.alerts) is alerts:
                found.append(turns[place - 1])
        return found

    def reached(self, since: Instant, until: Instant, *, alerts: bool) -> list[RecordedTurn]:
        """Return what alerts (or notifications) became within a span, both ends included."""
        return [
            turn
            for id_, turns in self._turns.items()
            for turn in turns
            if (id_ in self.alerts) is alerts and since <= turn.at <= until
        ]

    def entries(self, since: Instant, until: Instant) -> list[tuple[Alert, HistoryEntry]]:
        """Return the history entries written within a span, both ends included."""
        return [
            (self.alerts[id_], entry)
            for id_, history in self.histories.items()
            for entry in history
            if since <= entry.at <= until
        ]

    def sent_to(self, person: str) -> list[Notification]:
        """Return the messages that went to a person, the newest last."""
        return [n for n in self.messages() if n.person == person and n.state in WENT_OUT]


_STATUS_ENTRIES = (
    "opened",
    "expired",
    "level_rose",
    "escalated_by_hand",
    "returned",
    "acknowledged",
    "resolved",
    "reopened",
)


def _reason(alert: Alert, history: list[HistoryEntry]) -> str:
    """Return why an alert is in its status: the reason of the newest entry that may have brought it there."""
    if alert.status == "resolved":
        return alert.resolved_reason
    return next((e.reason or e.name for e in reversed(history) if e.name in _STATUS_ENTRIES), "")
