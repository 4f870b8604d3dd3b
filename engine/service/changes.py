"""Changes: that something happened, for whoever looks at the installation and wants to look again.

Here: noticing it, once for all who wait in this process. Not here: what happened, and telling it to browsers
(`web.console.stream`).

Whatever happens, whichever process does it, leaves a mark that is cheap to read: decisions and changes of the books in
the audit's newest mark, events in the counters, a message that went in what falls due next. So while somebody waits,
these are read once a second, and a tick is that they are others than before. The signals of the store are no way: they
wake the loops, and who waits for one of theirs takes it away from them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog

from engine.errors import StoreUnavailableError
from engine.judging.instant import Instant
from engine.service.audit import AUDIT
from engine.service.casebook import OUTBOX
from engine.store.port import Store

EVERY_SECONDS = 1.0
PULSE_SECONDS = 15
"""Without a change a waiter hears as often that there was none, so that a connection proves to be alive."""

Marks = tuple[dict[str, int], bytes, Instant | None]

log = structlog.get_logger(__name__)


class Changes:
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
        before: Marks | None = None
        while self._waiting and not self._ended:
            try:
                marks = await self._marks()
            except StoreUnavailableError:
                log.debug("changes_unknown")
            else:
                if before is not None and marks != before:
                    self._tell()
                before = marks
            await self._store.wait((), EVERY_SECONDS)

    async def _marks(self) -> Marks:
        store = self._store
        return await store.counters(), await store.mark(AUDIT), await store.next_due(OUTBOX)

    def _tell(self) -> None:
        for queue in self._waiting:
            if not queue.full():
                queue.put_nowait(True)
