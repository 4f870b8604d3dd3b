"""Deliveries: messages on their way, beside the turns that claimed them.

Here: how many are under way at once, and what became of them. Not here: what a delivery does (`service.dispatcher`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from engine.clock import monotonic

AT_ONCE = 40
"""Deliveries under way at once in one process; in lock-step they go one after the other."""
GATHER_SECONDS = 0.005
"""Where much waits and little room comes free, this long is waited for more: messages claimed together cost less."""
PATIENCE_SECONDS = 3.0
"""At the end of a service gateways have so long to answer: what they took without saying so would go twice."""

Delivery = Coroutine[Any, Any, None]
"""What is left to do with a claimed message."""


class Deliveries:
    """Those of one dispatcher."""

    def __init__(self, at_once: int = AT_ONCE, *, patience: float = PATIENCE_SECONDS) -> None:
        self._at_once = at_once
        self._patience = patience
        self._under_way: set[asyncio.Task[object]] = set()
        self._failed: list[BaseException] = []

    async def room(self, wanted: int) -> int:
        """Return how many more may be under way: at least one, and half of all where so many come free in a moment."""
        until = None
        while (free := self._at_once - len(self._under_way)) < min(wanted, max(1, self._at_once // 2)):
            if free and until is None:
                until = monotonic() + GATHER_SECONDS
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                break
            await asyncio.wait(self._under_way, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return free

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Let work go on by itself."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[object]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.append(error)

    async def settled(self) -> None:
        """Wait until none is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def look(self) -> None:
        """Raise what a delivery raised since the last look: a store that was away."""
        if self._failed:
            failed, self._failed = self._failed[0], []
            raise failed

    async def close(self) -> None:
        """Let what is under way come to its end for a moment, then give it up: it goes again after the next start."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._patience)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
