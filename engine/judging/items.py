"""Items: several kinds of events in any order, and the wait for those that are missing.

Here: `all_of`, `any_of` and `not_all_of`. Not here: sequences (`judging.attempt`), and what follows from a completion
(`judging.completion`). Law: rule-language.md 5.
"""

from __future__ import annotations

from collections import deque

from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.pattern import RETENTION, Completions, Fits, start_of
from engine.judging.rule import AllItems, AnyItem, NotAllItems
from engine.judging.state import Point


class Gathering:
    """Items in any order in a window: complete at an event that fits one, while all of them (or that one) are full."""

    anchor: EventKey | None = None

    def __init__(self, condition: AllItems | AnyItem) -> None:
        self._items = condition.items
        self._every = isinstance(condition, AllItems)
        self._within = condition.within or RETENTION
        self._fits = Fits(len(self._items))
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
