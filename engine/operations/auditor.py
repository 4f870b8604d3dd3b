"""The auditor: counts from time to time whether every alert and notification is accounted for.

Here: the turn of its loop and the gauges it sets. Not here: what accounted for means (`core.alerting.invariants`).
An id counts only after two passes in a row found it, because a pass is no single instant of the store: it walks through
the tables in pieces, and rests after each, so that no message waits for it. Instants are compared exactly: what a
schedule says counts only if the record still has the version that was read before.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.escalation import abandoned
from engine.core.alerting.internal_alerts import InternalAlertRequest, is_own
from engine.core.alerting.invariants import misplaced, unaccounted_alerts, unaccounted_notifications
from engine.core.judging.instant import SECOND, Instant
from engine.core.judging.rule import level_name
from engine.escalation.internal_alerts import ask
from engine.escalation.item_retry import PUT_OFF
from engine.metrics import Metrics
from engine.operations.backlog import BacklogWatch
from engine.operations.heartbeat import Heartbeat
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, OUTBOX, places_of
from engine.records.backup_record import newest_backup
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable
from engine.store.port import Plan, Record, Store, Write

EVERY_SECONDS = 15.0
"""Seconds between two passes."""
AT_ONCE = 25
"""Alerts that are looked at before whatever else waits has its turn, in about a millisecond."""
REST = 3.0
"""A pass rests so many times as long as it works."""

log = structlog.get_logger(__name__)


class Misplaced(NamedTuple):
    """A record (by its table and id) that stands in a schedule at another instant than it names (None: not there)."""

    table: str
    id: str
    schedule: str
    recorded: Instant | None
    planned: Instant | None


async def misplaced_in(
    store: Store,
    table: str,
    records: Mapping[str, Record],
    places: Mapping[str, Sequence[Plan]],
    now: Instant,
) -> list[Misplaced]:
    """Return which of these records stand in a schedule at another instant than in their own `places`.

    Records that changed since they were read are left out: they are compared at the next pass.
    """
    members: defaultdict[str, list[tuple[str, Plan]]] = defaultdict(list)
    for id_, plans in places.items():
        for plan in plans:
            members[plan.schedule].append((id_, plan))
    planned = await asyncio.gather(
        *(store.planned_at(schedule, [plan.member for _, plan in some]) for schedule, some in members.items())
    )
    found = [
        Misplaced(table, id_, plan.schedule, plan.at, at)
        for some, instants in zip(members.values(), planned, strict=True)
        for (id_, plan), at in zip(some, instants, strict=True)
        if misplaced(plan.at, at, now, PUT_OFF)
    ]
    ids = sorted({one.id for one in found})
    again = dict(zip(ids, await store.get(table, ids), strict=True)) if ids else {}
    same = {id_ for id_, record in again.items() if record and record.version == records[id_].version}
    return [one for one in found if one.id in same]


class _Pass(msgspec.Struct):
    """What one pass has found so far."""

    lost_alerts: set[str] = msgspec.field(default_factory=set)
    lost_notifications: set[str] = msgspec.field(default_factory=set)
    unreachable: dict[str, Notification] = msgspec.field(default_factory=dict)
    """A message that nobody answered, by its alert."""
    unresolved: Counter[str] = msgspec.field(default_factory=Counter)
    oldest: dict[str, float] = msgspec.field(default_factory=dict)
    """Unresolved alerts and seconds since the oldest that nobody has taken was detected, by level."""
    misplaced: dict[tuple[str, str, str], Misplaced] = msgspec.field(default_factory=dict)
    """What stands in a schedule otherwise than in its record, by table, id and schedule."""
    nobody: int = 0
    abandoned: dict[str, str] = msgspec.field(default_factory=dict)
    """Regions of alerts that have nobody left, by alert."""

    def add_notifications(self, notifications: Collection[Notification], planned: Collection[str]) -> None:
        """Add a piece of the notifications; `planned` are those of them that are in the outbox."""
        self.lost_notifications |= unaccounted_notifications(notifications, planned)
        self.unreachable.update((one.alert, one) for one in notifications if one.kind == "unreachable")

    def add_alerts(
        self, alerts: Collection[Alert], planned: Collection[str], around: DecisionContext, now: Instant
    ) -> None:
        """Add a piece of the alerts, behind all notifications; `planned` are those of them that have a timer."""
        called = [told for alert in alerts if (told := self.unreachable.get(alert.id)) is not None]
        self.lost_alerts |= unaccounted_alerts(alerts, planned, called)
        for alert in alerts:
            if alert.exercise or not alert.unresolved:
                continue
            level = level_name(alert.level)
            self.unresolved[level] += 1
            if alert.status == "open":
                age = (now - alert.detected_at) / SECOND
                self.oldest[level] = max(self.oldest.get(level, 0.0), age)
            if alert.nobody:
                self.nobody += 1
            elif not is_own(alert.rule.id) and abandoned(alert, around, now):
                self.abandoned[alert.id] = alert.region


class Auditor:
    """Takes passes, and compares each with the one before."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        heartbeat: Heartbeat,
        *,
        backlog: BacklogWatch | None = None,
    ) -> None:
        """Take the parts; the heartbeat is given while nothing is lost and nothing in the `backlog` is late."""
        self._store = store
        self._books = books
        self._abandoned: frozenset[str] = frozenset()
        self._heartbeat = heartbeat
        self._backlog = backlog
        self._clock = clock
        self._metrics = metrics
        self._suspects = _Pass()

    async def turn(self) -> int:
        """Take one pass; return 0, since the auditor never has more to do at once."""
        found = await self._pass()
        before, self._suspects = self._suspects, found
        lost_alerts = found.lost_alerts & before.lost_alerts
        lost_notifications = found.lost_notifications & before.lost_notifications
        for key in sorted(found.misplaced.keys() & before.misplaced.keys()):
            one = found.misplaced[key]
            log.error("schedule_differs", **one._asdict())
            (lost_alerts if one.table == ALERTS else lost_notifications).add(one.id)
        for alert_id in sorted(lost_alerts):
            log.error("alert_unaccounted", alert=alert_id)
        for notification_id in sorted(lost_notifications):
            log.error("notification_unaccounted", notification=notification_id)
        self._metrics.alerts_unaccounted.set(len(lost_alerts))
        self._metrics.notifications_unaccounted.set(len(lost_notifications))
        self._metrics.alerts_nobody.set(found.nobody)
        self._metrics.alerts_now(found.unresolved, found.oldest)
        backup, _ = await newest_backup(self._store)
        self._metrics.backed_up(backup.taken_at / SECOND if backup else 0)
        await self._tell_of_abandoned(found.abandoned)
        late = await self._backlog.late() if self._backlog is not None else ()
        if not lost_alerts and not lost_notifications and not late:
            await self._heartbeat.beat()
        return 0

    async def _pass(self) -> _Pass:
        """Walk through notifications and alerts."""
        found, around = _Pass(), await self._books.surroundings()
        async for records in self._store.walk(NOTIFICATIONS):
            planned = await self._planned(OUTBOX, records)
            began = monotonic()
            notifications = list(readable(NOTIFICATIONS, records, Notification).values())
            found.lost_notifications |= records.keys() - {one.id for one in notifications}
            found.add_notifications(notifications, planned)
            places = {one.id: [Plan(OUTBOX, one.id, one.due_at)] for one in notifications}
            await _rest(began)
            await self._compare(found, NOTIFICATIONS, records, places)
        async for records in self._store.walk(ALERTS):
            planned = await self._planned(ALERTS, records)
            ids = list(records)
            for first in range(0, len(ids), AT_ONCE):
                began = monotonic()
                few = {id_: records[id_] for id_ in ids[first : first + AT_ONCE]}
                alerts = list(readable(ALERTS, few, Alert).values())
                found.lost_alerts |= few.keys() - {alert.id for alert in alerts}
                found.add_alerts(alerts, planned, around, self._clock.now())
                own = {alert.id: places_of(alert) for alert in alerts}
                await _rest(began)
                await self._compare(found, ALERTS, records, own)
        return found

    async def _compare(
        self, found: _Pass, table: str, records: Mapping[str, Record], places: Mapping[str, Sequence[Plan]]
    ) -> None:
        for one in await misplaced_in(self._store, table, records, places, self._clock.now()):
            found.misplaced[one.table, one.id, one.schedule] = one

    async def _planned(self, schedule: str, ids: Iterable[str]) -> frozenset[str]:
        wanted = list(ids)
        instants = await self._store.planned_at(schedule, wanted)
        return frozenset(id_ for id_, at in zip(wanted, instants, strict=True) if at is not None)

    async def _tell_of_abandoned(self, left: Mapping[str, str]) -> None:
        """Ask for an alert to ops where alerts have nobody left since the last pass: a validity ended by itself."""
        now = self._clock.now()
        plans = [
            ask(InternalAlertRequest("vacancy", left[id_]), now) for id_ in left.keys() - self._abandoned
        ]
        if plans:
            await self._store.write(Write(name="own_alert", plans=tuple(plans)))
        self._abandoned = frozenset(left)


async def _rest(began: float) -> None:
    """Let others have their turn, in proportion to the work that began at an instant (`monotonic`)."""
    await asyncio.sleep(REST * (monotonic() - began))
