"""Several events of one instant: which of them closes, which completes, which are used up; and what makes a group."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from engine.core.judging.calendar import Active, NamedSpan
from engine.core.judging.condition import (
    Aggregate,
    AllItems,
    Bond,
    Change,
    Compare,
    Condition,
    Count,
    Distinct,
    EveryEvent,
    FirstTime,
    PatternPart,
    PreviousWindow,
    SequenceStage,
    Value,
)
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.event import Event
from engine.core.judging.filter import EVERYTHING, Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances, FiringInterval
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Judgement, Opened
from engine.core.judging.rule import Clear, Rule
from engine.core.judging.rule_dependency import BondGroup
from tests.unit.judging.desk import event, rule

BY_EVENT = Clear("event", event=Test("clear", "equals", True))
FAR = 100 * DAY
Row = tuple[int, str, str]
"""Minute, what the event is (`e` watched, `c` clears, `b` both), and its value."""


def played(one: Rule, rows: list[Row], refuted: tuple[str, ...] = ()) -> list[FiringInterval]:
    """What is found of events a, b, c... that come one by one; some are taken out again at the end."""
    group = Group(one)
    for place, (minute, what, value) in enumerate(rows):
        found = event(minute * MINUTE, "abcdefghij"[place], v=value)
        group.apply(
            [found] if what in "eb" else [],
            received_at=HOUR + place,
            clearing=[found] if what in "cb" else [],
        )
    group.apply([], received_at=2 * HOUR, withdrawn={("7315", name): "refuted" for name in refuted})
    group.look(now=FAR)
    return list(group.spells)


def times(spells: list[FiringInterval]) -> list[tuple[int, int | None]]:
    """From which minute to which."""
    return [(s.happened_at // MINUTE, None if s.ended_at is None else s.ended_at // MINUTE) for s in spells]


# --- what completes must be newer than what closed ----------------------------------------------------------------


@pytest.mark.parametrize("condition", [Change(("v",)), Change(("v",), missing="x"), FirstTime(("v",), HOUR)])
def test_what_completes_must_be_newer_than_what_closed(condition: Condition) -> None:
    """At minute 2 the new value comes before the clearing event; what comes after it is nothing new.

    Law: docs/specification/rules.md#completing-events.
    """
    news = "z" if isinstance(condition, FirstTime) else "x"
    rows = [(0, "e", "x"), (1, "e", "y"), (2, "e", news), (2, "c", ""), (2, "e", "x")]
    first = (0, 2) if isinstance(condition, FirstTime) else (1, 2)
    assert times(played(rule(condition=condition, clear=BY_EVENT), rows)) == [first]
    after = [(0, "e", "x"), (1, "e", "y"), (2, "e", "y"), (2, "c", ""), (2, "e", "w")]
    assert times(played(rule(condition=condition, clear=BY_EVENT), after)) == [first, (2, None)]


def test_a_refuted_event_leaves_no_opening_that_the_others_do_not_give() -> None:
    """Without the event that stood between, the newest of the instant is no change; in every order."""
    rows: list[Row] = [
        (0, "e", "x"),
        (1, "e", "y"),
        (2, "e", "x"),
        (2, "c", ""),
        (2, "e", "w"),
        (2, "e", "x"),
    ]
    one = rule(condition=Change(("v",), new=("x",), missing="x"), clear=BY_EVENT)
    assert times(played(one, rows)) == [(2, None)]
    assert times(played(one, rows, refuted=("e",))) == [(2, None)]
    opened = rule(condition=Change(("v",), missing="x"), clear=BY_EVENT)
    assert times(played(opened, rows, refuted=("e",))) == [(1, 2)]
    for order in permutations(range(1, 6)):
        group = Group(opened)
        for number, place in enumerate((0, *order)):
            minute, what, value = rows[place]
            found = event(minute * MINUTE, "abcdef"[place], v=value)
            watched, clearing = ([found], []) if what == "e" else ([], [found])
            group.apply(watched, received_at=HOUR + number, clearing=clearing)
        group.apply([], received_at=2 * HOUR, withdrawn={("7315", "e"): "refuted"})
        group.look(now=FAR)
        assert times(list(group.spells)) == [(1, 2)]


def test_of_two_clearing_events_of_an_instant_the_newest_closes() -> None:
    """What lies between them is not newer than the closing one (docs/specification/rules.md#clearing-event)."""
    one = rule(condition=EveryEvent(), clear=BY_EVENT)
    assert times(played(one, [(0, "e", ""), (1, "c", ""), (1, "e", ""), (1, "c", "")])) == [(0, 1)]
    assert times(played(one, [(0, "e", ""), (1, "c", ""), (1, "c", ""), (1, "e", "")])) == [(0, 1), (1, None)]


# --- what an opening uses up --------------------------------------------------------------------------------------


def test_an_opening_uses_up_all_completions_of_its_instant() -> None:
    """Three at one instant complete a count of two once; none of them counts again."""
    one = rule(condition=Count(2, HOUR), clear=Clear("quiet", quiet_for=MINUTE), start_again=True)
    assert times(played(one, [(0, "e", ""), (0, "e", ""), (0, "e", ""), (5, "e", "")])) == [(0, 1)]
    again = [(0, "e", ""), (0, "e", ""), (0, "e", ""), (5, "e", ""), (6, "e", "")]
    assert times(played(one, again)) == [(0, 1), (6, 7)]


def test_what_came_behind_the_newest_completion_is_not_used_up() -> None:
    """The second x of minute 1 is no change, so the next y is one to it."""
    one = rule(condition=Change(("v",)), clear=Clear("quiet", quiet_for=MINUTE), start_again=True)
    rows = [(0, "e", "w"), (1, "e", "x"), (1, "e", "x"), (5, "e", "y")]
    assert times(played(one, rows)) == [(1, 2), (5, 6)]
    assert times(played(one, [(0, "e", "w"), (1, "e", "x"), (5, "e", "y"), (9, "e", "z")])) == [
        (1, 2),
        (9, 10),
    ]


def test_a_pattern_uses_up_what_is_up_to_its_newest_completion() -> None:
    """Two pairs of one instant are one opening; what is behind the newest of them begins anew."""
    pair = AllItems(items=(PatternPart(watch=EVERYTHING), PatternPart(watch=EVERYTHING)), within=HOUR)
    one = rule(condition=pair, clear=Clear("quiet", quiet_for=MINUTE), start_again=True)
    group = Group(one)
    for place, (minute, bits) in enumerate([(0, 1), (0, 2), (0, 1), (5, 2), (6, 1)]):
        found = event(minute * MINUTE, "abcde"[place])
        group.apply([found], received_at=HOUR + place, fits={("7315", found.id): bits})
    group.look(now=FAR)
    assert times(list(group.spells)) == [(0, 1), (6, 7)]


# --- what is evidence ---------------------------------------------------------------------------------------------


def evidence(one: Rule, found: list[Event], bits: tuple[int, ...] = ()) -> list[str]:
    """The ids that the first opening names."""
    fits = {(each.desk, each.id): bit for each, bit in zip(found, bits, strict=False)}
    group, said = Group(one), []
    said += group.apply(found, received_at=HOUR, fits=fits)
    said += group.look(now=HOUR)
    (opened,) = [each for each in said if isinstance(each, Opened)]
    return [each.id for each in opened.evidence]


def test_evidence_of_a_figure_is_its_window_and_that_of_a_sequence_is_its_choice() -> None:
    """All that the figure is made of; of a sequence only the events that fill its steps.

    Law: docs/specification/rules.md#evidence.
    """
    found = [event(at * MINUTE, "abcd"[at], n=at) for at in range(4)]
    figure = rule(condition=Aggregate("sum", "n", Limit("at_least", 6), HOUR))
    assert evidence(figure, found) == ["a", "b", "c", "d"]
    steps = Steps(
        stages=(
            SequenceStage(parts=(PatternPart(watch=EVERYTHING),)),
            SequenceStage(parts=(PatternPart(watch=EVERYTHING),)),
        )
    )
    assert evidence(rule(condition=steps), found, (1, 0, 0, 2)) == ["a", "d"]
    items = AllItems(items=(PatternPart(watch=EVERYTHING), PatternPart(watch=EVERYTHING)), within=HOUR)
    assert evidence(rule(condition=items), found, (1, 1, 1, 2)) == ["a", "b", "c", "d"]


# --- what makes a group -------------------------------------------------------------------------------------------

EMPTY_AND_TRUE: list[Condition] = [
    Distinct(("v",), Limit("at_most", 1), MINUTE),
    Aggregate("sum", "n", Limit("below", 1), MINUTE),
    Compare(
        figure="count",
        reference=PreviousWindow(),
        relation="falls_to",
        number=0.5,
        within=MINUTE,
        if_no_baseline=1,
    ),
    Compare(
        figure="sum",
        of=("n",),
        reference=PreviousWindow(),
        relation="falls_by",
        number=1,
        within=MINUTE,
        if_no_baseline="fire",
    ),
]
LATER = Active(stages=(NamedSpan(id="t", since=30 * MINUTE, until=FAR),))


@pytest.mark.parametrize("condition", EMPTY_AND_TRUE)
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"active": LATER},
        {"effective_from": 5 * MINUTE},
        {"active": LATER, "effective_from": 5 * MINUTE},
        {"active": LATER, "effective_from": 30 * MINUTE},
    ],
)
def test_a_clearing_event_makes_no_group(condition: Condition, keys: dict[str, Any]) -> None:
    """Nothing watched ever came: nothing is low for want of it, also where a span begins."""
    one = rule(condition=condition, clear=BY_EVENT, **keys)
    said: list[Judgement] = []
    for minute in (4, 5, 10, 30):
        group = Group(one, around=Circumstances(since=0))
        said += group.apply(
            [], received_at=minute * MINUTE, clearing=[event(minute * MINUTE, "c", clear=True)]
        )
        said += group.look(now=29 * MINUTE)
        said += group.look(now=HOUR)
    assert said == []


