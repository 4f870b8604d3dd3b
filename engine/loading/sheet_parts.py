"""The parts of an XLSX, measured before anybody reads them.

Here: unpacking the archive within bounds, and refusing whatever would make a reader of spreadsheets reserve more room
than the file is worth: archives that unpack to much more than they are, cells far out, XML that is not well-formed or
brings entities. Not here: reading cells (`loading.sheet`). Sizes that an archive declares are not believed: what is
handed on is packed anew from what was counted.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers import expat

from engine.errors import SiagaError

LARGEST_UNPACKED = 33_554_432
"""Bytes of all parts, unpacked."""
MOST_PARTS = 500
MOST_COLUMNS = 100
LAST_ROW = 20_000
"""The furthest row that may hold anything: a reader reserves room for all that lie before it."""

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
    for member in members:
        with archive.open(member) as part:
            content = part.read(left + 1)
        left -= len(content)
        if left < 0:
            raise NotASheet("file_unpacks_too_large")
        if member.filename.endswith((".xml", ".rels")):
            _Places().check(content)
            yield member.filename, content


class _Places:
    """Follows the places of the cells of one part, as a reader would."""

    def __init__(self) -> None:
        self._row = self._column = 0
        parser: Any = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = self._refuse
        parser.XmlDeclHandler = self._declared
        self._parser = parser

    def check(self, part: bytes) -> None:
        """Raise `NotASheet` where the part is no plain XML, or has a cell beyond the bounds."""
        if b"\0" in part:
            self._refuse()
        try:
            self._parser.Parse(part, True)
        except expat.ExpatError:
            self._refuse()

    def _refuse(self, *_: object) -> None:
        raise NotASheet("file_unknown")

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ("UTF-8", "US-ASCII"):
            self._refuse()

    def _start(self, element: str, attributes: Mapping[str, str]) -> None:
        name = element.rpartition(":")[2]
        if name == "row":
            self._row, self._column = self._number(attributes.get("r"), self._row + 1), 0
        elif name == "c":
            place = attributes.get("r")
            if place is None:
                self._column += 1
            else:
                found = _PLACE.fullmatch(place)
                if found is None:
                    raise NotASheet("file_unknown")
                self._column, self._row = _column(found[1]), int(found[2])
        else:
            return
        if self._row > LAST_ROW or self._column > MOST_COLUMNS:
            raise NotASheet("cell_too_far", columns=str(MOST_COLUMNS), rows=str(LAST_ROW))

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
