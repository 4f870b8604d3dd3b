"""The fold: from points in order of time to firing intervals (`FiringInterval`).

The fold keeps snapshots of its progress (`Snapshot`). When a late point arrives, or a point is removed, the fold
restores the newest snapshot before that point and continues from there. Example: snapshots at points 32 and 64, a late
point at position 50: the fold restores the snapshot at 32 and reads the points from 33 on.

Specification: docs/specification/rules.md#event-order, #arrival-order, #distance, #one-open-alert.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import msgspec

from engine.core.judging.aggregate import Changed, Unseen
from engine.core.judging.calendar import Spans, spans_of
from engine.core.judging.condition import Condition
from engine.core.judging.event import EventKey
from engine.core.judging.group_state import UNKNOWN, Circumstances, FiringInterval, GroupStatus, Join, Point
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.judgement import Sides
from engine.core.judging.points import needed_from
from engine.core.judging.rule import Rule, level_of_figure, steps_met
from engine.core.judging.window import (
    Window,
    climbs,
    is_pulse,
    is_state,
    kept_for,
    shrinks,
    sides_of,
    turning,
    watched_for,
    window_of,
    within_of,
)


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """How the fold stood: at which instant, behind how many points, its status, and how many spells had ended.

    Points that are away are counted too (`SlidingWindow.away`).
    """

    now: Instant | None
    high: int
    status: GroupStatus
    done: int

    def behind(self, points: int, spells: int) -> Snapshot:
        """Return the same with so many more points and spells before."""
        return Snapshot(self.now, self.high + points, self.status, self.done + spells)


def snapshot_of(now: Instant | None, high: int, status: GroupStatus, done: int) -> Snapshot:
    """Return how a fold stands whose status goes on changing."""
    return Snapshot(now, high, msgspec.structs.replace(status), done)


class SnapshotLog:
    """How a fold stood every `REMEMBERED_EVERY` points: from there it can be walked again where an event comes late."""

    def __init__(self, instants: list[Instant] | None = None, stands: list[Snapshot] | None = None) -> None:
        self._instants = instants or []
        self._stands = stands or []

    def wants(self, high: int) -> bool:
        """Say whether it is time to remember."""
        return high - (self._stands[-1].high if self._stands else 0) >= REMEMBERED_EVERY

    def add(self, now: Instant, high: int, status: GroupStatus, done: int) -> None:
        """Remember how the fold stands where everything up to `now` is judged."""
        self._instants.append(now)
        self._stands.append(snapshot_of(now, high, status, done))

    def before(self, at: Instant) -> SnapshotLog | None:
        """Return what is remembered of before an instant; None where that is nothing."""
        place = bisect_left(self._instants, at)
        return SnapshotLog(self._instants[:place], self._stands[:place]) if place else None

    def newest_before(self, at: Instant) -> Snapshot | None:
        """Return how the fold stood last before an instant; None where that is not known."""
        place = bisect_left(self._instants, at)
        return self._stands[place - 1] if place else None

    def forget(self, at: Instant) -> None:
        """Forget how the fold stood from an instant on: it is walked anew."""
        while self._instants and self._instants[-1] >= at:
            self._instants.pop()
            self._stands.pop()

    def after(self, at: Instant) -> Iterator[tuple[Instant, Snapshot]]:
        """Yield what is remembered of later instants, in order."""
        start = bisect_right(self._instants, at)
        return zip(self._instants[start:], self._stands[start:], strict=True)

    def followed_by(self, other: SnapshotLog, now: Instant, moved: int, more: int) -> SnapshotLog:
        """Return this up to an instant, then what another one remembers, with so many more points and spells before."""
        start, rest = bisect_right(self._instants, now), list(other.after(now))
        return SnapshotLog(
            [*self._instants[:start], *(at for at, _ in rest)],
            [
                *self._stands[:start],
                *(one.behind(moved, more) for _, one in rest),
            ],
        )

    @property
    def last(self) -> tuple[Instant, Snapshot]:
        """The newest of what is remembered, of which there must be some."""
        return self._instants[-1], self._stands[-1]


class Rise(NamedTuple):
    """The figure of a spell (its place among all) reached a level, or doubled, though nothing arrived."""

    at: Instant
    place: int
    figure: float
    sides: Sides | None = None


def is_behind(key: EventKey | None, floor: EventKey | None) -> bool:
    """Say whether a key is behind another; every key is behind none."""
    return floor is None or (key is not None and key > floor)


def earlier_of(one: Instant | None, other: Instant | None) -> Instant | None:
    """Return the earlier of two instants that may be missing."""
    return other if one is None or (other is not None and other < one) else one


def later_of(one: Instant | None, other: Instant | None) -> Instant | None:
    """Return the later of two instants that may be missing."""
    return other if one is None or (other is not None and other > one) else one


REMEMBERED_EVERY = 32
"""So many points are walked over again where an event comes late, and those behind it."""


class SlidingWindow:
    """The points from `_low` up to `_high` are in the window, but for those that do not count.

    `away` is how many points it walked over that came before all of these and are not here any more.
    """

    def __init__(
        self, condition: Condition, keys: list[EventKey], points: list[Point], status: GroupStatus
    ) -> None:
        self._condition = condition
        self._keys = keys
        self._points = points
        self._state = is_state(condition)
        self._within = within_of(condition)
        self._window: Window = self._new_window()
        self._low = self._high = self.away = 0
        self.status = status

    @property
    def figure(self) -> float | None:
        """The figure over the window as it stands."""
        return self._window.figure

    @property
    def sides(self) -> Sides | None:
        """The two figures that the figure is made of, where it is."""
        return sides_of(self._window)

    @property
    def met(self) -> bool:
        """Whether the figure meets the condition's limit."""
        return self._window.met()

    @property
    def counted(self) -> list[EventKey]:
        """The points in the window as it stands, in order; for `value` the latest one, for `every_event` none."""
        if self._within is not None:
            return [self._keys[i] for i in range(self._low, self._high) if self._counts(i)]
        return [self.status.seen] if self._state and self.status.seen is not None else []

    def _new_window(self) -> Window:
        return window_of(self._condition)

    def _counts(self, index: int) -> bool:
        restart = self.status.restart
        return self._points[index].watched and (restart is None or self._keys[index] > restart)

    def _enter(self, index: int) -> None:
        point = self._points[index]
        if point.watched:
            key, status = self._keys[index], self.status
            if status.restart is None or key > status.restart:
                self._window.enter(point)
            status.seen = key

    def _slide(self, at: Instant) -> None:
        if self._within is None:
            return
        edge = at - self._within
        while self._low < self._high and self._keys[self._low].occurred_at <= edge:
            if self._counts(self._low):
                self._window.leave(self._points[self._low])
            self._low += 1

    def _left_at(self, at: Instant) -> bool:
        """Say whether a point left the window at an instant."""
        edge = at - (self._within or 0)
        index = self._low - 1
        while index >= 0 and self._keys[index].occurred_at == edge:
            if self._counts(index):
                return True
            index -= 1
        return False

    def _move(self, count: int) -> None:
        """Follow points to their places where so many came in before them, or went that no window needs."""
        self._low = max(0, self._low + count)
        self._high += count

    def _skip(self, count: int) -> None:
        """Pass over points that nothing needs any more."""
        self._low = self._high = count


