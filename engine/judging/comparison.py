"""Comparisons: the fold of `compare`, whose points enter and leave more windows than one.

Here: which points are in the windows of the reference at each instant; every entering and leaving is an instant that is
judged. Not here: what follows from the two sides (`judging.contrast`) and the walk itself (`judging.fold`).
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.judging.calendar import instant_of
from engine.judging.circumstances import UNKNOWN, Circumstances
from engine.judging.contrast import BASELINE_DELAY, Contrast, Span, spans_of
from engine.judging.event import EventKey
from engine.judging.fold import Fold
from engine.judging.instant import Instant, Millis
from engine.judging.rule import Compare, Rule
from engine.judging.state import Point, Status


class ComparisonFold(Fold):
    """The fold of a comparison."""

    _window: Contrast

    def __init__(
        self,
        rule: Rule,
        keys: list[EventKey],
        points: list[Point],
        *,
        base: Instant | None = None,
        status: Status | None = None,
        marks: Sequence[EventKey] = (),
        around: Circumstances = UNKNOWN,
    ) -> None:
        if not isinstance(rule.condition, Compare):
            raise TypeError(f"{type(rule.condition).__name__} compares nothing")
        self._at = None if rule.condition.at is None else instant_of(rule.condition.at, around.zone)
        self._spans = [_Cursor(span) for span in spans_of(rule.condition)]
        self._whole = max((cursor.far for cursor in self._spans), default=0)
        super().__init__(rule, keys, points, base=base, status=status, marks=marks, around=around)

    def _reckoned(self) -> Instant | None:
        due, at, until = super()._reckoned(), self._at, self._rule.effective_until
        if at is None or self.status.first is None or (self.now is not None and at <= self.now):
            return due
        if until is not None and at >= until:
            return due
        return at if due is None else min(due, at)

    def _true(self, watched: list[EventKey]) -> bool:
        return super()._true(watched) if self._at is None else self._window.met() and self.now == self._at

    def _next_leave(self, within: Millis) -> Instant | None:
        earliest = max(self._judged_from or 0, (self.now or 0) + 1)
        moves = [self._leave(self._low, self._high, within, earliest)]
        for cursor in self._spans:
            moves.append(self._leave(cursor.high, self._high, cursor.near, earliest))
            moves.append(self._leave(cursor.low, self._high, cursor.far, earliest))
        return min((at for at in moves if at is not None), default=None)

    def _leave(self, first: int, end: int, after: Millis, earliest: Instant) -> Instant | None:
        """Return when the first of these points moves that comes that long after it, from an instant on."""
        keys = self._keys
        for index in range(first, end):
            at = keys[index].occurred_at + after
            if at >= earliest and self._counts(index):
                return at
        return None

    # --- the windows of the reference -------------------------------------------------------------------------------

    def _enter(self, index: int) -> None:
        super()._enter(index)
        if self.status.first is None and self._counts(index):
            self.status.first = self._keys[index].occurred_at

    def _move(self, count: int) -> None:
        super()._move(count)
        for cursor in self._spans:
            cursor.low = max(0, cursor.low + count)
            cursor.high = max(0, cursor.high + count)

    def _skip(self, count: int) -> None:
        super()._skip(count)
        for cursor in self._spans:
            cursor.low = cursor.high = count

    def _slide(self, at: Instant) -> None:
        super()._slide(at)
        keys = self._keys
        for cursor, pane in zip(self._spans, self._window.panes, strict=True):
            while cursor.high < self._high and keys[cursor.high].occurred_at <= at - cursor.near:
                if self._enters_reference(cursor.high):
                    pane.enter(self._points[cursor.high])
                cursor.high += 1
            while cursor.low < cursor.high and keys[cursor.low].occurred_at <= at - cursor.far:
                if self._enters_reference(cursor.low):
                    pane.leave(self._points[cursor.low])
                cursor.low += 1
        self._window.complete = self.status.first is not None and at - self._whole >= self.status.first

    def _enters_reference(self, index: int) -> bool:
        evidence = self._points[index].evidence
        return self._counts(index) and evidence.received_at - evidence.occurred_at < BASELINE_DELAY

    def _left_at(self, at: Instant) -> bool:
        moved = ((cursor.high, cursor.near) for cursor in self._spans)
        left = ((cursor.low, cursor.far) for cursor in self._spans)
        return (
            at == self._at
            or super()._left_at(at)
            or any(self._moved(end, at - after) for end, after in (*moved, *left))
        )

    def _moved(self, end: int, occurred_at: Instant) -> bool:
        """Say whether one of the last points before a place is of an instant."""
        index = end - 1
        while index >= 0 and self._keys[index].occurred_at == occurred_at:
            if self._counts(index):
                return True
            index -= 1
        return False

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        restart = self.status.restart
        super()._open(at, watched, newest)
        if self.status.restart != restart:  # what came before is no first event any more
            self.status.first = None


class _Cursor:
    """Which points are in one window of the reference: those from `low` up to `high`."""

    def __init__(self, span: Span) -> None:
        self.near, self.far = span
        self.low = self.high = 0
