"""Retention: which points a group keeps, and which of those it has at hand.

Here: judging for good what no event can change any more and forgetting what no window needs then; putting older pages
away while they lie in the store, and what has to be brought back before something may be judged. Not here: judging
(`core.judging.group_evaluation`), the points and their pages (`core.judging.points`), reading them
(`evaluation.groups`).

Points are put away up to where the fold stood at one of the instants that it remembers (`core.judging.fold`): from
there it can be walked again with the points that were in a window then. What changes nothing before that instant is
judged as if all points were here; for anything else older pages are brought first. So what is at hand changes no
judgement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.judging.condition import Absence, Bond
from engine.core.judging.event import EventKey
from engine.core.judging.fold import Fold, Snapshot
from engine.core.judging.group_state import GroupStatus, Opening, Point
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.judgement import Judgement
from engine.core.judging.points import Points, needed_from
from engine.core.judging.rule import Rule
from engine.core.judging.window import latest_needed

KEPT_WHILE_OPEN = 1_000
"""While an alert is open its points are kept beyond the late horizon, up to this many, so that a refutation of the
first of them finds the others; above it, refuting points older than the horizon changes nothing."""
WORTH_FORGETTING = 32
"""Points below this number are not worth it."""
AT_HAND = 64
"""Points of a group that stay here; beyond that older pages are put away."""
NEWEST = 32
"""So many of the newest points stay in any case: what comes as late as that needs nothing brought."""


class Retaining:
    """A group as to what it keeps."""

    rule: Rule
    points: Points
    _base: Instant | None
    _status: GroupStatus
    _openings: list[Opening]
    _marks: list[EventKey]
    _ripe: Instant | None
    _reach: Millis
    _hidden: Instant | None
    _fold: Fold

    # --- what is forgotten ------------------------------------------------------------------------------------------

    def settle_past(self, at: Instant) -> list[Judgement]:
        """Judge for good all that no event received from `at` on can change, however little; all points are here."""
        return self._forget(at, everything=True)

    @property
    def is_blank(self) -> bool:
        """Say whether a group of which nothing was ever reported would judge all that is to come as this one does.

        But for the number of its alerts, and for those that listen to it.
        """
        condition, status, base = self.rule.condition, self._fold.status, self._base or 0
        if isinstance(condition, Absence | Bond) or latest_needed(condition):
            return False
        held = len(self.points.rows) + self.points.away + len(self._openings) + len(self._marks)
        runs = self._fold.spells or status.spell or status.true_since is not None or status.blocked
        waits = status.anchor is not None and status.anchor.occurred_at + self._reach > base
        return not (held or runs or waits or status.first is not None or self._fold.next_due() is not None)

    def _forget(self, received_at: Instant, *, everything: bool = False) -> list[Judgement]:
        """Judge for good what no event can change any more, and let go of points no window needs."""
        if self.points.away or not (everything or self._may_forget(received_at)):
            return []  # where enough could go, all points were brought
        base = self._final(received_at)
        gone = needed_from(self.rule.condition, self.points.keys, self.points.rows, base)
        if not self._may_seal(base, gone) if everything else not self._worth(gone):
            return []
        self._seal(base)
        self.points.forget(gone)
        self._refold()
        return self._settle(base)

    def _may_seal(self, base: Instant, gone: int) -> bool:
        """Say whether anything goes, be it points or openings, where everything up to `base` is judged for good."""
        over = any(o.ended_at is not None and o.ended_at <= base for o in self._openings)
        past = any(mark.occurred_at <= base for mark in self._marks)
        return (self._base is None or base > self._base) and (gone > 0 or over or past)

    def _worth(self, gone: int) -> bool:
        return gone >= max(WORTH_FORGETTING, len(self.points) // 2)

    def _may_forget(self, received_at: Instant) -> bool:
        """Say whether so many points may be forgotten that it is worth it; of pages away it is not known exactly."""
        points, edge = self.points, received_at - self.rule.late_horizon - 1 - self._reach
        if points.away:
            return self._worth(points.before(edge))
        keys = points.keys  # asked at each event: no search
        enough = max(WORTH_FORGETTING, len(keys) // 2)
        return len(keys) >= enough and keys[enough - 1].occurred_at <= edge

    def _final(self, received_at: Instant) -> Instant:
        """Return up to which instant nothing changes any more; while something goes on, as a rule not beyond it."""
        base = min(received_at - self.rule.late_horizon, (self._ripe or 0) + 1) - 1
        if len(self.points) <= KEPT_WHILE_OPEN:
            going = [s.happened_at for s in self._fold.spells if s.ended_at is None or s.ended_at > base]
            waiting = [] if (since := self._fold.status.true_since) is None else [since]
            base = min([base, *(at - self.rule.hold_for - 1 for at in going), *(at - 1 for at in waiting)])
        return base

    def _seal(self, base: Instant) -> None:
        """Judge for good up to an instant."""
        sealed = self._fold_of(
            self.points.until(base), [mark for mark in self._marks if mark.occurred_at <= base]
        )
        sealed.walk()
        sealed.wait_until(base)
        self._base, self._status = base, sealed.status
        self._marks = [mark for mark in self._marks if mark.occurred_at > base]
        self._openings = [o for o in self._openings if o.ended_at is None or o.ended_at > base]

    # --- what is at hand --------------------------------------------------------------------------------------------

    def put_away(self, received_at: Instant) -> None:
        """Let go of older pages, which must be in the store as they are, where nothing needs them now."""
        points = self.points
        if len(points.rows) <= AT_HAND or self._speaks_of_older() or self._may_forget(received_at):
            return
        known = self._fold.stood_before(points.keys[-NEWEST].occurred_at)
        if known is None:
            return
        at, floor = known.now or 0, self._floor(known, known.status.seen, known.status.true_first)
        behind = needed_from(self.rule.condition, points.keys, points.rows, at)
        if gone := points.put_away(min(behind, points.until(floor - 1))):
            self._fold.shift(-gone)

    def _speaks_of_older(self) -> bool:
        """Say whether something is still to be said for which evidence may be needed, however old it is."""
        return (
            self._hidden is not None
            or bool(self._fold.joins)
            or any(opening.carried for opening in self._openings)
        )

    def lacks(self, earliest: Instant | None, received_at: Instant, *, whole: bool = False) -> list[int]:
        """Return the pages that must be brought before events are judged; to be asked again until there are none.

        `earliest` is the earliest instant of these events (None: there are none), and none of them is received after
        `received_at`. `whole`: all pages, as where events are withdrawn or people closed an alert.
        """
        points, fold = self.points, self._fold
        if not points.away:
            return []
        if whole or (earliest is not None and self._may_forget(received_at)):
            return points.pages_away
        if earliest is None or fold.now is None or earliest > fold.now:
            return []
        known = fold.stood_before(earliest)
        if known is not None and (spell := known.status.spell) is not None:
            known = fold.stood_before(spell.happened_at)  # another alert may take over all that joined it
        if known is None:
            return points.pages_away
        status = known.status
        if lacking := points.lacking(self._floor(known, status.seen, status.true_first)):
            return lacking
        latest = latest_needed(self.rule.condition)
        seen = sum(row.watched for row in points.rows[: points.until(known.now or 0)]) if latest else 0
        return points.pages_away[-1:] if seen < latest else []

    def bring(self, pages: Mapping[int, Sequence[Point]]) -> None:
        """Take back pages that `lacks` returned, with their points."""
        rows = [point for page in pages.values() for point in page]
        self.points.bring(rows, len(pages))
        self._fold.shift(len(rows))

    def _floor(self, known: Snapshot, *heeded: EventKey | None) -> Instant:
        """Return from which instant on points are needed where the fold goes on from how it stood.

        Those are what was in its windows, what it stood at, and points that it has to speak of.
        """
        at = known.now or 0
        return min(at - max(0, self._reach - 1), *(key.occurred_at for key in heeded if key is not None), at)

    # --- what a group does besides ----------------------------------------------------------------------------------

    def _fold_of(self, count: int | None, marks: Sequence[EventKey]) -> Fold:
        raise NotImplementedError

    def _refold(self) -> None:
        raise NotImplementedError

    def _settle(self, ripe: Instant) -> list[Judgement]:
        raise NotImplementedError
