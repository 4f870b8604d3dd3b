"""Absence: the folds of `silence` and `deadline`, which hold because something did not arrive.

The stopwatch counts only time in which a report was possible: outages of the intake do not count.

Specification: docs/specification/rules.md#distance, #watermark, #rosters, #active, #outages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from engine.core.judging.calendar import ALWAYS, END, ActiveSpan, Spans, instant_of
from engine.core.judging.condition import Deadline, SilenceCondition
from engine.core.judging.event import EventKey
from engine.core.judging.filter import Limit
from engine.core.judging.fold import Fold, Rise, earlier_of, later_of
from engine.core.judging.group_state import (
    UNKNOWN,
    Circumstances,
    FiringInterval,
    Gap,
    GroupStatus,
    Point,
    outage_within,
)
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.rule import Rule
from engine.core.judging.window import Lasting, Window


class Stopwatch:
    """Measures time without outages (`gaps`, merged) and inside `spans` (None: all of it)."""

    def __init__(self, gaps: tuple[Gap, ...], spans: Spans | None = None) -> None:
        self._gaps, self._spans = gaps, spans

    def between(self, since: Instant, until: Instant) -> Millis:
        """Return how many milliseconds count of those from one instant to another."""
        counted = 0
        for start, end in self._stretches(since, until):
            counted += end - start - (outage_within(self._gaps, start, end) if self._gaps else 0)
        return counted

    def reached(self, since: Instant, length: Millis) -> Instant | None:
        """Return the first instant by which so much time has counted; None where that is never.

        Outside the spans nothing is judged: what is reached at the end of one is reached at the start of the next.
        """
        left = length
        for start, end in self._stretches(since, END):
            if length and not left:
                return start
            at = start
            for gap in self._gaps:
                if at < gap.until and gap.since < min(at + left, end):
                    left -= max(0, gap.since - at)
                    at = gap.until
            if at + left < end:
                return at + left
            left -= max(0, end - at)
        return None

    def _stretches(self, since: Instant, until: Instant) -> Iterable[ActiveSpan] | Iterator[ActiveSpan]:
        if self._spans is not None:
            return self._spans.time_from(since, until)
        return (ActiveSpan(since, until),) if since < until else ()


class AbsenceState(NamedTuple):
    """How somebody stands who must report: whether that is expected, from when it is measured, when it falls due, the
    newest report, and how long our own outages were since then.
    """

    expected: bool
    since: Instant | None
    due: Instant | None
    newest: Instant | None
    outages: Millis


class AbsenceFold(Fold):
    """What both have in common: groups that count from some instant on, also where nothing was ever heard of them."""

    has_roster = True

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
        self._around = around
        member = around.member
        known = (around.since, rule.effective_from, member.since if member else None)
        self._counts_from = max((at for at in known if at is not None), default=None)
        self._prepare(rule)
        super().__init__(rule, keys, points, base=base, status=status, marks=marks, around=around)

    def _prepare(self, rule: Rule) -> None:
        """Make ready what the first look at the points needs."""

    def rewind_to(self, at: Instant) -> bool:
        """Say whether the fold can take points at an instant: what did not come is not taken back."""
        return self.now is None or at > self.now

    def _reckoned(self) -> Instant | None:
        until, now, spans, due = self._rule.effective_until, self.now, self._active, super()._reckoned()
        for turn in self._turns():
            at = turn if spans is None or spans.around(turn) is not None else spans.next_start(turn)
            if at is not None and (now is None or at > now) and (until is None or at < until):
                due = earlier_of(due, at)
        return due

    def _turns(self) -> Iterator[Instant]:
        """Yield the instants at which something may change."""
        raise NotImplementedError

    def standing(self, at: Instant) -> AbsenceState:
        """Say how somebody who must report stands where the fold stands."""
        raise NotImplementedError

    def _span(self, at: Instant) -> ActiveSpan | None:
        return ALWAYS if self._active is None else self._active.around(at)

    def _left_at(self, at: Instant) -> bool:  # noqa: ARG002 - any instant
        """Say that whatever instant is judged, something may have come true at it."""
        return True


class SilenceFold(AbsenceFold):
    """The fold of `silence`."""

    def _prepare(self, rule: Rule) -> None:
        if not isinstance(rule.condition, SilenceCondition):
            raise TypeError(f"{type(rule.condition).__name__} is no silence")
        self._silence = rule.condition
        self._heard: deque[Instant] = deque(maxlen=rule.condition.below)
        self._at: Instant | None = None
        self._plain = Stopwatch(self._around.gaps)

    def _new_window(self) -> Window:
        return Lasting(self._silence.length, self._lasts)

    @cached_property
    def _clock(self) -> Stopwatch:
        return Stopwatch(self._around.gaps, self._active)

    # --- what is measured -------------------------------------------------------------------------------------------

    def _enter(self, index: int) -> None:
        newest = self._heard[-1] if self._heard else None
        super()._enter(index)
        if not self._points[index].watched:
            return
        at, seen = self._keys[index].occurred_at, self._silence.expected.seen
        if seen is not None and (newest is None or at - newest >= seen):
            self.status.anchor = self._keys[index]
        self._heard.append(at)

    def _slide(self, at: Instant) -> None:
        self._at = at

    def _lasts(self) -> Millis | None:
        """Return how long the silence is where the fold stands; None where nobody is expected to report."""
        at = self._at
        if at is None or not self._is_expected(at) or self._span(at) is None:
            return None
        since = self._measured_from(at)
        return None if since is None or since > at else self._clock.between(since, at)

    def _is_expected(self, at: Instant) -> bool:
        seen, member = self._silence.expected.seen, self._around.member
        if seen is not None:
            return bool(self._heard) and at - self._heard[-1] < seen
        return member is not None and (member.until is None or at < member.until)

    def _measured_from(self, at: Instant) -> Instant | None:
        """Return from when the silence at an instant is measured; None: nothing says from when the group counts."""
        spell, span, anchor = self.status.spell, self._span(at), self.status.anchor
        leaving = self._heard[0] if len(self._heard) == self._silence.below else None
        if spell is not None and spell.since is not None and (leaving is None or leaving <= spell.since):
            return spell.since
        latest = later_of(
            self._counts_from if anchor is None else later_of(self._counts_from, anchor.occurred_at), leaving
        )
        if latest is None or spell is not None:
            return latest  # a new day of `active` begins no new silence while one runs
        return max(latest, span.start if span else at)

    # --- what falls due ---------------------------------------------------------------------------------------------

    def _turns(self) -> Iterator[Instant]:
        seen, member, spell = self._silence.expected.seen, self._around.member, self.status.spell
        if spell is not None or self.status.true_since is not None:
            if seen is not None and self._heard:
                yield self._heard[-1] + seen
            if member is not None and member.until is not None:
                yield member.until
        start = later_of(later_of(self._counts_from, self._heard[-1] if self._heard else None), self.now)
        if start is None or (member is None and seen is None):
            return
        span = self._span(start)
        if span is None:
            yield start
        elif (since := self._measured_from(start)) is not None:
            at: Instant | None = None
            if spell is None or not self._window.met():
                clock = self._plain if spell is None else self._clock
                at = clock.reached(since, self._silence.length)
            elif steps := list(self._steps(self._told(spell))):
                at = self._clock.reached(since, min(steps))
            if at is not None:
                yield at if spell is not None else min(at, span.end)

    def _steps(self, told: float) -> Iterator[Millis]:
        """Yield the lengths above the one told last at which there is something to say."""
        limits = (step.limit for step in self._rule.levels if step.limit is not None)
        found = [lowest for limit in limits if (lowest := _lowest(limit)) is not None]
        if self._rule.tell_again.value_doubles:
            found.append(int(2 * told))
        return (length for length in found if length > told)

    def _told(self, spell: FiringInterval) -> float:
        """Return the figure that was told last of the running spell."""
        place = len(self.done)
        return max((rise.figure for rise in self.rises if rise.place == place), default=spell.figure or 0)

    # --- judging ----------------------------------------------------------------------------------------------------

    def standing(self, at: Instant) -> AbsenceState:
        """Say how somebody who must report stands where the fold stands."""
        since, newest = self._measured_from(at), self._heard[-1] if self._heard else None
        due = None if since is None else self._clock.reached(since, self._silence.length)
        outages = 0 if since is None else outage_within(self._around.gaps, since, at)
        return AbsenceState(self._is_expected(at), since, due, newest, outages)

    def _judge(self, at: Instant, start: int, end: int) -> None:
        super()._judge(at, start, end)
        spell = self.status.spell
        if spell is None or not self._window.met() or (figure := self._window.figure) is None:
            return
        if any(step <= figure for step in self._steps(self._told(spell))):
            self.rises.append(Rise(at, len(self.done), figure))

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        since, status = self._measured_from(at), self.status
        super()._open(at, watched, newest)
        inside: list[EventKey] = []
        for index in range(self._high - 1, -1, -1):
            key = self._keys[index]
            if since is None or key.occurred_at <= since:
                break
            if self._points[index].watched:
                inside.append(key)
        first, last = (inside[-1], inside[0]) if inside else (None, None)
        status.spell = FiringInterval(
            happened_at=at, first=first, last=last, figure=self._window.figure, since=since
        )
        status.newest = last or EventKey(at, "", "")  # only what is newer ends this silence or begins another


class DeadlineFold(AbsenceFold):
    """The fold of `deadline`."""

    def _prepare(self, rule: Rule) -> None:
        if not isinstance(rule.condition, Deadline):
            raise TypeError(f"{type(rule.condition).__name__} is no deadline")
        self._by = instant_of(rule.condition.by, self._around.zone)

    @property
    def _ends_at(self) -> Instant | None:
        """When the deadline passes: later by our own outages since the group counts; None: it does not concern it."""
        member, span = self._around.member, self._span(self._by)
        counts = self._counts_from
        if member is None or span is None or (counts is not None and counts > self._by):
            return None
        since = max(span.start, self._by if counts is None else counts)
        ends_at = Stopwatch(self._around.gaps).reached(since, self._by - since)
        return None if ends_at is None or (member.until is not None and member.until <= ends_at) else ends_at

    def standing(self, at: Instant) -> AbsenceState:
        """Say how somebody who must report stands where the fold stands."""
        ends_at, seen, since = self._ends_at, self.status.seen, self._counts_from
        newest = None if seen is None else seen.occurred_at
        outages = 0 if since is None else outage_within(self._around.gaps, since, at)
        return AbsenceState(ends_at is not None, since, ends_at, newest, outages)

    def _turns(self) -> Iterator[Instant]:
        if self.status.seen is None and (ends_at := self._ends_at) is not None:
            yield ends_at

    def _true(self, watched: list[EventKey]) -> bool:  # noqa: ARG002 - also where nothing is
        return self.status.seen is None and self.now == self._ends_at

    def _open(self, at: Instant, watched: list[EventKey], newest: EventKey | None) -> None:
        super()._open(at, watched, newest)
        self.status.spell = FiringInterval(happened_at=at, first=None, last=None)


def _lowest(limit: Limit) -> Millis | None:
    """Return the shortest length that meets a limit from below; None where longer ones meet it no better."""
    match limit.operator:
        case "at_least" | "equals":
            return int(limit.number)
        case "above":
            return int(limit.number) + 1
        case _:
            return None
