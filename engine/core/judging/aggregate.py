"""Aggregates over the points of a window: sums, ratios, comparisons with a reference span, changes and first values.

Numbers are exact: fractions of a billionth, never floats.

Specification: docs/specification/rules.md#matching.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial

from engine.core.judging.condition import (
    Change,
    Compare,
    Earlier,
    Floor,
    PreviousWindow,
    ReferenceColumn,
    SameHour,
    ShareCondition,
)
from engine.core.judging.event import EventKey
from engine.core.judging.filter import Limit
from engine.core.judging.group_state import Measure, Point
from engine.core.judging.instant import DAY, HOUR, Instant, Millis
from engine.core.judging.judgement import Sides

BILLION = 1_000_000_000

Exact = tuple[int, int]
"""A number as a whole numerator and a denominator above 0."""


def billionths(number: float) -> int:
    """Return a number as whole billionths."""
    return round(number * BILLION)


class Aggregator(ABC):
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


class _Different(Aggregator):
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


class _Sum(Aggregator):
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


class _Rank(Aggregator):
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


class _Latest(Aggregator):
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


def aggregator_maker(name: str, p: int = 100) -> Callable[[], Aggregator]:
    """Return what makes empty figures of a name: `count`, `distinct`, or a function of `aggregate`; `p`: percentile."""
    return _RUNNING.get(name) or partial(_Rank, p)


def aggregator_of(name: str, p: int = 100) -> Aggregator:
    """Return an empty figure by its name, see `aggregator_maker`."""
    return aggregator_maker(name, p)()


def _number(point: Point) -> int:
    return int(point.measure or 0)


_RUNNING: dict[str, Callable[[], Aggregator]] = {
    "count": _Count,
    "distinct": _Different,
    "sum": _Sum,
    "average": _Average,
    "latest": _Latest,
    "lowest": partial(_Rank, 0),
    "highest": partial(_Rank, 100),
}


PERCENT = 100


class Ratio:
    """Part and whole summed up; an empty whole meets no limit. Points enter in event order.

    The measure of a point is what it adds to the part; besides stand what it adds to the whole, and whether the floor's
    field lets it pass. A whole that is a column is the number of the latest point's region.
    """

    def __init__(self, condition: ShareCondition) -> None:
        self._condition = condition
        self._column = condition.whole if isinstance(condition.whole, ReferenceColumn) else None
        self._added: dict[EventKey, tuple[int, int, int]] = {}
        self._part = self._summed = 0

    def enter(self, point: Point) -> None:
        """Add a watched point; without a window it takes the place of the one before."""
        if self._condition.within is None:
            self._added.clear()
            self._part = self._summed = 0
        whole, passes = point.besides
        if self._column is not None:
            whole = billionths(self._column.of(point.evidence.region) or 0)
        added = int(point.measure or 0), whole, passes
        self._added[point.key] = added
        self._part += added[0]
        self._summed += whole

    def leave(self, point: Point) -> None:
        """Take away a point that entered before."""
        part, whole, _ = self._added.pop(point.key, (0, 0, 0))
        self._part -= part
        self._summed -= whole

    @property
    def _whole(self) -> int:
        return self._summed if self._column is None else self._latest[1]

    @property
    def sides(self) -> Sides:
        """The part and the whole."""
        return self._part / BILLION, self._whole / BILLION

    @property
    def figure(self) -> float | None:
        """The part in percent of the whole; None where the whole is empty."""
        return PERCENT * self._part / self._whole if self._whole else None

    def met(self) -> bool:
        """Say whether the limit and the floor are met."""
        figure, floor = self.figure, self._condition.floor
        return (
            figure is not None
            and self._condition.limit.met_by(figure)
            and _passes(floor.now, self._part)
            and _passes(floor.reference, self._whole)
            and self._field_passes(floor)
        )

    def _field_passes(self, floor: Floor) -> bool:
        return floor.field is None or self._latest[2] == 1

    @property
    def _latest(self) -> tuple[int, int, int]:
        return next(reversed(self._added.values()), (0, 0, 0))


def _passes(limit: Limit | None, total: int) -> bool:
    return limit is None or limit.met_by(total / BILLION)


BASELINE_DELAY: Millis = 12 * HOUR
"""An event enters a reference only if it was received within this time (docs/specification/rules.md#arrival-order)."""
ReferenceSpan = tuple[Millis, Millis]
"""A window before an instant t: (t - second, t - first]."""


def spans_of(condition: Compare) -> tuple[ReferenceSpan, ...]:
    """Return the windows of the reference; none where it is a column."""
    within = condition.within
    match condition.reference:
        case PreviousWindow():
            return ((within, 2 * within),)
        case Earlier(before=before, not_older_than=not_older_than):
            return ((before, not_older_than),)
        case SameHour(days=days):
            return tuple((day * DAY, day * DAY + within) for day in range(1, days + 1))
        case ReferenceColumn():
            return ()


def comparison_reach(condition: Compare) -> Millis:
    """Return how far back the windows of a comparison go."""
    return max((condition.within, *(far for _, far in spans_of(condition))))


class Contrast:
    """The figure now, and that of each window of the reference. Points enter each in event order.

    Its owner says by `complete` whether the whole reference lies after the group's first event.
    """

    def __init__(self, condition: Compare) -> None:
        self._condition = condition
        self._now = aggregator_of(condition.figure)
        self.panes: Sequence[Aggregator] = [aggregator_of(condition.figure) for _ in spans_of(condition)]
        self.complete = False
        self._passes: dict[EventKey, bool] = {}
        self._region: str | None = None

    def enter(self, point: Point) -> None:
        """Add a watched point to the window of now."""
        self._now.enter(point)
        self._region = point.evidence.region
        if point.besides:
            self._passes[point.key] = bool(point.besides[0])

    def leave(self, point: Point) -> None:
        """Take away a point that entered before."""
        self._now.leave(point)
        self._passes.pop(point.key, None)

    @property
    def sides(self) -> Sides:
        """The figure now, and what it is held against; None where there is none."""
        now, reference = _fraction(self._now), self._reference()
        return None if now is None else float(now), None if reference is None else float(reference)

    @property
    def figure(self) -> float | None:
        """How many times the reference, or by how many points more or less; None where one of the two is missing."""
        return self._figure(_fraction(self._now), self._reference())

    def met(self) -> bool:
        """Say whether the relation and the floor hold; without a reference `if_no_baseline` decides."""
        condition, floor = self._condition, self._condition.floor
        reference = self._reference()
        if reference is None and condition.if_no_baseline != "fire":
            return False
        now = _fraction(self._now)
        if now is None or not _within(floor.now, now) or not self._field_passes:
            return False
        if reference is None:
            return True
        figure = self._figure(now, reference)
        return figure is not None and condition.limit.met_by(figure) and _within(floor.reference, reference)

    @property
    def _field_passes(self) -> bool:
        """Whether the floor's field lets the latest point pass."""
        return self._condition.floor.field is None or next(reversed(self._passes.values()), False)

    def _reference(self) -> Fraction | None:
        """Return what there is to compare with: 0 is nothing, and so is less in a ratio."""
        condition, stated = self._condition, self._condition.if_no_baseline
        if isinstance(condition.reference, ReferenceColumn):
            number = None if self._region is None else condition.reference.of(self._region)
            found = None if number is None else Fraction(billionths(number), BILLION)
        else:
            found = self._mean() if self.complete else None
        if found and (found > 0 or condition.in_points):
            return found
        return None if isinstance(stated, str) else Fraction(billionths(stated), BILLION)

    def _mean(self) -> Fraction | None:
        """Return the mean of the panes that have a figure."""
        figures = [figure for pane in self.panes if (figure := _fraction(pane)) is not None]
        if len(figures) == 1:
            return figures[0]
        return sum(figures, Fraction()) / len(figures) if figures else None

    def _figure(self, now: Fraction | None, reference: Fraction | None) -> float | None:
        if now is None or reference is None:
            return None
        match self._condition.relation:
            case "rises_by":
                return float(now - reference)
            case "falls_by":
                return float(reference - now)
            case _:
                return float(now / reference)


def _fraction(figure: Aggregator) -> Fraction | None:
    exact = figure.exact
    return None if exact is None else Fraction(*exact)


def _within(limit: Limit | None, side: Fraction) -> bool:
    return limit is None or limit.met_by(float(side))


class Changed:
    """Whether an event of the latest instant differs from the one before it; points enter in event order.

    A point leaves only when its instant is walked anew; the one before that instant then enters again.
    """

    figure: float | None = None

    def __init__(self, condition: Change, old: frozenset[str], new: frozenset[str]) -> None:
        """Take the condition, and the texts that the values may have before and after; empty: any."""
        self._within = condition.within
        self._old, self._new = old, new
        self._latest: Point | None = None
        self._at: Instant | None = None
        self._changing: list[EventKey] = []

    def enter(self, point: Point) -> None:
        """Add a watched point."""
        at = point.evidence.occurred_at
        if at != self._at:
            self._at, self._changing = at, []
        if self._changes(point):
            self._changing.append(point.key)
        self._latest = point

    def leave(self, _point: Point) -> None:
        """Forget all; see above."""
        self._latest = self._at = None
        self._changing = []

    def met(self) -> bool:
        """Say whether there was a change at the latest instant."""
        return bool(self._changing)

    def completing(self, keys: Iterable[EventKey]) -> list[EventKey]:
        """Return those of the events of the latest instant whose value is another one than before."""
        return [key for key in keys if key in self._changing]

    def _changes(self, point: Point) -> bool:
        latest = self._latest
        return (
            latest is not None
            and latest.measure != point.measure
            and (self._within is None or point.key.occurred_at - latest.key.occurred_at < self._within)
            and (not self._old or latest.measure in self._old)
            and (not self._new or point.measure in self._new)
        )


class Unseen:
    """Whether an event of the latest instant has a value that no earlier one in the window has."""

    figure: float | None = None

    def __init__(self) -> None:
        self._times: dict[Measure, int] = {}
        self._at: Instant | None = None
        self._new: set[Measure] = set()
        self._values: dict[EventKey, Measure] = {}

    def enter(self, point: Point) -> None:
        """Add a watched point."""
        at, value = point.evidence.occurred_at, point.measure
        if at != self._at:
            self._at, self._new, self._values = at, set(), {}
        self._values[point.key] = value
        if value not in self._times:
            self._new.add(value)
        self._times[value] = self._times.get(value, 0) + 1

    def leave(self, point: Point) -> None:
        """Take away a point that entered before."""
        left = self._times.pop(point.measure) - 1
        if left:
            self._times[point.measure] = left
        else:
            self._new.discard(point.measure)

    def met(self) -> bool:
        """Say whether a value of the latest instant is new."""
        return bool(self._new)

    def completing(self, keys: Iterable[EventKey]) -> list[EventKey]:
        """Return those of the events of the latest instant whose value is new."""
        return [key for key in keys if key in self._values and self._values[key] in self._new]
