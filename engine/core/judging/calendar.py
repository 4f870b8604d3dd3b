"""Calendar time: hours of the day, days of the week, named stages of the election, and the `active` times of a rule.

All of it is judged in the zone of the region. Functions return when a span ends, so that a caller can plan the instant.

Specification: docs/specification/rules.md#active, #values, docs/specification/escalation.md#calendar.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from typing import NamedTuple

import msgspec

from engine.core.judging.instant import DAY, Instant, from_datetime, local, local_midnight, zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AWAS = 4


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named stretch of the election, [since, until); a naive datetime is local to whichever region asks.

    From level `quiet_yields_from` on, people's own quiet hours are not kept in it.
    """

    id: str
    since: datetime | Instant
    until: datetime | Instant
    quiet_yields_from: int = AWAS

    def covers(self, at: Instant, zone_name: str) -> bool:
        """Say whether the stage holds at an instant, in a zone."""
        return instant_of(self.since, zone_name) <= at < instant_of(self.until, zone_name)


class Calendar:
    """All stages; immutable. Several may hold at once."""

    def __init__(self, stages: Iterable[Stage] = ()) -> None:
        self.stages = tuple(stages)

    def holding(self, at: Instant, zone_name: str) -> frozenset[str]:
        """Return the ids of the stages that hold at an instant, in a zone."""
        return frozenset(stage.id for stage in self.stages if stage.covers(at, zone_name))

    def quiet_yields_from(self, at: Instant, zone_name: str) -> int:
        """Return the lowest level to which people's quiet hours yield: that of the stages holding, else awas."""
        return min((s.quiet_yields_from for s in self.stages if s.covers(at, zone_name)), default=AWAS)

    def changes(self, after: Instant, until: Instant, zone_name: str) -> Iterator[Instant]:
        """Yield the instants between the two, earliest first, at which a stage begins or ends in a zone."""
        bounds = {instant_of(b, zone_name) for stage in self.stages for b in (stage.since, stage.until)}
        yield from sorted(bound for bound in bounds if after < bound < until)


def within_hours(hours: str, at: Instant, zone_name: str) -> bool:
    """Say whether an instant lies in hours of the day of a zone."""
    start, end = _bounds(hours)
    clock = local(at, zone_name).time()
    return start <= clock < end if start < end else clock >= start or clock < end


def hours_end(hours: str, at: Instant, zone_name: str) -> Instant:
    """Return when the hours end in which the instant lies: the next instant of their end, excluded from them."""
    now, end = local(at, zone_name), _bounds(hours)[1]
    day = now.date() if now.time() < end else now.date() + timedelta(days=1)
    return from_datetime(datetime.combine(day, end, tzinfo=zone(zone_name)))


def within_days(days: str, at: Instant, zone_name: str) -> bool:
    """Say whether an instant lies on one of the days of a zone."""
    first, _, last = days.partition("..")
    start, end = DAYS.index(first), DAYS.index(last or first)
    today = local(at, zone_name).weekday()
    return start <= today <= end if start <= end else today >= start or today <= end


def hours_of(hours: str, day: date, zone_name: str) -> tuple[Instant, Instant]:
    """Return when hours begin and end on one day of a zone; they pass midnight where they end first."""
    opens, closes = (instant_of(datetime.combine(day, bound), zone_name) for bound in _bounds(hours))
    return opens, closes


def instant_of(bound: datetime | Instant, zone_name: str) -> Instant:
    """Return the instant of a bound: a naive datetime is local to the zone."""
    return bound if isinstance(bound, int) else from_datetime(bound.replace(tzinfo=zone(zone_name)))


def _bounds(hours: str) -> tuple[time, time]:
    return time.fromisoformat(hours[:5]), time.fromisoformat(hours[6:11])


BEGINNING: Instant = -(2**62)
END: Instant = 2**62
"""Bounds of what has none; no event lies there."""


