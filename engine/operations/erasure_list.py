"""The list of erasures: who was erased and when, outside the store, so that a restore of an older backup knows of it.

The list is a file of JSON lines in `paths.var`; each backup leaves a copy beside itself. It names people by a digest.
What a restore must erase again stands in the store until it is done, and `siaga doctor` names it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

import msgspec

from engine.core.judging.instant import Instant, format_instant, parse_instant
from engine.errors import ConfigurationError, StoreError
from engine.records.tolerant_read import readable_or
from engine.runtime.keys import INSTALLATION
from engine.settings import Settings
from engine.store.codec import encode
from engine.store.port import Committed, Put, Store, Write

NAME = "erasures.jsonl"
"""Name of the list in `paths.var`, and end of its name beside a backup."""
DUE = "erasures_due"
"""Record of what must be erased again."""
_TRIES = 5
"""A record that others change meanwhile is read so often at most."""

Erasures = Mapping[str, Instant]
"""When people were erased last, by the digest of their id."""


class ErasureDue(msgspec.Struct, frozen=True, kw_only=True):
    """A person whom a restore brought back, and when they had been erased."""

    person: str
    erased_at: Instant


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    person: str
    erased_at: str


def own_list(settings: Settings) -> Path:
    """Return the list of an installation."""
    return settings.paths.var / NAME


def list_beside(backup: Path, settings: Settings) -> Path:
    """Return the copy of the list that lies beside the backups of a folder."""
    return backup.parent / f"{settings.namespace}-{NAME}"


def digest_of(namespace: str, person_id: str) -> str:
    """Return by what the list names a person. Ids are no secret: the audit holds them, too."""
    return blake2b(f"{namespace}\0{person_id}".encode(), digest_size=16).hexdigest()


def read_erasures(file: Path) -> Erasures:
    """Return what a list says; nothing where there is none. Raises `ConfigurationError` where it is damaged."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, Instant] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = msgspec.json.decode(line, type=_Line)
            at, _ = parse_instant(entry.erased_at)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ConfigurationError(
                f"{file}, line {number}: {error}. Bring the list back from beside a backup, or mend the line"
            ) from None
        found[entry.person] = max(at, found.get(entry.person, at))
    return found


def add_erasures(file: Path, more: Erasures) -> None:
    """Add to a list; it holds each person once, with the latest instant, and is replaced whole.

    Raises `StoreError` where it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            _replace(file, joined(read_erasures(file), more))
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"the list of erasures {file} cannot be written: {error.strerror}") from None


def joined(*lists: Erasures) -> Erasures:
    """Return several lists as one."""
    found: dict[str, Instant] = {}
    for one in lists:
        for person, at in one.items():
            found[person] = max(at, found.get(person, at))
    return found


def _replace(file: Path, erasures: Erasures) -> None:
    entries = sorted(erasures.items(), key=lambda pair: (pair[1], pair[0]))
    lines = [msgspec.json.encode(_Line(person=one, erased_at=format_instant(at))) for one, at in entries]
    scratch = file.with_name(f".{file.name}")
    with open(scratch, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(b"".join(line + b"\n" for line in lines))
        opened.flush()
        os.fsync(opened.fileno())
    scratch.replace(file)


def due_of(erasures: Erasures, taken_at: Instant, namespace: str, people: Iterable[str]) -> list[ErasureDue]:
    """Return who of these people was erased at or after the instant of a backup that holds them."""
    return [
        ErasureDue(person=person, erased_at=at)
        for person in sorted(people)
        if (at := erasures.get(digest_of(namespace, person))) is not None and at >= taken_at
    ]


async def erasures_due(store: Store) -> tuple[ErasureDue, ...]:
    """Return who must be erased again."""
    return (await _read(store))[0]


async def enter_due(store: Store, due: Iterable[ErasureDue]) -> None:
    """Enter who must be erased again."""
    more = {one.person: one for one in due}
    await _change(store, lambda before: {**before, **more})


async def settle_due(store: Store, person_id: str) -> None:
    """Remove a person who was erased again."""
    await _change(store, lambda before: {id_: one for id_, one in before.items() if id_ != person_id})


async def _change(
    store: Store, change: Callable[[Mapping[str, ErasureDue]], Mapping[str, ErasureDue]]
) -> None:
    for _ in range(_TRIES):
        before, version = await _read(store)
        after = tuple(change({one.person: one for one in before}).values())
        if after == before:
            return
        put = Put(INSTALLATION, DUE, encode(after), version)
        if isinstance(await store.write(Write(name="erase", puts=(put,))), Committed):
            return
    raise StoreError("who must be erased again could not be entered: others change it; say it again")


async def _read(store: Store) -> tuple[tuple[ErasureDue, ...], int]:
    record = (await store.get(INSTALLATION, [DUE]))[0]
    due = readable_or(INSTALLATION, DUE, record, tuple[ErasureDue, ...], ())
    return due, record.version if record else 0
