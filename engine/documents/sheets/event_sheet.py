"""Sheets of reports: from the rows that somebody filled in to events as the service takes them, row by row.

Here: headings, cells of a row, the document of an event, its id. Not here: what is said of a mistake
(`event_columns.yaml`) and whether a document is an event (`intake.event_schema`). A row with a mistake becomes no
document; the others do, so that one mistake holds nobody up.

A row without a number of its own gets an id that follows from its content, so that the same file sent again brings
nothing twice. Two equal rows of one file are a mistake that is named: either one is too many, or they are two events.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

import msgspec

from engine.core.alerting.ids import derive
from engine.core.judging.instant import format_instant, from_datetime, zone
from engine.core.judging.region import RegionTable
from engine.documents.fields import code_of
from engine.documents.finding import Language
from engine.documents.kinds import EventKind
from engine.documents.sheets.cell import (
    ClockTime,
    Unreadable,
    clock_time_of,
    code_text,
    day_of,
    number_of,
    text_of,
    whole_of,
)
from engine.documents.sheets.event_columns import (
    COLUMNS,
    REQUIRED,
    WORDS,
    CellFault,
    EventColumn,
    choice,
    column_of,
    cut,
    field_heading,
    folded,
    headings,
    is_ignored,
)
from engine.documents.sheets.sheet import Cell, NotASheet, Sheet, SheetRow

NOON = time(12)
"""A report without a time of day lies at noon of its region, with `time_precision: day`."""
MOST_GUESSES = 50
"""Words of one sheet for which it is guessed what was meant: a guess takes long, and nobody reads more."""
MARK = "\ufeff"
"""What tells a spreadsheet that a CSV is UTF-8."""


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row: its number in the spreadsheet, its cells as they came, and the event's document or what is wrong."""

    number: int
    cells: tuple[str, ...]
    document: Mapping[str, Any] | None = None
    faults: tuple[CellFault, ...] = ()


class EventSheets:
    """Reads sheets by the regions and kinds of an installation."""

    def __init__(self, regions: RegionTable, kinds: Mapping[str, EventKind]) -> None:
        self._regions = regions
        self._kinds: dict[str, str] = {}
        for code, kind in kinds.items():
            self._kinds |= {folded(kind.en): code, folded(kind.id): code, folded(code): code}
        self._codes = tuple(kinds)
        self._names = tuple(kind.id for kind in kinds.values())

    def region(self, said: str) -> str | None:
        """Return the code of a region by code or name; None where no region, or more than one, is called so."""
        code = region_of(said, self._regions)
        return code if code is not None and self._regions.known(code) else None

    def read(self, sheet: Sheet, *, desk: str) -> tuple[EventRow, ...]:
        """Return every row; `desk` reports where a row names none, and where there is no `desk` the row's region.

        Raises `NotASheet` where the headings are wrong.
        """
        columns = _columns(sheet.headings)
        if not sheet.rows:
            raise NotASheet("nothing_in_it")
        reader = _RowReader(self._regions, self._kinds, (*self._names, *self._codes))
        rows, seen = [], dict[str, int]()
        for row in sheet.rows:
            document, faults = reader.read(row, columns, desk)
            key = derive("row", msgspec.json.encode(document).decode()) if not faults else ""
            if key and (first := seen.setdefault(key, row.number)) != row.number:
                faults = [CellFault(code="same_row", facts={"row": str(first)})]
            if not faults:
                document.setdefault("id", f"r-{key}")
            cells = tuple(text_of(cell) for cell in row.cells)
            rows.append(
                EventRow(
                    number=row.number,
                    cells=cells,
                    document=None if faults else document,
                    faults=tuple(faults),
                )
            )
        return tuple(rows)


def _columns(written: Sequence[str]) -> list[tuple[str, EventColumn] | None]:
    """Return the column of each heading, None for those that are ignored; raise `NotASheet` for any other."""
    columns: list[tuple[str, EventColumn] | None] = []
    for heading in written:
        if not heading:
            raise NotASheet("heading_empty")
        column = column_of(heading)
        if column is None and not is_ignored(heading):
            fault = choice("heading_unknown", "", heading, [c.heading("id") for c in COLUMNS])
            raise NotASheet(fault.code, **fault.facts)
        columns.append(None if column is None else (heading, column))
    fields = [named[1].field for named in columns if named]
    for field in fields:
        if fields.count(field) > 1:
            raise NotASheet("heading_twice", text=field_heading(field, "id"))
    for field in REQUIRED:
        if field not in fields:
            raise NotASheet("heading_missing", text=field_heading(field, "id"))
    return columns


