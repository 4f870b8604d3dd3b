"""Hearing: the working copy of a group of a rule on rules, which takes stretches instead of events.

Here: what a group of another rule says of its stretches, held against what was heard of it before. Not here: stretches
as points (`core.judging.upstream_interval`), what follows from them (`core.judging.condition_folds`), and which group
hears of which (`evaluation.dependencies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.core.judging.condition import Bond
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import ByHand, Point
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Judgement
from engine.core.judging.retention import WORTH_FORGETTING
from engine.core.judging.rule import Rule
from engine.core.judging.upstream_interval import ENDED, IntervalSource, OpenInterval, points_of

AFTER_REQUESTS = 1 << 31
"""The place of what fell due at an instant: behind all requests that were received at it."""


class Hearing(msgspec.Struct, frozen=True, kw_only=True):
    """All that a group of another rule knows of its stretches at the clock instant `at`.

    `since`: it has forgotten what was over by then (None: it knows all). `closed_at` is when people closed the newest
    one, where that is new; `reason` why something may have changed afterwards. `request` is the place, in its batch, of
    the request after which this was so: several may be received at one instant.
    """

    source: IntervalSource
    stretches: tuple[OpenInterval, ...]
    at: Instant
    since: Instant | None = None
    closed_at: Instant | None = None
    reason: str = "late_report"
    request: int = AFTER_REQUESTS


class BondGroup(Group):
    """The working copy of one group of a rule on rules."""

    def hear(self, hearings: Sequence[Hearing], closed: ByHand | None = None) -> tuple[Judgement, ...]:
        """Judge what fell due before, then take what other groups say and judge what may be judged by then.

        What one source says replaces what it said before: several things that it said in turn are several calls.
        """
        last = max(hearings, key=lambda one: one.at)
        ripe = last.at - self.rule.wait_for_late - 1
        again: list[Judgement] = []
        if closed is not None and self._take_note(closed):
            again = self._settle(ripe)
        due = self.due
        if due is not None and due < last.at:
            again += self._settle(ripe)
        gone: set[tuple[str, str]] = set()
        fresh: list[Point] = []
        for hearing in hearings:
            names, points = self._news(hearing)
            gone |= names
            fresh += points
        if not gone and not fresh:
            return tuple(again)
        withdrawn = self.points.withdraw(gone)
        for point in fresh:
            self.points.add(point)
        self._refold()
        undone = tuple(e for e in withdrawn if not e.id.endswith(ENDED))
        said = self._settle(ripe, last.reason, undone)
        return (*again, *said, *self._forget(last.at))

    def put_away(self, received_at: Instant) -> None:
        """Keep all points at hand: whatever a source says is held against all that was heard of it."""

    def _forget(self, received_at: Instant, *, everything: bool = False) -> list[Judgement]:
        """Judge for good what cannot change any more, and let go of what was over long ago; what is open is kept."""
        if len(self.points) < WORTH_FORGETTING and not everything:
            return []
        base = self._final(received_at)
        edge = base - self._reach
        over = {
            row.evidence.id for row in self.points.rows if not row.watched and row.key.occurred_at <= edge
        }
        going = {
            (row.evidence.desk, row.evidence.id)
            for row in self.points.rows
            if row.evidence.id in over or row.evidence.id + ENDED in over
        }
        enough = len(going) >= max(WORTH_FORGETTING, len(self.points) // 2)
        if not (self._may_seal(base, len(going)) if everything else enough):
            return []
        self._seal(base)
        self.points.withdraw(going)
        self._refold()
        return self._settle(base)

    def _news(self, hearing: Hearing) -> tuple[set[tuple[str, str]], list[Point]]:
        """Return the points of a source that are so no more, and those that are new."""
        held = {row.evidence.id: row for row in self.points.rows if row.evidence.desk == hearing.source.name}
        wanted = {
            point.evidence.id: point
            for stretch in hearing.stretches
            for point in points_of(hearing.source, _ended(stretch, held, hearing), hearing.at)
        }
        gone, fresh = set(), []
        for id_, point in wanted.items():
            known = held.get(id_)
            if known is None:
                fresh.append(point)
            elif (known.key, known.measure) != (point.key, point.measure):
                gone.add((known.evidence.desk, id_))
                fresh.append(msgspec.structs.replace(point, told=known.told))
        gone |= {(hearing.source.name, id_) for id_ in _unheard(held, wanted.keys(), hearing.since)}
        return gone, fresh


def kind_of(rule: Rule) -> type[Group]:
    """Return what the working copies of a rule's groups are."""
    return BondGroup if type(rule.condition) is Bond else Group


def _ended(stretch: OpenInterval, held: dict[str, Point], hearing: Hearing) -> OpenInterval:
    """Return the stretch with the end that people gave it: the instant of their act, which is said only once."""
    if not stretch.by_hand:
        return stretch
    known = held.get(stretch.alert + ENDED)
    at = known.evidence.occurred_at if known else hearing.closed_at or hearing.at
    return msgspec.structs.replace(stretch, ended_at=max(at, stretch.happened_at))


def _unheard(held: dict[str, Point], wanted: Iterable[str], since: Instant | None) -> set[str]:
    """Return what was heard before and is not said any more, but for what the other group has forgotten."""
    left = held.keys() - set(wanted)
    if since is None:
        return left
    forgotten = {
        id_.removesuffix(ENDED)
        for id_ in left
        if id_.endswith(ENDED) and held[id_].evidence.occurred_at <= since
    }
    return {id_ for id_ in left if id_.removesuffix(ENDED) not in forgotten}
