"""Patterns: from the events of a group, as they come in event order, to the instants at which a pattern is complete.

Here: what all patterns have in common, and the questions about a pattern as it is written. Not here: sequences
(`judging.attempt`), items in any order (`judging.items`), what follows from a completion (`judging.completion`), and
which parts an event fits: the matcher says so, and a point carries it as bits in the order of `parts_of`.
Law: rule-language.md 3.4 and 5.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Protocol

from engine.judging.event import EventKey
from engine.judging.instant import DAY, Instant, Millis
from engine.judging.rule import (
    EVERYTHING,
    NOTHING,
    AllItems,
    AllOf,
    AnyItem,
    AnyOf,
    Bond,
    Column,
    Condition,
    Filter,
    Guard,
    NotAllItems,
    Part,
    Sequence,
    Share,
)
from engine.judging.rule import Pattern as PatternCondition
from engine.judging.state import Point

RETENTION: Millis = 90 * DAY
"""How long a pattern without `within` remembers an event."""


class Pattern(Protocol):
    """A pattern at work. Points enter in event order; what falls due is taken before later points enter."""

    anchor: EventKey | None
    """What opened the latest wait for missing items."""

    def enter(self, point: Point) -> None:
        """Add a point."""

    def take(self, at: Instant, until: EventKey | None = None) -> list[EventKey]:
        """Return the events of what is complete by an instant and was not taken yet, in order.

        `until` leaves what has a newer event for later.
        """

    def evidence(self, chosen: list[EventKey]) -> list[EventKey]:
        """Return the evidence of an opening by what was taken just now: the choice, and what counts besides."""

    def next_due(self) -> Instant | None:
        """Return the next instant at which something is complete if nothing comes."""

    @property
    def underway(self) -> list[EventKey]:
        """The events of what has come furthest without being complete."""


def parts_of(condition: Condition) -> tuple[Part, ...]:
    """Return the parts of a pattern in the order of the bits of its points; none for other conditions.

    Part and whole of a share are parts too, where they are filters.
    """
    match condition:
        case Sequence(stages=stages, guards=last):
            of_stages = [(*(guard.part for guard in stage.guards), *stage.parts) for stage in stages]
            return (*(part for parts in of_stages for part in parts), *(guard.part for guard in last))
        case AllItems() | AnyItem() | NotAllItems():
            return condition.items
        case Share(part=part, whole=whole) if not (isinstance(part, str) and isinstance(whole, str | Column)):
            return tuple(
                Part(watch=EVERYTHING if isinstance(side, str | Column) else side) for side in (part, whole)
            )
        case _:
            return ()


def fits_of(condition: Condition, watch: Filter) -> tuple[Filter, ...]:
    """Return what an event must be like to fit each part, in the order of `parts_of`.

    Steps and items must meet the rule's `watch` too; what must not come need not.
    """
    parts = parts_of(condition)
    if watch == EVERYTHING or not isinstance(condition, PatternCondition):
        return tuple(part.watch for part in parts)
    guards = _guards_of(condition)
    return tuple(
        part.watch if place in guards else AllOf((watch, part.watch)) for place, part in enumerate(parts)
    )


def watched_by(condition: Condition, watch: Filter) -> Filter:
    """Return what reaches the groups of a rule: what it watches, of a pattern all that fits some part.

    A rule on rules hears of their alerts, no event reaches it.
    """
    if isinstance(condition, Bond):
        return NOTHING
    if not isinstance(condition, PatternCondition):
        return watch
    different: list[Filter] = []
    for fits in fits_of(condition, watch):
        if fits not in different:
            different.append(fits)
    return different[0] if len(different) == 1 else AnyOf(tuple(different))


def reach_of(condition: PatternCondition) -> Millis:
    """Return how long before an instant an event may have occurred that still matters at it."""
    if isinstance(condition, Sequence):
        first = longest(condition.stages[0].guards)
        return first + span_of(condition) + longest(condition.guards)
    return condition.within or RETENTION


def wait_of(condition: Condition) -> Millis:
    """Return how long after its newest event a pattern is complete at the latest; 0 where an event completes it."""
    match condition:
        case Sequence(guards=guards):
            return longest(guards)
        case NotAllItems(within=within):
            return within
        case _:
            return 0


def can_be_cancelled(condition: Condition) -> bool:
    """Say whether an event that comes late may take a completion back."""
    match condition:
        case Sequence(stages=stages, guards=last):
            return bool(last) or any(stage.guards for stage in stages)
        case _:
            return isinstance(condition, NotAllItems)


def span_of(condition: Sequence) -> Millis:
    """Return how long after its first event an attempt may at most be complete, waits at its end not counted."""
    if condition.within is not None:
        return condition.within
    steps = [
        stage.within if place or sum(part.times for part in stage.parts) > 1 else 1
        for place, stage in enumerate(condition.stages)
    ]
    return RETENTION if None in steps else sum(step for step in steps if step)


def longest(guards: Iterable[Guard]) -> Millis:
    """Return the longest time of some guards; 0 where none has one."""
    return max((guard.within or 0 for guard in guards), default=0)


def _guards_of(condition: PatternCondition) -> set[int]:
    """Return the places of the guards among the parts."""
    if not isinstance(condition, Sequence):
        return set()
    kinds = [(*(True for _ in s.guards), *(False for _ in s.parts)) for s in condition.stages]
    marked = [guard for of_stage in kinds for guard in of_stage] + [True for _ in condition.guards]
    return {place for place, guard in enumerate(marked) if guard}


def after(key: EventKey) -> EventKey:
    """Return the place right after an event, before all newer ones."""
    return EventKey(key.occurred_at, key.desk, key.id + "\0")


def start_of(at: Instant) -> EventKey:
    """Return the place before all events of an instant."""
    return EventKey(at, "", "")


class Fits:
    """The events that fit each part, in order."""

    def __init__(self, parts: int) -> None:
        self._keys: list[list[EventKey]] = [[] for _ in range(parts)]

    def add(self, key: EventKey, bits: int) -> None:
        """Add an event that is newer than all others."""
        for part, keys in enumerate(self._keys):
            if bits >> part & 1:
                keys.append(key)

    def count(self, part: int, low: EventKey) -> int:
        """Return how many events from `low` on fit a part."""
        keys = self._keys[part]
        return len(keys) - bisect_left(keys, low)

    def first(self, part: int, low: EventKey, count: int) -> list[EventKey]:
        """Return so many events from `low` on that fit a part, the oldest ones."""
        keys = self._keys[part]
        start = bisect_left(keys, low)
        return keys[start : start + count]

    def newest(self, part: int, count: int) -> list[EventKey]:
        """Return so many events that fit a part, the newest ones."""
        return self._keys[part][-count:]

    def some(self, part: int, low: EventKey, high: EventKey, *, but: EventKey | None = None) -> bool:
        """Say whether an event other than `but` in [low, high) fits a part."""
        keys = self._keys[part]
        return any(key != but for key in keys[bisect_left(keys, low) : bisect_left(keys, high)][:2])


class Completions:
    """What is complete and was not taken yet: choices of events."""

    def __init__(self) -> None:
        self._found: list[frozenset[EventKey]] = []

    def add(self, keys: Iterable[EventKey]) -> None:
        """Add the events of a choice."""
        self._found.append(frozenset(keys))

    def take(self, until: EventKey | None) -> list[EventKey]:
        """Return the events of all choices, in order; those that have an event newer than `until` stay."""
        if not self._found:
            return []
        taken = [keys for keys in self._found if until is None or max(keys) <= until]
        self._found = [keys for keys in self._found if until is not None and max(keys) > until]
        return sorted(frozenset[EventKey]().union(*taken))
