"""Reading many records of which some may be unreadable: those are reported and left out, the others are used.

A record that cannot be read must not stop the work on any other record. Code that needs one record lets
`UnreadableRecordError` rise to the loop or request, which isolates the item. Code that reads several uses this module.
The record audit (`operations.unreadable_records`) counts unreadable records in the store, so nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import structlog

from engine.errors import UnreadableRecordError
from engine.store.codec import decode_record
from engine.store.port import Put, Record

T = TypeVar("T")

UNREADABLE = "unreadable"
"""Table of the bytes of records that could not be read and were replaced, by `table/id`."""

log = structlog.get_logger(__name__)


def readable(table: str, records: Mapping[str, Record], type_: type[T]) -> dict[str, T]:
    """Return the values of records by id, in order. Unreadable records are logged and left out."""
    return dict(_values(table, records.items(), type_))


def readable_of(
    table: str, ids: Sequence[str], records: Sequence[Record | None], type_: type[T]
) -> dict[str, T]:
    """Return the values of the records that exist, by id, in order. Unreadable records are logged and left out."""
    return dict(_values(table, zip(ids, records, strict=True), type_))


def readable_or(table: str, id_: str, record: Record | None, type_: type[T], default: T) -> T:
    """Return the value of a record. Return the default where the record is missing or unreadable (logged)."""
    return next((value for _, value in _values(table, ((id_, record),), type_)), default)


def readable_entries(log_name: str, entries: Iterable[bytes], type_: type[T], start: int = 0) -> list[T]:
    """Return the entries of a log that can be read; `start` is the index of the first of them."""
    numbered = ((str(number), Record(0, entry)) for number, entry in enumerate(entries, start))
    return [value for _, value in _values(log_name, numbered, type_)]


def kept_bytes(table: str, id_: str, stored: bytes) -> Put:
    """Return what keeps the bytes of an unreadable record, for the write that replaces or removes it."""
    return Put(UNREADABLE, f"{table}/{id_}", stored)


def report_unreadable(error: UnreadableRecordError) -> None:
    """Log that a record cannot be read: table, id and reason, never its content."""
    log.error("record_unreadable", table=error.table, id=error.id, reason=error.reason)


def _values(
    table: str, records: Iterable[tuple[str, Record | None]], type_: type[T]
) -> Iterable[tuple[str, T]]:
    for id_, record in records:
        if record is None:
            continue
        try:
            value = decode_record(table, id_, record.value, type_)
        except UnreadableRecordError as error:
            report_unreadable(error)
        else:
            yield id_, value
