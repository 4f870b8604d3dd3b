"""Which fold evaluates which condition, and the folds of `compare`, of patterns and of rules on rules.

`fold_of` is the one place that chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeGuard

import msgspec

from engine.core.judging import condition as language
from engine.core.judging.absence import DeadlineFold, SilenceFold
from engine.core.judging.aggregate import BASELINE_DELAY, Contrast, ReferenceSpan, spans_of
from engine.core.judging.calendar import instant_of
from engine.core.judging.condition import Compare, Condition, Deadline, SilenceCondition
from engine.core.judging.event import EventKey
from engine.core.judging.fold import Fold
from engine.core.judging.group_state import UNKNOWN, Circumstances, FiringInterval, GroupStatus, Point
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.pattern import Attempts, Gathering, PatternReader, Wait
from engine.core.judging.rule import Rule
from engine.core.judging.upstream_interval import OpenIntervalState


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
        status: GroupStatus | None = None,
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

    def __init__(self, span: ReferenceSpan) -> None:
        self.near, self.far = span
        self.low = self.high = 0


class BondFold(Fold):
    """The fold of a rule on rules. Points that are not watched are ends; they are instants to judge, never evidence."""

    recalls = False  # what is open is in no status, and no window bounds it

    @property
    def counted(self) -> list[EventKey]:
        """The alerts that are open and count, in order."""
        window = self._window
        keys = self._keys[self._low : self._high] if self._within is not None else self._keys[: self._high]
        return [key for key in keys if isinstance(window, OpenIntervalState) and window.holds(key)]

    def rewind_to(self, at: Instant) -> bool:
        """Say whether the fold can take points at an instant: what ended does not open again."""
        return self.now is None or at > self.now

    def _skip(self, count: int) -> None:
        """Skip nothing: what is open counts however long ago it opened."""

    def _enter(self, index: int) -> None:
        super()._enter(index)
        point = self._points[index]
        if not point.watched and not point.clears:
            self._window.enter(point)

    def _left_at(self, at: Instant) -> bool:
        """Say whether an alert ended at an instant, or left the window."""
        index = self._high - 1
        while index >= 0 and self._keys[index].occurred_at == at:
            if not self._points[index].watched:
                return True
            index -= 1
        return self._within is not None and super()._left_at(at)

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        counted = tuple(self.counted)
        super()._open(at, watched, newest)
        spell = self.status.spell
        if spell is not None:
            first, last = (counted[0], counted[-1]) if counted else (None, None)
            self.status.spell = msgspec.structs.replace(spell, first=first, last=last, keys=counted)


END_OF_INSTANT = "\U0010ffff"
"""A desk and id after all others: a place in the order of events that is behind all events of its instant."""


def is_pattern(condition: Condition) -> TypeGuard[language.Pattern]:
    """Say whether a condition is about several events that fit different filters."""
    return isinstance(condition, language.Pattern)


def fold_of(
    rule: Rule,
    keys: list[EventKey],
    points: list[Point],
    *,
    base: Instant | None = None,
    status: GroupStatus | None = None,
    marks: Sequence[EventKey] = (),
    around: Circumstances = UNKNOWN,
) -> Fold:
    """Return the fold of a rule's group; its parameters are those of `Fold`."""
    return _kind(type(rule.condition))(
        rule, keys, points, base=base, status=status, marks=marks, around=around
    )


@cache
def _kind(condition: type[Condition]) -> type[Fold]:
    return next((fold for word, fold in _FOLDS.items() if issubclass(condition, word)), Fold)


def pattern_of(
    condition: language.Pattern, *, since: Instant | None = None, anchor: EventKey | None = None
) -> PatternReader:
    """Return a pattern that has seen nothing; `since`: from when the group is watched, `anchor`: as it stood."""
    match condition:
        case language.Sequence():
            return Attempts(condition, since)
        case language.AllItems() | language.AnyItem():
            return Gathering(condition)
        case language.NotAllItems():
            return Wait(condition, anchor)


class CompletionFold(Fold):
    """The fold of a pattern: what is watched at an instant are the events of what is complete at it."""

    recalls = False  # what it has completed so far is in no status

    def __init__(
        self,
        rule: Rule,
        keys: list[EventKey],
        points: list[Point],
        *,
        base: Instant | None = None,
        status: GroupStatus | None = None,
        marks: Sequence[EventKey] = (),
        around: Circumstances = UNKNOWN,
    ) -> None:
        self._since = around.since
        self._pattern = self._new(rule.condition, status.anchor if status else None)
        super().__init__(rule, keys, points, base=base, status=status, marks=marks, around=around)

    def _new(self, condition: Condition, anchor: EventKey | None = None) -> PatternReader:
        if not is_pattern(condition):
            raise TypeError(f"{type(condition).__name__} is no pattern")
        return pattern_of(condition, since=self._since, anchor=anchor)

    @property
    def counted(self) -> list[EventKey]:
        """The events of what has come furthest without being complete."""
        return self._pattern.underway

    def rewind_to(self, at: Instant) -> bool:
        """Say whether the fold can take points at an instant: a pattern takes none back."""
        return self.now is None or at > self.now

    def _reckoned(self) -> Instant | None:
        due, waits, until = super()._reckoned(), self._pattern.next_due(), self._rule.effective_until
        if waits is None or (until is not None and waits >= until):
            return due
        return waits if due is None else min(due, waits)

    def _enter(self, index: int) -> None:
        super()._enter(index)
        if self._counts(index):
            self._pattern.enter(self._points[index])

    def _refill(self, base: Instant) -> None:
        super()._refill(base)
        self._pattern.take(base)

    def _watched(self, start: int, end: int) -> list[EventKey]:
        """Return the events of what is complete now."""
        found = self._pattern.take(self.now or 0, self._keys[end - 1] if start < end else None)
        self.status.anchor = self._pattern.anchor
        return found

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        status = self.status
        keys = tuple(self._pattern.evidence(watched))
        status.spell = FiringInterval(happened_at=at, first=keys[0], last=keys[-1], keys=keys)
        status.newest = newest
        status.true_since = status.true_first = None
        status.over_since = at if self._rule.clear.how == "no_longer_true" else None
        if self._rule.start_again:
            self._start_again(at, watched[-1])

    def _start_again(self, at: Instant, last: EventKey) -> None:
        """Begin anew with what is newer than the completing event: during a wait more may have come."""
        self.status.restart = last
        self._pattern = self._new(self._condition)
        for index in range(self._high):
            if self._keys[index] > last and self._counts(index):
                self._pattern.enter(self._points[index])
        self._pattern.take(at)
        self.status.anchor = self._pattern.anchor

    def _close_by_hand(self, mark: EventKey) -> None:
        newest = self.status.newest
        super()._close_by_hand(mark)
        if mark.desk == END_OF_INSTANT and self.status.floor == mark:
            self.status.floor = newest


_FOLDS: dict[Any, type[Fold]] = {
    language.Pattern: CompletionFold,
    language.Compare: ComparisonFold,
    SilenceCondition: SilenceFold,
    Deadline: DeadlineFold,
    language.Bond: BondFold,
}