def test_a_watched_event_before_the_span_makes_one() -> None:
    """Then what stands at the beginning of the span is judged there."""
    one = rule(condition=EMPTY_AND_TRUE[0], clear=BY_EVENT, active=LATER)
    group = Group(one, around=Circumstances(since=0))
    group.apply([event(10 * MINUTE, "e")], received_at=10 * MINUTE)
    (opened,) = group.look(now=HOUR)
    assert isinstance(opened, Opened)
    assert opened.happened_at == 30 * MINUTE


def test_nor_does_one_of_a_rule_on_rules() -> None:
    """A rule that is true of few open alerts has no group where none was ever open."""
    one = rule(condition=Bond(("p",), Limit("at_most", 0)), clear=BY_EVENT, active=LATER, per=("nation",))
    group = BondGroup(one)
    said = group.apply([], received_at=MINUTE, clearing=[event(MINUTE, "c")])
    assert (*said, *group.look(now=HOUR)) == ()


def test_what_came_between_two_spans_opens_where_the_next_but_one_begins() -> None:
    """It was no evidence of the alert that was open then, so it is newer than what closed that one."""
    stages = ((0, 10), (20, 25), (30, 40))
    spans = tuple(NamedSpan(id="t", since=a * MINUTE, until=b * MINUTE) for a, b in stages)
    one = rule(
        condition=Value("v", Limit("at_least", 1)),
        clear=Clear("quiet", quiet_for=22 * MINUTE),
        active=Active(stages=spans),
    )
    group = Group(one)
    for minute in (1, 15):
        group.apply([event(minute * MINUTE, v=1)], received_at=minute * MINUTE)
    group.look(now=HOUR)
    assert times(list(group.spells)) == [(1, 23), (30, None)]
