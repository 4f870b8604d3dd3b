"""The fold: sorted points in, spells out; the meaning of conditions over time.

Here: the one machine that walks the instants of a group in order, and nothing that depends on arrival. Not here: what
was said before and what to say now (`judging.evaluate`). Laws: rule-language.md 3.2 to 3.4 and 3.9.

An instant is judged when points occur at it, when points leave the window at it, or when a wait ends at it. At each
instant points leave, all points of it enter, then it is judged once: joins, the end of the running spell, a new one.
Outside the rule's `active` nothing but clearing is; what changed there is judged where the next span begins.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from engine.judging.active import Spans, spans_of
from engine.judging.circumstances import UNKNOWN, Circumstances
from engine.judging.event import EventKey
from engine.judging.instant import Instant, Millis
from engine.judging.level import level_of_figure, steps_met
from engine.judging.novelty import Changed, Unseen
from engine.judging.points import needed_from
from engine.judging.recall import Recalling
from engine.judging.rule import Rule
from engine.judging.state import Join, Point, Spell, Status
from engine.judging.trace import Rise, earlier, newer, stand
from engine.judging.window import (
    Window,
    climbs,
    is_pulse,
    shrinks,
    sides_of,
    turning,
    watched_for,
    window_of,
)


class Fold(Recalling):
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
        status: Status | None = None,
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
        self._before = stand(self.now, self.walked, self.status, len(self.done))
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
            self._before = stand(self.now, self.walked, self.status, len(self.done))
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
            due = earlier(due, self._next_leave(self._within))
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
        return not status.blocked and status.seen is not None and newer(status.seen, status.floor)

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
        elif not status.blocked and newer(completing[-1] if completing else newest, status.floor):
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

    def _climb(self, at: Instant, spell: Spell, *, quietly: bool) -> None:
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
        status.spell = Spell(happened_at=at, first=first, last=last, figure=figure, sides=sides)
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
        return next((key for key in watched if newer(key, self.status.floor)), newest), newest

    def _end(self, at: Instant, reason: str, floor: EventKey | None) -> None:
        status = self.status
        if status.spell is not None:
            self.done.append(msgspec.structs.replace(status.spell, ended_at=at, reason=reason))
            self.status.spell = status.over_since = status.newest = status.true_since = status.true_first = (
                None
            )
            status.floor = floor


_BY_FIGURE = ("no_longer_true", "limit")
