"""Admission: long requests without a grave event give way to grave events that are on their way to people.

Appending 500 events keeps the server busy for some 5 ms, disk included. A message asks the server some ten times
between its event and its gateway, and each time it would wait for whatever a flood appends at that moment.

Example: a grave event is judged 5 ms after it came; a long request of others is appended 10 ms after it came. On a
machine that takes 30 ms to judge it, 60 ms after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from engine.clock import monotonic

HOLD_SECONDS = 0.25
"""How long a long request waits at most, and how long a grave event has its way where it is not judged before."""
UNSEEN_SECONDS = 0.05
"""The same where another process judges: this one does not learn when. It is at its webhook within some 15 ms."""
LOOK_SECONDS = 0.005
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
            await self._sleep(min(left, LOOK_SECONDS))
