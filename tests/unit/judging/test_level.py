"""The level a figure gives, and how a figure counts."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import Count, Distinct, Value
from engine.core.judging.event import number
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Joined, Opened
from engine.core.judging.rule import LevelStep, level_of
from tests.unit.judging.desk import event, rule

LADDER = (LevelStep(2), LevelStep(3, Limit("at_least", 5)), LevelStep(4, Limit("above", 19)))


@pytest.mark.parametrize(("figure", "level"), [(None, 2), (4, 2), (5, 3), (19, 3), (19.5, 4)])
def test_a_level_map_gives_the_highest_level_whose_limit_is_met(figure: float | None, level: int) -> None:
    """Exactly one row is `always` (docs/specification/rules.md#levels)."""
    assert level_of(rule(levels=LADDER), figure, ()) == level


def test_by_severity_is_the_highest_of_the_evidence_and_at_least_waspada() -> None:
    """`level: severity`."""
    by_severity = rule(by_severity=True, condition=Count(2, HOUR))
    group = Group(by_severity)
    group.apply([event(0, severity=3)], received_at=0)
    (opened,) = group.apply([event(1, severity=1)], received_at=1)
    assert isinstance(opened, Opened)
    assert opened.level == 3
    (joined,) = group.apply([event(2, severity=1)], received_at=2)
    assert joined.level == 2


def test_a_join_carries_the_level_of_the_figure_then() -> None:
    """Five in the window raise the level from waspada to siaga."""
    group = Group(rule(condition=Count(1, HOUR), levels=LADDER))
    levels = [group.apply([event(at * MINUTE)], received_at=at * MINUTE)[0].level for at in range(6)]
    assert levels == [2, 2, 2, 2, 3, 3]


@pytest.mark.parametrize("late", [5, 25, 45])
def test_a_late_event_raises_the_level_of_the_figure_after_it(late: int) -> None:
    """Wherever it falls, the fifth event in the window makes the alert siaga, as it would in order."""
    group = Group(rule(condition=Count(3, HOUR), levels=LADDER))
    for at in (10, 20, 30, 40):
        group.apply([event(at * MINUTE)], received_at=at * MINUTE)
    joined = group.apply([event(late * MINUTE)], received_at=50 * MINUTE)[-1]
    assert isinstance(joined, Joined)
    assert (joined.level, joined.figure) == (3, 5)


def test_the_joins_of_one_request_say_the_figure_after_it() -> None:
    """Events of one request are applied together before anything is judged."""
    group = Group(rule(condition=Count(1, HOUR), levels=LADDER))
    group.apply([event(0)], received_at=0)
    said = group.apply(
        [event(at) for at in (HOUR - 3, HOUR - 2, HOUR - 1, HOUR, 2 * HOUR)], received_at=2 * HOUR
    )
    assert [(one.figure, one.level, one.new_after_quiet) for one in said] == [
        (1, 2, False),
        (1, 2, False),
        (1, 2, False),
        (1, 2, False),
        (1, 2, True),
    ]


@pytest.mark.parametrize(
    ("weights", "figure"),
    [((0.1, 0.2), 0.3), ((None, 2), 3), ((-5, 1), 1), ((True, "7"), 2), ((1e-10, 0), 0), ((1e300, 1), 2)],
)
def test_weights_are_summed_exactly(weights: tuple[object, object], figure: float) -> None:
    """To 9 decimals; a missing weight counts 1, one below zero counts 0, and so counts what is no number."""
    one, other = ({} if weight is None else {"w": weight} for weight in weights)
    group = Group(rule(condition=Count(0, HOUR, "w")))
    group.apply([event(0, **one)], received_at=0)
    (joined,) = group.apply([event(1, **other)], received_at=1)
    assert isinstance(joined, Joined)
    assert joined.figure == figure


def test_different_values_are_told_apart_by_what_they_are() -> None:
    """A missing field is its own value; 1, true and the text 1 are three; 1 and 1.0 are one."""
    group = Group(rule(condition=Distinct(("v",), Limit("at_least", 1), HOUR)))
    values: list[dict[str, object]] = [
        {},
        {"v": 1},
        {"v": True},
        {"v": "1"},
        {"v": 1.0},
        {"v": "true"},
        {"v": ""},
    ]
    figures = [group.apply([event(at, **one)], received_at=at)[0].figure for at, one in enumerate(values)]
    assert figures == [1, 2, 3, 4, 4, 5, 6]


def test_several_fields_are_counted_as_one_tuple() -> None:
    """`of` may be a list; no text in one field passes for two fields."""
    group = Group(rule(condition=Distinct(("a", "b"), Limit("at_least", 1), HOUR)))
    values = [{"a": "x|", "b": "y"}, {"a": "x", "b": "|y"}, {"a": "x|'y"}, {"a": "x", "b": "y"}]
    figures = [group.apply([event(at, **one)], received_at=at)[0].figure for at, one in enumerate(values)]
    assert figures == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("field", "opens"),
    [(5, True), (4.999_999_999_9, True), (4.9, False), ("6", False), (True, False), (2.0**53, True)],
)
def test_a_value_is_held_against_its_limit_as_a_number(field: object, *, opens: bool) -> None:
    """Texts and truths meet no limit; numbers count to 9 decimals."""
    group = Group(rule(condition=Value("n", Limit("at_least", 5))))
    assert bool(group.apply([event(0, n=field)], received_at=0)) is opens


def test_an_event_without_the_field_is_no_value() -> None:
    """The latest event that has the field counts (docs/specification/rules.md#missing-fields)."""
    group = Group(rule(condition=Value("status", one_of=("ditunda", 3))))
    assert group.apply([event(0)], received_at=0) == ()
    assert len(group.apply([event(1, status="ditunda")], received_at=1)) == 1
    assert group.apply([event(2)], received_at=2) == ()
    assert len(group.apply([event(3, status=3.0)], received_at=3)) == 1


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), 2**53 + 1, -(2.0**60)])
def test_what_is_no_number(value: object) -> None:
    """Texts, truths and numbers out of range count as missing."""
    assert number(value) is None  # type: ignore[arg-type]
