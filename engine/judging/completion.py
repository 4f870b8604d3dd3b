"""Completions: the fold of a pattern, which is true at the instants at which something of it is complete.

Here: how a pattern stands in the fold's one walk: its completions are its events, each with the events it was made of.
Not here: when a pattern is complete (`judging.attempt`, `judging.items`), and the walk itself (`judging.fold`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeGuard

from engine.judging import condition as language
from engine.judging.absence import DeadlineFold, SilenceFold
from engine.judging.attempt import Attempts
from engine.judging.bond import BondFold
from engine.judging.circumstances import UNKNOWN, Circumstances
from engine.judging.comparison import ComparisonFold
from engine.judging.event import EventKey
from engine.judging.expected import Deadline, Silence
from engine.judging.fold import Fold
from engine.judging.instant import Instant
from engine.judging.items import Gathering, Wait
from engine.judging.pattern import Pattern
from engine.judging.rule import Condition, Rule
from engine.judging.state import Point, Spell, Status

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
    status: Status | None = None,
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
) -> Pattern:
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
        status: Status | None = None,
        marks: Sequence[EventKey] = (),
        around: Circumstances = UNKNOWN,
    ) -> None:
        self._since = around.since
        self._pattern = self._new(rule.condition, status.anchor if status else None)
        super().__init__(rule, keys, points, base=base, status=status, marks=marks, around=around)

    def _new(self, condition: Condition, anchor: EventKey | None = None) -> Pattern:
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
        status.spell = Spell(happened_at=at, first=keys[0], last=keys[-1], keys=keys)
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
    Silence: SilenceFold,
    Deadline: DeadlineFold,
    language.Bond: BondFold,
}
