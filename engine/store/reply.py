"""What the answers of a Redis or Valkey server say, as values of the port.

Here: records, members of schedules, entries of the stream and positions, from the bytes in which the scripts keep them.
Not here: asking for them (`store.redis`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from engine.judging.instant import Instant
from engine.store.port import Entry, Record

_POSITION = struct.Struct(">HII")
"""The position of an entry as `append_events.lua` keeps it: its instant in six bytes, its number in four."""


def record(stored: bytes) -> Record:
    """Return a record: its version in four bytes, and its value."""
    return Record(int.from_bytes(stored[:4], "big"), stored[4:])


def bearers(bucket: dict[bytes, bytes], id_: bytes) -> list[str]:
    """Return the positions in a bucket of identities of those that begin so, each once and in order."""
    found = {
        _POSITION.unpack(kept[-_POSITION.size :])
        for identity, kept in bucket.items()
        if identity.startswith(id_)
    }
    return [f"{(high << 32) + low}-{number}" for high, low, number in sorted(found)]


def members(found: Sequence[bytes]) -> list[tuple[str, Instant]]:
    """Return the members of a schedule with their instants."""
    return [(member.decode(), int(at)) for member, at in zip(found[::2], found[1::2], strict=True)]


def entry(position: str, fields: dict[bytes, bytes]) -> Entry:
    """Return an entry of the stream."""
    type_, joined = fields[b"type"].decode(), fields[b"values"]
    return Entry(
        position,
        type_,
        int(position.partition("-")[0]),
        tuple(joined.split(b"\n")) if type_ == "events" else (joined,),
        fields[b"last"] == b"1",
    )
