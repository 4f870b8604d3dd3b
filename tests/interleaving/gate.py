"""One process as the store sees it, stopped before or after its n-th write until it is resumed."""

import asyncio
from typing import Any

from engine.store.memory import MemoryStore
from engine.store.port import Appended, Write, WriteOutcome

Crossing = tuple[str, str]
"""The name of a write, and the side of it: `before` or `after`."""
QUIET = 25
"""Turns of the event loop after which what a process does beside its stopped write has come to rest."""


class Seat:
    """A store that others share, as one process has it; it notes the process's writes and can hold one of them."""

    def __init__(self, shared: MemoryStore, stop_at: int = 0) -> None:
        """Stop at the n-th crossing (from 1; 0: never) of a write."""
        self._shared = shared
        self._stop_at = stop_at
        self.crossed: list[Crossing] = []
        self.stopped = asyncio.Event()
        self.resumed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared, name)

    async def write(self, write: Write) -> WriteOutcome:
        """Write as the store does, and cross the two sides."""
        await self._cross(write.name, "before")
        outcome = await self._shared.write(write)
        await self._cross(write.name, "after")
        return outcome

    async def append(self, *given: Any) -> Appended:
        """Append as the store does, and cross the two sides."""
        await self._cross("append_events", "before")
        appended = await self._shared.append(*given)
        await self._cross("append_events", "after")
        return appended

    async def _cross(self, name: str, side: str) -> None:
        self.crossed.append((name, side))
        if len(self.crossed) == self._stop_at:
            self.stopped.set()
            await self.resumed.wait()


async def until_stopped(task: asyncio.Task[None], seat: Seat) -> None:
    """Let a process go on until it stops at its crossing, or ends."""
    stopped = asyncio.create_task(seat.stopped.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for _ in range(QUIET):
        await asyncio.sleep(0)