class SnapshotFold(SlidingWindow):
    """What a fold found, and how it stood on its way. `recalls`: a status, an instant and points are all there is."""

    recalls: ClassVar[bool] = True

    def __init__(
        self,
        rule: Rule,
        keys: list[EventKey],
        points: list[Point],
        *,
        base: Instant | None = None,
        status: GroupStatus | None = None,
        around: Circumstances = UNKNOWN,
    ) -> None:
        super().__init__(
            rule.condition, keys, points, msgspec.structs.replace(status) if status else GroupStatus()
        )
        self._rule = rule
        self._around = around
        self._before: Snapshot | None = None
        self.memory = SnapshotLog()
        self.now = base
        self.done: list[FiringInterval] = []
        self.joins: list[Join] = []
        self.rises: list[Rise] = []

    @property
    def spells(self) -> list[FiringInterval]:
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

    def stood_before(self, at: Instant) -> Snapshot | None:
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

    def begin_as(self, start: Self, now: Instant, stood: Snapshot) -> None:
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


class Fold(SnapshotFold):
    """Walks the instants of one group of one rule.

    It reads `keys` and `points`, lists in event order that its owner appends to; after any other change of them another
    fold is needed: one that stood before the change (`before`), or a new one. `done` are spells that ended, `status`
    how it stands at `now`; `joins` collects until its owner empties it, `rises` are those of all spells. `has_roster`:
    groups are there though nothing was ever watched of them.

    Folds are met at every event: with more than 30 attributes Python finds all of them more slowly.
    """

    has_roster: ClassVar[bool] = False

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
        super().__init__(rule, keys, points, base=base, status=status, around=around)
        self._marks = list(marks)
        self._pulse = is_pulse(rule.condition)
        self._climbs = climbs(rule)
        self._slides = self._state and self._within is not None
        wait = watched_for(rule.condition)
        self._judged_from = around.since + wait if around.since is not None and wait else None
        self._active: Spans | None = spans_of(rule.active, around.zone) if rule.active else None
        self._due: Instant | None = None
        self._stale = True
        if base is not None:
            self._refill(base)

    # --- walking ----------------------------------------------------------------------------------------------------

    def walk(self) -> None:
        """Walk over all points not walked over yet."""
        while self._high < len(self._keys):
            self._step()
        if self._marks:
            self._pass_marks(None)

    def _step(self) -> None:
        """Walk over the points of the next instant."""
        keys, count = self._keys, len(self._keys)
        at = keys[self._high].occurred_at
        if self._marks:
            self._pass_marks(at)
        if self._stale or self._due is not None:
            self.wait_until(at - 1)
        start = self._high
        self._before = snapshot_of(self.now, self.walked, self.status, len(self.done))
        while self._high < count and keys[self._high].occurred_at == at:
            self._high += 1
        self._slide(at)
        for index in range(start, self._high):
            self._enter(index)
        self.now = at
        if self._marks and self._marks[0].occurred_at == at:
            self._split(at, start)
        else:
            self._judge(at, start, self._high)
        if self.memory.wants(self.walked) and not (self._marks and self._marks[0].occurred_at <= at):
            self.memory.add(at, self.walked, self.status, len(self.done))

    def rewind_to(self, at: Instant) -> bool:
        """Make ready for further points at or after `at`; False where this fold cannot take them."""
        if self.now is None or at > self.now:
            return True
        before = self._before
        if before is None or at != self.now or before.status.restart != self.status.restart:
            return False
        self._stale = True
        high = before.high - self.away
        for index in range(high, self._high):
            if self._counts(index):
                self._window.leave(self._points[index])
        self.now, self._high, self.status = before.now, high, before.status
        if self._within is None and self.status.seen is not None:
            seen = bisect_left(self._keys, self.status.seen)
            if self._counts(seen):
                self._window.enter(self._points[seen])
        self.memory.forget(at)
        del self.done[before.done :]
        self.joins = [join for join in self.joins if join.at != at]
        self.rises = [rise for rise in self.rises if rise.at != at]
        self._before = None
        return True

    def wait_until(self, until: Instant) -> None:
        """Judge what falls due up to `until` (included) though no point occurs."""
        while (at := self.next_due()) is not None and at <= until:
            self._before = snapshot_of(self.now, self.walked, self.status, len(self.done))
            self._slide(at)
            self.now = at
            self._judge(at, self._high, self._high)

    def stand_at(self, at: Instant) -> None:
        """Judge what falls due up to `at` and let the window stand there; only for looking, not for walking on."""
        self.wait_until(at)
        self._slide(at)
        self._stale = True

    def next_due(self) -> Instant | None:
        """Return the next instant at which something changes though no point occurs."""
        if self._stale:
            self._due, self._stale = self._reckoned(), False
        return self._due

    def _reckoned(self) -> Instant | None:
        """Reckon what `next_due` says, which stays so until the fold moves."""
        status, clear = self.status, self._rule.clear
        due: Instant | None = None
        if status.spell is not None:
            if status.over_since is not None:
                due = status.over_since + self._rule.keep_open_for
            elif clear.how == "quiet":
                due = status.last_joined + clear.quiet_for
        elif status.true_since is not None:
            due = status.true_since + self._rule.hold_for
        if self._within is not None and (
            self._slides or (status.spell is not None and clear.how in _BY_FIGURE and not self._pulse)
        ):
            due = earlier_of(due, self._next_leave(self._within))
        if self._active is not None:
            held, changed = status.true_since, self.now if status.spell or self._untold() else None
            if changed is not None and not status.spell and self._may_open():
                held = changed  # it is judged where the next span begins, whatever was judged in this one
            due = self._active.judged_next(due, held=held, changed=changed)
        until = self._rule.effective_until
        if due is None or (until is not None and due >= until) or (self.now is not None and due <= self.now):
            return None
        return due

    def _next_leave(self, within: Millis) -> Instant | None:
        """Return when the next point leaves whose leaving changes what the figure means.

        Where a leave can not only lower the figure, every leave may change it.
        """
        if not shrinks(self._condition) or (self._slides and self._untold()):
            earliest = max(
                self._judged_from or 0, (self.now or 0) + 1
            )  # true already: judged at the next leave
            inside = (self._keys[i] for i in range(self._low, self._high) if self._counts(i))
            return next((at for key in inside if (at := key.occurred_at + within) >= earliest), None)
        counted = (self._points[i] for i in range(self._high - 1, self._low - 1, -1) if self._counts(i))
        trial = window_of(self._condition)
        found = turning(counted, self._meaning(self._window), trial, self._meaning, hops=self._hops())
        return None if found is None else found.key.occurred_at + within

    def _may_open(self) -> bool:
        """Say whether something newer than the last closing is there, and it was false since people closed it."""
        status = self.status
        return not status.blocked and status.seen is not None and is_behind(status.seen, status.floor)

    def _hops(self) -> bool:
        """Say whether a limit is met by one figure alone, and by none to either side of it."""
        limits = (self._rule.clear.limit, *(step.limit for step in self._rule.levels if self._climbs))
        return any(limit is not None and limit.operator == "equals" for limit in limits)

    def _untold(self) -> bool:
        """Say whether a state condition is true of which nothing has come yet."""
        status = self.status
        return self._state and not status.spell and status.true_since is None and self._window.met()

    def _meaning(self, window: Window) -> tuple[object, ...]:
        if self.status.spell is None:
            return window.met(), False
        if not self._climbs:
            return window.met(), self._over(window)
        return window.met(), self._over(window), *steps_met(self._rule, window.figure)

    # --- where it begins ---------------------------------------------------------------------------------------------

    def _refill(self, base: Instant) -> None:
        self._skip(needed_from(self._condition, self._keys, self._points, base))
        while self._high < len(self._keys) and self._keys[self._high].occurred_at <= base:
            self._enter(self._high)
            self._high += 1
        self._slide(base)
        while self._marks and self._marks[0].occurred_at <= base:
            self._close_by_hand(self._marks.pop(0))

    # --- closings by hand -------------------------------------------------------------------------------------------

    def _pass_marks(self, before: Instant | None) -> None:
        """Close by hand where the newest evidence of the closed alert stood, though it is no point any more."""
        while self._marks and (before is None or self._marks[0].occurred_at < before):
            mark = self._marks.pop(0)
            self.wait_until(mark.occurred_at)
            self.now, self._before = max(mark.occurred_at, self.now or mark.occurred_at), None
            self._close_by_hand(mark)

    def _split(self, at: Instant, start: int) -> None:
        """Judge one instant in parts: a closing by hand stands between the points up to its floor and the newer."""
        while start < self._high:
            mark = self._marks.pop(0) if self._marks and self._marks[0].occurred_at == at else None
            end = self._high if mark is None else bisect_right(self._keys, mark, start, self._high)
            if end > start:
                self._judge(at, start, end)
            if mark is not None:
                self._close_by_hand(mark)
            start = end
        self._before = None

    def _close_by_hand(self, mark: EventKey) -> None:
        """Close what runs; at the gate of a rule (a mark of no event) only what does not hold there."""
        self._stale = True
        spell, gate = self.status.spell, not mark.desk
        if gate:
            self._slide(mark.occurred_at)
        if spell is None:
            return
        met = self._window.met()
        if not gate or self._pulse or not met:
            self._end(max(mark.occurred_at, spell.happened_at), "before_rule" if gate else "by_hand", mark)
            self.status.blocked = self._state and met

    # --- judging one instant ----------------------------------------------------------------------------------------

    def _judge(self, at: Instant, start: int, end: int) -> None:
        """Judge an instant with the points from `start` to `end` of it; all of them are in the window."""
        self._stale = True
        status = self.status
        if self._rule.clear.how == "event":
            self._clear_by_event(at, start, end)
        watched = self._watched(start, end)
        began = None
        if self._active is not None:
            if (span := self._active.around(at)) is None:
                return
            began = span.start
            if status.true_since is not None and status.true_since < began:
                status.true_since = status.true_first = None
        completing = self._completing(watched) if self._pulse else watched
        true = self._true(completing)
        if status.spell is not None:
            self._continue(at, watched, true=true)
            if status.spell is not None:
                return
        if self._is_too_early(at):
            return
        newest = watched[-1] if watched else status.seen
        if not true:
            status.true_since = status.true_first = None
            status.blocked = False
        elif not status.blocked and is_behind(completing[-1] if completing else newest, status.floor):
            # A state condition is judged where points enter or leave or `active` begins, not where only a wait ends.
            if status.true_since is None and (watched or self._left_at(at) or at == began):
                status.true_since, status.true_first = at, newest
            if status.true_since is not None and at >= status.true_since + self._rule.hold_for:
                self._open(at, watched, newest)

    def _is_too_early(self, at: Instant) -> bool:
        """Say whether nothing may open yet: a window is not watched whole, or nothing of the group was ever watched."""
        if self.status.seen is None and not self.has_roster:
            return True  # an event that only clears makes no group
        return self._judged_from is not None and at < self._judged_from

    def _completing(self, watched: list[EventKey]) -> list[EventKey]:
        """Return those of the watched events of an instant at which the condition is true, a state aside."""
        return self._window.completing(watched) if isinstance(self._window, Changed | Unseen) else watched

    def _true(self, completing: list[EventKey]) -> bool:
        return self._window.met() and (self._state or bool(completing))

    def _watched(self, start: int, end: int) -> list[EventKey]:
        return [self._keys[index] for index in range(start, end) if self._points[index].watched]

    def _clear_by_event(self, at: Instant, start: int, end: int) -> None:
        """End the running spell, or a wait; comes before an opening at this instant, so that only newer ones clear."""
        clearing = next(
            (self._keys[i] for i in range(end - 1, start - 1, -1) if self._points[i].clears), None
        )
        status = self.status
        if clearing is None:
            return
        if status.spell is not None:
            self._end(at, "event", clearing)
        elif status.true_since is not None:
            status.true_since = status.true_first = None
            status.floor = clearing

    def _continue(self, at: Instant, watched: list[EventKey], *, true: bool) -> None:
        """Let the points join the running spell, then end it if it is over."""
        status, rule = self.status, self._rule
        if watched and (true or not self._state):
            figure, sides = self._window.figure, sides_of(self._window)
            self.joins.extend(Join(key, len(self.done), figure, sides, at) for key in watched)
            status.newest = watched[-1] if status.newest is None else max(status.newest, watched[-1])
        if self._climbs and true and status.spell is not None:
            self._climb(at, status.spell, quietly=not watched)
        if rule.clear.how in _BY_FIGURE:
            if not self._over(self._window):
                status.over_since = None
                return
            if status.over_since is None or (self._pulse and true):
                status.over_since = at
            if at >= status.over_since + rule.keep_open_for:
                self._end(at, "no_longer_true", status.newest)
        elif rule.clear.how == "quiet" and at >= status.last_joined + rule.clear.quiet_for:
            self._end(at, "quiet", status.newest)

    def _climb(self, at: Instant, spell: FiringInterval, *, quietly: bool) -> None:
        """Follow the figure of the running spell; where it reaches a level or doubles and no event says so, it rises.

        The figure from which doubling is counted is that of which people were told last; what the clock tells again
        is not known here, so where it may, that is the lowest figure said.
        """
        figure, again = self._window.figure, self._rule.tell_again
        if figure is None:
            return
        level, base = level_of_figure(self._rule, figure), spell.counted_from
        higher = level > spell.level
        grows = again.value_doubles and (
            base is None or (figure > base and (base <= 0 or figure >= 2 * base))
        )
        if quietly and not higher and not grows:
            return
        if not again.value_doubles:
            base = None
        elif again.every is not None and base is not None and base > 0:
            base = min(base, figure)
        elif higher or grows or base is None or base <= 0:
            base = figure
        if higher or base != spell.counted_from:
            self.status.spell = msgspec.structs.replace(
                spell, level=max(level, spell.level), counted_from=base
            )
        if quietly:
            self.rises.append(Rise(at, len(self.done), figure, sides_of(self._window)))

    def _over(self, window: Window) -> bool:
        limit = self._rule.clear.limit
        if self._rule.clear.how != "limit" or limit is None:
            return self._pulse or not window.met()
        figure = window.figure
        return figure is not None and limit.met_by(figure) and not window.met()

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        status = self.status
        first, last = self._evidence(watched, newest)
        figure, sides = self._window.figure, sides_of(self._window)
        status.spell = FiringInterval(happened_at=at, first=first, last=last, figure=figure, sides=sides)
        if self._climbs and figure is not None:
            status.spell = msgspec.structs.replace(
                status.spell,
                level=level_of_figure(self._rule, figure),
                counted_from=figure if self._rule.tell_again.value_doubles else None,
            )
        status.newest = newest
        status.true_since = status.true_first = None
        status.over_since = at if self._pulse and self._rule.clear.how == "no_longer_true" else None
        if self._rule.start_again and last is not None:
            self._start_anew(watched)

    def _start_anew(self, watched: list[EventKey]) -> None:
        """Begin with an empty window behind the newest event that completed the condition, a state behind all."""
        keys = self._keys
        self.status.restart = (
            keys[self._high - 1] if self._state or not watched else self._completing(watched)[-1]
        )
        self._window, self._low = (
            self._new_window(),
            bisect_right(keys, self.status.restart, self._low, self._high),
        )
        for index in range(self._low, self._high):
            if self._counts(index):
                self._window.enter(self._points[index])

    def _evidence(
        self, watched: list[EventKey], newest: EventKey | None
    ) -> tuple[EventKey | None, EventKey | None]:
        """Return the keys of the first and the last point that are evidence of an opening now."""
        if self._within is not None and not self._pulse:
            inside = range(self._low, self._high)
            first = next((self._keys[i] for i in inside if self._counts(i)), None)
            return first, next((self._keys[i] for i in reversed(inside) if self._counts(i)), None)
        if self._state:
            return self.status.true_first, newest
        return next((key for key in watched if is_behind(key, self.status.floor)), newest), newest

    def _end(self, at: Instant, reason: str, floor: EventKey | None) -> None:
        status = self.status
        if status.spell is not None:
            self.done.append(msgspec.structs.replace(status.spell, ended_at=at, reason=reason))
            self.status.spell = status.over_since = status.newest = status.true_since = status.true_first = (
                None
            )
            status.floor = floor


_BY_FIGURE = ("no_longer_true", "limit")
