"""Cases in the store: an alert with its notifications, how they are read, and what a decision writes.

Here: the tables, schedules and counters of alerting, and the translation between decisions and store writes. Not here:
decisions (`core.alerting.decide`) and the loop around them (`escalation.alert_commands`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import msgspec

from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.alerting.case_editor import Decision
from engine.core.alerting.ids import alert_id
from engine.core.alerting.policy import Channel
from engine.core.judging.group_key import GroupKey
from engine.core.judging.instant import SECOND, Millis
from engine.errors import UnreadableRecordError
from engine.records.alert_lists import ListedNotification, recalled, relisted
from engine.records.audit_log import append_histories
from engine.records.runtime_config import ALL, SILENCES
from engine.records.tolerant_read import readable, readable_of, report_unreadable
from engine.store.codec import decode_record, encode
from engine.store.port import PIECE, Append, Drop, Expect, Fence, Place, Plan, Put, Record, Store, Write
from engine.store.write_names import WriteName
from engine.texts.answer_link_token import token_fingerprint, token_for

ALERTS = "alerts"
"""Table of alerts by id; also the schedule of their timers."""
NOTIFICATIONS = "notifications"
"""Table of notifications by id."""
COVERS = "covers"
"""Schedule of alerts by the instant at which a silence that concerns them begins or ends."""
OUTBOX = "outbox"
"""Schedule of notifications to be sent or looked at again."""
UNRESOLVED = "unresolved"
"""Schedule that lists unresolved alerts by the instant they were detected; nothing falls due in it."""
REVEALS = "reveals"
"""Schedule of what closed, as `space|rule|region|alert`, until the alerts that it may have hidden were looked at."""
CLOSED = "closed"
"""Beginning of the names of the schedules of resolved alerts, by the instant at which they were; see `closed_in`."""
CLOSINGS = "closings"
"""Schedule of alerts that people reopened, or closed where other rules count them, until judging has taken note."""
LINKS = "links"
"""Table of the fingerprints of answer links, to notification ids."""

CLAIM: Millis = 60 * SECOND
"""A claimed message whose outcome was never recorded is attempted again after this."""


def history_log(alert_id: str) -> str:
    """Return the name of an alert's history log."""
    return f"history:{alert_id}"


def _hider(alert: Alert | None) -> str:
    """Return the rule that hides the alert; empty where none does."""
    hides = alert is not None and alert.unresolved and alert.hidden in alert.hide_while
    return alert.hidden if alert is not None and hides else ""


def standing_of(space: str, rule: str) -> str:
    """Return the name of the schedule that lists the unresolved alerts of a rule as `region|alert`; nothing is due."""
    return f"standing:{space}|{rule}"


def hidden_by(space: str, rule: str) -> str:
    """Return the name of the schedule that lists what a rule hides as `region|alert`; nothing is due in it."""
    return f"hidden:{space}|{rule}"


def timers(alert: Alert) -> tuple[Plan, Plan]:
    """Return the plans by which an alert stands in its two schedules at the instants that its record names."""
    return Plan(ALERTS, alert.id, alert.wake_at), Plan(COVERS, alert.id, alert.cover_changes_at)


def places_of(alert: Alert) -> tuple[Plan, ...]:
    """Return every plan of an alert as its record has it: its timers, and the lists of what is open and hidden.

    An instant of None says that it stands there no more. What it is hidden by no more is not known of it.
    """
    at, member = alert.detected_at if alert.unresolved else None, f"{alert.region}|{alert.id}"
    hidden = _hider(alert)
    return (
        *timers(alert),
        Plan(UNRESOLVED, alert.id, at),
        Plan(standing_of(alert.space, alert.rule.id), member, at),
        *((Plan(hidden_by(alert.space, hidden), member, at),) if hidden else ()),
    )


