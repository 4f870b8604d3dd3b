"""The spool: a folder that keeps events until the service has answered for each of them.

A batch is one file of JSON lines. Its name begins with the instant at which it came, so that the oldest goes first. A
file is written under another name, synced, and renamed; then the folder is synced. A crash therefore loses no event and
leaves no half batch. A refused event goes to `refused/` with its reason and is never deleted here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import msgspec

from engine.core.judging.instant import Instant
from engine.errors import SiagaError

BATCH_EVENTS, BATCH_BYTES = 500, 1_000_000
"""The most that one file holds: far below what a service takes in one request."""
SUFFIX = ".ndjson"
REFUSED = "refused"


class SpoolBusyError(SiagaError):
    """Another `siaga send` is delivering what this folder holds."""


class RefusedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of which the service kept nothing, and why."""

    reason: str
    field: str
    event: str


class Spool:
    """One spool; the folder is made when it is first needed, for this user alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, events: Sequence[bytes], now: Instant) -> list[Path]:
        """Keep these events, each one JSON object on one line; return the batches, on the disk by now."""
        self._made(self.folder)
        with self._locked(".adding", wait=True):
            for left in self.folder.glob(".*.part"):
                left.unlink()  # of a process that died while it wrote; nobody was told that it was kept
            batches = [self._write(batch, now, number) for number, batch in enumerate(_batches(events))]
            _sync(self.folder)
        return batches

    def waiting(self) -> list[Path]:
        """Return the batches that wait, the oldest first."""
        return sorted(self.folder.glob(f"[!.]*{SUFFIX}"))

    def settle(self, batch: Path, refused: Sequence[RefusedEvent] = ()) -> Path | None:
        """Take a batch out that the service has answered for; keep what it refused, and return where."""
        kept = None
        if refused:
            aside = self.folder / REFUSED
            self._made(aside)
            kept = aside / f"{batch.stem}.jsonl"
            _keep(kept, b"".join(msgspec.json.encode(event) + b"\n" for event in refused))
            _sync(aside)
        batch.unlink()
        _sync(self.folder)
        return kept

    def split(self, batch: Path, events: Sequence[bytes]) -> None:
        """Put two halves in place of a batch that is too large for the service."""
        middle = (len(events) + 1) // 2
        for half, part in (("a", events[:middle]), ("b", events[middle:])):
            _keep(batch.with_name(f"{batch.stem}{half}{SUFFIX}"), b"\n".join(part) + b"\n")
        _sync(self.folder)
        batch.unlink()
        _sync(self.folder)

    @contextmanager
    def delivering(self) -> Iterator[None]:
        """Hold the spool while its batches are sent; raise `SpoolBusyError` where another process does."""
        self._made(self.folder)
        with self._locked(".delivering", wait=False):
            yield

    def _write(self, events: Sequence[bytes], now: Instant, number: int) -> Path:
        content = b"\n".join(events) + b"\n"
        digest = blake2b(content, digest_size=6).hexdigest()
        path = self.folder / f"{now:014d}-{number:04d}-{digest}{SUFFIX}"
        _keep(path, content)
        return path

    def _made(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def _locked(self, name: str, *, wait: bool) -> Iterator[None]:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise SpoolBusyError(
                    f"{self.folder}: another siaga send is delivering; what you gave is kept and goes with it or with "
                    "the next --flush"
                ) from None
            yield
        finally:
            os.close(descriptor)


def _batches(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut events into batches within the bounds; a single event may be larger, which is for the service to say."""
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) == BATCH_EVENTS or size + len(event) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield batch


def _keep(path: Path, content: bytes) -> None:
    """Write a file so that it is either there and whole, on the disk, or not there."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
