"""Dates, numbers and lengths of time, as Indonesian officials write them, and in English."""

import pytest

from engine.core.judging.instant import DAY, HOUR, MINUTE, SECOND
from engine.texts import local_time
from tests.unit.texts.sample import CATALOGUE, instant

ID, EN = CATALOGUE.texts("id"), CATALOGUE.texts("en")
MORNING = instant("2024-11-27T03:15:00Z")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("WIB", "Rabu, 27 November 2024 pukul 10.15 WIB"),
        ("WITA", "Rabu, 27 November 2024 pukul 11.15 WITA"),
        ("WIT", "Rabu, 27 November 2024 pukul 12.15 WIT"),
    ],
)
def test_a_moment_is_told_in_the_zone_with_its_name(zone: str, expected: str):
    """The zone is always shown: three of them live in one country."""
    assert local_time.full_moment(MORNING, zone, ID) == expected


def test_a_moment_in_english():
    """With a colon in the clock time, which English readers expect."""
    assert local_time.full_moment(MORNING, "WIB", EN) == "Wednesday, 27 November 2024, 10:15 WIB"
    assert local_time.short_moment(MORNING, "WIB", EN) == "27/11 10:15 WIB"


def test_a_short_moment_has_no_year():
    """Some gateways block numbers of more than three digits."""
    assert local_time.short_moment(MORNING, "WIT", ID) == "27/11 pkl 12.15 WIT"


def test_the_day_is_that_of_the_zone():
    """07.00 WIT on polling day is still the day before in UTC."""
    assert local_time.short_moment(instant("2024-11-26T22:00:00Z"), "WIT", ID) == "27/11 pkl 07.00 WIT"


def test_a_near_moment_leaves_out_the_day_only_on_the_same_local_day():
    """At 23.59 "pukul 00.05" without its date would be misread."""
    early = instant("2024-11-27T06:00:00+09:00")
    assert local_time.near_moment(early + HOUR, early, "WIT", ID) == "pukul 07.00 WIT"
    now = instant("2024-11-27T23:59:00+07:00")
    assert local_time.near_moment(now - HOUR, now, "WIB", ID) == "pukul 22.59 WIB"
    assert local_time.near_moment(now + MINUTE, now, "WIB", ID) == "Kamis, 28 November 2024 pukul 00.00 WIB"


@pytest.mark.parametrize(
    ("figure", "indonesian", "english"),
    [(12_696, "12.696", "12,696"), (68.16, "68,16", "68.16"), (3.0, "3", "3"), (0.125, "0,12", "0.12")],
)
def test_numbers(figure: float, indonesian: str, english: str):
    """Dot for thousands and comma for decimals in Indonesian."""
    assert local_time.number(figure, ID) == indonesian
    assert local_time.number(figure, EN) == english


@pytest.mark.parametrize(
    ("length", "indonesian", "english"),
    [
        (30 * MINUTE, "30 menit", "30 minutes"),
        (7 * DAY, "7 hari", "7 days"),
        (HOUR + 30 * MINUTE, "1 jam 30 menit", "1 hour 30 minutes"),
        (45 * SECOND, "45 detik", "45 seconds"),
        (0, "0 detik", "0 seconds"),
        (-5, "0 detik", "0 seconds"),
    ],
)
def test_lengths_of_time(length: int, indonesian: str, english: str):
    """In words, without what is zero."""
    assert local_time.duration(length, ID) == indonesian
    assert local_time.duration(length, EN) == english
