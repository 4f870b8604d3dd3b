"""Patterns: sequences of events, and several kinds of events in any order.

A pattern reads the events of a group in order of time and yields the instants at which it is complete. Attempts at a
sequence are judged by existence: a sequence is complete if any choice of events completes it.

Specification: docs/specification/rules.md#sequence, #items, #distance, #conditions.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from engine.core.judging.condition import (
    AllItems,
    AnyItem,
    Bond,
    Condition,
    Guard,
    NotAllItems,
    PatternPart,
    ReferenceColumn,
    Sequence,
    SequenceStage,
    ShareCondition,
)
from engine.core.judging.condition import Pattern as PatternCondition
from engine.core.judging.event import EventKey
from engine.core.judging.filter import EVERYTHING, NOTHING, AllOf, AnyOf, Filter
from engine.core.judging.group_state import Point
from engine.core.judging.instant import DAY, Instant, Millis


class _Step(NamedTuple):
    """A stage with the bits of its parts and of the guards before it."""

    stage: SequenceStage
    parts: tuple[tuple[int, PatternPart], ...]
    guards: tuple[tuple[int, Guard], ...]

    def fitting(self, bits: int) -> list[tuple[int, PatternPart]]:
        return [(bit, part) for bit, part in self.parts if bits >> bit & 1]

    @property
    def single(self) -> bool:
        """Whether one event always fills it."""
        return all(part.times == 1 for _, part in self.parts) and not (
            self.stage.every and len(self.parts) > 1
        )


class _Fill(NamedTuple):
    """A stage filled by an event, and all events chosen so far."""

    key: EventKey
    keys: tuple[EventKey, ...]


class _Attempt:
    """What a first event opened: for each stage the events that may fill it, where one is not as good as another."""

    def __init__(self, start: EventKey, bits: int, stages: int) -> None:
        self.start, self.bits, self.done = start, bits, False
        self.fills: list[list[_Fill]] = [[] for _ in range(stages)]


class Attempts:
    """A sequence: every event that fits the first stage opens an attempt, which completes at most once."""

    anchor: EventKey | None = None

    def __init__(self, condition: Sequence, since: Instant | None) -> None:
        bits = iter(range(len(parts_of(condition))))
        self._steps = [
            _Step(
                stage,
                guards=tuple((next(bits), guard) for guard in stage.guards),
                parts=tuple((next(bits), part) for part in stage.parts),
            )
            for stage in condition.stages
        ]
        self._guards = [(next(bits), guard) for guard in condition.guards]
        self._span, self._wait = span_of(condition), longest_guard(condition.guards)
        first = longest_guard(condition.stages[0].guards)
        self._judged_from = since + first if since is not None and first else None
        self._fits = PatternFits(len(parts_of(condition)))
        self._live: deque[_Attempt] = deque()
        self._waits: deque[tuple[Instant, _Attempt, _Fill]] = deque()
        self._found = Completions()

    def enter(self, point: Point) -> None:
        """Let the event fill what it can, the latest stages first, so that it fills one stage of an attempt only."""
        key, bits = point.key, int(point.measure or 0)
        self._fits.add(key, bits)
        while self._live and key.occurred_at - self._live[0].start.occurred_at >= self._span:
            self._live.popleft()
        if not any(step.fitting(bits) for step in self._steps):
            return
        if self._steps[0].fitting(bits) and self._may_open(key):
            self._live.append(_Attempt(key, bits, len(self._steps)))
        for attempt in self._live:
            self._advance(attempt, key, bits)
        if any(attempt.done for attempt in self._live):
            self._live = deque(attempt for attempt in self._live if not attempt.done)

    def take(self, at: Instant, until: EventKey | None = None) -> list[EventKey]:
        """Return the events of the attempts that are complete by an instant."""
        while self._waits and self._waits[0][0] <= at:
            _, attempt, fill = self._waits.popleft()
            if not attempt.done and not self._broken(self._guards, fill.key):
                attempt.done = True
                self._found.add(fill.keys)
        return self._found.take(until)

    def evidence(self, chosen: list[EventKey]) -> list[EventKey]:
        """Return the choice: other events of the attempts are no part of it."""
        return chosen

    def next_due(self) -> Instant | None:
        """Return when the first wait after a last stage ends that nothing has broken so far."""
        while self._waits:
            due, attempt, fill = self._waits[0]
            if not attempt.done and not self._broken(self._guards, fill.key):
                return due
            self._waits.popleft()
        return None

    @property
    def underway(self) -> list[EventKey]:
        """The events of the attempt that has filled the most stages."""
        filled = [list(fills[0].keys) for attempt in self._live for fills in attempt.fills if fills]
        waiting = [list(fill.keys) for _, attempt, fill in self._waits if not attempt.done]
        return max([*filled, *waiting], key=len, default=[])

    def _may_open(self, key: EventKey) -> bool:
        at = key.occurred_at
        if self._judged_from is not None and at < self._judged_from:
            return False
        return not any(
            self._fits.some(bit, start_of(at - (guard.within or 0) + 1), start_of(at))
            for bit, guard in self._steps[0].guards
        )

    def _advance(self, attempt: _Attempt, key: EventKey, bits: int) -> None:
        for place in range(len(self._steps) - 1, 0, -1):
            if not self._steps[place].fitting(bits):
                continue
            for fill in attempt.fills[place - 1]:
                if chosen := self._next(self._steps[place], fill.key, key, bits):
                    self._put(attempt, place, _Fill(key, (*fill.keys, *chosen)))
                    break
        if chosen := self._opening(attempt, key, bits):
            self._put(attempt, 0, _Fill(key, chosen))

    def _put(self, attempt: _Attempt, place: int, fill: _Fill) -> None:
        """Keep an event that may fill a stage; of those that are all as good for the next stage, only one."""
        if place == len(self._steps) - 1:
            self._waits.append((fill.key.occurred_at + self._wait, attempt, fill))
            return
        fills, following = attempt.fills[place], self._steps[place + 1]
        if following.stage.within is None and not following.guards:
            fills[:] = fills or [fill]  # whatever comes next may follow the oldest
        elif following.single and all(guard.within is None for _, guard in following.guards):
            fills[:] = [fill]  # what may follow an older one may follow the newest
        else:
            fills.append(fill)

    def _opening(self, attempt: _Attempt, key: EventKey, bits: int) -> tuple[EventKey, ...] | None:
        """Return the events by which an attempt has its first stage filled, from its start to this event."""
        step, start = self._steps[0], attempt.start
        if step.stage.within is not None and key.occurred_at - start.occurred_at >= step.stage.within:
            return None
        if key != start:
            opened, here = step.fitting(attempt.bits), step.fitting(bits)
            pairs = ((one, other) for one in opened for other in here)
            if not any(one[1].times > 1 if one[0] == other[0] else step.stage.every for one, other in pairs):
                return None
        return self._filled(step, key, bits, start)

    def _next(self, step: _Step, before: EventKey, key: EventKey, bits: int) -> tuple[EventKey, ...] | None:
        """Return the events by which this one fills a stage after the event that filled the stage before."""
        at, low = key.occurred_at, place_after(before)
        if step.stage.within is not None and at - before.occurred_at >= step.stage.within:
            return None
        for bit, guard in step.guards:
            if guard.within is None:
                if self._fits.some(bit, low, key):
                    return None
            elif at < before.occurred_at + guard.within:
                return None
            else:
                low = max(low, start_of(before.occurred_at + guard.within))
        if self._broken(step.guards, before):
            return None
        return self._filled(step, key, bits, low)

    def _broken(self, guards: Iterable[tuple[int, Guard]], key: EventKey) -> bool:
        """Say whether something came that must not within a guard's time from an event on."""
        at = key.occurred_at
        return any(
            guard.within is not None
            and self._fits.some(bit, start_of(at), start_of(at + guard.within), but=key)
            for bit, guard in guards
        )

    def _filled(self, step: _Step, key: EventKey, bits: int, low: EventKey) -> tuple[EventKey, ...] | None:
        """Return a choice of events from `low` on that fills a stage, this one the last; None where there is none."""
        mine = [(bit, part) for bit, part in step.fitting(bits) if self._fits.count(bit, low) >= part.times]
        needed = list(step.parts) if step.stage.every else mine[:1]
        if not mine or any(self._fits.count(bit, low) < part.times for bit, part in needed):
            return None
        chosen = {key}
        for bit, part in needed:
            own = part.times - 1 if bit == mine[0][0] else part.times
            chosen.update(self._fits.first(bit, low, own))
        return tuple(sorted(chosen))


