"""What the store knows of its newest backup: when it was taken. `siaga backup` enters it, the auditor shows it."""

from __future__ import annotations

import msgspec

from engine.judging.instant import Instant
from engine.service.key import INSTALLATION
from engine.service.readable import readable_or
from engine.store.codec import encode
from engine.store.port import Committed, Put, Store, Write

_TRIES = 5
"""A record that others change meanwhile is read so often at most."""


class BackupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The newest backup that was verified: the instant as of which it holds everything, and its length in bytes."""

    taken_at: Instant
    bytes: int


async def newest_backup(store: Store) -> tuple[BackupRecord | None, int]:
    """Return what the store knows of its newest backup, and the version of that record; 0 without one."""
    record = (await store.get(INSTALLATION, ["backup"]))[0]
    return readable_or(INSTALLATION, "backup", record, BackupRecord, None), record.version if record else 0


async def enter_backup(store: Store, taken: BackupRecord) -> None:
    """Enter a backup that was verified, unless a newer one is known."""
    for _ in range(_TRIES):
        known, version = await newest_backup(store)
        if known is not None and known.taken_at >= taken.taken_at:
            return
        put = Put(INSTALLATION, "backup", encode(taken), version)
        if isinstance(await store.write(Write(name="backed_up", puts=(put,))), Committed):
            return
