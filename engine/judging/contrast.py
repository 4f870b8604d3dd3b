"""Contrasts: a figure now against its reference, in times or in points.

Here: what `compare` keeps of its windows, and what follows from the two sides. Not here: which points are in which
window at an instant (`judging.comparison`), the figures themselves (`judging.figure`). Sides are exact fractions, so
that three times as much is three times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from engine.judging.event import EventKey
from engine.judging.figure import BILLION, Figure, billionths, running
from engine.judging.instant import DAY, HOUR, Millis
from engine.judging.judgement import Sides
from engine.judging.rule import Column, Compare, Earlier, Limit, PreviousWindow, SameHour
from engine.judging.state import Point

BASELINE_DELAY: Millis = 12 * HOUR
"""An event enters a reference only if it was received within this time (rule-language.md 3.3)."""
Span = tuple[Millis, Millis]
"""A window before an instant t: (t - second, t - first]."""


def spans_of(condition: Compare) -> tuple[Span, ...]:
    """Return the windows of the reference; none where it is a column."""
    within = condition.within
    match condition.reference:
        case PreviousWindow():
            return ((within, 2 * within),)
        case Earlier(before=before, not_older_than=not_older_than):
            return ((before, not_older_than),)
        case SameHour(days=days):
            return tuple((day * DAY, day * DAY + within) for day in range(1, days + 1))
        case Column():
            return ()


def reach(condition: Compare) -> Millis:
    """Return how far back the windows of a comparison go."""
    return max((condition.within, *(far for _, far in spans_of(condition))))


class Contrast:
    """The figure now, and that of each window of the reference. Points enter each in event order.

    Its owner says by `complete` whether the whole reference lies after the group's first event.
    """

    def __init__(self, condition: Compare) -> None:
        self._condition = condition
        self._now = running(condition.figure)
        self.panes: Sequence[Figure] = [running(condition.figure) for _ in spans_of(condition)]
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
        if isinstance(condition.reference, Column):
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


def _fraction(figure: Figure) -> Fraction | None:
    exact = figure.exact
    return None if exact is None else Fraction(*exact)


def _within(limit: Limit | None, side: Fraction) -> bool:
    return limit is None or limit.met_by(float(side))