def closed_in(space: str) -> str:
    """Return the name of the schedule that lists the resolved alerts of a space until they leave for the archive.

    An alert stands in it at the instant at which it was resolved, or later where it could not leave yet.
    """
    return f"{CLOSED}:{space}"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An alert and its notifications as they stood in the store, with the versions a write will expect.

    One that is `archived` is in the store no more and changes no more.
    """

    alert: Alert
    version: int
    notifications: dict[str, Notification]
    versions: dict[str, int]
    archived: bool = False


def off_all_lists(case: Case) -> list[Plan]:
    """Return the plans that take a resolved alert and its messages off everything that lists them."""
    alert = case.alert
    member = f"{alert.region}|{alert.id}"
    schedules = (ALERTS, COVERS, UNRESOLVED, CLOSINGS, closed_in(alert.space))
    plans = [Plan(schedule, alert.id, None) for schedule in schedules]
    plans += [Plan(OUTBOX, message, None) for message in alert.notifications]
    plans.append(Plan(standing_of(alert.space, alert.rule.id), member, None))
    plans.append(Plan(REVEALS, f"{alert.space}|{alert.rule.id}|{member}", None))
    plans += relisted(alert, None)
    return plans + recalled(ListedNotification(alert, case.notifications.values()), None)


class WriteBuilder(msgspec.Struct, kw_only=True):
    """The parts of a write that come from decisions; several cases may go into one write."""

    puts: list[Put] = msgspec.field(default_factory=list)
    expects: list[Expect] = msgspec.field(default_factory=list)
    plans: list[Plan] = msgspec.field(default_factory=list)
    appends: list[Append] = msgspec.field(default_factory=list)
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    drops: list[Drop] = msgspec.field(default_factory=list)

    def add(self, decisions: Sequence[Decision], before: Case | None) -> None:
        """Add what the decisions of one case, taken one after the other, change against what the store has."""
        changed: dict[str, Notification] = {}
        for decision in decisions:
            changed.update({notification.id: notification for notification in decision.notifications})
            self._note(decision.alert.id, decision.history)
        alert = decisions[-1].alert
        self._place(alert, before.alert if before else None)
        self.plans += relisted(before.alert if before else None, alert)
        notifications = (before.notifications if before else {}) | changed
        told = ListedNotification(before.alert, before.notifications.values()) if before else None
        self.plans += recalled(told, ListedNotification(alert, notifications.values()))
        self.puts.append(Put(ALERTS, alert.id, encode(alert), before.version if before else 0))
        if before is None or (alert.unresolved and not before.alert.unresolved):
            self._expect_silences(decisions[0].silences)
        if before is None and decisions[0].after is not None:
            self.expects.append(Expect(ALERTS, *decisions[0].after))
        self.plans += timers(alert)
        self.plans.append(Plan(UNRESOLVED, alert.id, alert.detected_at if alert.unresolved else None))
        for notification in changed.values():
            version = before.versions.get(notification.id, 0) if before else 0
            self.put_notification(notification, version)

    def _expect_silences(self, version: int) -> None:
        """Let an opening, or a reopening, hold only while the silences are those that it was decided by.

        A silence looks at the alerts that are in the store after it was made: it sees this one, or this one saw it.
        """
        expect = Expect(SILENCES, ALL, version)
        if expect not in self.expects[-1:]:
            self.expects.append(expect)

    def _place(self, alert: Alert, before: Alert | None) -> None:
        """Keep the lists of what is open and what is hidden, by rule, in step with the alert."""
        space, rule, member = alert.space, alert.rule.id, f"{alert.region}|{alert.id}"
        if before is None or before.unresolved != alert.unresolved:
            at = alert.detected_at if alert.unresolved else None
            self.plans.append(Plan(standing_of(space, rule), member, at))
            if not alert.unresolved:
                self.plans.append(Plan(REVEALS, f"{space}|{rule}|{member}", alert.resolved_at))
            self.plans.append(
                Plan(closed_in(space), alert.id, None if alert.unresolved else alert.resolved_at)
            )
        was, now = _hider(before), _hider(alert)
        if was and was != now:
            self.plans.append(Plan(hidden_by(space, was), member, None))
        if now and was != now:
            self.plans.append(Plan(hidden_by(space, now), member, alert.detected_at))

    def write(
        self,
        name: WriteName,
        *,
        fence: Fence | None = None,
        puts: Iterable[Put] = (),
        drops: Iterable[Drop] = (),
    ) -> Write:
        """Return the changes as one write, with further puts and drops."""
        written = {(put.table, put.id) for put in self.puts}
        return Write(
            name=name,
            puts=(*self.puts, *puts),
            drops=(*self.drops, *drops),
            expects=tuple(one for one in self.expects if (one.table, one.id) not in written),
            plans=tuple(self.plans),
            appends=tuple(self.appends),
            counts=self.counts,
            fence=fence,
        )

    def put_notification(self, notification: Notification, version: int) -> None:
        """Add a changed notification; it is in the outbox exactly while it is due."""
        self.puts.append(Put(NOTIFICATIONS, notification.id, encode(notification), version))
        self.plans.append(Plan(OUTBOX, notification.id, notification.due_at))

    def _note(self, alert_id: str, entries: Sequence[HistoryEntry]) -> None:
        encoded = []
        for entry in entries:
            encoded.append(encode(entry))
            self.counts[f"history.{entry.name}"] += 1
            if entry.name == "step_started":
                self.counts[f"step.{entry.details['step']}"] += 1
        if encoded:
            self.appends.append(Append(history_log(alert_id), tuple(encoded)))
            self.appends.append(append_histories(entries))


async def groups_of(
    store: Store, alerts: Sequence[str], unreadable: dict[str, UnreadableRecordError]
) -> dict[str, tuple[str, str, str]]:
    """Return space, rule and group of alerts by id; `unreadable` is filled as by `load`."""
    cases = await load(store, alerts, unreadable=unreadable) if alerts else {}
    return {id_: (case.alert.space, case.alert.rule.id, case.alert.group) for id_, case in cases.items()}


async def standing(store: Store, space: str, rules: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return rule and region of the unresolved alerts of these rules, by alert id."""
    found: dict[str, tuple[str, str]] = {}
    for rule in sorted(set(rules)):
        for member in await store.planned(standing_of(space, rule)):
            region, _, alert = member.partition("|")
            found[alert] = rule, region
    return found


