"""A block of the archive: some lines, compressed, as one append to a file writes them.

Here: the bytes of a block, and finding out whether they are still the ones that were written. Not here: what the lines
say and how they hang together (`store.day_file`).

A block is a gzip member, so `zcat` reads a file of them. Its extra field holds the length of what follows and a digest
of it, for gzip's own checksum does not cover every bit of a member: a flipped bit anywhere is found, and whether the
last block is whole is known without unpacking it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import BinaryIO, Literal, NamedTuple

_DIGEST_BYTES = 16
_FIXED = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff" + struct.pack(
    "<H2sH", 4 + 4 + _DIGEST_BYTES, b"Sg", 4 + _DIGEST_BYTES
)
"""Deflate with an extra field, no time, no system; then the length of that field, and of its one part."""
_HEAD = struct.Struct(f"<{len(_FIXED)}sI{_DIGEST_BYTES}s")
_TAIL = struct.Struct("<II")
_RAW_DEFLATE = -zlib.MAX_WBITS

Fault = Literal["torn", "unreadable"]
"""What is wrong with a block: it ends too early, or its bytes are others than were written."""


class Block(NamedTuple):
    """A block as it was read: its text, where it ends in the file, and what is wrong (then there is no text)."""

    text: bytes
    end: int
    fault: Fault | None = None


def pack(lines: Iterable[bytes]) -> bytes:
    """Compress lines, each of which ends with a newline."""
    text = b"".join(lines)
    packer = zlib.compressobj(wbits=_RAW_DEFLATE)
    body = packer.compress(text) + packer.flush() + _TAIL.pack(zlib.crc32(text), len(text) & 0xFFFFFFFF)
    return _HEAD.pack(_FIXED, len(body), _digest(body)) + body


def blocks(file: BinaryIO) -> Iterator[Block]:
    """Yield the blocks of a file that is open at the beginning of one; the first fault ends it."""
    end = file.tell()
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size:
            yield Block(b"", end, "torn" if _FIXED.startswith(head[: len(_FIXED)]) else "unreadable")
            return
        fixed, length, digest = _HEAD.unpack(head)
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
