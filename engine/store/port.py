"""The port to the store: records with versions, schedules, logs, counters and the event stream.

Here: the few verbs that every store has, and their values. Not here: what the bytes mean (`store.codec`) or any
domain decision. One `Write` is atomic; its `name` (`store.write_names`) is the crash point that tests kill the process
at. No TTL, server time or idle time carries domain time.

Tables hold records `id -> (version, bytes)`; a version starts at 1 and grows by one with every put. Schedules hold
`member -> instant` in milliseconds UTC. Logs are append-only lists of bytes. Counters only add.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from engine.core.judging.instant import Instant
from engine.errors import ParseError
from engine.store.write_names import WriteName


class Record(NamedTuple):
    """A stored value and its version (from 1)."""

    version: int
    value: bytes


class Put(msgspec.Struct, frozen=True, gc=False):
    """Store a value. `expected` is the version that must be there now: 0 for none, None for whatever."""

    table: str
    id: str
    value: bytes
    expected: int | None = None


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Remove a record, if its version is the expected one (None: whatever)."""

    table: str
    id: str
    expected: int | None = None


class Expect(msgspec.Struct, frozen=True, gc=False):
    """A record that must have this version now (0: there must be none) though the write does not change it."""

    table: str
    id: str
    version: int


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Set the instant of a member of a schedule; None takes it off.

    `expected` is the instant that the member must have now: None for none, `UNSET` for whatever. Of two plans for one
    member in one write the last sets the instant; the expectations of both hold for what was there before the write.
    """

    schedule: str
    member: str
    at: Instant | None
    expected: Instant | UnsetType | None = UNSET


class Place(NamedTuple):
    """A place in a schedule: behind it lies what sorts after this instant and member."""

    at: Instant
    member: str

    def __str__(self) -> str:
        """Return it as one word, which `read_place` reads."""
        return f"{self.at}.{self.member}"


def read_place(word: str) -> Place:
    """Return the place that a word names; raises `ParseError` where it names none."""
    at, dot, member = word.partition(".")
    if not (at.isdecimal() and at.isascii() and dot and member and len(at) <= 16) or int(at) >= 2**53:
        raise ParseError(f"{word[:40]!r} is not where a list went on")
    return Place(int(at), member)


class Append(msgspec.Struct, frozen=True):
    """Add entries to the end of a log.

    In a `chained` one each entry is kept behind the mark that covers it and all entries before it (`chain_mark`), and
    the newest mark is kept apart. A log is chained from its first entry on or never.
    """

    log: str
    entries: tuple[bytes, ...]
    chained: bool = False


class Cut(msgspec.Struct, frozen=True):
    """Remove the first `count` entries of a log, if the last of them is `last` (in a chained log with its mark).

    The newest mark of a chained log stays, and so the log goes on behind it.
    """

    log: str
    count: int
    last: bytes


MARK_LENGTH = 40
"""Bytes of a mark: SHA-1 in hexadecimal, the one digest that every server computes inside its own transaction."""


def chain_mark(before: bytes, entry: bytes) -> bytes:
    """Return the mark of an entry of a chained log; `before` is that of the entry before, empty for the first."""
    return hashlib.sha1(before + entry, usedforsecurity=False).hexdigest().encode()


class Fence(msgspec.Struct, frozen=True):
    """What an evaluator's commit must still find: its epoch and the cursor it read from; and the cursor after it."""

    epoch: int
    cursor: str
    next_cursor: str


