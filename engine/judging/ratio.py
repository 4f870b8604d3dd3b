"""Ratios: one figure in percent of another, over the points of a window or in the latest point.

Here: what `share` keeps of its window. Not here: what an event adds to part and whole (`judging.measure`), figures on
their own (`judging.figure`). Sums are whole billionths, so that adding and taking away is the same as counting anew.
"""

from __future__ import annotations

from engine.judging.event import EventKey
from engine.judging.figure import BILLION, billionths
from engine.judging.judgement import Sides
from engine.judging.rule import Column, Floor, Limit, Share
from engine.judging.state import Point

PERCENT = 100


class Ratio:
    """Part and whole summed up; an empty whole meets no limit. Points enter in event order.

    The measure of a point is what it adds to the part; besides stand what it adds to the whole, and whether the floor's
    field lets it pass. A whole that is a column is the number of the latest point's region.
    """

    def __init__(self, condition: Share) -> None:
        self._condition = condition
        self._column = condition.whole if isinstance(condition.whole, Column) else None
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
