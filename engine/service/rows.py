"""Rows of a sheet, held against what the door asks of an event before anything is sent.

Here: from the rows that could be read to those that the door would take in, and the faults of the others in the words
of the sheet. Not here: reading a sheet (`documents.sheets.event_sheet`) and the schema itself (`service.event_schema`).
What only the store can say, that an id is taken by other content, comes with the answer of the door.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from engine.core.judging.instant import Instant
from engine.documents.sheets.event_columns import CellFault, column_of, field_heading
from engine.documents.sheets.event_sheet import EventRow
from engine.service.event_schema import Accepted, EventSchema, KeptAside, Refused
from engine.service.tokens import Scope


def checked(
    rows: Iterable[EventRow], schema: EventSchema, scope: Scope, now: Instant, headings: Sequence[str]
) -> tuple[EventRow, ...]:
    """Return the rows; those whose event the door would not take in have its fault and no document any more."""
    names = {column.field: heading for heading in headings if (column := column_of(heading))}
    return tuple(
        row if row.document is None else _checked(row, row.document, schema, scope, now, names)
        for row in rows
    )


def _checked(
    row: EventRow,
    document: Mapping[str, object],
    schema: EventSchema,
    scope: Scope,
    now: Instant,
    names: Mapping[str, str],
) -> EventRow:
    verdict = schema.examine(msgspec.json.encode(document), scope, now)
    if isinstance(verdict, Accepted):
        return row
    return msgspec.structs.replace(row, document=None, faults=(found(verdict, names),))


def found(verdict: KeptAside | Refused, names: Mapping[str, str] = {}) -> CellFault:
    """Return why a document is no event as a fault of its column."""
    reason = verdict.fault if isinstance(verdict, KeptAside) else verdict.refusal
    return fault_of(reason, verdict.field, names)


def fault_of(code: str, field: str, names: Mapping[str, str] = {}) -> CellFault:
    """Return what the door says of a field as a fault of its column."""
    heading = names.get("date" if field == "occurred_at" else field) or (field and field_heading(field, "id"))
    named = "desk_out_of_scope" if (code, field) == ("out_of_scope", "source.desk") else code
    return CellFault(code=named, column=heading)
