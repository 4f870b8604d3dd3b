"""The window of a fold: which points of a group are in it where the fold stands.

Here: points that enter and leave, and the figure over them. Not here: when that happens and what follows from it
(`judging.fold`), the running figures (`judging.window`).
"""

from __future__ import annotations

from engine.judging.event import EventKey
from engine.judging.instant import Instant
from engine.judging.judgement import Sides
from engine.judging.rule import Condition
from engine.judging.state import Point, Status
from engine.judging.window import Window, is_state, sides_of, window_of, within_of


class Sliding:
    """The points from `_low` up to `_high` are in the window, but for those that do not count.

    `away` is how many points it walked over that came before all of these and are not here any more.
    """

    def __init__(
        self, condition: Condition, keys: list[EventKey], points: list[Point], status: Status
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
