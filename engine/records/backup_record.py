"""What the store knows of its backups: when each was taken, and its file. `siaga backup` enters it.

The newest has a record of its own. The latest ones stand in a list, so that whoever erases a person can name those that
still hold them. Names of files hold no personal data.
"""

from __future__ import annotations

import msgspec

from engine.core.judging.instant import Instant
from engine.records.tolerant_read import readable_or
from engine.runtime.keys import INSTALLATION
from engine.store.codec import encode
from engine.store.port import Committed, Put, Store, Write

BACKUPS = "backups"
"""Record of the list, oldest first."""
LISTED = 100
"""So many of the latest backups are listed."""
_TRIES = 5
"""A record that others change meanwhile is read so often at most."""


class BackupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was verified: the instant as of which it holds everything, its length in bytes, its file's name."""

    taken_at: Instant
    bytes: int
    file: str = ""


async def newest_backup(store: Store) -> tuple[BackupRecord | None, int]:
    """Return what the store knows of its newest backup, and the version of that record; 0 without one."""
    record = (await store.get(INSTALLATION, ["backup"]))[0]
    return readable_or(INSTALLATION, "backup", record, BackupRecord, None), record.version if record else 0


async def backups(store: Store) -> tuple[BackupRecord, ...]:
    """Return the latest backups that the store knows of, the oldest first."""
    (listed,) = await store.get(INSTALLATION, [BACKUPS])
    newest, _ = await newest_backup(store)
    known = readable_or(INSTALLATION, BACKUPS, listed, tuple[BackupRecord, ...], ())
    return known or ((newest,) if newest is not None else ())


async def enter_backup(store: Store, taken: BackupRecord) -> None:
    """Enter a backup that was verified: into the list, and as the newest unless a newer one is known."""
    for _ in range(_TRIES):
        known, version = await newest_backup(store)
        (listed,) = await store.get(INSTALLATION, [BACKUPS])
        before = readable_or(INSTALLATION, BACKUPS, listed, tuple[BackupRecord, ...], ())
        if taken in before:
            return
        after = tuple(sorted((*before, taken), key=lambda one: one.taken_at))[-LISTED:]
        puts = [Put(INSTALLATION, BACKUPS, encode(after), listed.version if listed else 0)]
        if known is None or known.taken_at < taken.taken_at:
            puts.append(Put(INSTALLATION, "backup", encode(taken), version))
        if isinstance(await store.write(Write(name="backed_up", puts=tuple(puts))), Committed):
            return