async def load(
    store: Store,
    alert_ids: Sequence[str],
    known: Mapping[str, Case] | None = None,
    near: Sequence[str] = (),
    unreadable: dict[str, UnreadableRecordError] | None = None,
) -> dict[str, Case]:
    """Read cases; ids that the store does not know are left out.

    An alert that cannot be read is entered in `unreadable` by its id. Without `unreadable`, `UnreadableRecordError` is
    raised for it. A notification that cannot be read is logged and left out of its case, so that its alert goes on.

    What is `known` of before and has the same version still is not decoded again. `near` are ids of notifications that
    belong to them: nothing more is asked for where these are all.

    The alert is read before its notifications. Where a write comes between, a notification is newer than its alert, and
    the write that builds on this reading is refused by the alert's version.
    """
    before = known or {}
    expected = [n for id_ in alert_ids if id_ in before for n in before[id_].alert.notifications]
    expected += near
    records, at_once = await store.collect([(ALERTS, alert_ids), (NOTIFICATIONS, expected)])
    found = dict[str, Record | None](zip(expected, at_once, strict=True))
    alerts: list[tuple[Alert, int]] = []
    for id_, record in zip(alert_ids, records, strict=True):
        if record is None:
            continue
        case = before.get(id_)
        if case is not None and case.version == record.version:
            alerts.append((case.alert, record.version))
            continue
        try:
            alerts.append((decode_record(ALERTS, id_, record.value, Alert), record.version))
        except UnreadableRecordError as error:
            if unreadable is None:
                raise
            report_unreadable(error)
            unreadable[id_] = error
    wanted = [n for alert, _ in alerts for n in alert.notifications if n not in found]
    if wanted:
        found.update(zip(wanted, await store.get(NOTIFICATIONS, wanted), strict=True))
    cases = {}
    for alert, version in alerts:
        own = {n: record for n in alert.notifications if (record := found.get(n)) is not None}
        case = before.get(alert.id)
        same = {
            n: case.notifications[n]
            for n, record in own.items()
            if case is not None and n in case.notifications and case.versions.get(n) == record.version
        }
        fresh = {n: record for n, record in own.items() if n not in same}
        read = same | readable(NOTIFICATIONS, fresh, Notification)
        cases[alert.id] = Case(
            alert=alert,
            version=version,
            notifications={n: read[n] for n in own if n in read},
            versions={n: record.version for n, record in own.items()},
        )
    return cases


async def unresolved_pages(store: Store) -> AsyncIterator[list[Alert]]:
    """Yield the unresolved alerts, the longest open first, by the list that is kept of them, a piece at a time.

    What closed in between is left out, and so is what cannot be read.
    """
    after: Place | None = None
    while True:
        members = await store.page(UNRESOLVED, PIECE, after)
        ids = [member for member, _ in members]
        records = await store.get(ALERTS, ids) if ids else []
        alerts = readable_of(ALERTS, ids, records, Alert).values()
        yield [alert for alert in alerts if alert.unresolved]
        if len(members) < PIECE:
            return
        after = Place(members[-1][1], members[-1][0])
        await asyncio.sleep(0)


async def unresolved(store: Store) -> list[Alert]:
    """Return the unresolved alerts, the longest open first; see `unresolved_pages`."""
    return [alert async for piece in unresolved_pages(store) for alert in piece]


def answer_link(key: bytes, notification_id: str, channel: Channel, alert_id: str) -> Put:
    """Return the record by which a message's link is found again; a digest is of no alert."""
    mark = token_fingerprint(key, token_for(key, notification_id, channel))
    return Put(LINKS, mark, f"{alert_id}/{notification_id}".encode())


_ALERTS_AT_ONCE = 50
"""So many ordinals are asked for at once. The search ends at a block of which the store has no alert."""


async def alerts_of(store: Store, namespace: str, key: GroupKey) -> Mapping[int, Alert | None]:
    """Return the alerts of a group by ordinal, in order.

    None stands for an alert that cannot be read, or of which only the history is left.
    """
    found: dict[int, Alert | None] = {}
    first = 1
    while True:
        ordinals = range(first, first + _ALERTS_AT_ONCE)
        ids = [alert_id(namespace, key.space, key.rule, key.group, ordinal) for ordinal in ordinals]
        records = await store.get(ALERTS, ids)
        alerts = readable_of(ALERTS, ids, records, Alert)
        there = {
            ordinal: alerts.get(id_)
            for ordinal, id_, record in zip(ordinals, ids, records, strict=True)
            if record is not None or await store.log(history_log(id_), 0, 1)
        }
        if not there:
            return found
        found |= there
        first += _ALERTS_AT_ONCE
