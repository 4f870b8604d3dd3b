"""What is new about an event: a changed value, one not seen for long; to the millisecond, and for every order."""

from __future__ import annotations

from itertools import permutations

import pytest

from engine.core.judging.condition import Change, FirstTime
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Opened, Redated, Undone
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, feed, rule

FAR = 1_000 * HOUR


def pulse(condition: Change | FirstTime) -> Rule:
    """A rule whose alerts end at once, so that each true instant opens one."""
    return rule(condition=condition, clear=Clear("no_longer_true"), keep_open_for=1)


def reported(*values: object, every: int = MINUTE) -> list[Event]:
    """One event after the other with these values of `v`; None: without it."""
    return [
        event(place * every, **({} if value is None else {"v": value})) for place, value in enumerate(values)
    ]


def opened(condition: Change | FirstTime, reports: list[Event]) -> list[int]:
    """The minutes at which alerts open."""
    ledger = feed(Group(pulse(condition)), [[one] for one in reports], until=FAR)
    return sorted(at // MINUTE for at in ledger.openings)


@pytest.mark.parametrize(
    ("condition", "minutes"),
    [
        (Change(("v",)), [2, 3, 5]),
        (Change(("v",), old=("A",)), [2, 5]),
        (Change(("v",), new=("A",)), [3]),
        (Change(("v",), old=("A",), new=("C", "D")), [5]),
        (Change(("v",), missing="-"), [2, 3, 4, 5]),
        (FirstTime(("v",), DAY), [0, 2, 5]),
        (FirstTime(("v",), DAY, missing="-"), [0, 2, 4, 5]),
        (FirstTime(("v",), 2 * MINUTE), [0, 2, 3, 5]),
    ],
)
def test_what_is_new(condition: Change | FirstTime, minutes: list[int]) -> None:
    """The first value of a group is no change but seen for the first time; an event without the field is ignored."""
    assert opened(condition, reported("A", "A", "B", "A", None, "C")) == minutes


def test_values_are_told_apart_by_what_they_are() -> None:
    """1 and 1.0 are one value; the text, the number and the truth are three."""
    assert opened(Change(("v",)), reported(1, 1.0, "1", True, "true")) == [2, 3, 4]


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, True), (HOUR, False), (HOUR + 1, False)])
def test_a_change_within_a_time(gap: int, *, opens: bool) -> None:
    """The event before must be less than W ago."""
    ledger = feed(
        Group(rule(condition=Change(("v",), within=HOUR))), [[event(0, v=1)], [event(gap, v=2)]], until=FAR
    )
    assert ledger.openings == ({gap} if opens else set())


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, False), (HOUR, True), (HOUR + 1, True)])
def test_a_value_is_remembered_for_less_than_the_memory(gap: int, *, opens: bool) -> None:
    """(t - memory, t), both ends excluded."""
    ledger = feed(Group(pulse(FirstTime(("v",), HOUR))), [[event(0, v=1)], [event(gap, v=1)]], until=FAR)
    assert ledger.openings == ({0, gap} if opens else {0})


def test_at_one_instant_a_new_value_is_new_for_all() -> None:
    """Several completions at one instant are one opening, with all of them as evidence."""
    group = Group(rule(condition=FirstTime(("v",), HOUR)))
    (said,) = group.apply([event(5, "a", v=1), event(5, "b", v=1)], received_at=5)
    assert isinstance(said, Opened)
    assert [one.id for one in said.evidence] == ["a", "b"]
    assert (said.figure, said.limit) == (None, None)


def test_a_late_event_undoes_what_was_new() -> None:
    """They open on arrival; an earlier report may show that it was not so, or was so before."""
    group = Group(rule(condition=Change(("v",), new=(2,), old=(1,))))
    group.apply([event(0, v=1)], received_at=0)
    assert len(group.apply([event(2 * MINUTE, v=2)], received_at=2 * MINUTE)) == 1
    (undone,) = group.apply([event(MINUTE, v=3)], received_at=3 * MINUTE)
    assert isinstance(undone, Undone)
    assert undone.reason == "late_report"
    group = Group(rule(condition=FirstTime(("v",), HOUR)))
    group.apply([event(2 * MINUTE, v=2)], received_at=2 * MINUTE)
    (redated, _) = group.apply([event(MINUTE, v=2)], received_at=3 * MINUTE)
    assert isinstance(redated, Redated)
    assert redated.happened_at == MINUTE


@pytest.mark.parametrize("condition", [Change(("v",)), FirstTime(("v",), 90_000)])
def test_every_arrival_order(condition: Change | FirstTime) -> None:
    """Openings depend on when things happened, not on when they were told."""
    reports = reported("A", "B", "B", "A", "C")
    for order in permutations(reports):
        ledger = feed(Group(pulse(condition)), [[one] for one in order], until=FAR)
        assert sorted(at // MINUTE for at in ledger.openings) == opened(condition, reports)


def test_a_refuted_event_was_never_the_one_before() -> None:
    """Without the report between them nothing changed."""
    group = Group(rule(condition=Change(("v",))))
    group.apply(reported("A", "B"), received_at=MINUTE)
    (undone,) = group.apply([], received_at=HOUR, withdrawn={("7315", "e60000"): "refuted"})
    assert isinstance(undone, Undone)
    assert undone.reason == "refuted"


def test_the_value_before_is_kept_however_old() -> None:
    """A change against a report that is older than any horizon."""
    group = Group(pulse(Change(("v",))))
    for number in range(200):
        group.apply([event(number, v="A")], received_at=number)
    assert [type(one) for one in group.apply([event(90 * DAY, v="B")], received_at=90 * DAY)] == [Opened]


def test_after_start_again_there_is_no_event_before() -> None:
    """`after_opening: start_again`: what led to the opening is never counted again, live and at once."""
    again = rule(condition=Change(("v",)), start_again=True, clear=Clear("quiet", quiet_for=1))
    reports = reported("A", "B", "C", "D")
    for requests in ([[one] for one in reports], [reports]):
        assert feed(Group(again), requests, until=FAR).openings == {MINUTE, 3 * MINUTE}
