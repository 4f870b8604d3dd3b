"""A backup as one file: what a store and its archive held at one moment, and a manifest that says what must be in it.

Here: the form of the file, writing it and finding out whether it is as it was written. Not here: reading a server or
filling one (`store.backup.copy`), and what goes into a backup when (`operations.backup`).

The file is a `.tar.gz` that any tar opens: `manifest.json`, `store.jsonl` (a `KeyPart` a line, bytes in base64), the
archive's day files, and the secret key where somebody asked for it. It appears under its name only when it is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from engine.errors import StoreError
from engine.store.archive.day_file import ChainPosition
from engine.store.backup.copy import KeyPart, Size

FORM = 1
"""The form of file that is written."""
MANIFEST, STORE, KEY, ARCHIVE = "manifest.json", "store.jsonl", "secret.key", "archive/"
_NAMES = re.compile(
    r"store\.jsonl|secret\.key|archive/(cases/)?\d{4}-\d\d-\d\d\.jsonl\.gz|archive/cases/index\.sqlite"
)
_CHUNK = 1 << 20
_PRIVATE = 0o600

BackupStep = Callable[[int], object]
"""Called with the number of bytes that were dealt with since the call before."""


class Content(msgspec.Struct, frozen=True):
    """What a member of the file must be: its length in bytes and its SHA-256 in hex."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of, and what must be in it.

    `siaga` and `server` are the versions it was taken from, `codec` that of the stored values. `taken_at` is RFC 3339.
    `position` and `cursor` are those of the stream and the evaluator; `link` is where the archive's chain stood as far
    as the store relies on it. `with_key`: the key of answer links is inside.
    """

    siaga_backup: int
    siaga: str
    server: str
    codec: int
    namespace: str
    taken_at: str
    position: str
    cursor: str
    link: ChainPosition
    size: Size
    with_key: bool
    contents: dict[str, Content]

    @property
    def days(self) -> list[str]:
        """The names of the archive's day files, in order."""
        return sorted(name.removeprefix(ARCHIVE) for name in self.contents if name.startswith(ARCHIVE))


