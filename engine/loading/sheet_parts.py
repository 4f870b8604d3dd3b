"""The parts of an XLSX, measured before anybody reads them.

Here: unpacking the archive within bounds, and refusing whatever would make a reader of spreadsheets reserve more room
than the file is worth: archives that unpack to much more than they are, cells far out, texts that many cells share and
a reader copies for each, XML that is not well-formed or brings entities. Not here: reading cells (`loading.sheet`).
Sizes that an archive declares are not believed: what is handed on is packed anew from what was counted.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any
from xml.parsers import expat

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
