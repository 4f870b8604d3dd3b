"""Bonds: the fold of a rule on rules, which is about stretches of time for which alerts of others are open.

Here: how stretches stand in the fold's one walk: they begin and end at points, and what is open is evidence. Not here:
the points themselves and their number (`judging.stretch`), and the walk (`judging.fold`).
"""

from __future__ import annotations

import msgspec

from engine.judging.event import EventKey
from engine.judging.fold import Fold
from engine.judging.instant import Instant
from engine.judging.stretch import Standing


class BondFold(Fold):
    """The fold of a rule on rules. Points that are not watched are ends; they are instants to judge, never evidence."""

    recalls = False  # what is open is in no status, and no window bounds it

    @property
    def counted(self) -> list[EventKey]:
        """The alerts that are open and count, in order."""
        window = self._window
        keys = self._keys[self._low : self._high] if self._within is not None else self._keys[: self._high]
        return [key for key in keys if isinstance(window, Standing) and window.holds(key)]

    def rewind_to(self, at: Instant) -> bool:
        """Say whether the fold can take points at an instant: what ended does not open again."""
        return self.now is None or at > self.now

    def _skip(self, count: int) -> None:
        """Skip nothing: what is open counts however long ago it opened."""

    def _enter(self, index: int) -> None:
        super()._enter(index)
        point = self._points[index]
        if not point.watched and not point.clears:
            self._window.enter(point)

    def _left_at(self, at: Instant) -> bool:
        """Say whether an alert ended at an instant, or left the window."""
        index = self._high - 1
        while index >= 0 and self._keys[index].occurred_at == at:
            if not self._points[index].watched:
                return True
            index -= 1
        return self._within is not None and super()._left_at(at)

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        counted = tuple(self.counted)
        super()._open(at, watched, newest)
        spell = self.status.spell
        if spell is not None:
            first, last = (counted[0], counted[-1]) if counted else (None, None)
            self.status.spell = msgspec.structs.replace(spell, first=first, last=last, keys=counted)
