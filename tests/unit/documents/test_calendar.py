"""The calendar file: what a stage may say, and the one that Siaga ships."""

from datetime import datetime
from pathlib import Path

import pytest

from engine.core.judging.calendar import Stage
from engine.core.judging.instant import parse_instant
from engine.documents.calendar import load_calendar

SHIPPED = Path(__file__).parents[3] / "config/calendar.yaml"


def loaded(tmp_path, stage):
    """The calendar of one stage."""
    path = tmp_path / "calendar.yaml"
    path.write_text(f"version: 1\nstages:\n  - {stage}\n")
    return load_calendar(path)


def test_the_shipped_calendar_has_the_polling_day():
    """Local to each region; quiet hours yield from siaga on."""
    stages = {stage.id: stage for stage in load_calendar(SHIPPED).expect().stages}
    assert stages["hari_h"] == Stage(
        id="hari_h",
        since=datetime.fromisoformat("2024-11-27"),
        until=datetime.fromisoformat("2024-11-28"),
        quiet_yields_from=3,
    )
    assert stages["masa_tenang"].until == stages["hari_h"].since


def test_a_stage_may_have_instants(tmp_path):
    """The same for every region."""
    found = loaded(tmp_path, '{id: a, from: "2024-11-27T00:00:00+07:00", until: "2024-11-28 00:00 WIB"}')
    (stage,) = found.expect().stages
    assert (stage.since, stage.quiet_yields_from) == (parse_instant("2024-11-27T00:00:00+07:00")[0], 4)


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ('{id: a, from: "2024-11-28 00:00 local", until: "2024-11-27 00:00 local"}', "until_before_from"),
        ('{id: a, from: "2024-11-28 00:00 WIB", until: "2024-11-28 00:00 WIB"}', "until_before_from"),
        ('{id: a, from: "2024-13-28 00:00 local", until: "2024-11-27 00:00 local"}', "not_an_instant"),
        ('{id: a, from: besok, until: "2024-11-27 00:00 local"}', "not_an_instant"),
        ('{id: a, from: "2024-11-28 00:00 local"}', "required"),
        (
            '{id: a, from: "2024-11-27 00:00 local", until: "2024-11-28 00:00 local", tenang: 3}',
            "unknown_key",
        ),
        ("hari_h", "not_a_map"),
    ],
)
def test_a_stage_that_cannot_be_used_is_a_finding(tmp_path, stage, code):
    """And the whole file counts for nothing."""
    found = loaded(tmp_path, stage)
    assert code in {finding.code for finding in found.findings}
    assert found.value.stages == ()
