"""What an act with a record of the quarantine lowers, and what it does not."""

import msgspec
import pytest

from engine.core.judging.event import Event
from engine.records.quarantine import Quarantined
from engine.records.quarantine_acts import lowered


def record_of(mended=(), **document):
    severity = document.get("severity")
    return Quarantined(
        id="x",
        reason="region_unknown",
        field="region",
        raw=msgspec.json.encode(document),
        received_at=0,
        token_id="t",
        region="00",
        kind=document.get("kind", ""),
        severity=severity if type(severity) is int and 1 <= severity <= 4 else 0,
        exercise=document.get("exercise") is True,
        mended=dict(mended),
    )


def event_of(kind="conflict.death", severity=3, *, exercise=False, **metrics):
    fields = {f"metrics.{name}": value for name, value in metrics.items()}
    return Event(
        desk="d",
        id="e",
        kind=kind,
        region="00",
        severity=severity,
        occurred_at=0,
        exercise=exercise,
        fields=fields,
    )


OLD = {"kind": "conflict.death", "severity": 3, "metrics": {"dead": 3, "injured": 9, "tps": 40}}


@pytest.mark.parametrize(
    ("event", "names"),
    [
        (event_of(dead=3, injured=9), ()),
        (event_of(severity=4, dead=30, injured=9), ()),
        (event_of(severity=2, dead=3, injured=9), ("severity",)),
        (event_of(dead=2, injured=9), ("metrics.dead",)),
        (event_of(), ("metrics.dead", "metrics.injured")),
        (event_of(kind="conflict.clash", dead=3, injured=9), ("kind",)),
        (event_of(dead=3, injured=9, exercise=True), ("exercise",)),
        (None, ("kind", "severity", "metrics.dead", "metrics.injured")),
    ],
)
def test_what_says_less_is_named(event, names):
    assert lowered(record_of(**OLD), event) == names


@pytest.mark.parametrize("value", ["3", " 3 ", 3.0, "tiga", True, [3], {"n": 3}])
def test_a_casualty_that_is_no_number_does_not_vanish(value):
    record = record_of(**OLD | {"metrics": {"dead": value}})
    assert lowered(record, event_of()) == ("metrics.dead",)
    assert lowered(record, event_of(dead=3)) == ()


@pytest.mark.parametrize("value", [4, 9, "4", 7.0])
def test_a_severity_beyond_the_scale_or_as_text_counts_as_meant(value):
    record = record_of(kind="conflict.death", severity=value)
    assert lowered(record, event_of(severity=3)) == ("severity",)
    assert lowered(record, event_of(severity=4)) == ()


def test_the_offered_kind_and_a_kind_where_there_was_none_need_no_verify():
    slip = record_of(mended={"kind": "conflict.death"}, kind="conflict.deth", severity=3)
    assert lowered(slip, event_of()) == ()
    assert lowered(slip, event_of(kind="desk.heartbeat")) == ("kind",)
    assert lowered(record_of(severity=3), event_of()) == ()
