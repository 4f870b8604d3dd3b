"""The history: every entry that was ever appended, from the archive as far as it goes and then from the stream.

Here: reading both as one, each entry once, in the order of the stream, also while entries move from one to the other.
Not here: the form of the archive (`store.archive.events`), and what entries mean.

Reading does not disturb the service: files are read beside the event loop, and the stream some entries at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import islice

from engine.core.judging.instant import Instant
from engine.errors import StoreError
from engine.store.archive.events import Archive
from engine.store.port import Entry, Store, before, order_of

AT_ONCE = 100
"""Entries read in one step."""


class EventHistory:
    """What a store and, where there is one, its archive hold."""

    def __init__(self, store: Store, archive: Archive | None = None) -> None:
        """Without an archive the history begins where the stream does."""
        self._store = store
        self._archive = archive

    async def entries(self, since: Instant = 0, until: Instant | None = None) -> AsyncGenerator[Entry]:
        """Yield the entries received from `since` on and before `until` (None: to the end of the stream), in order.

        Raises `StoreError` where entries are trimmed while it reads and no archive gives them. What was trimmed before
        and is not in the archive is left out: see `whole_since`.
        """
        after = before(since)
        gone = await self._store.trimmed()
        missing = True
        while True:
            async with aclosing(self._archived(after)) as archived:
                async for entry in archived:
                    if until is not None and entry.received_at >= until:
                        return
                    yield entry
                    after = entry.position
            if missing:
                after, missing = max(after, gone, key=order_of), False
            elif order_of(gone) > order_of(after):
                raise StoreError(f"what was trimmed up to {gone} is in no archive here")
            while order_of(gone) <= order_of(after):
                entries = await self._store.read(after, AT_ONCE)
                gone = await self._store.trimmed()
                if order_of(gone) > order_of(after):
                    break  # what was read may lack its beginning: that lies in the archive by now
                for entry in entries:
                    if until is not None and entry.received_at >= until:
                        return
                    yield entry
                    after = entry.position
                if not entries:
                    return

    async def _archived(self, after: str) -> AsyncGenerator[Entry]:
        if self._archive is None:
            return
        entries = self._archive.entries(after)
        while some := await asyncio.to_thread(lambda: list(islice(entries, AT_ONCE))):
            for entry in some:
                yield entry

    async def at(self, positions: Sequence[str]) -> list[Entry | None]:
        """Return the entries at these positions, in order; None where neither archive nor stream has them."""
        found = await self._store.entries(positions)
        missing = [position for position, entry in zip(positions, found, strict=True) if entry is None]
        if missing and self._archive is not None:
            archive = self._archive
            archived = await asyncio.to_thread(lambda: archive.at(missing))
            return [entry or archived.get(p) for p, entry in zip(positions, found, strict=True)]
        return found

    async def whole_since(self) -> Instant:
        """Return the instant of receipt behind which nothing is missing; 0 where everything is here."""
        gone = await self._store.trimmed()
        if self._archive is not None:
            begins, ends = await asyncio.to_thread(self._archive.span)
            if order_of(ends.position) >= order_of(gone):
                gone = begins.position
        return order_of(gone)[0]
