"""The level of a state rises when an event leaves its window, at that instant, though nothing comes."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Any

import pytest
from msgspec.msgpack import decode, encode
from msgspec.structs import replace

from engine.core.judging.condition import (
    Aggregate,
    Bond,
    Compare,
    Condition,
    Count,
    Distinct,
    PreviousWindow,
    ShareCondition,
    Spread,
    Value,
)
from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances, GroupState
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Ended, Joined, Judgement, Opened, Risen
from engine.core.judging.rule import Clear, Exemption, LevelStep, Rule, TellAgain
from engine.core.judging.rule_dependency import BondGroup
from engine.core.judging.upstream_interval import OpenInterval
from tests.unit.judging.desk import event, fits_of, rule
from tests.unit.judging.test_condition_folds import hearing

W = 10 * MINUTE
ALL = AllOf(())


def laddered(condition: Condition, limit: Limit, **over: Any) -> Rule:
    """A rule whose alerts are waspada, and siaga where the figure meets a limit."""
    return rule(condition=condition, levels=(LevelStep(2), LevelStep(3, limit)), **over)


def lived(one: Rule, reports: list[Event], until: int = HOUR, *, thaw: bool = False) -> list[Judgement]:
    """What is said where events come when they occur, and each due instant is looked at."""
    group, said = Group(one), []
    for at, together in groupby(reports, lambda report: report.occurred_at):
        while group.due is not None and group.due < at:
            said += group.look(now=group.due)
        request = list(together)
        said += group.apply(request, received_at=at, fits=fits_of(one, request))
        if thaw:
            group = Group(one, decode(encode(group.frozen()), type=GroupState))
    while group.due is not None and group.due <= until:
        now = group.due
        said += group.look(now=now)
        if thaw:
            group = Group(one, decode(encode(group.frozen()), type=GroupState))
            said += group.look(now=now)
    return said


def reports(*rows: tuple[float, dict[str, Any]]) -> list[Event]:
    """Events at these minutes with these fields."""
    return [event(round(at * MINUTE), f"e{place}", **fields) for place, (at, fields) in enumerate(rows)]


TWO = reports((0, {"m": "x", "n": 10}), (3, {"m": "y", "n": 2}))
GROWS = reports((0, {"n": 2}), (3, {"n": 9}))
compare = partial(Compare, figure="count", reference=PreviousWindow(), number=1, within=W)
STATES: dict[str, tuple[Condition, Limit, list[Event], int, float]] = {
    "distinct at_most": (Distinct(("m",), Limit("at_most", 3), W), Limit("at_most", 0), TWO, 13, 0),
    "distinct below": (Distinct(("m",), Limit("below", 3), W), Limit("equals", 0), TWO, 13, 0),
    "sum": (Aggregate("sum", "n", Limit("at_most", 20), W), Limit("at_most", 2), TWO, 10, 2),
    "average": (Aggregate("average", "n", Limit("at_most", 10), W), Limit("below", 3), TWO, 10, 2),
    "highest": (Aggregate("highest", "n", Limit("at_most", 10), W), Limit("at_most", 2), TWO, 10, 2),
    "lowest": (Aggregate("lowest", "n", Limit("at_least", 1), W), Limit("at_least", 8), GROWS, 10, 9),
    "what is missing": (
        Aggregate("lowest", "n", Limit("at_least", 0), W, missing=0),
        Limit("at_least", 8),
        reports((0, {}), (3, {"n": 9})),
        10,
        9,
    ),
    "percentile": (
        Aggregate("percentile", "n", Limit("at_least", 1), W, p=50),
        Limit("at_least", 8),
        GROWS,
        10,
        9,
    ),
    "share": (
        ShareCondition(Test("m", "equals", "x"), ALL, Limit("at_least", 50), W),
        Limit("at_least", 60),
        reports((0, {"m": "y"}), (3, {"m": "x"})),
        10,
        100,
    ),
    "falls_to": (
        compare(relation="falls_to"),
        Limit("at_most", 0.5),
        reports(*((at, {}) for at in (0, 5, 6, 7, 8, 11, 12, 13, 14))),
        22,
        1 / 3,
    ),
    "rises_to": (
        compare(relation="rises_to"),
        Limit("above", 1.5),
        reports(*((at, {}) for at in (0, 2, 8, 19, 19.5))),
        22,
        2,
    ),
    "spread": (
        Spread("m", 1, W),
        Limit("at_most", 1),
        reports((0, {"m": "x"}), (0, {"m": "y"}), (3, {"m": "z"})),
        10,
        1,
    ),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("thaw", [False, True])
def test_the_level_rises_when_an_event_leaves(name: str, *, thaw: bool) -> None:
    """At that instant, once, with the figure that stands then (docs/specification/rules.md#level-of-a-state)."""
    condition, limit, found, minute, figure = STATES[name]
    one = laddered(condition, limit)
    said = lived(one, found, thaw=thaw)
    assert [(risen.figure, risen.level) for risen in said if isinstance(risen, Risen)] == [(figure, 3)]
    assert Risen not in map(type, lived(one, found, minute * MINUTE - 1))
    assert Risen in map(type, lived(one, found, minute * MINUTE))


def test_both_sides_of_the_figure_are_said_with_it() -> None:
    """A message that names 100 percent names 1 of 1."""
    condition, limit, found, *_ = STATES["share"]
    (opened, risen) = lived(laddered(condition, limit), found)
    assert isinstance(opened, Opened)
    assert isinstance(risen, Risen)
    assert (opened.sides, risen.sides) == ((1, 2), (1, 1))


def test_the_value_that_stands_for_a_missing_field_has_its_level() -> None:
    """It comes with an event, so the event says it."""
    one = laddered(Value("n", Limit("at_most", 5), missing=0), Limit("at_most", 1))
    said = lived(one, reports((0, {"n": 4}), (1, {})))
    assert [(type(each), each.figure, each.level) for each in said] == [(Opened, 4, 2), (Joined, 0, 3)]  # type: ignore[union-attr]


def test_a_level_rises_when_an_alert_of_another_rule_ends() -> None:
    """A figure of open alerts falls where one ends, or leaves the window."""
    one = laddered(Bond(("p", "q"), Limit("at_most", 2)), Limit("at_most", 1), per=("nation",))
    group = BondGroup(one)
    p = OpenInterval(alert="p0", region="73.15", level=2, happened_at=1)
    q = OpenInterval(alert="q0", region="73.15", level=2, happened_at=1)
    (opened,) = group.hear([hearing("p", (p,), 2), hearing("q", (q,), 2)])
    assert isinstance(opened, Opened)
    assert (opened.figure, opened.level) == (2, 2)
    ended = OpenInterval(alert="p0", region="73.15", level=2, happened_at=1, ended_at=10)
    said = [*group.hear([hearing("p", (ended,), 10)]), *group.look(now=11)]
    assert said == [Risen(ordinal=1, figure=1, level=3)]


def test_events_only_conditions_have_the_level_of_their_events() -> None:
    """A count is true where an event comes; what leaves lowers it and says nothing."""
    one = laddered(Count(1, W), Limit("at_most", 1))
    assert [type(each) for each in lived(one, reports((0, {}), (0, {}), (3, {})))] == [Opened, Joined]


# --- what is not said twice, or too early -------------------------------------------------------------------------


def test_a_rise_waits_for_late_reports_and_is_not_said_where_one_comes() -> None:
    """Another event in the window makes the figure what it is not: the level stays.

    Law: docs/specification/rules.md#rise-without-an-event.
    """
    one = laddered(Distinct(("m",), Limit("at_most", 3), W), Limit("at_most", 0), wait_for_late=5 * MINUTE)
    for late in (False, True):
        group = Group(one)
        group.apply(reports((0, {"m": "x"})), received_at=0)
        (opened,) = group.look(now=5 * MINUTE)
        assert isinstance(opened, Opened)
        assert group.due == 15 * MINUTE
        if late:
            group.apply([event(4 * MINUTE, "late", m="x")], received_at=14 * MINUTE)
        said = [type(each) for each in group.look(now=15 * MINUTE)]
        assert said == ([] if late else [Risen])


def test_a_rise_is_said_once_whatever_comes_late() -> None:
    """A late event walks the stretch anew; what was said of it stays said, and the newest figure stands."""
    one = laddered(Distinct(("m",), Limit("at_most", 3), W), Limit("at_most", 0))
    group = Group(one)
    group.apply(reports((0, {"m": "x"})), received_at=0)
    assert [type(each) for each in group.look(now=W)] == [Opened, Risen]
    (joined,) = group.apply([event(MINUTE, "late", m="y")], received_at=W + 5)
    assert isinstance(joined, Joined)
    assert group.look(now=HOUR) == ()
    (later,) = group.apply([event(-30 * MINUTE, "older", m="z")], received_at=HOUR)[:1]
    assert not isinstance(later, Risen)


def test_what_passed_while_nobody_looked_is_said_in_its_order() -> None:
    """Down from before the rise until after the end: the alert rises, then it ends.

    Law: docs/specification/rules.md#rise-after-downtime.
    """
    one = laddered(
        Aggregate("lowest", "n", Limit("at_least", 1), W), Limit("at_least", 8), clear=Clear("no_longer_true")
    )
    group = Group(one)
    for report in GROWS:
        group.apply([report], received_at=report.occurred_at)
    group.look(now=4 * MINUTE)
    group = Group(one, decode(encode(group.frozen()), type=GroupState))
    assert [type(each) for each in group.look(now=HOUR)] == [Risen, Ended]


def test_what_joined_before_the_end_is_said_before_it() -> None:
    """Also where all of it comes at once: a closed alert takes no report any more."""
    one = rule(condition=Count(2, W), clear=Clear("no_longer_true"))
    group, found = Group(one), reports((0, {}), (1, {}), (2, {}))
    said = [*group.apply(found, received_at=HOUR), *group.look(now=HOUR)]
    assert [type(each) for each in said] == [Opened, Joined, Ended]


def test_an_exception_of_all_evidence_holds_for_rises_too() -> None:
    """The level that an exception gives stands instead of the figure's, as long as no other event counts."""
    one = laddered(Distinct(("m",), Limit("at_most", 3), W), Limit("at_most", 0))
    excepted = Exemption(holds=ALL, keys=(), reason="uji", level=2)
    exempt = replace(one, exemptions=(excepted,))
    for plain in (False, True):
        group = Group(exempt)
        found = reports((0, {"m": "x"}), (1, {"m": "y"}))
        fits = {(found[0].desk, found[0].id): 1, (found[1].desk, found[1].id): 0 if plain else 1}
        said = [*group.apply(found, received_at=MINUTE, fits=fits), *group.look(now=HOUR)]
        assert [type(each) for each in said] == [Opened, Joined, *([Risen] if plain else [])]


# --- doubling -----------------------------------------------------------------------------------------------------


def doubling(every: int | None = None) -> Rule:
    """A rule that tells again where the figure doubles."""
    again = TellAgain(value_doubles=True, every=every)
    return rule(condition=Aggregate("lowest", "n", Limit("at_least", 1), W), tell_again=again)


def test_a_figure_that_doubles_as_an_event_leaves_is_said() -> None:
    """From what was told last; less than twice that says nothing."""
    grown = reports((0, {"n": 2}), (1, {"n": 3}), (2, {"n": 4}), (3, {"n": 9}))
    said = lived(doubling(), grown)
    assert [one.figure for one in said if isinstance(one, Risen)] == [4, 9]


def test_what_the_clock_tells_again_may_begin_the_doubling_anew() -> None:
    """Judging does not know what was told then, so it says all that may be twice as much as that."""
    rows = reports((0, {"n": 4}), (9, {"n": 9}), (12, {"n": 3}), (18, {"n": 7}))
    assert [one.figure for one in lived(doubling(), rows) if isinstance(one, Risen)] == [9]
    said = [one.figure for one in lived(doubling(every=HOUR), rows) if isinstance(one, Risen)]
    assert said == [9, 7]


def test_levels_are_watched_from_where_the_rule_is() -> None:
    """The example of the issue: one event without the field, at most one value, in a window of eight seconds."""
    one = laddered(Distinct(("m",), Limit("at_most", 1), 8_000), Limit("at_most", 0))
    group = Group(one, around=Circumstances(since=0))
    group.apply([event(14_001)], received_at=14_001)
    (opened,) = group.look(now=14_001)
    assert isinstance(opened, Opened)
    assert (opened.level, group.due) == (2, 22_001)
    assert group.look(now=22_001) == (Risen(ordinal=1, figure=0, level=3),)
