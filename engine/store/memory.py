"""The store in the memory of this process: tests, simulations and backtests.

It passes the same contract tests as the store in Redis. Identities of earlier events are packed tightly.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from msgspec import UNSET

from engine.clock import monotonic
from engine.core.judging.instant import Instant
from engine.store.port import (
    ENTRY_BYTES,
    ENTRY_EVENTS,
    PIECE,
    START,
    Appended,
    Arrival,
    Committed,
    Conflict,
    CrashPoint,
    Drop,
    Entry,
    Fenced,
    Lease,
    Place,
    Plan,
    Put,
    Record,
    Write,
    WriteOutcome,
    chain_mark,
    order_of,
)
from engine.store.signals import Signals
from engine.store.validation import (
    CONTENT_BYTES,
    IDENTITY_BYTES,
    check_arrivals,
    check_entry,
    check_forgetting,
    check_page,
    check_write,
)

_RECORD = struct.Struct(f">{IDENTITY_BYTES}s{CONTENT_BYTES}sHQI")
_CONTENT = slice(IDENTITY_BYTES, IDENTITY_BYTES + CONTENT_BYTES)
_BUCKET_BYTES = 2


class DedupIndex:
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


class MemoryStore:
    """A `Store` that forgets everything with the process. Closing and opening it again keeps what it holds."""

    def __init__(
        self, *, crash_point: CrashPoint | None = None, monotonic: Callable[[], float] = monotonic
    ) -> None:
        """Start empty. `monotonic` counts the seconds of the lease and nothing else."""
        self._crash_point = crash_point or (lambda _name, _side: None)
        self._monotonic = monotonic
        self._tables: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._schedules: defaultdict[str, _Schedule] = defaultdict(_Schedule)
        self._logs: defaultdict[str, list[bytes]] = defaultdict(list)
        self._marks: dict[str, bytes] = {}
        self._counters: defaultdict[str, int] = defaultdict(int)
        self._seen = DedupIndex()
        self._entries: list[Entry] = []
        self._stamps: list[tuple[Instant, int]] = []
        self._stamp: tuple[Instant, int] = (0, 0)
        self._cursor = self._trimmed = START
        self._epoch = 0
        self._holder: str | None = None
        self._lease_ends = 0.0
        self._signals = Signals()

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def write(self, write: Write) -> WriteOutcome:
        """Do the whole write, or nothing of it."""
        check_write(write)
        self._crash_point(write.name, "before")
        refused = self._refusal(write)
        if refused:
            return refused
        for put in write.puts:
            table = self._tables[put.table]
            table[put.id] = Record(table[put.id].version + 1 if put.id in table else 1, put.value)
        for drop in write.drops:
            self._tables[drop.table].pop(drop.id, None)
        earliest = {plan.schedule: self._schedules[plan.schedule].first() for plan in write.plans}
        for plan in write.plans:
            self._schedules[plan.schedule].plan(plan.member, plan.at)
            first = earliest[plan.schedule]
            if plan.at is not None and (first is None or plan.at < first):
                self._signals.signal(plan.schedule)
        self._change_logs(write)
        for counter, number in write.counts.items():
            self._counters[counter] += number
        if write.note:
            note = write.note
            self._enter(note.type, max(note.received_at, self._stamp[0]), (note.value,), last=True)
        if write.fence:
            self._cursor = write.fence.next_cursor
        self._crash_point(write.name, "after")
        return Committed()

    def _change_logs(self, write: Write) -> None:
        for cut in write.cuts:
            del self._logs[cut.log][: cut.count]
        for append in write.appends:
            for entry in append.entries:
                if append.chained:
                    self._marks[append.log] = chain_mark(self._marks.get(append.log, b""), entry)
                self._logs[append.log].append(self._marks.get(append.log, b"") + entry)

    def _refusal(self, write: Write) -> WriteOutcome | None:
        if write.fence and write.fence.epoch != self._epoch:
            return Fenced("stale_epoch")
        if write.fence and write.fence.cursor != self._cursor:
            return Fenced("cursor_moved")
        changes: tuple[Put | Drop, ...] = (*write.puts, *write.drops)
        moved = {(one.table, one.id) for one in changes if self._moved(one.table, one.id, one.expected)}
        moved |= {(one.table, one.id) for one in write.expects if self._moved(one.table, one.id, one.version)}
        other = {(plan.schedule, plan.member) for plan in write.plans if self._planned_otherwise(plan)}
        logs = sorted(cut.log for cut in write.cuts if self._logs[cut.log][cut.count - 1 :][:1] != [cut.last])
        if not (moved or other or logs):
            return None
        return Conflict(tuple(sorted(moved)), tuple(sorted(other)), tuple(logs))

    def _moved(self, table: str, id_: str, expected: int | None) -> bool:
        if expected is None:
            return False
        record = self._tables[table].get(id_)
        return expected != (record.version if record else 0)

    def _planned_otherwise(self, plan: Plan) -> bool:
        present = self._schedules[plan.schedule].instants.get(plan.member)
        return plan.expected is not UNSET and plan.expected != present

    async def get(self, table: str, ids: Sequence[str]) -> list[Record | None]:
        """Return the records of these ids, in order."""
        records = self._tables[table]
        return [records.get(id_) for id_ in ids]

    async def collect(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[Record | None]]:
        """Return records of several tables, read in this order."""
        return [await self.get(table, ids) for table, ids in wanted]

    async def scan(self, table: str) -> dict[str, Record]:
        """Return a whole table."""
        return dict(self._tables[table])

    async def walk(self, table: str) -> AsyncIterator[dict[str, Record]]:
        """Yield a table in small pieces, each as it is then."""
        ids, there = tuple(self._tables[table]), self._tables[table]
        for first in range(0, len(ids), PIECE):
            yield {id_: there[id_] for id_ in ids[first : first + PIECE] if id_ in there}

    async def due(self, schedule: str, until: Instant, limit: int) -> list[tuple[str, Instant]]:
        """Return members planned at or before `until`, earliest first (equal instants: by member)."""
        return self._schedules[schedule].due(until, limit)

    async def count_due(self, schedule: str, until: Instant) -> int:
        """Return how many members are planned at or before `until`."""
        return self._schedules[schedule].count(until)

    async def next_due(self, schedule: str) -> Instant | None:
        """Return the earliest planned instant of a schedule."""
        return self._schedules[schedule].first()

    async def page(
        self, schedule: str, limit: int, after: Place | None = None, *, latest_first: bool = False
    ) -> list[tuple[str, Instant]]:
        """Return some members of a schedule from behind a place on."""
        check_page(limit, after)
        return self._schedules[schedule].page(limit, after, latest_first=latest_first)

    def schedules(self) -> list[str]:
        """Return the names of all schedules, which no server lists: for tests that compare everything."""
        return list(self._schedules)

    async def sizes(self, schedules: Sequence[str]) -> list[int]:
        """Return how many members each of these schedules has."""
        return [len(self._schedules[schedule].instants) for schedule in schedules]

    async def planned(self, schedule: str) -> dict[str, Instant]:
        """Return a whole schedule."""
        return dict(self._schedules[schedule].instants)

    async def planned_at(self, schedule: str, members: Sequence[str]) -> list[Instant | None]:
        """Return the instants of members of a schedule, in order."""
        return [self._schedules[schedule].instants.get(member) for member in members]

    async def log(self, log: str, start: int = 0, limit: int | None = None) -> list[bytes]:
        """Return entries of a log from index `start` on (negative: from the end)."""
        entries = self._logs[log][start:]
        return entries if limit is None else entries[:limit]

    async def mark(self, log: str) -> bytes:
        """Return the newest mark of a chained log, empty for one without entries."""
        return self._marks.get(log, b"")

    def forget_log(self, log: str) -> None:
        """Remove a whole log, which no server ever does: for backtests, which keep what it came to."""
        self._logs.pop(log, None)

    async def fill(self) -> float:
        """Return 0: a process has no bound that it knows of."""
        return 0.0

    async def counters(self) -> dict[str, int]:
        """Return all counters."""
        return dict(self._counters)

    async def append(self, arrivals: Sequence[Arrival], received_at: Instant, day: int) -> Appended:
        """De-duplicate and append the events of one request."""
        check_arrivals(arrivals, received_at, day)
        self._crash_point("append_events", "before")
        stamped = max(received_at, self._stamp[0])
        results: list[Literal["accepted", "duplicate", "id_conflict"]] = []
        packed: list[bytes] = []
        size = 0
        for arrival in arrivals:
            known = self._seen.content(arrival.identity)
            if known is not None:
                results.append("duplicate" if known == arrival.content else "id_conflict")
                continue
            if packed and (len(packed) == ENTRY_EVENTS or size + len(arrival.value) > ENTRY_BYTES):
                self._enter("events", stamped, tuple(packed), last=False)
                packed, size = [], 0
            packed.append(arrival.value)
            size += len(arrival.value)
            self._seen.add(arrival.identity, arrival.content, day, self._next(stamped))
            results.append("accepted")
        if packed:
            self._enter("events", stamped, tuple(packed), last=True)
        accepted = results.count("accepted")
        for counter, number in (("accepted", accepted), ("duplicate", results.count("duplicate"))):
            if number:
                self._counters[f"events_{counter}"] += number
        self._crash_point("append_events", "after")
        return Appended(tuple(results), stamped)

    async def known(self, identities: Sequence[bytes]) -> list[bytes | None]:
        """Return the content digests of identities that are remembered."""
        return [self._seen.content(identity) for identity in identities]

    async def forget_identities(self, before_day: int, part: int) -> int:
        """Forget identities that came in before a day, in one part of all; return how many."""
        check_forgetting(before_day, part)
        self._crash_point("forget_identities", "before")
        forgotten = self._seen.forget(before_day, part)
        self._crash_point("forget_identities", "after")
        return forgotten

    async def bearers(self, ids: Sequence[bytes]) -> list[list[str]]:
        """Return the positions of the entries with events that bear these ids."""
        return [
            ["{}-{}".format(*position) for position in dict.fromkeys(self._seen.positions(id_))]
            for id_ in ids
        ]

    async def append_entry(self, type_: str, value: bytes, received_at: Instant) -> str:
        """Append one entry of another type and return its position."""
        check_entry(type_, received_at)
        self._crash_point("append_entry", "before")
        position = self._enter(type_, max(received_at, self._stamp[0]), (value,), last=True)
        self._crash_point("append_entry", "after")
        return position

    def _enter(self, type_: str, received_at: Instant, values: tuple[bytes, ...], *, last: bool) -> str:
        self._stamp = self._next(received_at)
        position = "{}-{}".format(*self._stamp)
        self._entries.append(Entry(position, type_, received_at, values, last))
        self._stamps.append(self._stamp)
        self._signals.signal("entries")
        return position

    def _next(self, received_at: Instant) -> tuple[Instant, int]:
        """Return the position of the entry that comes next, at this instant."""
        before, number = self._stamp
        return received_at, (number + 1 if received_at == before else 0)

    async def read(self, after: str, limit: int) -> list[Entry]:
        """Return up to `limit` entries after a position, whole requests only."""
        start = bisect_right(self._stamps, order_of(after))
        end = min(start + limit, len(self._entries))
        whole = end
        while whole > start and not self._entries[whole - 1].last:
            whole -= 1
        if whole == start:
            whole = end
            while whole < len(self._entries) and not self._entries[whole - 1].last:
                whole += 1
        return self._entries[start:whole]

    async def entries(self, positions: Sequence[str]) -> list[Entry | None]:
        """Return the entries at these positions, in order."""
        found: list[Entry | None] = []
        for position in positions:
            index = bisect_left(self._stamps, order_of(position))
            there = index < len(self._entries) and self._entries[index].position == position
            found.append(self._entries[index] if there else None)
        return found

    async def trim(self, until: str) -> None:
        """Remove the entries up to a position, none beyond the cursor."""
        self._crash_point("trim", "before")
        until = min(until, self._cursor, key=order_of)
        if order_of(until) > order_of(self._trimmed):
            gone = bisect_right(self._stamps, order_of(until))
            del self._entries[:gone], self._stamps[:gone]
            self._trimmed = until
        self._crash_point("trim", "after")

    async def trimmed(self) -> str:
        """Return the position up to which entries were removed."""
        return self._trimmed

    async def last_position(self) -> str:
        """Return the position of the newest entry that ever was, `START` if there was none."""
        return "{}-{}".format(*self._stamp)

    async def cursor(self) -> str:
        """Return the evaluator's cursor, `START` before the first commit."""
        return self._cursor

    async def lease(self, holder: str, seconds: float) -> Lease | None:
        """Take or renew the evaluator's lease; None while another holder has it."""
        self._crash_point("lease", "before")
        now = self._monotonic()
        if self._holder is None or now >= self._lease_ends:
            self._holder = holder
            self._epoch += 1
        elif self._holder != holder:
            return None
        self._lease_ends = now + seconds
        self._crash_point("lease", "after")
        return Lease(holder, self._epoch)

    async def release(self, holder: str) -> None:
        """Give the lease back, if this holder has it."""
        self._crash_point("release", "before")
        if self._holder == holder:
            self._holder = None
        self._crash_point("release", "after")

    async def wait(self, channels: Sequence[str], seconds: float) -> None:
        """Return when one of the channels was signalled since the last wait, or after so many seconds."""
        await self._signals.wait(channels, seconds)


