"""Novelty: what is new about an event of a group, a changed value or one not seen for long.

Here: what `change` and `first_time` remember. Both are true at the instant of an event only and have no figure. Not
here: which points are remembered and what follows (`judging.fold`). Values are canonical texts (`judging.measure`).
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.rule import Change
from engine.judging.state import Measure, Point


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
