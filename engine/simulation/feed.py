"""Feeds: the events of a backtest in the order in which they were received.

A feed can be read again, and none holds its events in memory. `simulation.replay` holds the feed of a recorded file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Protocol

import msgspec

from engine.core.judging.instant import SECOND, Instant, format_instant, parse_instant
from engine.core.judging.region import RegionTable
from engine.errors import ConfigurationError
from engine.store.archive.history import EventHistory


class FeedLine(msgspec.Struct, frozen=True):
    """One document of a feed: its number (from 1) and the event as a desk sends it."""

    number: int
    event: bytes


class FeedRequest(msgspec.Struct, frozen=True):
    """What was received at one instant, still to pass the door: events that are judged together."""

    at: Instant
    lines: tuple[FeedLine, ...]


class AcceptedEvent(msgspec.Struct, frozen=True):
    """The events of one request that passed the door before, as the stream holds them."""

    at: Instant
    values: tuple[bytes, ...]


class Other(msgspec.Struct, frozen=True):
    """An entry of the stream that holds no events, such as an outage of the intake."""

    at: Instant
    type: str
    value: bytes


class Feed(Protocol):
    """Some events: how many, received from when to when, and each request of them."""

    @property
    def total(self) -> int:
        """How many events there are; 1 or more."""
        ...

    @property
    def first(self) -> Instant:
        """When the first of them was received."""
        ...

    @property
    def last(self) -> Instant:
        """When the last of them was received."""
        ...

    def requests(self, most: int) -> AsyncIterator[FeedRequest | AcceptedEvent | Other]:
        """Yield them in the order of receipt, at most so many still to pass the door in one request."""
        ...


class Past:
    """What an installation received, from its archive and stream, as it was when `survey` looked.

    Rule sets that were put in force then are left out: a backtest has its own.
    """

    def __init__(
        self,
        history: EventHistory,
        since: Instant,
        until: Instant | None,
        span: tuple[Instant, Instant],
        total: int,
    ) -> None:
        self._history = history
        self._since = since
        self._until = until
        self.first, self.last = span
        self.total = total

    @classmethod
    async def survey(
        cls, history: EventHistory, since: Instant | None = None, until: Instant | None = None
    ) -> Past:
        """Count what was received in [since, until); raise `ConfigurationError` where that is nothing."""
        first: Instant | None = None
        last = total = 0
        async for entry in history.entries(since or 0, until):
            if entry.type == "events":
                first = entry.received_at if first is None else first
                last = entry.received_at
                total += len(entry.values)
        if first is None:
            raise ConfigurationError(
                "this installation received no event in this span; "
                "--events config/demo/pilkada-2024.jsonl takes the public facts of 2024"
            )
        return cls(history, since or 0, until, (first, last), total)

    async def requests(self, most: int) -> AsyncIterator[FeedRequest | AcceptedEvent | Other]:  # noqa: ARG002
        """Yield them as they stand in the stream; what was one request is one."""
        left, values = self.total, list[bytes]()
        async for entry in self._history.entries(self._since, self._until):
            if entry.type == "events":
                values += entry.values
                left -= len(entry.values)
                if entry.last:
                    yield AcceptedEvent(entry.received_at, tuple(values))
                    values = []
                if left <= 0:
                    return
            elif entry.type != "rules":
                yield Other(entry.received_at, entry.type, entry.values[0])


RATE = 5 * SECOND
"""A synthetic event every so many milliseconds: 17,280 a day."""
TOGETHER = 60 * SECOND
"""Desks send what they have once in so many milliseconds."""
GRAVE = 100
"""One synthetic event in so many is grave, the others are readings of the turnout."""
SYNTHETIC_START, _ = parse_instant("2024-09-25T00:00:00+07:00")


class Synthetic:
    """Synthetic events in any number, the same at every run, from desks of all regencies in turn."""

    def __init__(self, total: int, regions: RegionTable, kinds: Sequence[str]) -> None:
        """Name the kinds of the grave ones; `total` is 1 or more."""
        self.total = total
        self.first = self._received(0)
        self.last = self._received(total - 1)
        self._places = [region.code for region in regions if region.code.count(".") == 1]
        self._zones = {code: regions.timezone(code) for code in self._places}
        self._kinds = sorted(kind for kind in kinds if not kind.startswith(("turnout.", "followup.")))

    @staticmethod
    def _received(number: int) -> Instant:
        return SYNTHETIC_START + (number * RATE // TOGETHER + 1) * TOGETHER

    async def requests(self, most: int) -> AsyncIterator[FeedRequest | AcceptedEvent | Other]:
        """Yield them, what came within a minute in one request."""
        for at, numbers in groupby(range(self.total), key=self._received):
            lines = [self._line(number) for number in numbers]
            for start in range(0, len(lines), most):
                yield FeedRequest(at, tuple(lines[start : start + most]))

    def _line(self, number: int) -> FeedLine:
        place = self._places[number * 7 % len(self._places)]
        grave = number % GRAVE == 0
        turn = number // GRAVE
        event = {
            "id": f"sintetis-{number}",
            "kind": self._kinds[turn % len(self._kinds)] if grave else "turnout.reading",
            "severity": 1 + turn % 4 if grave else 1,
            "region": place,
            "occurred_at": format_instant(SYNTHETIC_START + number * RATE, self._zones[place]),
            "source": {"desk": place, "channel": "desk"},
            "summary": "Kejadian sintetis: tidak pernah terjadi",
            "metrics": {"turnout_pct": number % 100} if not grave else {},
        }
        if grave:
            event["incident"] = f"sintetis-{turn // 3}"
        return FeedLine(number + 1, msgspec.json.encode(event))
