"""Pieces: long work on many items, done so that the event loop serves everything else in between.

All tasks that have long work take turns, one piece in a turn of the event loop. So an event, a timer or a message of
somebody else waits for one piece, however many items and tasks there are. Few items are done at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.clock import monotonic

T = TypeVar("T")
R = TypeVar("R")

PIECE_SECONDS = 0.0005
"""A piece ends with the item during which so many seconds have passed."""
FEW = 16
"""Items that are no long work."""


class Pieces:
    """The long work of one process."""

    def __init__(self, *, monotonic: Callable[[], float] = monotonic) -> None:
        """Take the clock, in seconds."""
        self._monotonic = monotonic
        self._turn = asyncio.Lock()

    async def each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Return what `work` makes of each item, in order."""
        if len(items) <= FEW:
            return [work(item) for item in items]
        left = iter(items)
        made: list[R] = []
        while True:
            async with self._turn:
                until = self._monotonic() + PIECE_SECONDS
                for item in left:
                    made.append(work(item))
                    if self._monotonic() >= until:
                        break
                else:
                    return made
                await asyncio.sleep(0)
