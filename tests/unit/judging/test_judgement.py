"""What an alert keeps of an event: how well its instant is known, and its impact as bare figures."""

import msgspec
import pytest

from engine.core.judging.event import Event
from engine.core.judging.judgement import Evidence, Impact, evidence_of

START = 1_732_500_000_000


def kept(**fields) -> Evidence:
    fields = {path.replace("__", "."): value for path, value in fields.items()}
    return evidence_of(
        Event(desk="d", id="e", kind="k", region="73", severity=3, occurred_at=START, fields=fields)
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "exact"),
        ({"time_precision": "approx"}, "approx"),
        ({"time_precision": "day"}, "day"),
        ({"time_precision": "jam"}, "exact"),
        ({"time_precision": 1}, "exact"),
    ],
)
def test_evidence_knows_how_well_its_instant_is_known(fields: dict, expected: str):
    """Exact, unless the report says otherwise in a word of the schema."""
    assert kept(**fields).time_precision == expected


def test_figures_of_the_impact_are_kept():
    """Those that an official asks for first, whatever else the report measures."""
    found = kept(metrics__dead=2, metrics__injured=94, metrics__tps=37.0, metrics__count=5, summary="Yohanes")
    assert found.impact == Impact(dead=2, injured=94, tps=37)


def test_no_casualties_is_a_figure_too():
    """A report of 0 is not a report without figures."""
    assert kept(metrics__dead=0).impact == Impact(dead=0)


@pytest.mark.parametrize("value", ["dua", True, -1, float("nan"), float("inf"), 1e300])
def test_what_is_no_number_of_people_is_no_figure(value):
    """Nor does a text reach a message by this way."""
    assert kept(metrics__dead=value).impact is None


def test_evidence_without_them_is_stored_as_before():
    """Alerts that are open over an update keep their bytes."""
    found = kept()
    stored = msgspec.json.encode(found)
    assert b"precision" not in stored
    assert b"impact" not in stored
    assert msgspec.json.decode(stored, type=Evidence) == found
    full = kept(time_precision="day", metrics__dead=1)
    assert msgspec.json.decode(msgspec.json.encode(full), type=Evidence) == full
