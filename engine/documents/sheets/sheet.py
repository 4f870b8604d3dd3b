"""Sheets: the rows of a CSV or XLSX file, within bounds.

The parts of an XLSX file are measured before any library opens it.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from typing import Any
from xml.parsers import expat

import msgspec
from python_calamine import CalamineError, CalamineWorkbook

from engine.errors import SiagaError

LARGEST_UNPACKED = 33_554_432
"""Bytes of all parts, unpacked."""
MOST_PARTS = 500
MOST_COLUMNS = 100
LAST_ROW = 20_000
"""The furthest row that may hold anything: a reader reserves room for all that lie before it."""
MOST_CELLS = 1_000_000
"""Cells of one sheet; empty ones with a format count too."""
MOST_CHARACTERS = 8_388_608
"""Characters of all cells of one sheet, a shared text once for each cell that refers to it."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How the members of an XLSX are packed; others reserve as much memory as the archive asks for."""
_PLACE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)


class NotASheet(SiagaError):
    """The file is no sheet that can be read."""

    def __init__(self, reason: str, **facts: str) -> None:
        """Name the reason, a code of `event_columns.yaml`, and what its words need."""
        super().__init__(reason)
        self.reason = reason
        self.facts = facts


def repacked(data: bytes) -> bytes:
    """Return an archive, not compressed, of the XML parts of this one; raise `NotASheet` where it is none."""
    parts = dict(_parts(data))
    measured = []
    for content in parts.values():
        part = _Part()
        part.measure(content)
        measured.append(part)
    longest = [max(lengths) for lengths in zip_longest(*(part.texts for part in measured), fillvalue=0)]
    if any(part.characters(longest) > MOST_CHARACTERS for part in measured):
        raise NotASheet("file_unpacks_too_large")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def _parts(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from _unpacked(archive)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError, NotImplementedError):
        raise NotASheet("file_unknown") from None


def _unpacked(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    members, left = [member for member in archive.infolist() if not member.is_dir()], LARGEST_UNPACKED
    if len(members) > MOST_PARTS or sum(member.file_size for member in members) > left:
        raise NotASheet("file_unpacks_too_large")
    if any(member.flag_bits & 1 for member in members):
        raise NotASheet("file_locked")
    if any(member.compress_type not in _METHODS for member in members):
        raise NotASheet("file_unknown")
    for member in members:
        with archive.open(member) as part:
            content = part.read(left + 1)
        left -= len(content)
        if left < 0:
            raise NotASheet("file_unpacks_too_large")
        if member.filename.endswith((".xml", ".rels")):
            yield member.filename, content


class _Part:
    """Follows one part as a reader would: the places of its cells, and how many characters they become."""

    def __init__(self) -> None:
        self.texts: list[int] = []
        """Characters of each shared text that stands in this part."""
        self._shares: Counter[int] = Counter()  # how many cells refer to each shared text
        self._own = self._cells = 0
        self._row = self._column = 0
        self._in_cell = self._in_value = self._in_text = self._shared = False
        self._reference: list[str] | None = None  # the number of a shared text, while it is read
        parser: Any = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.XmlDeclHandler = self._declared
        self._parser = parser

    def measure(self, part: bytes) -> None:
        """Raise `NotASheet` where the part is no plain XML, or its cells are too many or beyond the bounds."""
        if b"\0" in part:
            self._refuse()
        try:
            self._parser.Parse(part, True)
        except expat.ExpatError:
            self._refuse()

    def characters(self, texts: Sequence[int]) -> int:
        """Return how many characters its cells become, where the shared texts have these lengths."""
        return self._own + sum(
            count * texts[number] for number, count in self._shares.items() if number < len(texts)
        )

    def _refuse(self, *_: object) -> None:
        raise NotASheet("file_unknown")

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ("UTF-8", "US-ASCII"):
            self._refuse()

    def _start(self, element: str, attributes: Mapping[str, str]) -> None:
        name = element.rpartition(":")[2]
        if name == "c":
            self._cell(attributes)
        elif name == "row":
            self._row, self._column = self._number(attributes.get("r"), self._row + 1), 0
            self._bound_place()
        elif name in ("v", "t"):
            self._in_value = self._in_cell
            self._reference = [] if self._shared and name == "v" else None
        elif name == "si":
            if self._in_text:
                self._refuse()
            self._in_text = True
            self.texts.append(0)

    def _cell(self, attributes: Mapping[str, str]) -> None:
        if self._in_cell:
            self._refuse()
        self._in_cell, self._shared = True, attributes.get("t") == "s"
        self._cells += 1
        if self._cells > MOST_CELLS:
            raise NotASheet("file_unpacks_too_large")
        place = attributes.get("r")
        if place is None:
            self._column += 1
        else:
            found = _PLACE.fullmatch(place)
            if found is None:
                raise NotASheet("file_unknown")
            self._column, self._row = _column(found[1]), int(found[2])
        self._bound_place()

    def _bound_place(self) -> None:
        if self._row > LAST_ROW or self._column > MOST_COLUMNS:
            raise NotASheet("cell_too_far", columns=str(MOST_COLUMNS), rows=str(LAST_ROW))

    def _characters(self, text: str) -> None:
        if self._in_text:
            self.texts[-1] += len(text)
        elif self._reference is not None:
            self._reference.append(text)
        elif self._in_value:
            self._own += len(text)

    def _end(self, element: str) -> None:
        name = element.rpartition(":")[2]
        if name == "c":
            self._in_cell = self._shared = self._in_value = False
        elif name == "si":
            self._in_text = False
        elif name in ("v", "t"):
            self._in_value = False
            if self._reference:
                number = "".join(self._reference).strip()
                if not (number.isascii() and number.isdigit()):
                    self._refuse()
                number = number.lstrip("0") or "0"
                if len(number) < 8:  # no shared text has a higher number
                    self._shares[int(number)] += 1
            self._reference = None

    def _number(self, text: str | None, otherwise: int) -> int:
        if text is None:
            return otherwise
        if not (text.isascii() and text.isdigit() and len(text) < 8):
            raise NotASheet("file_unknown")
        return int(text)


def _column(letters: str) -> int:
    """Return the number of a column of this name, from 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


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


class SheetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row: its number as spreadsheets count (the headings are in row 1, or lower), and its cells."""

    number: int
    cells: tuple[Cell, ...]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The headings and the rows that are not empty; every row has as many cells as there are headings."""

    headings: tuple[str, ...]
    rows: tuple[SheetRow, ...]


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
    rows: list[SheetRow] = []
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
        rows.append(SheetRow(number=number, cells=(*cells, *[""] * (len(headings) - len(cells)))))
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
