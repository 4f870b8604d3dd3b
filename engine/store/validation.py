"""What every store refuses before it changes anything.

Here: the checks of arguments that all stores share, so that they refuse alike. Not here: versions, epochs and cursors,
whose refusal is an outcome of the write and no error. A refusal here is a mistake of the caller: `ValueError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from engine.core.judging.instant import Instant
from engine.store.port import IDENTITY_PARTS, Arrival, Drop, Place, Put, Write

LATEST: Instant = 2**53 - 1
"""Servers keep instants and counters as doubles; up to here every whole number is exact."""

STEP = 2**32
"""A counter grows by less than this in one write, so that it never runs over within a write."""
IDENTITY_BYTES = 12
CONTENT_BYTES = 8
DAYS = 2**16
"""Days are kept in two bytes, enough until the year 2149."""


def check_write(write: Write) -> None:
    """Refuse a write that names nothing, names a record twice, or holds a number no store can keep exactly."""
    if not write.name:
        raise ValueError("a write needs a name: it is a crash point")
    _check_records(write)
    for plan in write.plans:
        if not plan.schedule or not plan.member:
            raise ValueError(f"{write.name}: a plan needs a schedule and a member")
        if plan.at is not None:
            check_instant(plan.at)
        if plan.expected is not None and plan.expected is not UNSET:
            check_instant(plan.expected)
    _check_logs(write)
    for counter, number in write.counts.items():
        if not counter or not 0 <= number < STEP:
            raise ValueError(f"{write.name}: counter {counter!r} cannot grow by {number}")
    if write.note:
        check_entry(write.note.type, write.note.received_at)
    if write.fence and not (write.fence.cursor and write.fence.next_cursor):
        raise ValueError(f"{write.name}: a fence needs both cursors")


def _check_logs(write: Write) -> None:
    if not all(append.log for append in write.appends):
        raise ValueError(f"{write.name}: an append needs a log")
    for cut in write.cuts:
        if not cut.log or cut.count < 1:
            raise ValueError(f"{write.name}: {cut.count} entries of log {cut.log!r} cannot be cut")
    if len({cut.log for cut in write.cuts}) != len(write.cuts):
        raise ValueError(f"{write.name}: a log is cut twice in one write")


def _check_records(write: Write) -> None:
    changes: tuple[Put | Drop, ...] = (*write.puts, *write.drops)
    for change in changes:
        expected = change.expected
        if not (change.table and change.id) or (expected is not None and expected < 0):
            raise ValueError(f"{write.name}: no record is {change.table!r} {change.id!r} at {expected}")
    if len({(change.table, change.id) for change in changes}) != len(changes):
        raise ValueError(f"{write.name}: a record is named twice in one write")
    for expect in write.expects:
        if not (expect.table and expect.id) or expect.version < 0:
            raise ValueError(f"{write.name}: no record is {expect.table!r} {expect.id!r} at {expect.version}")


def check_arrivals(arrivals: Sequence[Arrival], received_at: Instant, day: int) -> None:
    """Refuse digests of another length, events with a newline, and instants or days out of range."""
    check_instant(received_at)
    if not 0 <= day < DAYS:
        raise ValueError(f"{day} is no day since 1970 that can be kept")
    lengths = {(len(arrival.identity), len(arrival.content)) for arrival in arrivals}
    if not lengths <= {(IDENTITY_BYTES, CONTENT_BYTES)}:
        raise ValueError(f"an arrival needs digests of {IDENTITY_BYTES} and {CONTENT_BYTES} bytes")
    if not all(arrival.value and b"\n" not in arrival.value for arrival in arrivals):
        raise ValueError("an arrival's value is JSON on one line")


def check_forgetting(before_day: int, part: int) -> None:
    """Refuse a day that cannot be kept, and a part that is none."""
    if not 0 <= before_day < DAYS or not 0 <= part < IDENTITY_PARTS:
        raise ValueError(f"nothing is forgotten before day {before_day} in part {part}")


def check_entry(type_: str, received_at: Instant) -> None:
    """Refuse an entry that says it holds events: those pass the de-duplication of `append`."""
    check_instant(received_at)
    if not type_ or type_ == "events":
        raise ValueError(f"append_entry takes no entry of type {type_!r}")


def check_page(limit: int, after: Place | None) -> None:
    """Refuse a page of nothing, and a place that no member can have."""
    if limit < 1:
        raise ValueError(f"a page of {limit} members is none")
    if after is not None:
        check_instant(after.at)


def check_instant(instant: Instant) -> None:
    """Refuse an instant before 1970 or beyond what a store keeps exactly."""
    if not 0 <= instant <= LATEST:
        raise ValueError(f"{instant} is no instant that can be kept")
