"""Conditions whose figure comes out of fields, as they come out of a rule file."""

from __future__ import annotations

import pytest

from engine.judging.instant import DAY, HOUR, MINUTE
from engine.judging.rule import Aggregate, Clear, Condition, Limit
from engine.loading.known import Known
from engine.loading.rules import read_rules
from tests.unit.loading.test_rules import one, text


def codes(**keys: str) -> list[str]:
    """What is found in a rule, of a file in which all else is right."""
    return [found.code for found in read_rules([("r.yaml", text(**keys).encode())], Known()).findings]


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
