"""What a store in memory remembers of events that came before: identities, contents and positions, tightly packed.

Here: records of fixed length in buckets, as the Redis store keeps them (`append_events.lua`): 34 bytes an event instead
of the several hundred of separate objects. Not here: what follows from an event that was seen (`store.memory`).
"""

from __future__ import annotations

import struct
from collections import defaultdict

from engine.judging.instant import Instant
from engine.store.check import CONTENT_BYTES, IDENTITY_BYTES

_RECORD = struct.Struct(f">{IDENTITY_BYTES}s{CONTENT_BYTES}sHQI")
_CONTENT = slice(IDENTITY_BYTES, IDENTITY_BYTES + CONTENT_BYTES)
_BUCKET_BYTES = 2


class Seen:
    """Identities with the content, day and stream position of the event that brought each first."""

    def __init__(self) -> None:
        self._buckets: defaultdict[bytes, bytearray] = defaultdict(bytearray)

    def content(self, identity: bytes) -> bytes | None:
        """Return the content digest of an identity, None where it was not seen."""
        bucket = self._buckets.get(identity[:_BUCKET_BYTES])
        place = -1 if bucket is None else _find(bucket, identity, 0)
        return None if bucket is None or place < 0 else bytes(bucket[place:][_CONTENT])

    def add(self, identity: bytes, content: bytes, day: int, position: tuple[Instant, int]) -> None:
        """Remember an identity that was not seen before."""
        self._buckets[identity[:_BUCKET_BYTES]] += _RECORD.pack(identity, content, day, *position)

    def forget(self, before_day: int, part: int) -> int:
        """Forget what came in before a day, of the identities that begin with the byte `part`; return how many."""
        forgotten = 0
        for name in [name for name in self._buckets if name[0] == part]:
            bucket = self._buckets[name]
            kept = [record for record in _RECORD.iter_unpack(bucket) if record[2] >= before_day]
            forgotten += len(bucket) // _RECORD.size - len(kept)
            if kept:
                self._buckets[name] = bytearray(b"".join(_RECORD.pack(*record) for record in kept))
            else:
                del self._buckets[name]
        return forgotten

    def positions(self, beginning: bytes) -> list[tuple[Instant, int]]:
        """Return the positions of the events whose identity begins so (2 bytes or more), in order."""
        bucket = self._buckets.get(beginning[:_BUCKET_BYTES], bytearray())
        found, place = [], _find(bucket, beginning, 0)
        while place >= 0:
            *_, instant, number = _RECORD.unpack_from(bucket, place)
            found.append((instant, number))
            place = _find(bucket, beginning, place + _RECORD.size)
        return sorted(found)


def _find(bucket: bytearray, beginning: bytes, start: int) -> int:
    """Return where the first record from `start` on lies that begins so, -1 where there is none."""
    place = bucket.find(beginning, start)
    while place % _RECORD.size and place >= 0:
        place = bucket.find(beginning, place + 1)
    return place
