"""Deliveries: messages on their way, beside the turns that claimed them.

Here: how many each gateway carries at once, and what became of them. Not here: what a delivery does
(`delivery.dispatcher`). A message is claimed when its gateway has a place for it and not before: what waits for a slow
gateway counts into no attempt and no claim, and takes no place from what goes another way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from engine.clock import monotonic
from engine.core.judging.instant import Instant

AT_ONCE = 40
"""Messages that a gateway carries at once where it does not say how many."""
GATHER_SECONDS = 0.005
"""Where much waits and little room comes free, this long is waited for more: messages claimed together cost less."""
PATIENCE_SECONDS = 3.0
"""At the end of a service gateways have so long to answer: what they took without saying so would go twice."""


class Delivery(NamedTuple):
    """What is left to do with a claimed message, and the gateway that it takes (empty: none).

    `id` and `due_at` are those by which it stands in the outbox since its claim.
    """

    gateway: str
    work: Coroutine[Any, Any, object]
    id: str = ""
    due_at: Instant | None = None


class SendSlots:
    """How many messages each gateway carries now, and how many it can."""

    def __init__(self, at_once: Mapping[str, int]) -> None:
        self._at_once = at_once
        self._taken: Counter[str] = Counter()
        self._left = asyncio.Event()

    def of(self, gateway: str) -> int:
        """Return how many messages a gateway carries at once."""
        return self._at_once.get(gateway, AT_ONCE)

    def free(self, gateway: str) -> int:
        """Return how many more it can carry now; below 0 where it has more than it should."""
        return self.of(gateway) - self._taken[gateway]

    @contextmanager
    def taken(self, gateway: str) -> Iterator[None]:
        """Take a place, though there may be none, for as long as the block lasts."""
        self.take(gateway)
        try:
            yield
        finally:
            self.leave(gateway)

    def take(self, gateway: str) -> None:
        """Take a place, though there may be none."""
        self._taken[gateway] += 1

    def leave(self, gateway: str) -> None:
        """Give a place back."""
        self._taken[gateway] -= 1
        self._left.set()

    async def room(self, wanted: Mapping[str, int], until: float) -> dict[str, int]:
        """Return the places that are free now by gateway, of those for which so many wait.

        Waits until one gateway has room, but not beyond an instant (`monotonic`); where little comes free a moment
        more, for half of all its places.
        """
        while True:
            free = {gateway: self.free(gateway) for gateway in wanted}
            if any(free[g] >= min(n, max(1, self.of(g) // 2)) for g, n in wanted.items()):
                return free
            if any(n > 0 for n in free.values()):
                until = min(until, monotonic() + GATHER_SECONDS)
            left = until - monotonic()
            if left <= 0:
                return free
            self._left.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._left.wait()


class Deliveries:
    """Those of one dispatcher."""

    def __init__(self, places: SendSlots, *, patience: float = PATIENCE_SECONDS) -> None:
        self._places = places
        self._patience = patience
        self._under_way: dict[asyncio.Task[object], str] = {}
        self._failed: list[BaseException] = []

    def start(self, delivery: Delivery) -> None:
        """Let a delivery go on by itself."""
        task = asyncio.create_task(delivery.work)
        self._under_way[task] = delivery.gateway
        self._places.take(delivery.gateway)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[object]) -> None:
        self._places.leave(self._under_way.pop(task))
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
