"""Changes: that something happened, for whoever looks at the installation and wants to look again.

Here: noticing it, once for all who wait in this process. Not here: what happened, and telling it to browsers
(`web.console.stream`).

Whatever happens, whichever process does it, leaves a mark that is cheap to read: decisions and changes of the books in
the audit's newest mark, events in the counters, a message that went in what falls due next. So while somebody waits,
these are read once a second, and a tick is that they are others than before. Events alone come all day long: of them a
tick tells only every ten seconds. The signals of the store are no way: they wake the loops, and who waits for one of
theirs takes it away from them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog

from engine.core.judging.instant import Instant
from engine.errors import StoreUnavailableError
from engine.records.alert_repository import OUTBOX
from engine.records.audit_log import AUDIT
from engine.store.port import Store

EVERY_SECONDS = 1.0
PULSE_SECONDS = 15
"""Without a change a waiter hears as often that there was none, so that a connection proves to be alive."""

EVENTS_EVERY = 10
"""Of events alone a tick tells in every so many looks."""

Marks = tuple[bytes, Instant | None]

log = structlog.get_logger(__name__)


class UiFeed:
    """The changes of an installation as one process sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: set[asyncio.Queue[bool]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._ended = False

    async def follow(self) -> AsyncIterator[bool]:
        """Yield True each time that something changed, False after a quiet while; ends when the service does."""
        queue: asyncio.Queue[bool] = asyncio.Queue(maxsize=1)
        self._waiting.add(queue)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="changes")
        try:
            while not self._ended:
                try:
                    changed = await asyncio.wait_for(queue.get(), PULSE_SECONDS)
                except TimeoutError:
                    changed = False
                if not self._ended:
                    yield changed
        finally:
            self._waiting.discard(queue)

    def end(self) -> None:
        """Let all who follow go, since the service ends."""
        self._ended = True
        self._tell()

    async def _look(self) -> None:
        """Read the marks while anybody waits."""
        told: tuple[Marks, dict[str, int]] | None = None
        looks = 0
        while self._waiting and not self._ended:
            try:
                seen = await self._marks(), await self._store.counters()
            except StoreUnavailableError:
                log.debug("changes_unknown")
            else:
                looks += 1
                decided = told is not None and seen[0] != told[0]
                if told is None or decided or (looks >= EVENTS_EVERY and seen[1] != told[1]):
                    if told is not None:
                        self._tell()
                    told, looks = seen, 0
            await self._store.wait((), EVERY_SECONDS)

    async def _marks(self) -> Marks:
        return await self._store.mark(AUDIT), await self._store.next_due(OUTBOX)

    def _tell(self) -> None:
        for queue in self._waiting:
            if not queue.full():
                queue.put_nowait(True)
