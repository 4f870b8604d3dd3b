"""Times as files write them."""

from datetime import date

import pytest

from engine.core.judging.instant import parse_instant
from engine.documents.fields import Take
from engine.documents.finding import Findings, Mark, SourceFile, UnusableError
from engine.documents.times import clock_time, day, days, duration, hours, instant, local_instant
from engine.documents.yaml_tree import ScalarNode


def take(reader: Take[object], text: str, *, plain: bool = False) -> object:
    """Return what the reader makes of a text, or the code of its finding."""
    findings = Findings()
    try:
        return reader(ScalarNode(text, plain, Mark(SourceFile("x"))), findings)
    except UnusableError:
        (finding,) = findings
        return finding.code


@pytest.mark.parametrize(
    ("text", "instant_"),
    [
        ("2024-11-27T07:00:00+07:00", "2024-11-27T00:00:00Z"),
        ("2024-11-27 07:00 WIB", "2024-11-27T00:00:00Z"),
        ("2024-11-27 07:00 WITA", "2024-11-26T23:00:00Z"),
        ("2024-11-27 07:00 WIT", "2024-11-26T22:00:00Z"),
        ("2024-11-27 07:00:30 Asia/Makassar", "2024-11-26T23:00:30Z"),
        ("2024-11-27T07:00 UTC", "2024-11-27T07:00:00Z"),
    ],
)
def test_instants(text: str, instant_: str):
    assert take(instant, text) == parse_instant(instant_)[0]


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-27",
        "2024-11-27 07:00",
        "2024-11-27 7:00 WIB",
        "2024-02-30 07:00 WIB",
        "2024-11-27 07:00 WIX",
        "2024-11-27 07:00 ../../etc/passwd",
        "0001-01-01 00:00 WIT",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_is_no_instant(text: str):
    assert take(instant, text) == "not_an_instant"


def test_roster_instants_are_local_unless_they_name_a_zone():
    reader = local_instant("Asia/Jayapura")
    assert take(reader, "2024-11-27 06:00") == parse_instant("2024-11-26T21:00:00Z")[0]
    assert take(reader, "2024-11-27 06:00 WIB") == parse_instant("2024-11-26T23:00:00Z")[0]


@pytest.mark.parametrize(
    ("reader", "text", "plain", "taken"),
    [
        (day, "2024-02-29", False, date(2024, 2, 29)),
        (day, "2023-02-29", False, "not_a_day"),
        (day, "1024-02-29", False, "not_a_day"),
        (clock_time, "06:00", False, "06:00"),
        (clock_time, "06:00", True, "unquoted_time"),
        (clock_time, "18:00", True, "unquoted_time"),
        (clock_time, "24:00", False, "not_a_time"),
        (hours, "22:00-05:00 local", True, "22:00-05:00 local"),
        (hours, "22:00-05:00", False, "not_hours"),
        (hours, "22:00-22:00 local", False, "not_hours"),
        (days, "mon..fri", True, "mon..fri"),
        (days, "sat", True, "sat"),
        (days, "mon..", True, "not_days"),
        (duration(), "1h30m", True, 5_400_000),
        (duration(), "500ms", True, 500),
        (duration(60_000), "1m", True, 60_000),
        (duration(60_000), "59s", True, "duration_too_short"),
        (duration(), "1830d", True, 1830 * 86_400_000),
        (duration(), "1831d", True, "duration_too_long"),
        (duration(), "9" * 5_000 + "d", True, "duration_too_long"),
    ],
)
def test_other_times(reader: Take[object], text: str, plain: bool, taken: object):
    assert take(reader, text, plain=plain) == taken
