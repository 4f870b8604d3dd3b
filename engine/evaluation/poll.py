"""One poll of the evaluator: the events that arrived and the instants that fell due, within a bounded batch.

Specification: docs/specification/rules.md#event-order.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from engine.clock import Clock, monotonic
from engine.core.judging.instant import Instant
from engine.records.alert_repository import CLOSINGS
from engine.records.rule_sets import ENTRY, up_to_next
from engine.store.port import Entry, Store

WINDOWS = "windows"
"""Schedule of groups that must be looked at again though nothing arrives."""
LOOKS = 500
"""Groups looked at in one turn because something fell due."""

DueInstants = list[tuple[str, Instant]]


class EvaluatorPoll(NamedTuple):
    """Entries behind the cursor, up to the next change of rules, and what is due by `now`, in order.

    `started` is monotonic, in seconds; `drained`: these were all the entries that there are.
    """

    started: float
    now: Instant
    entries: list[Entry]
    drained: bool
    windows: DueInstants
    closings: DueInstants

    @property
    def switch(self) -> Entry | None:
        """The entry that changes the rules, where that comes first."""
        return self.entries[0] if self.entries and self.entries[0].type == ENTRY else None

    @property
    def horizon(self) -> Instant:
        """Up to when timers are looked at: what arrived before them is judged first."""
        return self.now if self.drained else min(self.now, self.entries[-1].received_at - 1)

    def due(self) -> tuple[list[str], list[str]]:
        """Return the groups that are due up to the horizon, and the alerts that people closed up to it."""
        horizon = self.horizon
        groups, alerts = (
            [member for member, at in planned if at <= horizon] for planned in (self.windows, self.closings)
        )
        return groups, alerts


async def read_poll(store: Store, clock: Clock, cursor: str, pace: Pace) -> EvaluatorPoll:
    """Read as much behind a cursor as a batch takes, and what is due now."""
    started, now = monotonic(), clock.now()
    found, newest, windows, closings = await asyncio.gather(
        store.read(cursor, pace.entries),
        store.last_position(),
        store.due(WINDOWS, now, LOOKS),
        store.due(CLOSINGS, now, LOOKS),
    )
    first = _batch(up_to_next(found), pace.events)
    drained = (first[-1].position if first else cursor) == newest
    return EvaluatorPoll(started, now, first, drained, windows, closings)


def _batch(entries: list[Entry], events: int) -> list[Entry]:
    """Return whole requests up to that with which there are so many events."""
    taken = 0
    for place, entry in enumerate(entries, 1):
        taken += len(entry.values)
        if taken >= events and entry.last:
            return entries[:place]
    return entries


ENTRIES = 50
"""Entries of the stream in one batch at most (of at most 200 events each)."""
LONG_SECONDS = 0.5
"""After a batch that took longer the next one is half as large: the evaluator's lease must outlive a batch by far, and
what was judged is written sooner than the processor forgets it.
"""


FEW = 250
"""A batch ends behind the request with which it has so many events, where the one before left nothing; each that leaves
something doubles that. So what a burst opens is sent while the rest of it is judged.
"""
MANY = 10_000
"""Events of a batch at most, but for its last request."""


class Pace:
    """Begins at `ENTRIES` and `FEW`, and goes back to them as soon as batches are short and leave nothing."""

    def __init__(self) -> None:
        self.entries = ENTRIES
        self.events = FEW

    def broke_off(self) -> None:
        """Tell that a batch took too long, or came to nothing, which may be why: the next one is half as large."""
        self.entries = max(1, self.entries // 2)

    def took(self, seconds: float, *, drained: bool) -> None:
        """Tell how long a batch took, in seconds, and whether nothing was left behind it."""
        self.events = max(FEW, self.events // 2) if drained else min(MANY, self.events * 2)
        if seconds > LONG_SECONDS:
            self.broke_off()
        elif seconds < LONG_SECONDS / 4:
            self.entries = min(ENTRIES, self.entries * 2)
