"""Pressure: whether the store still has room for what comes in.

Here: how many events wait to be judged, how full the server is, and refusing at the door before it is. Not here: the
door (`service.intake`). What is left stays free for alerts and answers: they must get through when nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.internal_alerts import Request
from engine.errors import SiagaError
from engine.metrics import Metrics
from engine.service.own_alerts import ask
from engine.store.port import Store, Write

FULL = 0.9
"""The share of the server's memory from which on no more events are taken in."""
LOOK_SECONDS = 1.0
RETRY_SECONDS = {"backlog": 15, "store_full": 60}
"""What a sender is asked to wait."""

Reason = Literal["backlog", "store_full"]
log = structlog.get_logger("siaga.pressure")


class BusyError(SiagaError):
    """Nothing is taken in now: too much waits, or the store is nearly full. Nothing was kept; send it again later."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason
        self.retry_seconds = RETRY_SECONDS[reason]


class Pressure:
    """Looks at the store, at most once a second."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        *,
        most_waiting: int,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        """Take how many events may wait to be judged."""
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._most_waiting = most_waiting
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._over: Reason | None = None

    async def check(self) -> None:
        """Raise `BusyError` while there is no room."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            await self._look()
        if self._over is not None:
            self._metrics.trouble.refused(self._over)
            raise BusyError(self._over)

    async def _look(self) -> None:
        waiting, fill = waiting_of(await self._store.counters()), await self._store.fill()
        self._metrics.trouble.events_waiting.set(waiting)
        before = self._over
        self._over = "store_full" if fill >= FULL else "backlog" if waiting >= self._most_waiting else None
        if self._over is not None and before is None:
            log.error("intake_refuses", reason=self._over, waiting=waiting, fill=round(fill, 3))
            plan = ask(Request("pressure"), self._clock.now())
            await self._store.write(Write(name="pressure", plans=(plan,)))
        elif self._over is None and before is not None:
            log.info("intake_takes_again", waiting=waiting, fill=round(fill, 3))


def waiting_of(counters: dict[str, int]) -> int:
    """Return how many accepted events were not judged yet."""
    return max(0, counters.get("events_accepted", 0) - counters.get("events_evaluated", 0))
