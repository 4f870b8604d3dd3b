"""Conditions whose figure comes out of fields, as they come out of a rule file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.judging.condition import (
    Aggregate,
    Change,
    Condition,
    FirstTime,
    Floor,
    ShareCondition,
    Spread,
)
from engine.core.judging.filter import EVERYTHING, Limit, Test
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.rule import Clear, LevelStep
from engine.documents.reference_data import ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import read_rules
from tests.unit.documents.test_rules import one, text


def codes(**keys: str) -> list[str]:
    """What is found in a rule, of a file in which all else is right."""
    return [found.code for found in read_rules([("r.yaml", text(**keys).encode())], ReferenceData()).findings]


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        (
            "{aggregate: {function: sum, of: metrics.dead, at_least: 3, within: 1d}}",
            Aggregate("sum", "metrics.dead", Limit("at_least", 3), DAY, non_negative=True),
        ),
        (
            "{aggregate: {function: average, of: severity, above: 2.5, within: 1h, min_events: 3}}",
            Aggregate("average", "severity", Limit("above", 2.5), HOUR, min_events=3, non_negative=True),
        ),
        (
            "{aggregate: {function: percentile, p: 90, of: metrics.tps, below: 5, within: 1h, missing: 0}}",
            Aggregate(
                "percentile", "metrics.tps", Limit("below", 5), HOUR, p=90, missing=0, non_negative=True
            ),
        ),
        (
            "{aggregate: {function: lowest, of: metrics.tps, equals: 5, within: 1h, missing: -1}}",
            Aggregate("lowest", "metrics.tps", Limit("equals", 5), HOUR, missing=-1),
        ),
        (
            "{aggregate: {function: latest, of: metrics.tps, at_most: 5, within: 1h, missing: ignore}}",
            Aggregate("latest", "metrics.tps", Limit("at_most", 5), HOUR, non_negative=True),
        ),
        ("{change: {of: stage}}", Change(("stage",))),
        (
            "{change: {of: verification, from: unverified, to: [verified, refuted], within: 1d}}",
            Change(("verification",), ("unverified",), ("verified", "refuted"), DAY),
        ),
        (
            "{change: {of: [stage, verification], missing: belum}}",
            Change(("stage", "verification"), missing="belum"),
        ),
        ("{first_time: {of: kind, memory: 30d}}", FirstTime(("kind",), 30 * DAY)),
        (
            "{first_time: {of: [kind, incident], memory: 1h, missing: '-'}}",
            FirstTime(("kind", "incident"), HOUR, missing="-"),
        ),
    ],
)
def test_conditions(written: str, condition: Condition) -> None:
    """Each as its value; whether numbers can be below 0 follows from the field."""
    assert one(alert_when=written).condition == condition


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ("function: sum, of: metrics.dead, within: 1d", ["limit_missing"]),
        ("function: sum, of: metrics.dead, at_least: 1, below: 3, within: 1d", ["one_limit"]),
        ("function: total, of: metrics.dead, at_least: 1, within: 1d", ["not_a_choice"]),
        ("of: metrics.dead, at_least: 1, within: 1d", ["required"]),
        ("function: sum, at_least: 1, within: 1d", ["required"]),
        ("function: sum, of: metrics.dead, at_least: 1", ["required"]),
        ("function: sum, of: incident, at_least: 1, within: 1d", ["field_not_a_number"]),
        ("function: sum, of: metrics.deads, at_least: 1, within: 1d", ["unknown_field"]),
        ("function: sum, of: metrics.dead, at_least: 1, within: 1d, p: 5", ["unknown_key"]),
        ("function: total, of: metrics.dead, at_least: 1, within: 1d, p: 5", ["not_a_choice"]),
        ("function: percentile, of: metrics.dead, at_least: 1, within: 1d", ["required"]),
        ("function: percentile, p: 101, of: metrics.dead, at_least: 1, within: 1d", ["number_out_of_bounds"]),
        ("function: sum, of: metrics.dead, at_least: 1, within: 1d, min_events: 0", ["number_out_of_bounds"]),
        ("function: sum, of: metrics.dead, at_least: 1, within: 1d, missing: nol", ["not_a_number"]),
        ("function: sum, of: metrics.dead, at_least: 0, within: 1d", ["limit_always_met"]),
        ("function: sum, of: metrics.dead, below: 0, within: 1d", ["limit_never_met"]),
        ("function: average, of: severity, above: 4, within: 1d", ["limit_never_met"]),
        ("function: average, of: severity, above: 4, within: 1d, missing: 9", []),
        ("function: sum, of: severity, above: 4, within: 1d", []),
    ],
)
def test_mistakes_in_an_aggregate(inside: str, found: list[str]) -> None:
    """One finding for each, and none that only follows from another."""
    assert codes(alert_when=f"{{aggregate: {{{inside}}}}}") == found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{change: {within: 1d}}", ["required"]),
        ("{change: {of: []}}", ["list_length"]),
        ("{change: {of: stages}}", ["unknown_field"]),
        ("{change: {of: stage, to: hitungan}}", ["not_a_choice"]),
        ("{change: {of: severity, from: tinggi}}", ["not_a_number"]),
        ("{change: {of: severity, from: 2, to: 2}}", ["limit_never_met"]),
        ("{change: {of: severity, from: [1, 2], to: [1, 2]}}", []),
        ("{change: {of: [severity, stage], to: 2}}", ["unknown_key"]),
        ("{change: {of: stage, within: 0s}}", ["duration_too_short"]),
        ("{first_time: {of: kind}}", ["required"]),
        ("{first_time: {memory: 1d}}", ["required"]),
        ("{first_time: {of: kinds, memory: 1d}}", ["unknown_field"]),
        ("{first_time: {of: kind, memory: 1d, within: 1d}}", ["unknown_key"]),
        ("{first_time: {of: kind, memory: 1d, missing: 10:00}}", ["unquoted_time"]),
    ],
)
def test_mistakes_in_what_is_new(written: str, found: list[str]) -> None:
    """One finding for each, and none that only follows from another."""
    assert codes(alert_when=written) == found


TABLE = load_regions(Path("config/regions.csv"))
SPREAD = "{spread: {over: regency, at_least: 30%, within: 1d}}"


@pytest.mark.parametrize(
    ("per", "region", "children"),
    [
        ("province", "73", 24),
        ("[province, incident]", "92", 7),
        ("nation", "00", 508),
        ("incident", "00", 508),
    ],
)
def test_a_percentage_counts_the_children_of_the_roster(per: str, region: str, children: int) -> None:
    """Those regions of the table that hold an election, for each region that a group can stand for."""
    found = read_rules(
        [("r.yaml", text(alert_when=SPREAD, per=per).encode())], ReferenceData(regions=TABLE)
    ).expect()
    condition = found[0].condition
    assert isinstance(condition, Spread)
    assert (condition.at_least, condition.within) == (30, DAY)
    assert dict(condition.children or ())[region] == children


def test_a_roster_replaces_the_table() -> None:
    """With its codes and those of their parents."""
    known = ReferenceData(roster=("73.15", "73.16", "74.01.05"))
    assert known.children("regency", "province") == (("73", 2), ("74", 1))
    assert known.children("province", "nation") == (("00", 2),)
    assert known.children("village", "nation") == ()
    assert ReferenceData().children("regency", "province") == ()


@pytest.mark.parametrize(
    ("inside", "per", "found"),
    [
        ("over: regency, at_least: 3, within: 7d", "province", []),
        ("over: regency, at_least: 3, within: 7d", "region", ["spread_not_below"]),
        ("over: province, at_least: 3, within: 7d", "[nation, regency]", ["spread_not_below"]),
        ("over: incident, at_least: 3, within: 7d", "regency", []),
        ("over: incident, at_least: 30%, within: 7d", "regency", ["not_a_number"]),
        ("over: regency, at_least: 100%, within: 7d", "province", []),
        ("over: regency, at_least: 101%, within: 7d", "province", ["limit_never_met"]),
        ("over: regency, at_least: 2.5%, within: 7d", "province", []),
        ("over: regency, at_least: 2.5, within: 7d", "province", ["not_whole"]),
        ("over: regency, at_least: 0, within: 7d", "province", ["limit_always_met"]),
        ("over: regensi, at_least: 3, within: 7d", "province", ["unknown_group_key"]),
        ("over: regency, at_most: 3, within: 7d", "province", ["required", "unknown_key"]),
        ("over: regency, at_least: 3", "province", ["required"]),
    ],
)
def test_mistakes_in_a_spread(inside: str, per: str, found: list[str]) -> None:
    """One finding for each."""
    assert sorted(codes(alert_when=f"{{spread: {{{inside}}}}}", per=per)) == found


def test_a_spread_is_a_state_that_opens_on_arrival() -> None:
    """Its figure is the number of children."""
    assert one(alert_when=SPREAD, per="province").wait_for_late == 0
    assert one(alert_when=SPREAD, per="province").clear == Clear("no_longer_true")
    assert codes(alert_when=SPREAD, per="province", level="{waspada: always, awas: {at_least: 9}}") == []
    below = SPREAD.replace("30%", "3")
    assert codes(alert_when=below, per="province", clear_when="{at_most: 3}") == ["clear_on_wrong_side"]


@pytest.mark.parametrize(
    "written", ["{change: {of: stage}}", "{first_time: {of: kind, memory: 1d}}", "every_event"]
)
def test_what_is_true_at_an_event_only_has_no_figure(written: str) -> None:
    """It ends by hand or after a while, and waits for nothing."""
    rule = one(alert_when=written)
    assert (rule.clear, rule.wait_for_late) == (Clear("by_hand"), 0)
    assert codes(alert_when=written, hold_for="1h") == ["hold_for_on_event"]
    assert codes(alert_when=written, level="{waspada: always, awas: {at_least: 9}}") == ["needs_figure"]
    assert codes(alert_when=written, tell_again="value_doubles") == ["needs_figure"]
    assert codes(alert_when=written, clear_when="{below: 2}") == ["needs_figure"]
    assert codes(alert_when=written, clear_when="no_longer_true") == ["clear_needs_keep_open"]
    assert codes(alert_when=written, clear_when="no_longer_true", keep_open_for="1h") == []


SHARE = "part: {kind: logistics.late}, whole: {}, at_least: 20%, within: 1h"
FLOOR = ", only_if: {reference: {at_least: 5}}"


@pytest.mark.parametrize(
    ("inside", "condition"),
    [
        (
            SHARE + ", only_if: {now: {at_least: 3}, reference: {above: 9}}",
            ShareCondition(
                part=Test("kind", "equals", "logistics.late"),
                whole=EVERYTHING,
                limit=Limit("at_least", 20),
                within=HOUR,
                floor=Floor(now=Limit("at_least", 3), reference=Limit("above", 9)),
            ),
        ),
        (
            "part: metrics.tps, whole: metrics.dpt, below: 2.5, missing: 0, only_if: {field: severity, at_least: 2}",
            ShareCondition(
                part="metrics.tps",
                whole="metrics.dpt",
                limit=Limit("below", 2.5),
                floor=Floor(field="severity", field_limit=Limit("at_least", 2)),
                missing=0,
            ),
        ),
    ],
)
def test_shares(inside: str, condition: Condition) -> None:
    """Sides are fields or filters; the limit is in percent, with its sign or without."""
    assert one(alert_when=f"{{share: {{{inside}}}}}").condition == condition


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        (SHARE + FLOOR, []),
        (SHARE, ["percent_without_floor"]),
        (SHARE.replace("20%", "20x") + FLOOR, ["not_a_number"]),
        (SHARE.replace("at_least: 20%", "below: 0%") + FLOOR, ["limit_never_met"]),
        (SHARE.replace("20%", "0%") + FLOOR, ["limit_always_met"]),
        (SHARE.replace("at_least: 20%, ", "") + FLOOR, ["limit_missing"]),
        (SHARE.replace("{kind: logistics.late}", "incident") + FLOOR, ["field_not_a_number"]),
        (SHARE.replace("{kind: logistics.late}", "{kinds: a}") + FLOOR, ["unknown_field"]),
        (SHARE.replace("{}", "directory.dpt") + FLOOR, []),
        (SHARE.replace("{}", "{kind: logistics.late}") + FLOOR, ["part_is_whole"]),
        (SHARE.replace("whole: {}, ", "") + FLOOR, ["required"]),
        (SHARE + ", only_if: {}", ["empty"]),
        (SHARE + ", only_if: {now: 3}", ["not_a_map"]),
        (SHARE + ", only_if: {now: {least: 3}}", ["limit_missing", "unknown_key"]),
        (SHARE + ", only_if: {field: metrics.tps}", ["limit_missing"]),
        (SHARE + ", only_if: {at_least: 3}", ["unknown_key"]),
    ],
)
def test_mistakes_in_a_share(inside: str, found: list[str]) -> None:
    """One finding for each."""
    assert sorted(codes(alert_when=f"{{share: {{{inside}}}}}")) == found


def test_a_share_is_a_state_with_a_percentage() -> None:
    """What more events could undo waits for them; levels and endings are in percent too."""
    written = f"{{share: {{{SHARE}{FLOOR}}}}}"
    assert (one(alert_when=written).clear, one(alert_when=written).wait_for_late) == (
        Clear("no_longer_true"),
        10 * MINUTE,
    )
    rule = one(alert_when=written, level="{waspada: always, awas: {at_least: 40%}}")
    assert rule.levels == (LevelStep(2), LevelStep(4, Limit("at_least", 40)))
    assert one(alert_when=written, clear_when="{below: 10%}").clear.limit == Limit("below", 10)
    assert codes(alert_when=written, clear_when="{below: 30%}") == ["clear_on_wrong_side"]


SUM = "{aggregate: {function: sum, of: metrics.dead, at_least: 3, within: 1d}}"
AVERAGE = "{aggregate: {function: average, of: metrics.dead, at_least: 3, within: 1d}}"


def test_an_aggregate_is_a_state_with_a_figure() -> None:
    """It ends when no longer true; what more events could undo waits for late ones."""
    assert (one(alert_when=SUM).clear, one(alert_when=SUM).wait_for_late) == (Clear("no_longer_true"), 0)
    assert one(alert_when=AVERAGE).wait_for_late == 10 * MINUTE
    assert codes(alert_when=SUM, hold_for="1h") == []
    assert codes(alert_when=SUM, level="{waspada: always, awas: {at_least: 9}}") == []
    assert codes(alert_when=SUM, tell_again="value_doubles") == []
    assert codes(alert_when=SUM, clear_when="{below: 2}") == []
    assert codes(alert_when=SUM, clear_when="{above: 2}") == ["clear_on_wrong_side"]
    assert codes(alert_when=SUM, level="{waspada: always, awas: {below: 0}}") == ["limit_never_met"]
