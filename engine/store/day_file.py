"""One day of the archive as a file: lines, each chained to the one before.

Here: the form of the lines, and reading them with every link of the chain checked. Not here: compression
(`store.block`), which days there are, and who writes when (`store.archive`).

Each line is a JSON object that begins with `chain`: the SHA-256, in hex, of the chain of the line before it and the
line without its own chain (`{"position":...` of `{"chain":"...","position":...`). The first line of a file is its
head: it names the day and the chain of the last line of the file before, `FIRST` where there is none. Every other line
is an entry of the stream: its `values` are the events as they were accepted, or the one value of another type as text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from engine.errors import StoreError
from engine.judging.instant import Instant
from engine.store.block import blocks
from engine.store.port import START, Entry

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


class Link(msgspec.Struct, frozen=True):
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


class Line(NamedTuple):
    """A line as it was read: the head of the file or an entry; where the chain stands after it; its number from 1."""

    content: Head | Entry
    link: Link
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


def head_line(day: str, namespace: str, link: Link) -> tuple[bytes, Link]:
    """Return the first line of a day's file, and where the chain stands after it."""
    return _chained(Head(FORM, day, namespace, link.position, link.chain), link)


def entry_line(entry: Entry, link: Link) -> tuple[bytes, Link]:
    """Return the line of an entry, and where the chain stands after it."""
    if entry.type == "events":
        values = tuple(msgspec.Raw(value) for value in entry.values)
    else:
        values = tuple(msgspec.Raw(_ENCODE(value.decode())) for value in entry.values)
    return _chained(_Entry(entry.position, entry.type, entry.received_at, entry.last, values), link)


def _chained(content: Head | _Entry, link: Link) -> tuple[bytes, Link]:
    body = _ENCODE(content)
    chain = _chain(body, link.chain)
    return b"".join((_OPENING, chain.encode(), _REST, body[1:], b"\n")), Link(content.position, chain)


def _chain(body: bytes, after: str) -> str:
    return hashlib.sha256(after.encode() + body).hexdigest()


def head_of(path: Path) -> Head:
    """Return the first line of a file; raise `DamagedError` where it has none."""
    for line in lines(path):
        if isinstance(line.content, Head):
            return line.content
    raise DamagedError(Damage(path.name, 0, "form"))


def lines(path: Path, *, grows: bool = False) -> Iterator[Line]:
    """Yield the lines of a file; raise `DamagedError` at the first that is not as it was written.

    `grows`: another process may be writing it, so that a block which is not whole is its end.
    """
    number, chain = 0, ""
    with path.open("rb") as file:
        for block in blocks(file):
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
                yield Line(content, Link(content.position, chain), number)


def whole_bytes(path: Path) -> int:
    """Return where the last whole block of a file ends."""
    with path.open("rb") as file:
        return max((block.end for block in blocks(file)), default=0)


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
