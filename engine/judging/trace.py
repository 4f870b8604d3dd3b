"""What a fold remembers of its walk besides how it stands.

Here: rises, how it stood before, and small questions about keys and instants. Not here: the walk
itself (`judging.fold`) and what is stored of it (`judging.state`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.judgement import Sides
from engine.judging.state import Status


class Stand(msgspec.Struct, frozen=True, gc=False):
    """How the fold stood: at which instant, behind how many points, its status, and how many spells had ended.

    Points that are away are counted too (`Sliding.away`).
    """

    now: Instant | None
    high: int
    status: Status
    done: int

    def behind(self, points: int, spells: int) -> Stand:
        """Return the same with so many more points and spells before."""
        return Stand(self.now, self.high + points, self.status, self.done + spells)


def stand(now: Instant | None, high: int, status: Status, done: int) -> Stand:
    """Return how a fold stands whose status goes on changing."""
    return Stand(now, high, msgspec.structs.replace(status), done)


class Memory:
    """How a fold stood every `REMEMBERED_EVERY` points: from there it can be walked again where an event comes late."""

    def __init__(self, instants: list[Instant] | None = None, stands: list[Stand] | None = None) -> None:
        self._instants = instants or []
        self._stands = stands or []

    def wants(self, high: int) -> bool:
        """Say whether it is time to remember."""
        return high - (self._stands[-1].high if self._stands else 0) >= REMEMBERED_EVERY

    def add(self, now: Instant, high: int, status: Status, done: int) -> None:
        """Remember how the fold stands where everything up to `now` is judged."""
        self._instants.append(now)
        self._stands.append(stand(now, high, status, done))

    def before(self, at: Instant) -> Memory | None:
        """Return what is remembered of before an instant; None where that is nothing."""
        place = bisect_left(self._instants, at)
        return Memory(self._instants[:place], self._stands[:place]) if place else None

    def newest_before(self, at: Instant) -> Stand | None:
        """Return how the fold stood last before an instant; None where that is not known."""
        place = bisect_left(self._instants, at)
        return self._stands[place - 1] if place else None

    def forget(self, at: Instant) -> None:
        """Forget how the fold stood from an instant on: it is walked anew."""
        while self._instants and self._instants[-1] >= at:
            self._instants.pop()
            self._stands.pop()

    def after(self, at: Instant) -> Iterator[tuple[Instant, Stand]]:
        """Yield what is remembered of later instants, in order."""
        start = bisect_right(self._instants, at)
        return zip(self._instants[start:], self._stands[start:], strict=True)

    def followed_by(self, other: Memory, now: Instant, moved: int, more: int) -> Memory:
        """Return this up to an instant, then what another one remembers, with so many more points and spells before."""
        start, rest = bisect_right(self._instants, now), list(other.after(now))
        return Memory(
            [*self._instants[:start], *(at for at, _ in rest)],
            [
                *self._stands[:start],
                *(one.behind(moved, more) for _, one in rest),
            ],
        )

    @property
    def last(self) -> tuple[Instant, Stand]:
        """The newest of what is remembered, of which there must be some."""
        return self._instants[-1], self._stands[-1]


class Rise(NamedTuple):
    """The figure of a spell (its place among all) reached a level, or doubled, though nothing arrived."""

    at: Instant
    place: int
    figure: float
    sides: Sides | None = None


def newer(key: EventKey | None, floor: EventKey | None) -> bool:
    """Say whether a key is behind another; every key is behind none."""
    return floor is None or (key is not None and key > floor)


def earlier(one: Instant | None, other: Instant | None) -> Instant | None:
    """Return the earlier of two instants that may be missing."""
    return other if one is None or (other is not None and other < one) else one


def later(one: Instant | None, other: Instant | None) -> Instant | None:
    """Return the later of two instants that may be missing."""
    return other if one is None or (other is not None and other > one) else one


REMEMBERED_EVERY = 32
"""So many points are walked over again where an event comes late, and those behind it."""
