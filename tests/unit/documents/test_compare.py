"""One figure against another, as it comes out of a rule file; and the columns of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.judging.condition import (
    Compare,
    Earlier,
    Floor,
    PreviousWindow,
    Reference,
    ReferenceColumn,
    SameHour,
    ShareCondition,
)
from engine.core.judging.filter import Limit
from engine.core.judging.instant import DAY, HOUR
from engine.core.judging.rule import Clear
from engine.core.judging.window import is_state
from engine.documents.reference_data import ReferenceData
from engine.documents.reference_tables import load_tables
from engine.documents.regions import load_regions
from engine.documents.rules.rules import read_rules
from tests.unit.documents.test_rules import one, text

ROOT = Path(__file__).parents[3]
COUNT = Compare(figure="count", reference=PreviousWindow(), relation="rises_to", number=3, within=HOUR)
HEAD = "figure: count, within: 1h, with: previous_window"
FLOOR = ", only_if: {now: {at_least: 5}}"
ADVICE = ["column_incomplete"]
KNOWN = ReferenceData(
    roster=("73.15", "73.16", "74.01"),
    tables={
        "regions": {"dpt": {"73": 9000, "73.15": 1000, "74.01": 300}, "tps": {"73.15": 50}},
        "acuan": {"lalu": {"73.15": 76.1}},
    },
)


def codes(inside: str, known: ReferenceData = KNOWN, **keys: str) -> list[str]:
    """What is found in a comparison, of a file in which all else is right."""
    written = text(alert_when=f"{{compare: {{{inside}}}}}", **keys)
    return [found.code for found in read_rules([("r.yaml", written.encode())], known).findings]


def compared(inside: str, known: ReferenceData = KNOWN, **keys: str) -> Compare:
    """The comparison that a rule file says."""
    written = text(alert_when=f"{{compare: {{{inside}}}}}", **keys)
    (rule,) = read_rules([("r.yaml", written.encode())], known).expect()
    assert isinstance(rule.condition, Compare)
    return rule.condition


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("previous_window", PreviousWindow()),
        ("{before: 1h, not_older_than: 2h}", Earlier(before=HOUR, not_older_than=2 * HOUR)),
        ("{same_hour_of_days: 7}", SameHour(days=7)),
        ("{baseline: acuan}", ReferenceColumn(name="acuan.lalu", regions=("73.15",), numbers=(76.1,))),
        (
            "{baseline: directory.tps}",
            ReferenceColumn(name="directory.tps", regions=("73.15",), numbers=(50,)),
        ),
    ],
)
def test_what_it_is_held_against(written: str, reference: Reference) -> None:
    """All four ways."""
    inside = f"figure: count, within: 1h, with: {written}, rises_to: 3x{FLOOR}"
    assert compared(inside).reference == reference


@pytest.mark.parametrize(
    ("written", "limit", "in_points"),
    [
        ("rises_to: 3x", Limit("at_least", 3), False),
        ("rises_above: 1.5x", Limit("above", 1.5), False),
        ("falls_to: 0x", Limit("at_most", 0), False),
        ("falls_below: 0.5x", Limit("below", 0.5), False),
        ("rises_by: 10 points", Limit("at_least", 10), True),
        ("falls_by: 0.5 points", Limit("at_least", 0.5), True),
        ("falls_by: 1 point", Limit("at_least", 1), True),
    ],
)
def test_how_it_stands(written: str, limit: Limit, in_points: bool) -> None:
    """Times and points."""
    found = compared(f"{HEAD}, {written}{FLOOR}")
    assert (found.limit, found.in_points) == (limit, in_points)


def test_the_figure_and_the_rest() -> None:
    """Each figure with what it is of; the floor; what holds without a reference; an instant."""
    assert compared(f"{HEAD}, weight: metrics.count, rises_to: 3x{FLOOR}").weight == "metrics.count"
    distinct = "figure: distinct, of: [incident, stage], within: 1h, with: previous_window, rises_to: 3x"
    assert compared(distinct + FLOOR).of == ("incident", "stage")
    latest = "figure: latest, of: metrics.turnout_pct, missing: 0, within: 3h, with: {baseline: acuan}, "
    found = compared(
        latest + "falls_by: 10 points, if_no_baseline: fire, at: '2024-11-27 11:00 WITA', "
        "only_if: {now: {above: 0}, reference: {below: 95}, field: metrics.pct_done, at_least: 50}"
    )
    assert (found.of, found.missing, found.if_no_baseline) == (("metrics.turnout_pct",), 0, "fire")
    assert found.floor == Floor(
        now=Limit("above", 0),
        reference=Limit("below", 95),
        field="metrics.pct_done",
        field_limit=Limit("at_least", 50),
    )
    assert found.at == 1732676400000
    assert compared(f"{HEAD}, rises_to: 3x, if_no_baseline: 2{FLOOR}").if_no_baseline == 2


def test_what_follows_for_the_other_keys() -> None:
    """A state condition ends by itself and waits for late events; made once it is an event condition."""
    steady = one(alert_when=f"{{compare: {{{HEAD}, rises_to: 3x{FLOOR}}}}}")
    assert (steady.clear, steady.wait_for_late > 0, is_state(steady.condition)) == (
        Clear("no_longer_true"),
        True,
        True,
    )
    once = one(alert_when=f"{{compare: {{{HEAD}, rises_to: 3x, at: '2024-11-27T11:00:00+08:00'{FLOOR}}}}}")
    assert (once.clear, is_state(once.condition)) == (Clear("by_hand"), False)


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        (f"{HEAD}, rises_to: 3x{FLOOR}", []),
        (f"{HEAD}, rises_to: 3x", ["percent_without_floor"]),
        (f"{HEAD}, rises_by: 3 points", []),
        (
            "figure: latest, of: metrics.turnout_pct, within: 1h, with: {baseline: acuan}, falls_to: 0.6x",
            ADVICE,
        ),
        (f"{HEAD}{FLOOR}", ["limit_missing"]),
        (f"{HEAD}, rises_to: 3x, falls_to: 0.5x{FLOOR}", ["one_limit"]),
        (f"{HEAD}, falls_to: 1.5x{FLOOR}", ["wrong_way"]),
        (f"{HEAD}, falls_below: 0x{FLOOR}", ["wrong_way"]),
        (f"{HEAD}, rises_by: 0 points", ["wrong_way"]),
        (f"{HEAD}, of: incident, rises_to: 3x{FLOOR}", ["unknown_key"]),
        (f"{HEAD}, missing: 0, rises_to: 3x{FLOOR}", ["unknown_key"]),
        (f"{HEAD}, rises_to: 3x, if_no_baseline: never{FLOOR}", ["not_a_choice"]),
        ("figure: median, within: 1h, with: previous_window, rises_to: 3x" + FLOOR, ["not_a_choice"]),
        (
            "figure: sum, of: incident, within: 1h, with: previous_window, rises_to: 3x" + FLOOR,
            ["field_not_a_number"],
        ),
        ("figure: sum, within: 1h, with: previous_window, rises_to: 3x" + FLOOR, ["required"]),
        ("figure: count, within: 1h, with: last_week, rises_to: 3x" + FLOOR, ["not_a_choice"]),
        ("figure: count, within: 1h, with: {before: 1h}, rises_to: 3x" + FLOOR, ["required"]),
        (
            "figure: count, within: 1h, with: {same_hour_of_days: 7, baseline: acuan}, rises_to: 3x" + FLOOR,
            ["one_reference"],
        ),
        ("figure: count, within: 1h, with: {baseline: regions}, rises_to: 3x" + FLOOR, ["unknown_column"]),
    ],
)
def test_mistakes(inside: str, found: list[str]) -> None:
    """One finding for each."""
    assert codes(inside) == found


def test_limits_on_the_wrong_side() -> None:
    """Levels and an ending on the ratio are held against the relation."""
    rises = f"{HEAD}, rises_to: 3x{FLOOR}"
    assert codes(rises, level="{waspada: always, awas: {at_least: 5}}") == []
    assert codes(rises, level="{waspada: always, awas: {at_most: 2}}") == ["limit_never_met"]
    assert codes(rises, clear_when="{at_most: 1.5}") == []
    assert codes(rises, clear_when="{at_least: 2}") == ["clear_on_wrong_side"]
    assert codes(rises, hold_for="10m") == []


# --- columns ------------------------------------------------------------------------------------------------------

SHARE = (
    "{share: {part: metrics.tps, whole: directory.tps, at_least: 2%, within: 1h, only_if: {now: {above: 3}}}}"
)


@pytest.mark.parametrize(
    ("per", "level", "regions"),
    [
        ("regency", "regency", ("73.15", "74.01")),
        ("incident", "regency", ("73.15", "74.01")),
        ("province", "province", ("73",)),
        ("[district, incident]", "district", ()),
    ],
)
def test_a_column_is_of_the_level_of_the_groups(per: str, level: str, regions: tuple[str, ...]) -> None:
    """A province's number is none of its regencies'."""
    written = text(alert_when=SHARE.replace("tps, at", "dpt, at"), per=per)
    (rule,) = read_rules([("r.yaml", written.encode())], KNOWN).expect()
    assert isinstance(rule.condition, ShareCondition)
    assert isinstance(rule.condition.whole, ReferenceColumn)
    assert (rule.condition.whole.level, rule.condition.whole.regions) == (level, regions)


def test_a_rule_says_how_many_regions_it_cannot_judge() -> None:
    """A warning, with the number of regions that hold an election and have no number."""
    (found,) = read_rules([("r.yaml", text(alert_when=SHARE).encode())], KNOWN).findings
    assert (found.code, found.severity) == ("column_incomplete", "warning")
    assert dict(found.facts) == {"id": "satu", "count": "2", "all": "3", "column": "directory.tps"}


def test_a_changed_table_is_a_changed_rule() -> None:
    """The numbers are part of the version: what was judged by them can be told."""
    other = ReferenceData(tables={"regions": {"tps": {"73.15": 51}}})
    versions = {
        read_rules([("r.yaml", text(alert_when=SHARE).encode())], known).expect()[0].version
        for known in (KNOWN, other, KNOWN)
    }
    assert len(versions) == 2


def test_the_shipped_tables_are_valid() -> None:
    """Only cited figures: every line names its source."""
    regions = load_regions(ROOT / "config" / "regions.csv")
    tables = load_tables(ROOT / "config" / "tables", regions).expect()
    assert set(tables["regions"]) == {"dpt", "baseline_turnout", "tps"}
    lines = (ROOT / "config" / "tables" / "regions.csv").read_text().splitlines()
    rows = [line for line in lines if not line.startswith(("#", "region"))]
    assert all(row.split(",")[4] for row in rows)
    assert tables["regions"]["tps"]["31"] == 14835
    assert tables["regions"]["baseline_turnout"]["34.01"] == 79.2


def test_days_are_days() -> None:
    """Sixty at most, and no window longer than one."""
    inside = "figure: count, within: 1d, with: {same_hour_of_days: 60}, rises_to: 2x" + FLOOR
    assert compared(inside).within == DAY
    assert codes(inside.replace("60", "61")) == ["number_out_of_bounds"]