class _RowReader:
    """Reads the rows of one sheet."""

    def __init__(self, regions: RegionTable, kinds: Mapping[str, str], offered: Sequence[str]) -> None:
        """Read by regions and kinds by their words; of these some are `offered` where a word is none of them."""
        self._regions = regions
        self._kinds = kinds
        self._offered = offered
        self._guesses = 0

    def read(
        self, row: SheetRow, columns: Sequence[tuple[str, EventColumn] | None], desk: str
    ) -> tuple[dict[str, Any], list[CellFault]]:
        """Return the document of a row as far as it can be read, and what is wrong."""
        values: dict[str, Any] = {}
        faults: list[CellFault] = []
        names = {named[1].field: named[0] for named in columns if named}
        for named, cell in zip(columns, row.cells, strict=True):
            if named is None or cell == "":
                continue
            heading, column = named
            try:
                values[column.field] = self._value(column, heading, cell)
            except Unreadable as wrong:
                facts = {"text": cut(text_of(cell))}
                faults.append(CellFault(code=wrong.code, column=heading, facts=facts))
            except _NoChoice as wrong:
                faults.append(wrong.fault)
        faulty = {fault.column for fault in faults}
        empty = (names[field] for field in REQUIRED if field not in values and names[field] not in faulty)
        faults += [CellFault(code="cell_empty", column=heading) for heading in empty]
        return ({}, faults) if faults else (self._document(values, desk), [])

    def _value(self, column: EventColumn, heading: str, cell: Cell) -> Any:
        match column.read:
            case "date":
                return day_of(cell)
            case "time":
                return clock_time_of(cell)
            case "whole":
                return whole_of(cell)
            case "number":
                return number_of(cell)
            case "region":
                return self._region(heading, code_text(cell))
            case "kind":
                return self._word(heading, text_of(cell), self._kinds, tuple(self._kinds), self._offered)
            case "words":
                words = WORDS[column.field]
                offered = [words_of[0] for words_of in column.words.values()]
                return self._word(heading, text_of(cell), words, tuple(words), offered)
            case "code":
                return code_text(cell)
            case "free":
                return cell if isinstance(cell, bool | int | float) else text_of(cell)
            case _:
                return text_of(cell)

    def _region(self, heading: str, said: str) -> str:
        code = region_of(said, self._regions)
        if code is None:
            several = [r.short_name for r in self._regions if folded(said) in r.short_name.casefold()]
            if several:  # which of them was meant nobody can guess
                raise _NoChoice(choice("region_name_unknown", heading, said, several, guess=False))
            names = [region.short_name for region in self._regions]
            raise _NoChoice(self._choice("region_name_unknown", heading, said, names))
        return code

    def _word(
        self,
        heading: str,
        said: str,
        words: Mapping[str, Any],
        known: Sequence[str],
        offered: Sequence[str],
    ) -> Any:
        found = words.get(folded(said))
        if found is not None:
            return found
        fault = self._choice("word_unknown", heading, said, known)
        if not fault.facts["best"]:
            fault = choice("word_unknown", heading, said, offered, guess=False)
        raise _NoChoice(fault)

    def _choice(self, code: str, heading: str, said: str, choices: Sequence[str]) -> CellFault:
        self._guesses += 1
        return choice(code, heading, said, choices, guess=self._guesses <= MOST_GUESSES)

    def _document(self, values: dict[str, Any], desk: str) -> dict[str, Any]:
        """Return the document of a row whose cells could all be read."""
        day, clock = values.pop("date")
        clock = values.pop("time", None) or clock
        region = self._regions.timezone(values["region"])
        when = datetime.combine(day, (clock or ClockTime(NOON)).time)
        at = from_datetime(when.replace(tzinfo=zone(clock.zone if clock and clock.zone else region)))
        document: dict[str, Any] = {"occurred_at": format_instant(at, region)}
        if clock is None:
            document["time_precision"] = "day"
        source = {"source.desk": desk or values["region"], "source.channel": "desk"}
        for path, value in (source | values).items():
            _put(document, path, value)
        return document


class _NoChoice(Exception):
    """A word is none of the choices; holds the fault."""

    def __init__(self, fault: CellFault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def region_of(said: str, regions: RegionTable) -> str | None:
    """Return the code of a region written by its name; what begins like a code is left to the door, which explains."""
    if said[:1].isdigit():
        return said
    name = folded(said).replace("kabupaten ", "kab. ").removeprefix("provinsi ")
    return code_of(f"kab. {name[4:]}" if name.startswith("kab ") else name, regions)


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    first, dot, rest = path.partition(".")
    inner = document.setdefault(first, {}) if dot else None
    if isinstance(inner, dict):
        _put(inner, rest, value)
    else:
        document[path] = value


def template(language: Language = "id") -> bytes:
    """Return the empty sheet as a CSV that spreadsheets open with its columns apart."""
    return _csv([headings(language)])


def to_correct(sheet: Sheet, rows: Iterable[EventRow], language: Language = "id") -> bytes:
    """Return the rows that have a mistake as a CSV to correct and send again; its last column says what is wrong."""
    note = "To correct" if language == "en" else "Perbaikan"
    kept = [index for index, heading in enumerate(sheet.headings) if not is_ignored(heading)]
    lines = [[*(sheet.headings[index] for index in kept), note]]
    for row in rows:
        said = "; ".join(fault.said(language) for fault in row.faults)
        lines.append([*(row.cells[index] for index in kept), said])
    return _csv(lines)


def _csv(lines: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(lines)
    return (MARK + text.getvalue()).encode()
