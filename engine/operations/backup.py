"""Backing an installation up while it runs, and bringing it back: its store and its archive, as of one moment.

Here: what goes in, in which order, and what is refused. Not here: the file (`store.backup.file`), the server
(`store.backup.copy`), and commands (`cli.backup`). Why the copy is of one moment:
`docs/decisions/0022-backups-of-one-moment.md`.

Day files of the archive only grow, and the store is told of a block after it is on the disk: so what they hold while
the store stands still is at least what the store relies on, and copying that beginning of them may take its time.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from engine.core.judging.instant import Instant, format_instant
from engine.errors import ConfigurationError, StoreError
from engine.operations.event_archiver import told_link
from engine.records.case_archive import FOLDER
from engine.release import RELEASE
from engine.settings import Settings
from engine.store.archive.case_index import FILE, CaseIndex
from engine.store.archive.events import LOCK, SUFFIX, Archive
from engine.store.backup.copy import Namespace, batches, size_of
from engine.store.backup.encryption import encrypt
from engine.store.backup.file import (
    ARCHIVE,
    FORM,
    KEY,
    STORE,
    Backup,
    BackupSpool,
    Content,
    Manifest,
    content_of,
    write,
)
from engine.store.codec import VERSION as CODEC
from engine.store.port import START, Store, order_of

INDEX = f"{ARCHIVE}{FOLDER}/{FILE}"
BackupProgress = Callable[[str, int], Callable[[int], object]]
"""Begins to show a stretch of work by its name and length; gives what is called with each piece of it that is done."""


class Brought(msgspec.Struct, frozen=True):
    """What a restore did: from which manifest, and whether a key of answer links lies in its place now."""

    manifest: Manifest
    key: bool


async def back_up(
    namespace: Namespace,
    store: Store,
    settings: Settings,
    file: Path,
    now: Instant,
    progress: BackupProgress,
    *,
    with_key: bool = False,
    with_archive: bool = True,
    recipients: Sequence[str] = (),
) -> Manifest:
    """Write a backup of a store, which may be in use, and of the archive on this machine, and verify it.

    With `recipients` (public keys) the file is encrypted: it is verified first, in a folder of its own below
    `paths.var`, so that nothing of it lies unencrypted where backups are kept.
    """
    folder = settings.archive_directory if with_archive else None
    scratch_in = settings.paths.var if recipients else file.parent
    scratch_in.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(prefix=".siaga-backup-", dir=scratch_in) as scratch:
        with closing(BackupSpool(Path(scratch) / STORE)) as spool:
            async with namespace.still():
                keys = await namespace.keys()
                if not keys:
                    raise StoreError(
                        f"the namespace {settings.namespace} is empty: there is nothing to back up"
                    )
                items: Counter[str] = Counter()
                link, position, cursor = (
                    await told_link(store),
                    await store.last_position(),
                    await store.cursor(),
                )
                # The index first: no case that it names lies beyond the lengths of the files.
                index = None if folder is None else await asyncio.to_thread(_copied, folder, Path(scratch))
                lengths = _lengths(folder)
                done = progress("store", len(keys))
                async for part, last in namespace.parts(keys, items):
                    spool.add(part)
                    done(last)
        stored = spool.content()
        if with_archive:
            await asyncio.to_thread(_covers, folder, settings.namespace, link.position)
        sources: dict[str, Path | bytes] = {STORE: spool.path}
        contents: dict[str, Content] = {STORE: stored}
        for day, length in lengths.items():
            sources[ARCHIVE + day] = day_file = (folder or Path()) / day
            contents[ARCHIVE + day] = await asyncio.to_thread(content_of, day_file, length)
        if index is not None:
            sources[INDEX], contents[INDEX] = index, await asyncio.to_thread(content_of, index)
        if with_key:
            sources[KEY] = settings.key_file
            contents[KEY] = _key_content(settings.key_file)
        manifest = Manifest(
            siaga_backup=FORM,
            siaga=RELEASE,
            server=await namespace.server(),
            codec=CODEC,
            namespace=settings.namespace,
            taken_at=format_instant(now, "UTC"),
            position=position,
            cursor=cursor,
            link=link,
            size=size_of(keys, items),
            with_key=with_key,
            contents=contents,
        )
        total = sum(content.bytes for content in contents.values())
        plain = Path(scratch) / "plain.tar.gz" if recipients else file
        await asyncio.to_thread(write, plain, manifest, sources, progress("file", total))
        await asyncio.to_thread(Backup(plain).verify, progress("verify", total))
        if recipients:
            await asyncio.to_thread(encrypt, plain, file, recipients)
    return manifest


async def restore(
    backup: Backup,
    namespace: Namespace,
    settings: Settings,
    progress: BackupProgress,
    at_last: Callable[[], Awaitable[object]],
) -> Brought:
    """Bring a backup into an installation that holds nothing: all of it or nothing.

    `at_last` runs when all is there, before a service may open it.

    Raises `ConfigurationError` or `StoreError` before anything is changed where the backup is damaged or of another
    namespace, or something is there that it would mix with.
    """
    manifest = backup.manifest
    total = sum(content.bytes for content in manifest.contents.values())
    await asyncio.to_thread(backup.verify, progress("verify", total))
    archive = settings.archive_directory
    key = backup.key()
    _fits(manifest, settings)
    if not await namespace.interrupted() and (found := await namespace.keys()):
        raise StoreError(
            f"the namespace {settings.namespace} holds {len(found)} keys already, and a restore never mixes: "
            "name an empty server, or another paths.var"
        )
    _archive_is_free(archive, manifest)
    same_key = _key_fits(settings.key_file, key)
    await namespace.begin()
    await namespace.erase()  # what an interrupted restore left
    done = progress("store", manifest.contents[STORE].bytes)
    for batch in batches(backup.parts(done)):
        await namespace.put(batch)
    await namespace.end_stream()
    size = await namespace.size(await namespace.keys())
    if size != manifest.size:
        raise StoreError(
            f"what came into the server is not what the backup holds: {size}, not {manifest.size}"
        )
    if manifest.days and archive is not None:
        await asyncio.to_thread(_put_archive, backup, archive, progress("archive", total))
    if key is not None and not same_key:
        _put_key(settings.key_file, key)
    await at_last()
    await namespace.finish()
    return Brought(manifest, settings.key_file.exists())


def _lengths(folder: Path | None) -> dict[str, int]:
    """Return the day files of an archive with their lengths now."""
    if folder is None:
        return {}
    found = sorted(folder.glob("*" + SUFFIX)) + sorted(folder.glob(f"{FOLDER}/*{SUFFIX}"))
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def _copied(folder: Path, scratch: Path) -> Path | None:
    """Copy the index of the archive of cases as it is now; None where there is none."""
    index = CaseIndex(folder / FOLDER)
    if not index.is_there:
        return None
    index.copy(scratch / FILE)
    return scratch / FILE


def _covers(folder: Path | None, namespace: str, told: str) -> None:
    ends = Archive(folder, namespace).span()[1].position if folder is not None else START
    if order_of(ends) < order_of(told):
        raise StoreError(
            f"the archive here ends at {ends}, but the store relies on it up to {told}: back up on the machine that "
            "runs the auditor, or say --without-archive and keep a copy of its folder yourself"
        )


def _key_content(file: Path) -> Content:
    try:
        return content_of(file)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist, so the key is in SIAGA_KEY: keep a copy of that yourself"
        ) from None


def _fits(manifest: Manifest, settings: Settings) -> None:
    if manifest.namespace != settings.namespace:
        raise ConfigurationError(
            f"the backup is of the namespace {manifest.namespace}, the settings say {settings.namespace}: "
            "ids are made from it, so set namespace to that of the backup"
        )
    if manifest.codec > CODEC:
        raise ConfigurationError(
            f"the backup was taken by Siaga {manifest.siaga}, whose values this one ({RELEASE}) cannot read: "
            "install that version or a newer one"
        )
    if manifest.days and settings.archive_directory is None:
        raise ConfigurationError("the backup has an archive and archive.enabled is false: set it to true")


def _archive_is_free(archive: Path | None, manifest: Manifest) -> None:
    if archive is not None and manifest.days and any(path.name != LOCK for path in _within(archive)):
        raise StoreError(f"{archive} holds an archive already, and a restore never mixes: move it away")


def _within(folder: Path) -> Sequence[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else ()


def _put_archive(backup: Backup, archive: Path, done: Callable[[int], object]) -> None:
    """Put the day files into a folder beside, which then takes the place: whole or not there."""
    archive.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(prefix=f".{archive.name}-", dir=archive.parent) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir(mode=0o700)
        backup.put_archive(whole, done)
        (archive / LOCK).unlink(missing_ok=True)
        if archive.is_dir():
            archive.rmdir()
        whole.rename(archive)


def _key_fits(file: Path, key: bytes | None) -> bool:
    """Say whether the key of the backup is there already; raise where another one is."""
    if key is None or not file.exists():
        return False
    if file.read_bytes() != key:
        raise StoreError(
            f"{file} is another key than the backup's: move it away, or the old links never open"
        )
    return True


def _put_key(file: Path, key: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(key)
        opened.flush()
        os.fsync(opened.fileno())
