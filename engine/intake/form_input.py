"""What a person sends by hand: JSON lines, a JSON array, a sheet, or one event in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from engine.core.judging.instant import Instant, local
from engine.core.judging.region import NATION, RegionTable
from engine.documents.finding import Language
from engine.documents.kinds import EventKind
from engine.documents.sheets.event_columns import REQUIRED, CellFault, column_of, field_heading
from engine.documents.sheets.event_sheet import EventRow, EventSheets, to_correct
from engine.documents.sheets.sheet import NotASheet, Sheet, SheetRow, read_sheet
from engine.intake.event_schema import Accepted, EventSchema, KeptAside, Refused, split_documents
from engine.people.tokens import ANY_DESK, RIGHTS, Scope
from engine.settings import IntakeSection

ANYWHERE = Scope(rights=frozenset(RIGHTS), region=NATION, desks=(ANY_DESK,), token_id="")
"""Of a sender whose token nobody knows here."""
NIHIL: Mapping[str, str] = {"kind": "desk.heartbeat", "severity": "1"}
"""The report that there is nothing to report: the sign of life of a desk.

Specification: docs/specification/rules.md#event-document.
"""


def sender_scope(region: str, desks: Sequence[str]) -> Scope:
    """Return the scope of a sender whose region and desks the service has told."""
    return Scope(rights=frozenset(RIGHTS), region=region, desks=tuple(desks), token_id="")


class EventInput(msgspec.Struct, frozen=True, kw_only=True):
    """One event to be sent, as one line of JSON, and the row it came from, from 1."""

    row: int
    json: bytes


class Faulty(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is no event yet, and what is wrong with it."""

    row: int
    faults: tuple[CellFault, ...]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What can be sent and what cannot; `to_correct` is a sheet of the faulty rows, where they came in one."""

    events: tuple[EventInput, ...] = ()
    faulty: tuple[Faulty, ...] = ()
    to_correct: bytes = b""


class Givens:
    """Reads what is given, by the regions and kinds of an installation."""

    def __init__(self, regions: RegionTable, kinds: Mapping[str, EventKind], intake: IntakeSection) -> None:
        self._regions = regions
        self._sheets = EventSheets(regions, kinds)
        self._schema = EventSchema(regions, kinds, intake)

    def sheet(
        self, data: bytes, *, desk: str, scope: Scope = ANYWHERE, now: Instant, language: Language = "id"
    ) -> Given:
        """Read a CSV or XLSX; `desk` reports where a row names none, else its region. Raises `NotASheet`."""
        sheet = read_sheet(data)
        rows = checked_rows(self._sheets.read(sheet, desk=desk), self._schema, scope, now, sheet.headings)
        faulty = [row for row in rows if row.document is None]
        return Given(
            events=tuple(_event(row) for row in rows if row.document is not None),
            faulty=tuple(Faulty(row=row.number, faults=row.faults) for row in faulty),
            to_correct=to_correct(sheet, faulty, language) if faulty else b"",
        )

    def words(
        self, words: Mapping[str, str], *, at: Instant, desk: str, scope: Scope = ANYWHERE, now: Instant
    ) -> Given:
        """Read one event from words by field, as a row of a sheet is read; without a date it happened at `at`.

        What the door would not take in as it is comes both as an event and with its fault.
        """
        region = self._sheets.region(words.get("region", "")) or NATION
        moment = local(at, self._regions.timezone(region))
        cells = dict.fromkeys(REQUIRED, "")  # what is not said is missing, as an empty cell is
        if "date" not in words:
            cells |= {"date": f"{moment:%d/%m/%Y}", "time": f"{moment:%H.%M.%S}"}
        cells |= words
        sheet = Sheet(headings=tuple(cells), rows=(SheetRow(number=1, cells=tuple(cells.values())),))
        (row,) = self._sheets.read(sheet, desk=desk)
        if row.document is None:
            return Given(faulty=(Faulty(row=1, faults=row.faults),))
        (seen,) = checked_rows([row], self._schema, scope, now, sheet.headings)
        faulty = (Faulty(row=1, faults=seen.faults),) if seen.faults else ()
        return Given(events=(_event(row),), faulty=faulty)

    def check(self, event: EventInput, now: Instant) -> Faulty | None:
        """Say what the door would find wrong with an event, if anything."""
        verdict = self._schema.examine(event.json, ANYWHERE, now)
        return (
            None if isinstance(verdict, Accepted) else Faulty(row=event.row, faults=(column_fault(verdict),))
        )


def json_events(data: bytes, *, lines: bool) -> Given:
    """Cut JSON into events, each on one line; what is no JSON is sent as it is, for the door to name it."""
    cut = split_documents(data, "application/x-ndjson" if lines else "application/json")
    if cut is None:
        raise NotASheet("not_json")
    return Given(events=tuple(EventInput(row=n, json=_line(raw)) for n, raw in enumerate(cut, start=1)))


def _line(raw: bytes) -> bytes:
    try:
        return msgspec.json.format(raw, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return b" ".join(raw.split())


def _event(row: EventRow) -> EventInput:
    return EventInput(row=row.number, json=msgspec.json.encode(row.document))


def checked_rows(
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
    return msgspec.structs.replace(row, document=None, faults=(column_fault(verdict, names),))


def column_fault(verdict: KeptAside | Refused, names: Mapping[str, str] = {}) -> CellFault:
    """Return why a document is no event as a fault of its column."""
    reason = verdict.fault if isinstance(verdict, KeptAside) else verdict.refusal
    return fault_of(reason, verdict.field, names)


def fault_of(code: str, field: str, names: Mapping[str, str] = {}) -> CellFault:
    """Return what the door says of a field as a fault of its column."""
    heading = names.get("date" if field == "occurred_at" else field) or (field and field_heading(field, "id"))
    named = "desk_out_of_scope" if (code, field) == ("out_of_scope", "source.desk") else code
    return CellFault(code=named, column=heading)