class Note(msgspec.Struct, frozen=True):
    """An entry of another type than `events` (`gap`, `rules`) to append to the stream, with the write it belongs to.

    Its `received_at` never falls below that of the entry before it.
    """

    type: str
    value: bytes
    received_at: Instant


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic change of the store: all of it or nothing. `counts` adds to counters."""

    name: WriteName
    puts: tuple[Put, ...] = ()
    drops: tuple[Drop, ...] = ()
    expects: tuple[Expect, ...] = ()
    plans: tuple[Plan, ...] = ()
    appends: tuple[Append, ...] = ()
    cuts: tuple[Cut, ...] = ()
    counts: Mapping[str, int] = {}
    note: Note | None = None
    fence: Fence | None = None


class Committed(msgspec.Struct, frozen=True):
    """The write is in the store, as durable as the server promises."""


class Conflict(msgspec.Struct, frozen=True):
    """Nothing was written: these records (table, id; sorted) have another version than expected.

    `plans` are the members of schedules (schedule, member; sorted) that have another instant than expected, `logs` the
    logs (sorted) whose entry at the end of a cut is another one.
    """

    records: tuple[tuple[str, str], ...]
    plans: tuple[tuple[str, str], ...] = ()
    logs: tuple[str, ...] = ()


class Fenced(msgspec.Struct, frozen=True):
    """Nothing was written: the lease or the cursor moved on."""

    reason: Literal["stale_epoch", "cursor_moved"]


WriteOutcome = Committed | Conflict | Fenced


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One event to append: its 12-byte identity, an 8-byte digest of its content, and its JSON bytes.

    The first `ID_BYTES` of an identity tell the event's id, the others its desk and id. `value` holds no newline.
    """

    identity: bytes
    content: bytes
    value: bytes


