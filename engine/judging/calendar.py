"""The calendar: hours of the day, days of the week and named stages, judged in a region's own zone.

Here: pure questions about an instant, and when the answer changes. Not here: who asks (`alerting.quiet`, steps with
`when`), and reading stages from a file (`loading.calendar`).
Hours are texts such as `22:00-05:00 local` (start included, end not; may pass midnight), days `sat` or `mon..fri`
(may pass Sunday); rule-language.md 2, escalation.md 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta

import msgspec

from engine.judging.instant import Instant, from_datetime, local, zone

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
