"""The auditor: counts from time to time whether every alert and notification is accounted for.

Here: the turn of its loop and the gauges it sets. Not here: what accounted for means (`alerting.audit`).
An id counts only after two passes in a row found it, because a pass is no single instant of the store.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

import structlog

from engine.alerting.alert import Alert
from engine.alerting.continuity import abandoned
from engine.alerting.own import Request, is_own
from engine.clock import Clock
from engine.judging.instant import SECOND
from engine.judging.rule import level_name
from engine.metrics import Metrics
from engine.service.books import Books
from engine.service.census import SLICE, take
from engine.service.heartbeat import Heartbeat
from engine.service.own_alerts import ask
from engine.store.port import Store, Write

EVERY_SECONDS = 15.0
"""Seconds between two passes."""

log = structlog.get_logger(__name__)


class Auditor:
    """Takes the census and compares it with the one before."""

    def __init__(
        self, store: Store, clock: Clock, books: Books, metrics: Metrics, heartbeat: Heartbeat
    ) -> None:
        self._store = store
        self._books = books
        self._abandoned: frozenset[str] = frozenset()
        self._heartbeat = heartbeat
        self._clock = clock
        self._metrics = metrics
        self._suspects: tuple[set[str], set[str]] = (set(), set())

    async def turn(self) -> int:
        """Take one pass; return 0, since the auditor never has more to do at once."""
        census = await take(self._store)
        alerts, notifications = census.lost_alerts, census.lost_notifications
        lost_alerts = alerts & self._suspects[0]
        lost_notifications = notifications & self._suspects[1]
        self._suspects = (alerts, notifications)
        for alert_id in sorted(lost_alerts):
            log.error("alert_unaccounted", alert=alert_id)
        for notification_id in sorted(lost_notifications):
            log.error("notification_unaccounted", notification=notification_id)
        self._metrics.alerts_unaccounted.set(len(lost_alerts))
        self._metrics.notifications_unaccounted.set(len(lost_notifications))
        self._metrics.alerts_nobody.set(
            sum(alert.nobody for alert in census.alerts if alert.unresolved and not alert.exercise)
        )
        self._show_open(census.alerts)
        await self._tell_of_abandoned(census.alerts)
        if not lost_alerts and not lost_notifications:
            await self._heartbeat.beat()
        return 0

    async def _tell_of_abandoned(self, alerts: Iterable[Alert]) -> None:
        """Ask for an alert to ops where alerts have nobody left since the last pass: a validity ended by itself."""
        around, now = await self._books.surroundings(), self._clock.now()
        left: dict[str, str] = {}
        for number, alert in enumerate(alerts, 1):
            if number % SLICE == 0:
                await asyncio.sleep(0)  # whatever else waits has its turn
            if is_own(alert.rule.id) or alert.exercise or alert.nobody:
                continue
            if abandoned(alert, around, now):
                left[alert.id] = alert.region
        plans = [ask(Request("vacancy", left[id_]), now) for id_ in left.keys() - self._abandoned]
        if plans:
            await self._store.write(Write(name="own_alert", plans=tuple(plans)))
        self._abandoned = frozenset(left)

    def _show_open(self, alerts: Iterable[Alert]) -> None:
        """Set the gauges of unresolved alerts and of the oldest that nobody has taken, by level."""
        now = self._clock.now()
        unresolved = [alert for alert in alerts if alert.unresolved and not alert.exercise]
        oldest: dict[str, float] = {}
        for alert in unresolved:
            if alert.status == "open":
                level = level_name(alert.level)
                oldest[level] = max(oldest.get(level, 0.0), (now - alert.detected_at) / SECOND)
        self._metrics.alerts_now(Counter(level_name(alert.level) for alert in unresolved), oldest)
