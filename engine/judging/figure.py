"""Figures: running numbers over the points of a window, taken from one field.

Here: sum, average, ranks and the latest, exact to the last digit so that adding and taking away is the same as counting
anew. Not here: counting (`judging.window`), what follows from a figure (`judging.fold`). Numbers count to 9 decimals
and are kept as whole billionths (system.md 4).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, insort

from engine.judging.event import EventKey
from engine.judging.rule import Aggregate
from engine.judging.state import Point

BILLION = 1_000_000_000


def billionths(number: float) -> int:
    """Return a number as whole billionths."""
    return round(number * BILLION)


class Figure(ABC):
    """Numbers in a window held against a limit; fewer than `min_events` meet none."""

    def __init__(self, condition: Aggregate) -> None:
        self._condition = condition

    @abstractmethod
    def enter(self, point: Point) -> None:
        """Add a watched point."""

    @abstractmethod
    def leave(self, point: Point) -> None:
        """Take away a point that entered before."""

    @property
    @abstractmethod
    def figure(self) -> float | None:
        """The figure over what is in the window; None where it has none."""

    @property
    @abstractmethod
    def events(self) -> int:
        """How many points are in the window."""

    def met(self) -> bool:
        """Say whether there are enough events and the limit is met."""
        figure = self.figure
        enough = self.events >= self._condition.min_events
        return enough and figure is not None and self._condition.limit.met_by(figure)


class _Sum(Figure):
    """All numbers added up; 0 where there are none."""

    _total = _events = 0

    def enter(self, point: Point) -> None:
        self._total += _number(point)
        self._events += 1

    def leave(self, point: Point) -> None:
        self._total -= _number(point)
        self._events -= 1

    @property
    def figure(self) -> float | None:
        return self._total / BILLION

    @property
    def events(self) -> int:
        return self._events


class _Average(_Sum):
    """The mean of the numbers."""

    @property
    def figure(self) -> float | None:
        return self._total / (self._events * BILLION) if self._events else None


class _Rank(Figure):
    """The number at a place among all, sorted: of n numbers the percentile p is the ceil(p / 100 * n)-th.

    The lowest is the first, the highest the percentile 100; so the figure is always a number that was reported.
    """

    def __init__(self, condition: Aggregate) -> None:
        super().__init__(condition)
        self._sorted: list[int] = []
        self._percentile = {"lowest": 0, "highest": 100}.get(condition.function, condition.p)

    def enter(self, point: Point) -> None:
        insort(self._sorted, _number(point))

    def leave(self, point: Point) -> None:
        del self._sorted[bisect_left(self._sorted, _number(point))]

    @property
    def figure(self) -> float | None:
        place = -(-self.events * self._percentile // 100)
        return self._sorted[max(place, 1) - 1] / BILLION if self._sorted else None

    @property
    def events(self) -> int:
        return len(self._sorted)


class _Latest(Figure):
    """The number of the latest point; points enter in event order."""

    def __init__(self, condition: Aggregate) -> None:
        super().__init__(condition)
        self._numbers: dict[EventKey, int] = {}

    def enter(self, point: Point) -> None:
        self._numbers[point.key] = _number(point)

    def leave(self, point: Point) -> None:
        del self._numbers[point.key]

    @property
    def figure(self) -> float | None:
        last = next(reversed(self._numbers.values()), None)
        return None if last is None else last / BILLION

    @property
    def events(self) -> int:
        return len(self._numbers)


def figure_of(condition: Aggregate) -> Figure:
    """Return an empty figure of the condition."""
    match condition.function:
        case "sum":
            return _Sum(condition)
        case "average":
            return _Average(condition)
        case "latest":
            return _Latest(condition)
        case _:
            return _Rank(condition)


def _number(point: Point) -> int:
    return int(point.measure or 0)
