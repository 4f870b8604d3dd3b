"""Patterns read word for word: every choice of events is tried.

An independent reading of docs/specification/rules.md#conditions that the patterns are held against. It knows no state
and no order of arrival, and is exponential: for a handful of events only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product

from engine.core.judging.condition import (
    AllItems,
    AnyItem,
    Guard,
    NotAllItems,
    Pattern,
    PatternPart,
    SequenceStage,
)
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.event import EventKey
from engine.core.judging.group_state import Point
from engine.core.judging.instant import Instant
from engine.core.judging.pattern import RETENTION, parts_of

Choice = tuple[EventKey, ...]


class Choices:
    """All events of a group, each with the parts it fits."""

    def __init__(self, condition: Pattern, points: Sequence[Point], since: Instant | None = None) -> None:
        self.condition = condition
        self.since = since
        self.keys = [point.key for point in points]
        self.bits = {point.key: int(point.measure or 0) for point in points}
        self.parts = list(parts_of(condition))

    def fits(self, key: EventKey, part: PatternPart) -> bool:
        """Whether an event fits a part; equal parts are told apart by where they stand."""
        return any(one is part and self.bits[key] >> place & 1 for place, one in enumerate(self.parts))

    def instants(self) -> set[Instant]:
        """The instants at which something is complete."""
        match self.condition:
            case Steps():
                firsts = {at: start for start, at in self._attempts() if at is not None}
                return set(firsts)
            case AllItems() | AnyItem():
                return {key.occurred_at for key in self.keys if self._gathered(key)}
            case NotAllItems():
                return self._waits()

    # --- items ---

    def _gathered(self, newest: EventKey) -> bool:
        assert isinstance(self.condition, AllItems | AnyItem)
        within = self.condition.within or RETENTION
        inside = [k for k in self.keys if k <= newest and k.occurred_at > newest.occurred_at - within]
        full = [
            part for part in self.condition.items if sum(self.fits(k, part) for k in inside) >= part.times
        ]
        if isinstance(self.condition, AllItems):
            return len(full) == len(self.condition.items) and self.bits[newest] > 0
        return any(self.fits(newest, part) for part in full)

    def _waits(self) -> set[Instant]:
        assert isinstance(self.condition, NotAllItems)
        found, end = set(), -1
        for key in self.keys:
            if self.bits[key] and key.occurred_at >= end:
                end = key.occurred_at + self.condition.within
                members = [k for k in self.keys if k >= key and k.occurred_at < end]
                if any(sum(self.fits(k, p) for k in members) < p.times for p in self.condition.items):
                    found.add(end)
        return found

    # --- sequences ---

    def _attempts(self) -> Iterator[tuple[EventKey, Instant | None]]:
        """Every first event, and the earliest instant at which some choice that begins with it fits."""
        assert isinstance(self.condition, Steps)
        for start in self.keys:
            ends = [end for choice in self._choices(start) if (end := self._complete(choice)) is not None]
            yield start, min(ends, default=None)

    def _choices(self, start: EventKey) -> Iterator[tuple[Choice, ...]]:
        assert isinstance(self.condition, Steps)

        def further(place: int, after: EventKey | None) -> Iterator[tuple[Choice, ...]]:
            assert isinstance(self.condition, Steps)
            if place == len(self.condition.stages):
                yield ()
                return
            stage = self.condition.stages[place]
            later = [k for k in self.keys if (after is None or k > after)]
            for choice in self._fillings(stage, later):
                if after is None and min(choice) != start:
                    continue
                for rest in further(place + 1, max(choice)):
                    yield (choice, *rest)

        return further(0, None)

    def _fillings(self, stage: SequenceStage, keys: Sequence[EventKey]) -> set[Choice]:
        """The choices of events that fill a stage; each part has exactly as many as it needs."""
        of_part = [
            list(combinations([k for k in keys if self.fits(k, part)], part.times)) for part in stage.parts
        ]
        if not stage.every:
            return {choice for choices in of_part for choice in choices}
        return {tuple(sorted({key for one in several for key in one})) for several in product(*of_part)}

    def _complete(self, choice: Sequence[Choice]) -> Instant | None:
        """When a choice is complete; None where a time or a guard does not allow it."""
        condition = self.condition
        assert isinstance(condition, Steps)
        first, last = min(choice[0]), max(choice[-1])
        if condition.within is not None and last.occurred_at - first.occurred_at >= condition.within:
            return None
        for place, (stage, chosen) in enumerate(zip(condition.stages, choice, strict=True)):
            filled, before = max(chosen), max(choice[place - 1]) if place else min(chosen)
            if stage.within is not None and filled.occurred_at - before.occurred_at >= stage.within:
                return None
            for guard in stage.guards:
                if not place:
                    begin = first.occurred_at - (guard.within or 0)
                    if self.since is not None and first.occurred_at < self.since + (guard.within or 0):
                        return None
                    if self._any(guard, lambda k, begin=begin: begin < k.occurred_at < first.occurred_at):
                        return None
                elif guard.within is None:
                    if self._any(guard, lambda k, a=before, b=filled: a < k < b):
                        return None
                elif min(chosen).occurred_at < before.occurred_at + guard.within or self._follows(
                    guard, before
                ):
                    return None
        if any(self._follows(guard, last) for guard in condition.guards):
            return None
        return last.occurred_at + max((guard.within or 0 for guard in condition.guards), default=0)

    def _follows(self, guard: Guard, key: EventKey) -> bool:
        at = key.occurred_at
        return self._any(guard, lambda k: k != key and at <= k.occurred_at < at + (guard.within or 0))

    def _any(self, guard: Guard, where: Callable[[EventKey], bool]) -> bool:
        return any(self.fits(key, guard.part) and where(key) for key in self.keys)