class BackupSpool:
    """The store's parts on the disk, before the file is made of them."""

    def __init__(self, path: Path) -> None:
        """Begin the file, which nobody else may read."""
        self.path = path
        self._digest = hashlib.sha256()
        self._file = open(path, "wb", opener=_private)  # noqa: SIM115 -- `close` closes it
        self._bytes = 0

    def add(self, part: KeyPart) -> None:
        """Write a part."""
        line = msgspec.json.encode(part) + b"\n"
        self._digest.update(line)
        self._bytes += self._file.write(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def content(self) -> Content:
        """Return what the file must be."""
        return Content(self._bytes, self._digest.hexdigest())


def content_of(path: Path, length: int | None = None) -> Content:
    """Return what a file is, or its beginning of so many bytes: day files only grow."""
    digest, rest = hashlib.sha256(), path.stat().st_size if length is None else length
    total = rest
    with path.open("rb") as file:
        while rest and (chunk := file.read(min(rest, _CHUNK))):
            digest.update(chunk)
            rest -= len(chunk)
    return Content(total - rest, digest.hexdigest())


def write(file: Path, manifest: Manifest, sources: Mapping[str, Path | bytes], step: BackupStep) -> None:
    """Write the file; `sources` are the members' contents by name. It is on the disk when this returns."""
    partial = file.with_name(file.name + ".partial")
    try:
        with open(partial, "wb", opener=_private) as raw:
            # no name and no time: equal contents are equal files
            with (
                gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
            ):
                text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
                _add(tar, MANIFEST, len(text), io.BytesIO(text), step)
                for name, content in manifest.contents.items():
                    source = sources[name]
                    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as opened:
                        _add(tar, name, content.bytes, opened, step)
            raw.flush()
            os.fsync(raw.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    _sync(file.parent)


class Backup:
    """A backup that lies in a file."""

    def __init__(self, file: Path) -> None:
        """Read the manifest; raise `StoreError` where the file is no backup, or one of a newer form."""
        self.file = file
        with self._members() as members:
            name, opened, _ = next(members, ("", io.BytesIO(), 0))
            if name != MANIFEST:
                raise StoreError(f"{file} is no backup of Siaga: it does not begin with {MANIFEST}")
            text = opened.read()
        try:
            form = msgspec.json.decode(text, type=_Form).siaga_backup
            if form > FORM:
                raise StoreError(f"{file} is of form {form}, written by a newer Siaga; this one reads {FORM}")
            self.manifest = msgspec.json.decode(text, type=Manifest)
        except msgspec.MsgspecError as error:
            raise StoreError(f"{file}: its manifest cannot be read ({error})") from error

    def verify(self, step: BackupStep) -> None:
        """Read all of it; raise `StoreError` naming the first member that is not as it was written."""
        missing = dict(self.manifest.contents)
        with self._members() as members:
            for name, opened, length in members:
                if name == MANIFEST:
                    continue
                wanted = missing.pop(name, None)
                if wanted is None or not _NAMES.fullmatch(name):
                    raise StoreError(f"{self.file} is damaged: {name} is not in its manifest")
                digest = hashlib.sha256()
                while chunk := opened.read(_CHUNK):
                    digest.update(chunk)
                    step(len(chunk))
                if (length, digest.hexdigest()) != (wanted.bytes, wanted.sha256):
                    raise StoreError(f"{self.file} is damaged: {name} is not as it was written")
        if missing:
            raise StoreError(f"{self.file} is damaged: {', '.join(missing)} is missing")

    def parts(self, step: BackupStep) -> Iterator[KeyPart]:
        """Yield the parts of the store."""
        decode = msgspec.json.Decoder(KeyPart).decode
        with self._member(STORE) as opened:
            for line in opened:
                step(len(line))
                yield decode(line)

    def key(self) -> bytes | None:
        """Return the secret key's file, None where it is not inside."""
        if not self.manifest.with_key:
            return None
        with self._member(KEY) as opened:
            return opened.read()

    def put_archive(self, folder: Path, step: BackupStep) -> None:
        """Write the day files into a folder."""
        with self._members() as members:
            for name, opened, _ in members:
                if name.startswith(ARCHIVE) and _NAMES.fullmatch(name):
                    target = folder / name.removeprefix(ARCHIVE)
                    target.parent.mkdir(exist_ok=True, mode=0o700)
                    with open(target, "wb", opener=_private) as written:
                        while chunk := opened.read(_CHUNK):
                            written.write(chunk)
                            step(len(chunk))
                        written.flush()
                        os.fsync(written.fileno())
        _sync(folder)

    @contextmanager
    def _member(self, wanted: str) -> Iterator[IO[bytes]]:
        with self._members() as members:
            for name, opened, _ in members:
                if name == wanted:
                    yield opened
                    return
        raise StoreError(f"{self.file} is damaged: {wanted} is missing")

    @contextmanager
    def _members(self) -> Iterator[Iterator[tuple[str, IO[bytes], int]]]:
        """Open the file; gives its members in order, each to be read before the next."""
        try:
            with tarfile.open(self.file, "r|gz") as tar:
                yield self._opened(tar)
        except FileNotFoundError:
            raise StoreError(f"{self.file} does not exist") from None
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise StoreError(
                f"{self.file} is damaged or no backup of Siaga: it does not unpack ({error})"
            ) from error

    @staticmethod
    def _opened(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes], int]]:
        for member in tar:
            opened = tar.extractfile(member)
            if opened is not None:
                yield member.name, opened, member.size


class _Form(msgspec.Struct, frozen=True):
    siaga_backup: int


def _add(tar: tarfile.TarFile, name: str, length: int, opened: IO[bytes], step: BackupStep) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = length, _PRIVATE
    tar.addfile(member, _Counted(opened, step))  # type: ignore[arg-type]  # it needs `read` alone


class _Counted:
    def __init__(self, opened: IO[bytes], step: BackupStep) -> None:
        self._opened = opened
        self._step = step

    def read(self, length: int) -> bytes:
        chunk = self._opened.read(length)
        self._step(len(chunk))
        return chunk


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
