"""The backlog: how old the oldest event that is not judged is, the oldest due message and the oldest due step.

All of it is read from the store, so that it holds whichever process judges, escalates or sends. The dead-man heartbeat
is withheld while one of them is older than its bound. A message that waits for an instant (quiet hours, a budget, a
retry) is not due before it. An item that was put off is due again at the instant it was put off to.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from engine.clock import Clock
from engine.core.judging.instant import SECOND, Instant, Millis
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, OUTBOX
from engine.settings import Ops
from engine.store.port import Store

EVERY_SECONDS = 5.0
"""Seconds between two measurements."""

log = structlog.get_logger(__name__)


class Backlog(NamedTuple):
    """The ages of what waits, in milliseconds (0: nothing waits), and how many messages are due."""

    event: Millis
    message: Millis
    step: Millis
    messages: int


async def unjudged_for(store: Store, now: Instant) -> Millis:
    """Return how long the oldest entry of the stream that is not judged has waited; 0 where all are judged."""
    entries = await store.read(await store.cursor(), 1)
    return max(0, now - entries[0].received_at) if entries else 0


async def backlog_of(store: Store, now: Instant) -> Backlog:
    """Measure the backlog."""
    event, message, step, messages = await asyncio.gather(
        unjudged_for(store, now),
        store.next_due(OUTBOX),
        store.next_due(ALERTS),
        store.count_due(OUTBOX, now),
    )
    return Backlog(event, _age(message, now), _age(step, now), messages)


class BacklogWatch:
    """Measures the backlog, sets the gauges, and says what is older than its bound."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics, settings: Ops) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._bounds = {
            "event": settings.max_event_age_seconds * SECOND,
            "message": settings.max_message_age_seconds * SECOND,
            "step": settings.max_step_age_seconds * SECOND,
        }
        self._late: tuple[str, ...] = ()

    async def turn(self) -> int:
        """Measure once; return 0, since nothing is left to do at once."""
        await self.late()
        return 0

    async def late(self) -> tuple[str, ...]:
        """Measure, and return what is older than its bound: `event`, `message`, `step`."""
        found = await backlog_of(self._store, self._clock.now())
        self._metrics.trouble.backlog(
            event=found.event / SECOND,
            message=found.message / SECOND,
            step=found.step / SECOND,
            messages=found.messages,
        )
        ages = {"event": found.event, "message": found.message, "step": found.step}
        late = tuple(what for what, age in ages.items() if age > self._bounds[what])
        if late != self._late:
            (log.error if late else log.info)("backlog_late", late=late, ages_ms=ages)
        self._late = late
        return late


def _age(due: Instant | None, now: Instant) -> Millis:
    return 0 if due is None else max(0, now - due)
