"""Hours, days and stages at their edges, in the three zones of the country."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.calendar import Calendar, Stage, hours_end, within_days, within_hours
from engine.core.judging.instant import DAY, HOUR, MINUTE, from_datetime, local, zone

WIB, WITA, WIT = "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"


def at(text, zone_name=WIB):
    """An instant by its local time."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone(zone_name)))


@pytest.mark.parametrize(
    ("clock", "inside"),
    [
        ("21:59:59", False),
        ("22:00", True),
        ("23:59:59", True),
        ("00:00", True),
        ("04:59:59", True),
        ("05:00", False),
    ],
)
def test_hours_include_their_start_and_not_their_end_and_pass_midnight(clock, inside):
    """22 to 5."""
    assert within_hours("22:00-05:00 local", at(f"2024-11-26 {clock}"), WIB) is inside


@pytest.mark.parametrize(
    ("clock", "inside"), [("05:59", False), ("06:00", True), ("21:59", True), ("22:00", False)]
)
def test_hours_of_one_day(clock, inside):
    """6 to 22."""
    assert within_hours("06:00-22:00 local", at(f"2024-11-26 {clock}"), WIB) is inside


def test_hours_are_those_of_the_zone():
    """21.30 in Jakarta is 23.30 in Jayapura."""
    instant = at("2024-11-26 21:30", WIB)
    assert [within_hours("22:00-05:00 local", instant, z) for z in (WIB, WITA, WIT)] == [False, True, True]


@given(
    st.integers(0, 3 * DAY), st.sampled_from(["22:00-05:00 local", "06:00-22:00 local", "00:00-00:30 local"])
)
def test_hours_end_at_the_first_instant_outside(offset, hours):
    """From anywhere inside; the end is outside, the millisecond before it inside."""
    instant = at("2024-11-26 00:00", WITA) + offset
    if within_hours(hours, instant, WITA):
        end = hours_end(hours, instant, WITA)
        assert instant < end <= instant + DAY
        assert not within_hours(hours, end, WITA)
        assert within_hours(hours, end - 1, WITA)


@pytest.mark.parametrize(
    ("days", "inside"),
    [
        ("mon..fri", "mon tue wed thu fri"),
        ("sat", "sat"),
        ("sat..mon", "sat sun mon"),
        ("mon..sun", "mon tue wed thu fri sat sun"),
    ],
)
def test_days_of_the_week(days, inside):
    """Both ends included; a span may pass Sunday."""
    week = {
        ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[n]: at(f"2024-11-{25 + n if n < 6 else '01'}")
        for n in range(6)
    }
    week["sun"] = at("2024-11-24")
    assert {name for name, instant in week.items() if within_days(days, instant, WIB)} == set(inside.split())


def test_a_day_begins_at_the_midnight_of_the_zone():
    """Saturday 22.30 in Jakarta is Sunday in Jayapura."""
    instant = at("2024-11-23 22:30", WIB)
    assert (within_days("sat", instant, WIB), within_days("sun", instant, WIT)) == (True, True)


POLLING = Stage(
    id="hari_h",
    since=datetime.fromisoformat("2024-11-27"),
    until=datetime.fromisoformat("2024-11-28"),
    quiet_yields_from=3,
)
WEEK = Stage(id="pekan", since=at("2024-11-24"), until=at("2024-12-01"))


def test_a_stage_is_judged_in_the_zone_that_asks():
    """The polling day begins two hours earlier in the east, and ends there as much earlier."""
    calendar = Calendar([POLLING])
    begins, ends = at("2024-11-27", WIT), at("2024-11-28", WIT)
    assert [calendar.holding(t, WIT) for t in (begins - 1, begins, ends - 1, ends)] == [
        frozenset(),
        {"hari_h"},
        {"hari_h"},
        frozenset(),
    ]
    assert [calendar.holding(t, WIB) for t in (begins, ends)] == [frozenset(), {"hari_h"}]


def test_overlapping_stages_hold_both_and_the_lowest_yield_wins():
    """Outside of all only awas is told in quiet hours."""
    calendar = Calendar([WEEK, POLLING])
    day, before, never = at("2024-11-27 03:00"), at("2024-11-25"), at("2024-10-01")
    assert [calendar.holding(t, WIB) for t in (day, before, never)] == [
        {"hari_h", "pekan"},
        {"pekan"},
        frozenset(),
    ]
    assert [calendar.quiet_yields_from(t, WIB) for t in (day, before, never)] == [3, 4, 4]


def test_the_changes_of_a_night_are_the_bounds_inside_it():
    """Earliest first; the ends of the span excluded."""
    calendar = Calendar([WEEK, POLLING])
    night = at("2024-11-26 22:00"), at("2024-11-28 00:00")
    assert list(calendar.changes(*night, WIB)) == [at("2024-11-27")]
    assert list(calendar.changes(at("2024-11-23"), at("2025-01-01"), WIB)) == [
        at("2024-11-24"),
        at("2024-11-27"),
        at("2024-11-28"),
        at("2024-12-01"),
    ]
    assert local(at("2024-11-27") + HOUR + MINUTE, WIB).hour == 1
