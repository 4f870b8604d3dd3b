"""The archivist: brings applied events into the archive, and then trims the stream.

Here: what is archived when, how far the stream is trimmed, and what the store keeps of both. Not here: files
(`store.archive.events`), and reading them again (`store.archive.history`).

In this order, so that a crash between any two steps loses nothing: the entries are on the disk; the store is told where
the chain stands (write `archived`); the stream is trimmed (write `trim`), never beyond what the store was told, the
evaluator's cursor, or the horizon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from engine.clock import Clock
from engine.core.judging.instant import HOUR, MINUTE, Instant, Millis
from engine.core.judging.rule import Rule
from engine.core.judging.window import remembered_for
from engine.metrics import Metrics
from engine.store.archive.day_file import ChainPosition, Damage, DamagedError
from engine.store.archive.events import Archive
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Entry, Put, Store, Write, before, order_of

ARCHIVE = "archive"
"""Table of the archive's state; its one record `link` says where the chain stands that the store relies on."""
EVERY_SECONDS = 15.0
WAITS = 10 * MINUTE
"""What was applied goes to the archive when its oldest entry has waited so long (ms), in blocks worth compressing."""
BLOCK = 200
"""Entries in one block (of at most 64 KiB of events each)."""
SHORTEST_HORIZON = 72 * HOUR

log = structlog.get_logger("siaga.archivist")


def horizon(rules: Iterable[Rule], at_most: Millis = 0) -> Millis:
    """Return how long entries stay in the stream: the longest window of a rule and its late horizon, in ms.

    `at_most` (0: no bound) is what the memory of the store allows; what is older is read from the archive.
    """
    needed = max((remembered_for(rule) for rule in rules), default=SHORTEST_HORIZON)
    return max(SHORTEST_HORIZON, min(needed, at_most)) if at_most else needed


async def told_link(store: Store) -> ChainPosition:
    """Return where the chain stood when the store was last told of it."""
    record = (await store.get(ARCHIVE, ["link"]))[0]
    return decode_record(ARCHIVE, "link", record.value, ChainPosition) if record else ChainPosition()


class EventArchiver:
    """Writes the archive of one store, while no other process does."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        archive: Archive,
        horizon: Callable[[], Millis],
        *,
        waits: Millis = WAITS,
    ) -> None:
        """`horizon` says how long entries stay in the stream; it is asked each time, as rules may change."""
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._archive = archive
        self._horizon = horizon
        self._waits = waits
        self._writes = False

    async def turn(self) -> int:
        """Archive and trim; return how many entries were archived.

        An archive that is damaged, or is another than the one that the store relies on, is left alone: that is logged
        and shown by a metric, and the stream keeps what is not archived.
        """
        try:
            archived = await self._archived()
        except DamagedError as error:
            self._metrics.archive_damaged.set(1)
            log.error("archive_damaged", **error.damage._asdict(), folder=str(self._archive.folder))  # noqa: TRY400
            self.release()
            return 0
        self._metrics.archive_damaged.set(0)
        return archived

    def release(self) -> None:
        """Let another process write."""
        self._writes = False
        self._archive.release()

    async def _archived(self) -> int:
        record = (await self._store.get(ARCHIVE, ["link"]))[0]
        told = decode_record(ARCHIVE, "link", record.value, ChainPosition) if record else ChainPosition()
        if not self._writes:
            self._writes = await asyncio.to_thread(self._archive.take, told)
            if not self._writes:
                return 0
            await self._compare(told)
        link = self._archive.link
        if order_of(told.position) > order_of(link.position):
            raise DamagedError(Damage(told.position, 0, "end"))  # written meanwhile on another machine
        entries = await self._waiting(link)
        if entries:
            link = await asyncio.to_thread(self._archive.append, entries)
        if link != told:
            version = record.version if record else 0
            put = Put(ARCHIVE, "link", encode(link), version)
            outcome = await self._store.write(Write(name="archived", puts=(put,)))
            self._metrics.commit("archived", "committed" if isinstance(outcome, Committed) else "conflict")
            if not isinstance(outcome, Committed):
                return len(entries)  # another process was quicker; the next turn sees what it told
            self._metrics.archived_events.inc(sum(len(e.values) for e in entries if e.type == "events"))
        await self._trim(link)
        return len(entries)

    async def _waiting(self, link: ChainPosition) -> list[Entry]:
        """Return the applied entries behind the chain, as many as make a block, once they waited long enough."""
        applied = order_of(await self._store.cursor())
        entries = await self._store.read(link.position, BLOCK)
        entries = [entry for entry in entries if order_of(entry.position) <= applied]
        waited = bool(entries) and self._clock.now() - entries[0].received_at >= self._waits
        return entries if waited else []

    async def _trim(self, link: ChainPosition) -> None:
        ends: Instant = self._clock.now() - self._horizon()
        until = min(link.position, before(max(0, ends)), key=order_of)
        if order_of(until) > order_of(await self._store.trimmed()):
            await self._store.trim(until)
            self._metrics.commit("trim", "committed")

    async def _compare(self, told: ChainPosition) -> None:
        """Raise `DamagedError` where the archive goes on behind `told` with other entries than the stream.

        It goes on where a crash came between the disk and the store; it goes on differently where the store was put
        back to an earlier state.
        """
        ahead = self._archive.entries(told.position)
        while some := await asyncio.to_thread(lambda: list(islice(ahead, BLOCK))):
            there = await self._store.entries([entry.position for entry in some])
            for archived, streamed in zip(some, there, strict=True):
                if streamed is not None and streamed != archived:
                    raise DamagedError(Damage(archived.position, 0, "chain"))