class NamedSpan(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A stage as it lies in the calendar; a naive datetime is local to whichever region asks."""

    id: str
    since: datetime | Instant
    until: datetime | Instant


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given holds at the instants that are judged: one of the stages, from-until, hours, days.

    Hours and days are texts of `core.judging.calendar`; a naive datetime is local to the group's region.
    """

    stages: tuple[NamedSpan, ...] = ()
    since: datetime | Instant | None = None
    until: datetime | Instant | None = None
    hours: str = ""
    days: str = ""


class ActiveSpan(NamedTuple):
    """A stretch of time [start, end)."""

    start: Instant
    end: Instant


ALWAYS = ActiveSpan(BEGINNING, END)


class Spans:
    """The spans of an `active` in a zone: they neither touch nor overlap."""

    def __init__(self, active: Active, zone: str) -> None:
        self._active, self._zone = active, zone
        whole = ActiveSpan(
            BEGINNING if active.since is None else instant_of(active.since, zone),
            END if active.until is None else instant_of(active.until, zone),
        )
        stages = sorted(
            ActiveSpan(instant_of(s.since, zone), instant_of(s.until, zone)) for s in active.stages
        )
        self._outer = _cut(_merged(stages) if active.stages else [ALWAYS], whole)
        self._daily = bool(active.hours) or (bool(active.days) and not _all_week(active.days))
        self._known: list[ActiveSpan] = []
        self._known_since, self._known_until = END, END
        """Between these instants the spans that are kept are all there are."""

    def around(self, at: Instant) -> ActiveSpan | None:
        """Return the span that an instant lies in; None outside."""
        return next((span for span in self._following(at) if span.start <= at), None)

    def next_start(self, after: Instant) -> Instant | None:
        """Return the first instant after `after` at which a span begins; None where there is none any more."""
        return next((span.start for span in self._following(after) if span.start > after), None)

    def time_from(self, since: Instant, until: Instant) -> Iterator[ActiveSpan]:
        """Yield the stretches from one instant to another that lie inside."""
        place = self._place(since)
        known = self._known[place:] if until <= self._known_until else self._from(since)
        for span in known:
            if span.start >= until:
                return
            yield ActiveSpan(max(span.start, since), min(span.end, until))

    def judged_next(
        self, due: Instant | None, *, held: Instant | None = None, changed: Instant | None = None
    ) -> Instant | None:
        """Return when what falls due may be judged. What was true since `held` is held anew from the next start on, and
        what `changed` outside is judged there.
        """
        starts = None
        if held is not None:
            starts = self.next_start(held)
        elif changed is not None and self.around(changed) is None:
            starts = self.next_start(changed)
        at = min((one for one in (due, starts) if one is not None), default=None)
        return at if at is None or self.around(at) is not None else self.next_start(at)

    def _following(self, at: Instant) -> list[ActiveSpan]:
        """Return the first two spans that end after an instant."""
        place = self._place(at)
        return self._known[place : place + 2]

    def _place(self, at: Instant) -> int:
        """Return which of the spans that are kept is the first to end after an instant. Looking moves on little."""
        if not self._known_since <= at < self._known_until:
            self._known_since, self._known_until, self._known = at - _AROUND, END, []
            for span in self._from(self._known_since):
                self._known.append(span)
                if span.start > at + _AROUND:
                    self._known_until = span.start
                    break
        return bisect_right(self._known, at, key=lambda span: span.end)

    def _from(self, at: Instant) -> Iterator[ActiveSpan]:
        for outer in self._outer:
            if outer.end > at:
                yield from self._inside(outer, at) if self._daily else (outer,)

    def _inside(self, outer: ActiveSpan, at: Instant) -> Iterator[ActiveSpan]:
        """Yield the spans of hours and days within an outer one that end after an instant."""
        first = local(max(at, outer.start), self._zone).date() - timedelta(days=_LONGEST)
        for place in count(
            0, _LONGEST
        ):  # each look covers three times that, so that no span is cut at its start
            days = [first + timedelta(days=place + n) for n in range(3 * _LONGEST)]
            known = local_midnight(days[-1], self._zone)
            for span in _cut(_merged(piece for day in days for piece in self._pieces(day)), outer):
                if at < span.end and (span.end < known or span.end == outer.end):
                    yield span
                    at = span.end
            if known >= outer.end:
                return

    def _pieces(self, day: date) -> Sequence[ActiveSpan]:
        """Return the stretches of one local day that hours and days allow."""
        start = local_midnight(day, self._zone)
        if self._active.days and not within_days(self._active.days, start, self._zone):
            return ()
        end = local_midnight(day + timedelta(days=1), self._zone)
        if not self._active.hours:
            return (ActiveSpan(start, end),)
        opens, closes = hours_of(self._active.hours, day, self._zone)
        return (
            (ActiveSpan(opens, closes),)
            if opens < closes
            else (ActiveSpan(start, closes), ActiveSpan(opens, end))
        )


@lru_cache(maxsize=4_096)
def spans_of(active: Active, zone: str) -> Spans:
    """Return the spans of an `active` in a zone, shared by all groups there."""
    return Spans(active, zone)


def _merged(spans: Iterator[ActiveSpan] | Sequence[ActiveSpan]) -> list[ActiveSpan]:
    found: list[ActiveSpan] = []
    for span in spans:
        if found and span.start <= found[-1].end:
            found[-1] = ActiveSpan(found[-1].start, max(found[-1].end, span.end))
        elif span.start < span.end:
            found.append(span)
    return found


def _cut(spans: Sequence[ActiveSpan], to: ActiveSpan) -> list[ActiveSpan]:
    cut = [ActiveSpan(max(span.start, to.start), min(span.end, to.end)) for span in spans]
    return [span for span in cut if span.start < span.end]


def _all_week(days: str) -> bool:
    return all(within_days(days, day * DAY, "UTC") for day in range(7))


_AROUND = 7 * DAY
"""So far around an instant that is asked about spans are kept."""
_LONGEST = 8
"""Days: a span of hours, or of days that leave one out, is shorter."""
