"""Backpressure: whether the store has room for more events, and which requests wait while grave events pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Literal

import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.errors import SiagaError
from engine.escalation.internal_alerts import ask
from engine.metrics import Metrics
from engine.store.port import Store, Write

FULL = 0.9
"""The share of the server's memory from which on no more events are taken in."""
LOOK_SECONDS = 1.0
RETRY_SECONDS = {"backlog": 15, "store_full": 60}
"""What a sender is asked to wait."""

BusyReason = Literal["backlog", "store_full"]
log = structlog.get_logger("siaga.pressure")


class BusyError(SiagaError):
    """Nothing is taken in now: too much waits, or the store is nearly full. Nothing was kept; send it again later."""

    def __init__(self, reason: BusyReason) -> None:
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
        self._over: BusyReason | None = None

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
            plan = ask(InternalAlertRequest("pressure"), self._clock.now())
            await self._store.write(Write(name="pressure", plans=(plan,)))
        elif self._over is None and before is not None:
            log.info("intake_takes_again", waiting=waiting, fill=round(fill, 3))


def waiting_of(counters: dict[str, int]) -> int:
    """Return how many accepted events were not judged yet."""
    return max(0, counters.get("events_accepted", 0) - counters.get("events_evaluated", 0))


HOLD_SECONDS = 0.25
"""How long a long request waits at most, and how long a grave event has its way where it is not judged before."""
UNSEEN_SECONDS = 0.05
"""The same where another process judges: this one does not learn when. It is at its webhook within some 15 ms."""
GRAVE_LOOK_SECONDS = 0.005
"""A request that waits looks as often whether it still has to."""
LONG = 32
"""Events of a request from which on appending it keeps the server busy for longer than writing to the disk does."""


def hold_of(roles: Collection[str], *, real: bool) -> float:
    """Return the longest hold of a process with these roles; none where time is not real, so nothing competes."""
    if not real:
        return 0.0
    return HOLD_SECONDS if "evaluator" in roles else UNSEEN_SECONDS


class Admission:
    """The grave events and the long requests of one process."""

    def __init__(
        self,
        hold: float = HOLD_SECONDS,
        *,
        monotonic: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the longest hold in seconds, the clock, and what waits by it."""
        self._hold = hold
        self._monotonic = monotonic
        self._sleep = sleep
        self._came_at = self._until = float("-inf")
        self.came = 0
        """How many requests with a grave event came so far."""

    def grave_comes(self) -> None:
        """Note that a request with a grave event is about to be appended."""
        self.came += 1
        self._came_at = self._monotonic()
        self._until = self._came_at + self._hold

    def judged(self, came: int) -> None:
        """Note that all is judged of the requests that had come by then, a number of `came`.

        Its messages have as long again: to send them takes about as long as to judge it.
        """
        if came == self.came:
            now = self._monotonic()
            self._until = min(self._came_at + self._hold, now + (now - self._came_at))

    async def enter(self, events: int) -> None:
        """Return when a request with so many events, none of them grave, may be appended."""
        if events < LONG:
            return
        last = self._monotonic() + self._hold
        while (left := min(self._until, last) - self._monotonic()) > 0:
            await self._sleep(min(left, GRAVE_LOOK_SECONDS))
