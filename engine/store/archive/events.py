"""The archive: a folder of day files, one hash chain over all of them.

Here: which file an entry belongs to, writing safely, reading in order, and verifying the whole. Not here: the form of a
file (`store.archive.day_file`), when entries are archived and trimmed (`operations.event_archiver`), and reading on
into the stream (`store.archive.history`).

The archive is a function of the stream: the same entries give the same lines and the same chain, however they were
cut into appends. A day is the UTC day of `received_at`, which never falls, so days never alternate. One process
writes, the one that holds the file lock; any number read meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import msgspec

from engine.core.judging.instant import SECOND, Instant
from engine.store.archive.day_file import (
    ChainPosition,
    Damage,
    DamagedError,
    Head,
    entry_line,
    head_line,
    head_of,
    lines,
    pack_block,
    whole_bytes,
)
from engine.store.port import START, Entry, order_of

SUFFIX = ".jsonl.gz"
LOCK = "LOCK"


class ArchiveInspection(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found: how much there is, where the chain ends, and everything that is not as it was written."""

    files: int
    entries: int
    events: int
    link: ChainPosition
    damages: tuple[Damage, ...]


class Archive:
    """The archive of one namespace in one folder."""

    def __init__(self, folder: Path, namespace: str, *, durable: bool = True) -> None:
        """Name the folder; it is made by the first `take`, and one that is not there holds nothing.

        One that is not `durable` does not wait for the disk: for folders that end with the process.
        """
        self.folder = folder
        self._durable = durable
        self._namespace = namespace
        self._lock: int | None = None
        self._link = ChainPosition()

    @property
    def link(self) -> ChainPosition:
        """Where the chain stands, in the process that writes."""
        return self._link

    # --- writing ------------------------------------------------------------------------------------------------------

    def take(self, told: ChainPosition) -> bool:
        """Become the one who writes; return whether this is so, which it is not while another process writes.

        `told` is where the chain stood when entries were last trimmed from the stream: up to there the stream cannot
        give them again. What lies behind it and is not whole is a write that was interrupted, and is cut off. Raises
        `DamagedError` where anything up to there is missing or another.
        """
        if self._lock is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        self._link = self._end(told)
        return True

    def release(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _end(self, told: ChainPosition) -> ChainPosition:
        """Cut off what an interrupted write left; return where the chain ends."""
        while files := self._files():
            link, number = ChainPosition(), 0
            try:
                for line in lines(files[-1]):
                    link, number = line.link, line.number
            except DamagedError as error:
                told_here = told != ChainPosition() and self._path(_instant(told.position)) >= files[-1]
                lost = _beyond(told.position, link.position) if number else told_here
                if lost or error.damage.kind != "torn":
                    raise
                if number:
                    self._cut(files[-1], whole_bytes(files[-1]))
            if number:
                self._holds(told, link)
                return link
            files[-1].unlink()
            self._sync_folder()
        self._holds(told, ChainPosition())
        return ChainPosition()

    @staticmethod
    def _cut(path: Path, whole: int) -> None:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())

    def _holds(self, told: ChainPosition, link: ChainPosition) -> None:
        """Raise `DamagedError` unless the chain up to `link` goes through `told`."""
        if told in (link, ChainPosition()):
            return
        path = self._path(_instant(told.position))
        if not _beyond(told.position, link.position) and path.exists():
            for line in lines(path):
                if line.link == told:
                    return
        raise DamagedError(Damage(path.name, 0, "end"))

    def append(self, entries: Sequence[Entry]) -> ChainPosition:
        """Write entries that come after all others; when this returns they are on the disk."""
        for instant, of_day in groupby(entries, key=lambda entry: entry.received_at // _DAY * _DAY):
            path, link = self._path(instant), self._link
            new = not path.exists()
            text = []
            if new:
                line, link = head_line(path.name.removesuffix(SUFFIX), self._namespace, link)
                text.append(line)
            for entry in of_day:
                line, link = entry_line(entry, link)
                text.append(line)
            self._write(path, pack_block(text))
            if new:
                self._sync_folder()
            self._link = link
        return self._link

    def _write(self, path: Path, block: bytes) -> None:
        """Append a block; where that fails half way, leave the file as it was."""
        with open(path, "ab", buffering=0, opener=_private) as file:
            before, rest = file.tell(), memoryview(block)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
                if self._durable:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    # --- reading ------------------------------------------------------------------------------------------------------

    def entries(self, after: str = START) -> Iterator[Entry]:
        """Yield the entries after a position, oldest first; raise `DamagedError` at the first damage."""
        wanted, link = order_of(after), None
        files = self._files(_instant(after))
        for number, path in enumerate(files, start=1):
            for line in lines(path, grows=number == len(files)):
                if isinstance(line.content, Head):
                    if link is not None and line.content.after != link.chain:
                        raise DamagedError(Damage(path.name, 0, "missing"))
                elif order_of(line.content.position) > wanted:
                    yield line.content
                link = line.link

    def at(self, positions: Iterable[str]) -> dict[str, Entry]:
        """Return the entries at these positions, as far as they are here."""
        by_file: dict[Path, set[str]] = {}
        for position in positions:
            by_file.setdefault(self._path(_instant(position)), set()).add(position)
        found: dict[str, Entry] = {}
        for path, wanted in by_file.items():
            for line in lines(path, grows=True) if path.exists() else ():
                if not isinstance(line.content, Head) and line.content.position in wanted:
                    found[line.content.position] = line.content
                    if found.keys() >= wanted:
                        break
        return found

    def verify(self, told: ChainPosition | None = None) -> ArchiveInspection:
        """Read everything; a damage ends the reading of its file only.

        `told` is what the store says of a living archive: it must be a link of the chain, and a block behind it that is
        not whole is being written just now.
        """
        damages: list[Damage] = []
        entries = events = number = 0
        link: ChainPosition | None = ChainPosition()
        ended = ChainPosition()
        seen = told is None or told == ChainPosition()
        files = self._files()
        for path in files:
            number, before = 0, link
            try:
                for line in lines(path, grows=told is not None and path == files[-1]):
                    number, link = line.number, line.link
                    if isinstance(line.content, Head):
                        if self._strange(line.content, path) or (
                            before and line.content.after != before.chain
                        ):
                            damages.append(Damage(path.name, 0, "missing"))
                    else:
                        entries += 1
                        events += len(line.content.values) if line.content.type == "events" else 0
                    seen = seen or link == told
                    ended = link
            except DamagedError as error:
                damages.append(error.damage)
                link = None  # what the next file should say is not known
        if not seen:
            damages.append(Damage(files[-1].name if files else "", number, "end"))
        return ArchiveInspection(
            files=len(files), entries=entries, events=events, link=ended, damages=tuple(damages)
        )

    def _strange(self, head: Head, path: Path) -> bool:
        return head.namespace != self._namespace or path.name != head.day + SUFFIX

    def span(self) -> tuple[ChainPosition, ChainPosition]:
        """Return where the chain stood before the first file that is here, and where it ends."""
        files = self._files()
        if not files:
            return ChainPosition(), ChainPosition()
        head = head_of(files[0])
        link = ChainPosition(head.position, head.after)
        for line in lines(files[-1], grows=True):
            link = line.link
        return ChainPosition(head.position, head.after), link

    def _files(self, since: Instant = 0) -> list[Path]:
        earliest = self._path(since).name
        return sorted(path for path in self.folder.glob("*" + SUFFIX) if path.name >= earliest)

    def _path(self, instant: Instant) -> Path:
        return self.folder / f"{datetime.fromtimestamp(instant // SECOND, UTC):%Y-%m-%d}{SUFFIX}"


_DAY = 86_400 * SECOND


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _instant(position: str) -> Instant:
    return order_of(position)[0]


def _beyond(position: str, other: str) -> bool:
    return order_of(position) > order_of(other)