class Appended(NamedTuple):
    """What became of each arrival, in order, and the instant the store stamped as `received_at`."""

    results: tuple[Literal["accepted", "duplicate", "id_conflict"], ...]
    received_at: Instant


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of the event stream.

    `position` serves as cursor, and `order_of` it sorts entries. `type` is `events`, `gap` or `rules`.
    `values` are the JSON bytes of its events (or of the one value of another type). `last` marks the last entry of one
    request: events of one request are applied together before anything is judged
    (docs/specification/rules.md#event-order).
    """

    position: str
    type: str
    received_at: Instant
    values: tuple[bytes, ...]
    last: bool


ID_BYTES = 4
"""So many bytes at the beginning of an identity are a digest of the event's id alone."""
IDENTITY_PARTS = 256
"""Remembered identities lie in so many parts, by the first byte of their digest."""
PIECE = 100
"""About so many records come in one piece of a table that is walked through."""
ENTRY_EVENTS = 200
"""An entry of the stream holds at most this many events ..."""
ENTRY_BYTES = 65_536
"""... and at most this many bytes of them (one larger event alone is an entry of its own)."""
START = "0-0"
"""The cursor before the first entry."""


def order_of(position: str) -> tuple[int, int]:
    """Return what sorts positions as the stream does: the instant of receipt, and a number within it."""
    instant, _, number = position.partition("-")
    return int(instant), int(number)


def before(instant: Instant) -> str:
    """Return a cursor behind which lie exactly the entries received at an instant or later."""
    return f"{instant - 1}-{2**53 - 1}" if instant > 0 else START


class Lease(NamedTuple):
    """The right to evaluate: every commit of an evaluator carries its `epoch`."""

    holder: str
    epoch: int


CrashPoint = Callable[[WriteName, Literal["before", "after"]], None]
"""Called around every write with its name; crash tests end the process there."""


class Store(Protocol):
    """What Siaga needs of a store. All methods raise `StoreUnavailableError` when it cannot be reached."""

    async def open(self) -> None:
        """Connect and check that the store can keep its promise of durability."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...

    async def write(self, write: Write) -> WriteOutcome:
        """Do the whole write atomically, or nothing of it; arguments are checked before anything is changed."""
        ...

    async def get(self, table: str, ids: Sequence[str]) -> list[Record | None]:
        """Return the records of these ids, in order."""
        ...

    async def collect(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[Record | None]]:
        """Return the records of ids of several tables, asked for at once and read one table after the other."""
        ...

    async def scan(self, table: str) -> dict[str, Record]:
        """Return a whole table."""
        ...

    def walk(self, table: str) -> AsyncIterator[dict[str, Record]]:
        """Yield a table in small pieces, each as it is then. What is there all along comes once."""
        ...

    async def due(self, schedule: str, until: Instant, limit: int) -> list[tuple[str, Instant]]:
        """Return members planned at or before `until`, earliest first (equal instants: by member)."""
        ...

    async def count_due(self, schedule: str, until: Instant) -> int:
        """Return how many members are planned at or before `until`."""
        ...

    async def next_due(self, schedule: str) -> Instant | None:
        """Return the earliest planned instant of a schedule."""
        ...

    async def page(
        self, schedule: str, limit: int, after: Place | None = None, *, latest_first: bool = False
    ) -> list[tuple[str, Instant]]:
        """Return up to `limit` (at least 1) members of a schedule in the order of (instant, member), or against it.

        The page begins behind the place `after`, which need not be taken by a member any more.
        """
        ...

    async def sizes(self, schedules: Sequence[str]) -> list[int]:
        """Return how many members each of these schedules has, in order."""
        ...

    async def planned(self, schedule: str) -> dict[str, Instant]:
        """Return a whole schedule; nothing that answers a request may ask for one that grows without a bound."""
        ...

    async def planned_at(self, schedule: str, members: Sequence[str]) -> list[Instant | None]:
        """Return the instants of members of a schedule, in order; None where one is not planned."""
        ...

    async def log(self, log: str, start: int = 0, limit: int | None = None) -> list[bytes]:
        """Return entries of a log from index `start` on (negative: from the end)."""
        ...

    async def mark(self, log: str) -> bytes:
        """Return the newest mark of a chained log, empty for one without entries."""
        ...

    async def counters(self) -> dict[str, int]:
        """Return all counters."""
        ...

    async def fill(self) -> float:
        """Return which share of the memory that the store may take it has taken, 0 to 1 (0: it has no bound)."""
        ...

    async def append(self, arrivals: Sequence[Arrival], received_at: Instant, day: int) -> Appended:
        """De-duplicate and append the events of one request in one atomic step (name `append_events`).

        `received_at` never falls below that of the entry before it. The same identity with the same content is a
        duplicate, with other content an `id_conflict`; neither is appended. `day` (days since 1970) is remembered with
        each new identity, so that old ones can be forgotten. Counters `events_accepted`, `events_duplicate` grow.
        """
        ...

    async def known(self, identities: Sequence[bytes]) -> list[bytes | None]:
        """Return the content digest of each identity that is still remembered, None for the others."""
        ...

    async def forget_identities(self, before_day: int, part: int) -> int:
        """Forget the identities that came in before a day, in one of `IDENTITY_PARTS` parts (name `forget_identities`).

        Returns how many were forgotten. `before_day` counts days since 1970, `part` from 0.
        """
        ...

    async def bearers(self, ids: Sequence[bytes]) -> list[list[str]]:
        """Return, for each digest of an id (`ID_BYTES` long), the positions of the entries with events that bear it.

        In order; as far as their identities are remembered. An entry may be among them by chance: look at its events.
        """
        ...

    async def append_entry(self, type_: str, value: bytes, received_at: Instant) -> str:
        """Append one entry of another type (`gap`, `rules`) and return its position (name `append_entry`)."""
        ...

    async def read(self, after: str, limit: int) -> list[Entry]:
        """Return up to `limit` entries after a position, oldest first; at once, also if there is none.

        An unfinished request at the end is left out unless it is the only one (then more is read until its end).
        """
        ...

    async def entries(self, positions: Sequence[str]) -> list[Entry | None]:
        """Return the entries at these positions, in order; None where the stream has none (any more)."""
        ...

    async def trim(self, until: str) -> None:
        """Remove the entries up to a position, that one included (name `trim`).

        What lies beyond the evaluator's cursor stays. `last_position` does not change by it.
        """
        ...

    async def trimmed(self) -> str:
        """Return the position up to which entries were removed, `START` where none were."""
        ...

    async def last_position(self) -> str:
        """Return the position of the newest entry that ever was, `START` if there was none."""
        ...

    async def cursor(self) -> str:
        """Return the evaluator's cursor, `START` before the first commit."""
        ...

    async def lease(self, holder: str, seconds: float) -> Lease | None:
        """Take or renew the evaluator's lease; None while another holder has it. A new holder gets a new epoch."""
        ...

    async def release(self, holder: str) -> None:
        """Give the lease back, if this holder has it."""
        ...

    async def wait(self, channels: Sequence[str], seconds: float) -> None:
        """Return when one of the channels was signalled since the last wait, or after so many seconds.

        Channels: `entries` (the stream grew), and the name of each schedule (a plan was put into it that falls due
        before all that stood there: whoever waits for a schedule wakes at its earliest instant anyway). A signal may be
        lost when a server fails; the timeout bounds the delay.
        """
        ...