class Gathering:
    """Items in any order in a window: complete at an event that fits one, while all of them (or that one) are full."""

    anchor: EventKey | None = None

    def __init__(self, condition: AllItems | AnyItem) -> None:
        self._items = condition.items
        self._every = isinstance(condition, AllItems)
        self._within = condition.within or RETENTION
        self._fits = PatternFits(len(self._items))
        self._inside: deque[EventKey] = deque()
        self._found = Completions()

    def enter(self, point: Point) -> None:
        """Add an event; it may complete the items."""
        key, bits = point.key, int(point.measure or 0)
        self._fits.add(key, bits)
        self._inside.append(key)
        low = start_of(key.occurred_at - self._within + 1)
        while self._inside[0] < low:
            self._inside.popleft()
        full = [item for item in range(len(self._items)) if self._is_full(item, low)]
        if not self._every:
            full = [item for item in full if bits >> item & 1]
        if len(full) < (len(self._items) if self._every else 1):
            return
        chosen = {key for item in full for key in self._fits.newest(item, self._items[item].times)}
        self._found.add(chosen)

    def take(self, at: Instant, until: EventKey | None = None) -> list[EventKey]:  # noqa: ARG002 - nothing falls due
        """Return the events of what is complete: of each item the newest ones that it needs."""
        return self._found.take(until)

    def evidence(self, chosen: list[EventKey]) -> list[EventKey]:
        """Return all that is in the window, of alternatives only the choice."""
        return [key for key in self._inside if key <= chosen[-1]] if self._every else chosen

    def next_due(self) -> Instant | None:
        """Return None: only an event completes the items."""
        return None

    @property
    def underway(self) -> list[EventKey]:
        """The events in the window."""
        return list(self._inside)

    def _is_full(self, item: int, low: EventKey) -> bool:
        return self._fits.count(item, low) >= self._items[item].times


