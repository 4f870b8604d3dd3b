"""Retention: what holds personal data goes after its time, by kind (UU PDP 27/2022).

Here: words and addresses of messages, free text beside histories, and versions of the directory that are over. Not
here: what stays, for it holds ids and digests only (histories, the audit), and erasing one person (`service.persons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import structlog

from engine.alerting.alert import Alert, Notification, Rendered
from engine.clock import Clock
from engine.judging.instant import DAY, Instant
from engine.service.books import DIRECTORY
from engine.service.casebook import ALERTS, NOTIFICATIONS
from engine.service.notes import NOTES
from engine.settings_retention import RetentionSection
from engine.store.codec import decode, encode
from engine.store.port import Committed, Drop, Put, Store, Write

RETENTION = "retention"
"""Table whose one record `directory` says which versions of the directory were seen when."""
EVERY_SECONDS = 3_600.0
BATCH = 200
BARE = Rendered(to="", text="")
"""What is left of a message's words and address."""

log = structlog.get_logger(__name__)


class Seen(msgspec.Struct, frozen=True):
    """Versions of the directory by when each was first seen in force, oldest first; all up to `dropped` are gone."""

    versions: tuple[tuple[int, Instant], ...] = ()
    dropped: int = 0


class Retention:
    """Lets go of what is over its time."""

    def __init__(self, store: Store, clock: Clock, settings: RetentionSection) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def turn(self) -> int:
        """Let everything go whose time is over; return 0, since nothing is left to do at once."""
        now = self._clock.now()
        resolved = {
            id_: alert.resolved_at
            for id_, record in (await self._store.scan(ALERTS)).items()
            if (alert := decode(record.value, Alert)).resolved_at is not None
        }
        gone = {
            "messages": await self._messages(resolved, now),
            "notes": await self._notes(resolved, now),
            "directory": await self._versions(now),
        }
        if any(gone.values()):
            log.info("retention", **gone)
        return 0

    async def _messages(self, resolved: Mapping[str, Instant | None], now: Instant) -> int:
        """Wipe messages whose alert is long over; replies and digests, which have none of their own, by their age."""
        days = self._settings.messages_days
        puts = []
        for record in (await self._store.scan(NOTIFICATIONS)).values() if days else ():
            message = decode(record.value, Notification)
            if message.rendered is None or message.rendered == BARE or message.due_at is not None:
                continue
            over = message.planned_at if not message.alert else resolved.get(message.alert)
            if over is not None and over < now - days * DAY:
                bare = msgspec.structs.replace(message, rendered=BARE)
                puts.append(Put(NOTIFICATIONS, message.id, encode(bare), record.version))
        return await self._written(puts)

    async def _notes(self, resolved: Mapping[str, Instant | None], now: Instant) -> int:
        days = self._settings.notes_days
        drops = []
        for key in await self._store.scan(NOTES) if days else ():
            over = resolved.get(key.partition("/")[0])
            if over is not None and over < now - days * DAY:
                drops.append(Drop(NOTES, key))
        return await self._written(drops)

    async def _versions(self, now: Instant) -> int:
        """Drop versions of the directory that another one followed long ago; what is in force always stays."""
        days = self._settings.directory_days
        current, record = (
            (await self._store.get(DIRECTORY, ["current"]))[0],
            (await self._store.get(RETENTION, ["directory"]))[0],
        )
        if not days or current is None:
            return 0
        seen = decode(record.value, Seen) if record else Seen()
        versions = seen.versions
        if not versions or versions[-1][0] != current.version:
            versions = (*versions, (current.version, now))
        old = [version for version, at in versions if at < now - days * DAY]
        keep_from = max(old, default=0)
        gone = range(seen.dropped + 1, keep_from)
        dropped = await self._written([Drop(DIRECTORY, f"v{version}") for version in gone])
        after = Seen(
            tuple(pair for pair in versions if pair[0] >= keep_from), max(seen.dropped, keep_from - 1)
        )
        if after != seen:
            put = Put(RETENTION, "directory", encode(after), record.version if record else 0)
            await self._store.write(Write(name="erase", puts=(put,)))
        return dropped

    async def _written(self, changes: Iterable[Put | Drop]) -> int:
        """Write changes some at a time; return how many were made. Who was overtaken is met again in an hour."""
        made, rest = 0, list(changes)
        while rest:
            batch, rest = rest[:BATCH], rest[BATCH:]
            puts = tuple(one for one in batch if isinstance(one, Put))
            drops = tuple(one for one in batch if isinstance(one, Drop))
            outcome = await self._store.write(Write(name="erase", puts=puts, drops=drops))
            made += len(batch) if isinstance(outcome, Committed) else 0
        return made
