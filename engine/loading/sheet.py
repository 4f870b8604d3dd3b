"""Sheets: the rows of a CSV or XLSX file that somebody filled in, as it came, within bounds.

Here: from bytes to headings and rows of cells, and the refusal of what is no sheet. Not here: what a column means
(`loading.event_sheet`). The file may be hostile: whatever its bytes are, only `NotASheet` is raised, and neither memory
nor time grow beyond the bounds. An XLSX is a ZIP archive of XML; its parts are unpacked and measured first
(`loading.sheet_parts`), and only those are handed to the reader of spreadsheets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

import msgspec
from python_calamine import CalamineError, CalamineWorkbook

from engine.loading.sheet_parts import MOST_CHARACTERS, MOST_COLUMNS, NotASheet, repacked

LARGEST_BYTES = 4_194_304
"""Bytes of a file."""
MOST_ROWS = 5_000
"""Rows with something in them, below the headings."""
LONGEST_CELL = 4_000
"""Characters of one cell."""

Cell = str | int | float | bool | date | datetime | time | timedelta
"""What a cell holds; an empty text where it is empty."""

_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DELIMITERS = (";", ",", "\t")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: its number as spreadsheets count (the headings are in row 1, or lower), and its cells."""

    number: int
    cells: tuple[Cell, ...]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The headings and the rows that are not empty; every row has as many cells as there are headings."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def read_sheet(data: bytes) -> Sheet:
    """Read the first sheet of a file, told by its content: XLSX, or CSV with `;`, `,` or tabs; else `NotASheet`."""
    if len(data) > LARGEST_BYTES:
        raise too_large()
    if data.startswith(_OLD):
        raise NotASheet("file_old_excel")
    return _sheet(_workbook(data) if data.startswith(_ZIP) else _csv(data))


def too_large() -> NotASheet:
    """Return what is said of a file of more than `LARGEST_BYTES`."""
    return NotASheet("file_too_large", limit=f"{LARGEST_BYTES // 1_048_576} MB")


def _sheet(lines: Iterable[tuple[int, list[Cell]]]) -> Sheet:
    """Take the first row that is not empty as headings and check the rest against it."""
    headings: tuple[str, ...] = ()
    rows: list[Row] = []
    characters = 0
    for number, found in lines:
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in found]
        while cells and cells[-1] == "":
            cells.pop()
        if not cells:
            continue
        if len(cells) > MOST_COLUMNS:
            raise NotASheet("too_many_columns", row=str(number), limit=str(MOST_COLUMNS))
        if any(isinstance(cell, str) and len(cell) > LONGEST_CELL for cell in cells):
            raise NotASheet("cell_too_long", row=str(number), limit=str(LONGEST_CELL))
        characters += sum(len(cell) for cell in cells if isinstance(cell, str))
        if characters > MOST_CHARACTERS:
            raise NotASheet("file_unpacks_too_large")
        if not headings:
            headings = tuple(str(cell) for cell in cells)
            continue
        if len(cells) > len(headings):
            raise NotASheet("row_too_long", row=str(number), columns=str(len(headings)))
        if len(rows) == MOST_ROWS:
            raise NotASheet("too_many_rows", limit=str(MOST_ROWS))
        rows.append(Row(number=number, cells=(*cells, *[""] * (len(headings) - len(cells)))))
    if not headings:
        raise NotASheet("file_empty")
    return Sheet(headings=headings, rows=tuple(rows))


# --- CSV ----------------------------------------------------------------------------------------------------


def _csv(data: bytes) -> Iterator[tuple[int, list[Cell]]]:
    text = _text(data)
    if "\0" in text:
        raise NotASheet("file_unknown")
    head = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(lines, start=1):
            yield number, list(cells)
    except csv.Error:
        raise NotASheet("csv_broken", row=str(lines.line_num)) from None


def _text(data: bytes) -> str:
    """Decode what spreadsheets save: UTF-8, UTF-16 with its mark, else the Western code page of Windows."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NotASheet("file_unknown")


# --- XLSX ---------------------------------------------------------------------------------------------------


def _workbook(data: bytes) -> Iterator[tuple[int, list[Cell]]]:
    plain = repacked(data)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(plain)) as workbook:
            sheet = workbook.get_sheet_by_index(0) if workbook.sheet_names else None
            first = sheet.start[0] if sheet and sheet.start else 0
            rows: list[list[Cell]] = sheet.to_python(skip_empty_area=True) if sheet else []
    except (CalamineError, ValueError, OSError, OverflowError):
        raise NotASheet("file_unknown") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a fault inside the reader, which is no Exception
            raise
        raise NotASheet("file_unknown") from None
    yield from enumerate(rows, start=first + 1)
