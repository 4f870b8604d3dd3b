"""Waiting until somebody says that something changed.

Here: who waits for which channel inside this process. Not here: how a signal gets from one process to another
(`store.redis.store`). A signal is a hint: whoever wakes looks for himself what there is to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Signals:
    """Remembers which channels were signalled while nobody waited, and wakes whoever does.

    A signal wakes all who wait for its channel now; if nobody does it is kept for the next who will. Two loops of
    one process that share a channel may so miss each other's signal: then the time limit of their wait bounds it.
    """

    def __init__(self) -> None:
        self._kept: set[str] = set()
        self._waiting: dict[asyncio.Future[None], frozenset[str]] = {}

    def signal(self, channel: str) -> None:
        """Say that something changed on a channel."""
        woken = False
        for future, channels in self._waiting.items():
            if channel in channels:
                woken = True
                if not future.done():
                    future.set_result(None)
        if not woken:
            self._kept.add(channel)

    async def wait(self, channels: Iterable[str], seconds: float) -> None:
        """Return once one of the channels is or was signalled, at the latest after so many seconds."""
        wanted = frozenset(channels)
        if self._kept & wanted:
            self._kept -= wanted
            await asyncio.sleep(0)  # a loop that always finds a signal must still let others run
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = wanted
        try:
            await asyncio.wait((future,), timeout=max(seconds, 0))
        finally:
            del self._waiting[future]
