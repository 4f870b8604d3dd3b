"""Recall: a fold goes on from where it stood before, where points came late or were taken out.

Here: going back to what is remembered, and finding out from where on everything is as it was. Not here: the walk
(`judging.fold`), and what is remembered (`judging.trace`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import msgspec

from engine.judging.circumstances import UNKNOWN, Circumstances
from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.points import needed_from
from engine.judging.rule import Rule
from engine.judging.sliding import Sliding
from engine.judging.state import Join, Point, Spell, Status
from engine.judging.trace import Memory, Rise, Stand
from engine.judging.window import kept_for


class Recalling(Sliding):
    """What a fold found, and how it stood on its way. `recalls`: a status, an instant and points are all there is."""

    recalls: ClassVar[bool] = True

    def __init__(
        self,
        rule: Rule,
        keys: list[EventKey],
        points: list[Point],
        *,
        base: Instant | None = None,
        status: Status | None = None,
        around: Circumstances = UNKNOWN,
    ) -> None:
        super().__init__(
            rule.condition, keys, points, msgspec.structs.replace(status) if status else Status()
        )
        self._rule = rule
        self._around = around
        self._before: Stand | None = None
        self.memory = Memory()
        self.now = base
        self.done: list[Spell] = []
        self.joins: list[Join] = []
        self.rises: list[Rise] = []

    @property
    def spells(self) -> list[Spell]:
        """All spells found, the running one last."""
        running = self.status.spell
        return self.done if running is None else [*self.done, running]

    def before(self, at: Instant, marks: Sequence[EventKey]) -> Self | None:
        """Return a fold that stands as this one stood not long before `at`; None where nothing of that is known.

        From `at` on points and `marks` may be others than those that this one walked over.
        """
        known = self.memory.before(at) if self.recalls else None
        if known is None:
            return None
        now, stood = known.last
        left = [mark for mark in marks if mark.occurred_at > now]
        kind: Any = type(self)
        fold: Self = kind(
            self._rule,
            self._keys,
            self._points,
            base=now,
            status=stood.status,
            marks=left,
            around=self._around,
        )
        fold.away = self.away
        fold.memory, fold.done = known, self.done[: stood.done]
        fold.joins = [join for join in self.joins if join.at <= now]
        fold.rises = [rise for rise in self.rises if rise.at <= now]
        return fold

    def stood_before(self, at: Instant) -> Stand | None:
        """Return how it stood last before an instant; None where nothing of that is known."""
        return self.memory.newest_before(at) if self.recalls else None

    def shift(self, count: int) -> None:
        """Go on where so many of the oldest points were put away (below 0) or brought back."""
        self.away -= count
        self._move(count)

    def catch_up(self, other: Self, behind: EventKey) -> Self:
        """Walk until this fold stands as `other` stood, and return that one with what is new; else walk to the end.

        The other one walked over the points as they were before some of them, up to `behind`, came or went. Who still
        has something to say of a running spell, or of one that a wait leads to, says the newest figure, so then this
        one walks to the end.
        """
        if self.recalls:
            in_windows = max(0, kept_for(self._condition) - 1)  # what was taken out is in no list any more
            for now, stood in other.memory.after(behind.occurred_at + in_windows):
                while self._high < len(self._keys) and self._keys[self._high].occurred_at <= now:
                    self._step()
                needed = needed_from(self._condition, self._keys, self._points, now)
                status = self.status
                if self.now != now or status != stood.status or status.spell or status.true_since is not None:
                    continue
                if needed < self._high and self._keys[needed] > behind:
                    other.begin_as(self, now, stood)
                    return other
        self.walk()
        return self

    def begin_as(self, start: Self, now: Instant, stood: Stand) -> None:
        """Take over from another fold what it found up to an instant at which it stands as this one stood."""
        moved, more = start.walked - stood.high, len(start.done) - stood.done
        self.done = [*start.done, *self.done[stood.done :]]
        self.joins = [
            *start.joins,
            *(join._replace(place=join.place + more) for join in self.joins if join.at > now),
        ]
        self.rises = [
            *start.rises,
            *(rise._replace(place=rise.place + more) for rise in self.rises if rise.at > now),
        ]
        self.memory = start.memory.followed_by(self.memory, now, moved, more)
        if self.now == now:  # before this very instant the two may have stood differently
            self._before = start._before
        elif self._before is not None:
            self._before = self._before.behind(moved, more)
        self._move(moved)

    @property
    def walked(self) -> int:
        """How many points it has walked over."""
        return self.away + self._high

    def walk(self) -> None:
        """Walk over all points not walked over yet."""
        raise NotImplementedError

    def _step(self) -> None:
        raise NotImplementedError
