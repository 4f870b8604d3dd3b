"""Lock-step time: the clock stands still until everything of its instant is settled, then moves to the next.

Here: `advance`, the order of what falls due at one instant (docs/specification/escalation.md#order-at-an-instant), and
the clock's value in the store. Not here: the turns themselves. One process drives all roles; replays, rehearsals and
tests use it, never a live desk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from engine.clock import ManualClock
from engine.core.judging.instant import Instant
from engine.store.codec import decode, encode
from engine.store.port import Put, Store, Write

CLOCK = "clock"
"""Table of the manual clock's value; its one record is `now`."""

LoopTurn = Callable[[], Awaitable[int]]


async def stored_clock(store: Store, start: Instant) -> ManualClock:
    """Return the manual clock as the store remembers it, or at `start` in an empty store."""
    record = (await store.get(CLOCK, ["now"]))[0]
    return ManualClock(decode(record.value, int) if record else start)


class LockStep:
    """Drives turns by a manual clock.

    `turns` stand in the order in which things of one instant happen: ends of silences, entries and conditions, alert
    timers, messages. A later one runs only when the earlier have nothing left. `next_due` says when something falls due
    next.
    """

    def __init__(
        self,
        store: Store,
        clock: ManualClock,
        turns: Sequence[LoopTurn],
        next_due: Callable[[], Awaitable[Instant | None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._turns = turns
        self._next_due = next_due
        self._one_at_a_time = asyncio.Lock()

    async def advance(self, until: Instant) -> None:
        """Settle every entry and every due instant up to `until` (included), then let the clock stand there."""
        async with self._one_at_a_time:
            await self._settle()
            while (due := await self._next_due()) is not None and due <= until:
                await self._move(max(due, self._clock.now()))
                await self._settle()
            if until > self._clock.now():
                await self._move(until)
                await self._settle()

    async def _move(self, instant: Instant) -> None:
        await self._store.write(Write(name="clock", puts=(Put(CLOCK, "now", encode(instant)),)))
        self._clock.set(instant)

    async def _settle(self) -> None:
        while True:
            for turn in self._turns:
                if await turn():
                    break
            else:
                return
