"""Figures: running numbers over the points of a window.

Here: counts, distinct values, sums, averages, ranks and the latest, exact to the last digit so that adding and taking
away is the same as counting anew. Not here: what is held against a figure (`judging.window`, `judging.contrast`), what
follows from it (`judging.fold`). Numbers count to 9 decimals and are kept as whole billionths (system.md 4).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Callable
from functools import partial

from engine.judging.event import EventKey
from engine.judging.state import Measure, Point

BILLION = 1_000_000_000

Exact = tuple[int, int]
"""A number as a whole numerator and a denominator above 0."""


def billionths(number: float) -> int:
    """Return a number as whole billionths."""
    return round(number * BILLION)


class Figure(ABC):
    """A running number over points that enter and leave."""

    @abstractmethod
    def enter(self, point: Point) -> None:
        """Add a watched point."""

    @abstractmethod
    def leave(self, point: Point) -> None:
        """Take away a point that entered before."""

    @property
    @abstractmethod
    def exact(self) -> Exact | None:
        """The figure over what is in the window; None where it has none."""

    @property
    @abstractmethod
    def events(self) -> int:
        """How many points are in the window."""

    @property
    def number(self) -> float | None:
        """The figure as the nearest number there is."""
        exact = self.exact
        return None if exact is None else exact[0] / exact[1]


class _Different(Figure):
    """Number of different measures; 0 where there are none."""

    def __init__(self) -> None:
        self._times: dict[Measure, int] = {}

    def enter(self, point: Point) -> None:
        times, measure = self._times, point.measure
        times[measure] = times.get(measure, 0) + 1

    def leave(self, point: Point) -> None:
        left = self._times[point.measure] - 1
        if left:
            self._times[point.measure] = left
        else:
            del self._times[point.measure]

    @property
    def exact(self) -> Exact | None:
        return len(self._times), 1

    @property
    def events(self) -> int:
        return sum(self._times.values())


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
    def exact(self) -> Exact | None:
        return self._total, BILLION

    @property
    def events(self) -> int:
        return self._events


class _Count(_Sum):
    """Number of points, or their weights summed: a point without measure weighs 1."""

    def enter(self, point: Point) -> None:
        self._total += BILLION if point.measure is None else int(point.measure)
        self._events += 1

    def leave(self, point: Point) -> None:
        self._total -= BILLION if point.measure is None else int(point.measure)
        self._events -= 1


class _Average(_Sum):
    """The mean of the numbers."""

    @property
    def exact(self) -> Exact | None:
        return (self._total, self._events * BILLION) if self._events else None


class _Rank(Figure):
    """The number at a place among all, sorted: of n numbers the percentile p is the ceil(p / 100 * n)-th.

    The lowest is the first, the highest the percentile 100; so the figure is always a number that was reported.
    """

    def __init__(self, percentile: int) -> None:
        self._sorted: list[int] = []
        self._percentile = percentile

    def enter(self, point: Point) -> None:
        insort(self._sorted, _number(point))

    def leave(self, point: Point) -> None:
        del self._sorted[bisect_left(self._sorted, _number(point))]

    @property
    def exact(self) -> Exact | None:
        place = -(-self.events * self._percentile // 100)
        return (self._sorted[max(place, 1) - 1], BILLION) if self._sorted else None

    @property
    def events(self) -> int:
        return len(self._sorted)


class _Latest(Figure):
    """The number of the latest point; points enter in event order."""

    def __init__(self) -> None:
        self._numbers: dict[EventKey, int] = {}

    def enter(self, point: Point) -> None:
        self._numbers[point.key] = _number(point)

    def leave(self, point: Point) -> None:
        del self._numbers[point.key]

    @property
    def exact(self) -> Exact | None:
        last = next(reversed(self._numbers.values()), None)
        return None if last is None else (last, BILLION)

    @property
    def events(self) -> int:
        return len(self._numbers)


def runner(name: str, p: int = 100) -> Callable[[], Figure]:
    """Return what makes empty figures of a name: `count`, `distinct`, or a function of `aggregate`; `p`: percentile."""
    return _RUNNING.get(name) or partial(_Rank, p)


def running(name: str, p: int = 100) -> Figure:
    """Return an empty figure by its name, see `runner`."""
    return runner(name, p)()


def _number(point: Point) -> int:
    return int(point.measure or 0)


_RUNNING: dict[str, Callable[[], Figure]] = {
    "count": _Count,
    "distinct": _Different,
    "sum": _Sum,
    "average": _Average,
    "latest": _Latest,
    "lowest": partial(_Rank, 0),
    "highest": partial(_Rank, 100),
}
