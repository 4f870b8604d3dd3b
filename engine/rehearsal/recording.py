"""A recording: a JSON-lines file of events, read in the order in which they were received.

Here: an index of the lines, so that a file of any size is gone through with 32 bytes of memory a line. Not here: what
an event is (`service.event_schema`) and what reads them (`rehearsal.backtest`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.core.judging.instant import Instant, parse_instant
from engine.errors import ConfigurationError, ParseError
from engine.rehearsal.feed import Line, Request


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

    def part(self, since: Instant | None = None, until: Instant | None = None) -> Part:
        """Return what was received in [since, until); raise `ConfigurationError` where that is nothing."""
        first = 0 if since is None else bisect_left(self._order, since, key=self._at.__getitem__)
        end = len(self) if until is None else bisect_left(self._order, until, key=self._at.__getitem__)
        if first >= end:
            raise ConfigurationError(f"{self.file}: no event was received in this span")
        return Part(self, range(first, end))

    def received_at(self, place: int) -> Instant:
        """Return when the event at a place in the order of receipt was received."""
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


class Part:
    """A feed of the events at some places of a recording."""

    def __init__(self, recording: Recording, places: range) -> None:
        self._recording = recording
        self._places = places
        self.total = len(places)
        self.first = recording.received_at(places[0])
        self.last = recording.received_at(places[-1])

    async def requests(self, most: int) -> AsyncIterator[Request]:
        """Yield them in the order of receipt, at most so many in one request."""
        for request in self._recording.requests(self._places, most):
            yield request


class _Stamps(msgspec.Struct):
    """All that the order needs of an event; the door reads the rest."""

    received_at: str | None = None
    occurred_at: str | None = None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