class _Schedule:
    """Members with their instants, kept in the order in which they fall due."""

    def __init__(self) -> None:
        self.instants: dict[str, Instant] = {}
        self._order: list[tuple[Instant, str]] = []

    def plan(self, member: str, at: Instant | None) -> None:
        """Set or take off the instant of a member."""
        before = self.instants.pop(member, None)
        if before is not None:
            del self._order[bisect_left(self._order, (before, member))]
        if at is not None:
            self.instants[member] = at
            insort(self._order, (at, member))

    def due(self, until: Instant, limit: int) -> list[tuple[str, Instant]]:
        """Return the earliest members up to an instant."""
        end = bisect_left(self._order, (until + 1,))
        return [(member, at) for at, member in self._order[: min(end, limit)]]

    def count(self, until: Instant) -> int:
        """Return how many members are planned up to an instant."""
        return bisect_left(self._order, (until + 1,))

    def page(self, limit: int, after: Place | None, *, latest_first: bool) -> list[tuple[str, Instant]]:
        """Return members from behind a place on, the earliest first or the latest."""
        if latest_first:
            end = len(self._order) if after is None else bisect_left(self._order, after)
            found = self._order[max(0, end - limit) : end][::-1]
        else:
            start = 0 if after is None else bisect_right(self._order, after)
            found = self._order[start : start + limit]
        return [(member, at) for at, member in found]

    def first(self) -> Instant | None:
        """Return the earliest instant."""
        return self._order[0][0] if self._order else None
