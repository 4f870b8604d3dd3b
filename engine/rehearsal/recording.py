"""A recording: a JSON-lines file of events, read in the order in which they were received.

Here: an index of the lines, so that a file of any size is gone through with 32 bytes of memory a line. Not here: what
an event is (`service.event_schema`) and what reads them (`rehearsal.backtest`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.errors import ConfigurationError, ParseError
from engine.judging.instant import Instant, parse_instant


class Line(msgspec.Struct, frozen=True):
    """One line of the file: its number (from 1) and the event on it, as it stands there."""

    number: int
    event: bytes


class Request(msgspec.Struct, frozen=True):
    """What was received at one instant: events that are judged together (rule-language.md 3.2)."""

    at: Instant
    lines: tuple[Line, ...]


class Recording:
    """The events of a file, each at its `received_at`, else at its `occurred_at`; equal ones as they stand there."""

    def __init__(self, file: Path) -> None:
        """Read the instants of all lines; raise `ConfigurationError` naming the line of the first mistake."""
        self.file = file
        self._at, self._offset, self._number = array("q"), array("q"), array("q")
        with _opened(file) as lines:
            self._index(lines)
        self._order = array("q", sorted(range(len(self._at)), key=self._at.__getitem__))

    def _index(self, lines: BinaryIO) -> None:
        stamps, offset = msgspec.json.Decoder(_Stamps), 0
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    found = stamps.decode(line)
                    at = parse_instant(found.received_at or found.occurred_at or "")[0]
                except (msgspec.DecodeError, ParseError, UnicodeDecodeError) as error:
                    raise ConfigurationError(f"{self.file}:{number}: {error}") from None
                self._at.append(at)
                self._offset.append(offset)
                self._number.append(number)
            offset += len(line)

    def __len__(self) -> int:
        return len(self._at)

    def places(self, since: Instant | None = None, until: Instant | None = None) -> range:
        """Return the places, in the order of receipt, of what was received from `since` on and before `until`."""
        first = 0 if since is None else bisect_left(self._order, since, key=self._at.__getitem__)
        end = len(self) if until is None else bisect_left(self._order, until, key=self._at.__getitem__)
        return range(first, max(first, end))

    def received_at(self, place: int) -> Instant:
        """Return when the event at a place was received."""
        return self._at[self._order[place]]

    def requests(self, places: range, most: int) -> Iterator[Request]:
        """Yield the events at these places by the instant of receipt, at most so many in one request."""
        with _opened(self.file) as file:
            lines: list[Line] = []
            for place in places:
                index = self._order[place]
                if lines and (len(lines) == most or self.received_at(place - 1) != self._at[index]):
                    yield Request(self.received_at(place - 1), tuple(lines))
                    lines = []
                file.seek(self._offset[index])
                lines.append(Line(self._number[index], file.readline().strip()))
            if lines:
                yield Request(self.received_at(places[-1]), tuple(lines))


class _Stamps(msgspec.Struct):
    """All that the order needs of an event; the door reads the rest."""

    received_at: str | None = None
    occurred_at: str | None = None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