class Wait:
    """The wait for missing items: the first to come opens it, and those that come before its end belong to it."""

    def __init__(self, condition: NotAllItems, anchor: EventKey | None) -> None:
        self._items, self._within = condition.items, condition.within
        self.anchor = anchor
        self._members: list[EventKey] = []
        self._counts = [0] * len(self._items)
        self._found = Completions()

    def enter(self, point: Point) -> None:
        """Add an event to the running wait, or open one with it."""
        key = point.key
        self._end_by(key.occurred_at)
        if self.anchor is not None and key < self.anchor:
            return
        if self.anchor is None or key.occurred_at >= self._end(self.anchor):
            self.anchor, self._counts = key, [0] * len(self._items)
        self._members.append(key)
        for item in range(len(self._items)):
            self._counts[item] += int(point.measure or 0) >> item & 1

    def take(self, at: Instant, until: EventKey | None = None) -> list[EventKey]:
        """Return the events of a wait that ended by an instant with an item missing."""
        self._end_by(at)
        return self._found.take(until)

    def evidence(self, chosen: list[EventKey]) -> list[EventKey]:
        """Return the events of the wait."""
        return chosen

    def next_due(self) -> Instant | None:
        """Return when the running wait ends, if something is still missing."""
        if self.anchor is None or not self._members or not self._missing:
            return None
        return self._end(self.anchor)

    @property
    def underway(self) -> list[EventKey]:
        """The events of the running wait."""
        return list(self._members)

    @property
    def _missing(self) -> bool:
        return any(count < item.times for count, item in zip(self._counts, self._items, strict=True))

    def _end(self, anchor: EventKey) -> Instant:
        return anchor.occurred_at + self._within

    def _end_by(self, at: Instant) -> None:
        if self.anchor is None or not self._members or self._end(self.anchor) > at:
            return
        if self._missing:
            self._found.add(self._members)
        self._members = []


RETENTION: Millis = 90 * DAY
"""How long a pattern without `within` remembers an event."""


class PatternReader(Protocol):
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


def parts_of(condition: Condition) -> tuple[PatternPart, ...]:
    """Return the parts of a pattern in the order of the bits of its points; none for other conditions.

    Part and whole of a share are parts too, where they are filters.
    """
    match condition:
        case Sequence(stages=stages, guards=last):
            of_stages = [(*(guard.part for guard in stage.guards), *stage.parts) for stage in stages]
            return (*(part for parts in of_stages for part in parts), *(guard.part for guard in last))
        case AllItems() | AnyItem() | NotAllItems():
            return condition.items
        case ShareCondition(part=part, whole=whole) if not (
            isinstance(part, str) and isinstance(whole, str | ReferenceColumn)
        ):
            return tuple(
                PatternPart(watch=EVERYTHING if isinstance(side, str | ReferenceColumn) else side)
                for side in (part, whole)
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
        first = longest_guard(condition.stages[0].guards)
        return first + span_of(condition) + longest_guard(condition.guards)
    return condition.within or RETENTION


def wait_of(condition: Condition) -> Millis:
    """Return how long after its newest event a pattern is complete at the latest; 0 where an event completes it."""
    match condition:
        case Sequence(guards=guards):
            return longest_guard(guards)
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


def longest_guard(guards: Iterable[Guard]) -> Millis:
    """Return the longest time of some guards; 0 where none has one."""
    return max((guard.within or 0 for guard in guards), default=0)


def _guards_of(condition: PatternCondition) -> set[int]:
    """Return the places of the guards among the parts."""
    if not isinstance(condition, Sequence):
        return set()
    kinds = [(*(True for _ in s.guards), *(False for _ in s.parts)) for s in condition.stages]
    marked = [guard for of_stage in kinds for guard in of_stage] + [True for _ in condition.guards]
    return {place for place, guard in enumerate(marked) if guard}


def place_after(key: EventKey) -> EventKey:
    """Return the place right after an event, before all newer ones."""
    return EventKey(key.occurred_at, key.desk, key.id + "\0")


def start_of(at: Instant) -> EventKey:
    """Return the place before all events of an instant."""
    return EventKey(at, "", "")


class PatternFits:
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
