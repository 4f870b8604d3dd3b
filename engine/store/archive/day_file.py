"""One day of the archive as a file: lines, each chained to the line before, written in compressed blocks."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import msgspec

from engine.core.judging.instant import Instant
from engine.errors import StoreError
from engine.store.port import START, Entry

_DIGEST_BYTES = 16
_FIXED = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + struct.pack(
    "<H2sH", 4 + 4 + _DIGEST_BYTES, b"Sg", 4 + _DIGEST_BYTES
)
"""Deflate with an extra field, no time, no system; then the length of that field, and of its one part."""
_BLOCK_HEAD = struct.Struct(f"<{len(_FIXED)}sI{_DIGEST_BYTES}s")
_TAIL = struct.Struct("<II")
_RAW_DEFLATE = -zlib.MAX_WBITS

BlockFault = Literal["torn", "unreadable"]
"""What is wrong with a block: it ends too early, or its bytes are others than were written."""


class Block(NamedTuple):
    """A block as it was read: its text, where it ends in the file, and what is wrong (then there is no text)."""

    text: bytes
    end: int
    fault: BlockFault | None = None


def pack_block(lines: Iterable[bytes]) -> bytes:
    """Compress lines, each of which ends with a newline."""
    text = b"".join(lines)
    packer = zlib.compressobj(wbits=_RAW_DEFLATE)
    body = packer.compress(text) + packer.flush() + _TAIL.pack(zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return _BLOCK_HEAD.pack(_FIXED, len(body), _digest(body)) + body


def read_blocks(file: BinaryIO) -> Iterator[Block]:
    """Yield the blocks of a file that is open at the beginning of one; the first fault ends it."""
    end = file.tell()
    while head := file.read(_BLOCK_HEAD.size):
        if len(head) < _BLOCK_HEAD.size:
            yield Block(b"", end, "torn" if _FIXED.startswith(head[: len(_FIXED)]) else "unreadable")
            return
        fixed, length, digest = _BLOCK_HEAD.unpack(head)
        if fixed != _FIXED:
            yield Block(b"", end, "unreadable")
            return
        body = file.read(length)
        if len(body) < length or _digest(body) != digest:
            yield Block(b"", end, "torn" if len(body) < length else "unreadable")
            return
        end += len(head) + length
        yield Block(zlib.decompress(body[: -_TAIL.size], wbits=_RAW_DEFLATE), end)


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_BYTES).digest()


FIRST = "0" * 64
"""The chain before the first line of all."""
FORM = 1
"""The form of file that is written."""

_OPENING, _REST = b'{"chain":"', b'",'
_REST_AT = len(_OPENING) + len(FIRST)


class Damage(NamedTuple):
    """Where a file is no longer as it was written: after so many lines that are, and how.

    `unreadable`: bytes of a block were changed. `torn`: the last block is not whole. `form`: the next line is none of
    an archive. `chain`: the next line, or what stood before it, was changed, removed or put in. `missing`: the file
    before is not there, or lines at its end. `end`: what the store says is archived is not there.
    """

    file: str
    line: int
    kind: Literal["unreadable", "torn", "form", "chain", "missing", "end"]


class DamagedError(StoreError):
    """The archive is not as it was written."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(
            f"the archive is damaged: {damage.file}, line {damage.line}: {damage.kind}; see siaga archive verify"
        )
        self.damage = damage


class ChainPosition(msgspec.Struct, frozen=True):
    """Where the chain stands: after the entry at `position` (`START`: before the first)."""

    position: str = START
    chain: str = FIRST


class Head(msgspec.Struct, frozen=True):
    """The first line of a file: its form, day (UTC), namespace, and where the chain stood before it."""

    siaga_archive: int
    day: str
    namespace: str
    position: str
    after: str


class ArchiveLine(NamedTuple):
    """A line as it was read: the head of the file or an entry; where the chain stands after it; its number from 1."""

    content: Head | Entry
    link: ChainPosition
    number: int


class _Entry(msgspec.Struct, frozen=True):
    position: str
    type: str
    received_at: Instant
    last: bool
    values: tuple[msgspec.Raw, ...]


_ENCODE = msgspec.json.Encoder().encode
_HEAD = msgspec.json.Decoder(Head)
_ENTRY = msgspec.json.Decoder(_Entry)
_TEXT = msgspec.json.Decoder(str)


def head_line(day: str, namespace: str, link: ChainPosition) -> tuple[bytes, ChainPosition]:
    """Return the first line of a day's file, and where the chain stands after it."""
    return _chained(Head(FORM, day, namespace, link.position, link.chain), link)


def entry_line(entry: Entry, link: ChainPosition) -> tuple[bytes, ChainPosition]:
    """Return the line of an entry, and where the chain stands after it."""
    if entry.type == "events":
        values = tuple(msgspec.Raw(value) for value in entry.values)
    else:
        values = tuple(msgspec.Raw(_ENCODE(value.decode())) for value in entry.values)
    return _chained(_Entry(entry.position, entry.type, entry.received_at, entry.last, values), link)


def _chained(content: Head | _Entry, link: ChainPosition) -> tuple[bytes, ChainPosition]:
    body = _ENCODE(content)
    chain = _chain(body, link.chain)
    return b"".join((_OPENING, chain.encode(), _REST, body[1:], b"\n")), ChainPosition(
        content.position, chain
    )


def _chain(body: bytes, after: str) -> str:
    return hashlib.sha256(after.encode() + body).hexdigest()


def head_of(path: Path) -> Head:
    """Return the first line of a file; raise `DamagedError` where it has none."""
    for line in lines(path):
        if isinstance(line.content, Head):
            return line.content
    raise DamagedError(Damage(path.name, 0, "form"))


def lines(path: Path, *, grows: bool = False) -> Iterator[ArchiveLine]:
    """Yield the lines of a file; raise `DamagedError` at the first that is not as it was written.

    `grows`: another process may be writing it, so that a block which is not whole is its end.
    """
    number, chain = 0, ""
    with path.open("rb") as file:
        for block in read_blocks(file):
            if block.fault == "torn" and grows:
                return
            if block.fault is not None:
                raise DamagedError(Damage(path.name, number, block.fault))
            for raw in block.text.split(b"\n")[:-1]:
                content, claimed = _content(raw, first=number == 0)
                if content is None:
                    raise DamagedError(Damage(path.name, number, "form"))
                after = content.after if isinstance(content, Head) else chain
                chain = _chain(b"{" + raw[_REST_AT + len(_REST) :], after)
                if chain != claimed:
                    raise DamagedError(Damage(path.name, number, "chain"))
                number += 1
                yield ArchiveLine(content, ChainPosition(content.position, chain), number)


def whole_bytes(path: Path) -> int:
    """Return where the last whole block of a file ends."""
    with path.open("rb") as file:
        return max((block.end for block in read_blocks(file)), default=0)


def _content(raw: bytes, *, first: bool) -> tuple[Head | Entry | None, str]:
    """Read a line and the chain it claims; None where it has not the form."""
    if not raw.startswith(_OPENING) or raw[_REST_AT : _REST_AT + len(_REST)] != _REST:
        return None, ""
    try:
        claimed = raw[len(_OPENING) : _REST_AT].decode()
        if first:
            return _HEAD.decode(raw), claimed
        read = _ENTRY.decode(raw)
        if read.type == "events":
            values = tuple(bytes(value) for value in read.values)
        else:
            values = tuple(_TEXT.decode(value).encode() for value in read.values)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, ""
    return Entry(read.position, read.type, read.received_at, values, read.last), claimed
