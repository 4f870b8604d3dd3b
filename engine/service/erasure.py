"""Erasing a person everywhere: the store and its files, the outbox, and a look at what still holds them.

The store forgets first (`service.persons`). Then the server writes its append-only file anew, and everything is looked
through for the addresses of the person: the namespace, the files of an embedded server, and the archive of reports,
which is a hash chain from which nothing can be taken. Backups of before are named; later ones are made of the store.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from email import message_from_bytes
from pathlib import Path

import msgspec

from engine.clock import monotonic
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import Instant
from engine.errors import StoreError
from engine.service.backup_record import BackupRecord, backups
from engine.service.books import Books
from engine.service.case_archive import archive_of
from engine.service.contact_values import ContactValues
from engine.service.persons import ErasureIncompleteError, Persons
from engine.settings import Settings
from engine.store.archive.events import SUFFIX
from engine.store.backup.copy import Namespace
from engine.store.redis.store import RedisStore

WINDOW = 1_048_576
"""Bytes of a file that are looked through at once."""
OVERLAP = 1_024
"""Bytes that two windows share, so that no address lies between them; more than any has."""
FORGOTTEN_SECONDS, PAUSE = 30.0, 0.1
"""A server removes its old files behind the answer: how long that may take, and how often it is looked for."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did, and what still holds the person.

    `erased` counts by kind. `refused`: why the server did not write its file anew; empty where it did. `records` are
    keys of the store, `reports` files of the archive of reports, `files` other files, all of which still hold an
    address. `unreadable` says which records could not be read. `backups` were taken before.
    """

    erased: dict[str, int]
    refused: str
    records: tuple[str, ...]
    reports: tuple[str, ...]
    files: tuple[str, ...]
    unreadable: str
    backups: tuple[BackupRecord, ...]


async def erase_everywhere(
    store: RedisStore,
    where: str,
    books: Books,
    settings: Settings,
    person_id: str,
    at: Instant,
    by: Credential,
) -> Erasure:
    """Erase a person from all that this machine reaches; `where` is the address of the store's server.

    It may be said again at any time, and must be where something was refused or interrupted.
    """
    persons = Persons(store, books, archive_of(settings))
    gone = await persons.addresses(person_id)
    erased, unreadable = dict[str, int](), ""
    try:
        erased = await persons.erase(person_id, at, by)
    except ErasureIncompleteError as error:
        erased, unreadable = error.erased, str(error)
    erased["files"] = await asyncio.to_thread(_erase_outbox, settings.outbox_directory, gone)
    refused = ""
    try:
        await store.rewrite_files()
    except StoreError as error:
        refused = str(error)
    embedded = settings.redis_directory if settings.redis.url is None else None
    archive = settings.archive_directory
    return Erasure(
        erased=erased,
        refused=refused,
        records=await _records(where, settings.namespace, gone),
        reports=await asyncio.to_thread(_holding, _day_files(archive), gone),
        files=await _files(embedded, gone) if embedded is not None and not refused else (),
        unreadable=unreadable,
        backups=tuple(one for one in await backups(store) if one.taken_at <= at),
    )


async def _records(where: str, namespace: str, gone: ContactValues) -> tuple[str, ...]:
    """Return the keys of a namespace that still hold an address."""
    found: set[str] = set()
    async with aclosing(Namespace(where, namespace)) as copied:
        keys = await copied.keys() if gone else []
        async with aclosing(copied.parts(keys, Counter())) as parts:
            async for part, _ in parts:
                if any(gone.within(item) for item in part.items):
                    found.add(part.key)
    return tuple(sorted(found))


async def _files(folder: Path, gone: ContactValues) -> tuple[str, ...]:
    """Return the files of an embedded server that still hold an address, once the old ones are removed."""
    ends = monotonic() + FORGOTTEN_SECONDS
    while found := await asyncio.to_thread(_holding, _regular(folder), gone):
        if monotonic() > ends:
            return found
        await asyncio.sleep(PAUSE)
    return ()


def _erase_outbox(folder: Path, gone: ContactValues) -> int:
    """Delete the messages of the outbox that hold an address; return how many."""
    made = 0
    for path in list(_regular(folder)) if gone else ():
        content = path.read_bytes()
        if path.suffix == ".eml":
            content += b"\n".join(_decoded(content))
        if path.suffix in (".eml", ".sms") and gone.within(content):
            path.unlink(missing_ok=True)
            made += 1
    return made


def _decoded(mail: bytes) -> Iterator[bytes]:
    for part in message_from_bytes(mail).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content


def _day_files(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield from sorted(folder.rglob(f"*{SUFFIX}"))


def _regular(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _holding(paths: Iterable[Path], gone: ContactValues) -> tuple[str, ...]:
    """Return which files hold an address; those of the archive are looked into unpacked."""
    return tuple(str(path) for path in paths if gone and _holds(path, gone))


def _holds(path: Path, gone: ContactValues) -> bool:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as unpacked:
                return _found(unpacked.read, gone)
        with path.open("rb") as file:
            return _found(file.read, gone)
    except FileNotFoundError:
        return False  # the server removed it meanwhile


def _found(read: Callable[[int], bytes], gone: ContactValues) -> bool:
    before = b""
    while window := read(WINDOW):
        if gone.within(before + window):
            return True
        before = window[-OVERLAP:]
    return False
