"""Figures over the numbers of a field: what they are, and where their windows begin and end."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import Aggregate, Function
from engine.core.judging.condition_folds import fold_of
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Ended, Opened, Undone
from engine.core.judging.rule import Clear, LevelStep, Rule
from tests.unit.judging.desk import event, feed, rule, wait

FAR = 60 * HOUR


def aggregate(function: Function, limit: Limit, **over: object) -> Aggregate:
    """A figure over `n` in an hour."""
    return Aggregate(function, "n", limit, HOUR, **over)  # type: ignore[arg-type]


def state(condition: Aggregate, **over: object) -> Rule:
    """A rule whose alert ends when the condition is no longer true."""
    return rule(condition=condition, clear=Clear("no_longer_true"), **over)


def figure(function: Function, numbers: list[object], **over: object) -> float | None:
    """The figure over numbers reported one a minute."""
    group = Group(rule(condition=aggregate(function, Limit("at_least", -1000), **over)))
    said = [
        one
        for at, n in enumerate(numbers)
        for one in group.apply([event(at * MINUTE, n=n)], received_at=at * MINUTE)
    ]
    said += group.look(now=len(numbers) * MINUTE)
    return said[-1].figure if said else None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("function", "numbers", "wanted"),
    [
        ("sum", [0.1, 0.2, -0.3], 0),
        ("average", [1, 1, 2], 4 / 3),
        ("average", [0.1, 0.2], 0.15),
        ("highest", [3, 5, 4], 5),
        ("lowest", [3, 1, 4], 1),
        ("latest", [3, 1, 4], 4),
        ("latest", [3, "1", True, None], 3),
        ("highest", [3, 1e300, float(2**53)], 2**53),
    ],
)
def test_what_a_figure_is(function: Function, numbers: list[object], wanted: float) -> None:
    """Exact to 9 decimals; what is no number is ignored like a missing field."""
    assert figure(function, numbers) == wanted


@pytest.mark.parametrize(
    ("p", "wanted"), [(1, 10), (10, 10), (11, 20), (50, 50), (51, 60), (90, 90), (91, 100), (100, 100)]
)
def test_a_percentile_is_a_number_that_was_reported(p: int, wanted: float) -> None:
    """Nearest rank: of n numbers the ceil(p / 100 * n)-th."""
    assert figure("percentile", [100, 90, 80, 70, 60, 50, 40, 30, 20, 10], p=p) == wanted


def test_a_missing_number_may_stand_for_one() -> None:
    """`missing: 0` counts it, else such an event is no event of this rule."""
    assert figure("average", [4, None], missing=0) == 2
    assert figure("average", [4, None]) == 4
    assert figure("average", [None]) is None


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, True), (HOUR, False), (HOUR + 1, False)])
def test_numbers_a_window_apart_are_not_summed(gap: int, *, opens: bool) -> None:
    """Within W means less than W apart."""
    held = rule(condition=aggregate("sum", Limit("at_least", 5), non_negative=True))
    ledger = feed(Group(held), [[event(0, n=2)], [event(gap, n=3)]], until=FAR)
    assert ledger.openings == ({gap} if opens else set())


@pytest.mark.parametrize(
    ("function", "numbers", "ends"),
    [
        ("average", (9, 1), [HOUR + MINUTE, HOUR]),
        ("highest", (9, 1), [HOUR]),
        ("latest", (1, 9), [HOUR + MINUTE]),
        ("lowest", (9, 9), [HOUR + MINUTE]),
    ],
)
def test_a_figure_is_judged_when_a_number_leaves(
    function: Function, numbers: tuple[int, int], ends: list[int]
) -> None:
    """It ends to the millisecond when what made it true leaves, or with the last number."""
    group = Group(state(aggregate(function, Limit("at_least", 5))))
    end = ends[-1]
    requests = [[event(at * MINUTE, n=n)] for at, n in enumerate(numbers)]
    ledger = feed(group, requests, until=end - 1)
    assert len(ledger.open) == 1
    wait(group, ledger, end)
    assert [at for at, reason in ledger.ended.values() if reason == "no_longer_true"] == [end]


def test_a_leaving_number_may_open() -> None:
    """The average rises when the low number leaves."""
    rises = state(aggregate("average", Limit("above", 5)))
    ledger = feed(Group(rises), [[event(0, n=1)], [event(MINUTE, n=9)]], until=FAR)
    assert ledger.openings == {HOUR}
    assert ledger.ended == {1: (HOUR + MINUTE, "no_longer_true")}


@pytest.mark.parametrize(("count", "opens"), [(2, False), (3, True)])
def test_fewer_than_min_events_meet_no_limit(count: int, *, opens: bool) -> None:
    """And it ends when too few are left."""
    few = state(aggregate("average", Limit("at_least", 5), min_events=3))
    ledger = feed(Group(few), [[event(at * MINUTE, n=9)] for at in range(count)], until=FAR)
    assert ledger.openings == ({2 * MINUTE} if opens else set())
    assert ledger.ended == ({1: (HOUR, "no_longer_true")} if opens else {})


@pytest.mark.parametrize(
    ("function", "limit", "non_negative", "detected"),
    [
        ("sum", Limit("at_least", 5), True, 0),
        ("sum", Limit("above", 4), True, 0),
        ("sum", Limit("at_least", 5), False, 10),
        ("highest", Limit("at_least", 5), False, 0),
        ("highest", Limit("at_most", 5), False, 10),
        ("lowest", Limit("at_least", 5), False, 10),
        ("average", Limit("at_least", 5), True, 10),
        ("latest", Limit("equals", 5), True, 10),
    ],
)
def test_what_more_events_could_undo_waits(
    function: Function, limit: Limit, detected: int, *, non_negative: bool
) -> None:
    """The others open on arrival (docs/specification/rules.md#watermark)."""
    one = rule(condition=aggregate(function, limit, non_negative=non_negative), wait_for_late=10 * MINUTE)
    group = Group(one)
    said = group.apply([event(0, n=5)], received_at=0)
    assert [type(one) for one in said] == ([] if detected else [Opened])
    if detected:
        assert group.due == detected * MINUTE
        assert [type(one) for one in group.look(now=detected * MINUTE)] == [Opened]


@pytest.mark.parametrize(("since", "opens"), [(0, HOUR), (1, HOUR + MINUTE), (None, 0)])
def test_a_low_sum_is_judged_once_it_was_watched_for_a_window(since: int | None, opens: int) -> None:
    """What was not watched yet may have been more; a low average is low whatever there was before."""
    low = rule(condition=aggregate("sum", Limit("below", 5)))
    reports = [[event(0, n=1)], [event(MINUTE, n=1)]]
    assert feed(Group(low, around=Circumstances(since=since)), reports, until=FAR).openings == {opens}
    average = rule(condition=aggregate("average", Limit("below", 5)))
    assert feed(Group(average, around=Circumstances(since=since)), reports, until=FAR).openings == {0}


def test_a_refuted_number_leaves_the_figure() -> None:
    """The alert is undone, or re-dated where others are enough."""
    one = rule(condition=aggregate("sum", Limit("at_least", 5), non_negative=True))
    group = Group(one)
    group.apply([event(0, "a", n=2), event(MINUTE, "b", n=3)], received_at=MINUTE)
    (undone,) = group.apply([], received_at=2 * MINUTE, withdrawn={("7315", "b"): "refuted"})
    assert isinstance(undone, Undone)
    assert undone.reason == "refuted"


def test_late_numbers_fall_into_their_place() -> None:
    """Live, at once and backwards the same openings, though the latest decides."""
    one = state(aggregate("latest", Limit("at_least", 5)))
    reports = [event(at * MINUTE, n=n) for at, n in enumerate([1, 7, 2, 8])]
    for order in ([[one] for one in reports], [[one] for one in reversed(reports)], [reports]):
        assert feed(Group(one), order, until=FAR).openings == {MINUTE, 3 * MINUTE}


def test_levels_follow_the_figure() -> None:
    """`level` may be a map on the figure of an aggregate."""
    ladder = (LevelStep(2), LevelStep(4, Limit("at_least", 10)))
    one = rule(condition=aggregate("sum", Limit("at_least", 5), non_negative=True), levels=ladder)
    group = Group(one)
    said = [*group.apply([event(0, n=6)], received_at=0), *group.apply([event(1, n=6)], received_at=1)]
    assert [one.level for one in said if not isinstance(one, Ended | Undone)] == [2, 4]


def test_an_event_at_the_instant_of_a_judged_leave_is_taken_in_its_place() -> None:
    """Reports at full minutes and windows of full hours meet all the time: that must not cost a new fold."""
    held = state(aggregate("average", Limit("above", 5)))
    group = Group(held)
    group.apply([event(0, n=1), event(MINUTE, n=1)], received_at=MINUTE)
    points = list(group.frozen().points)
    fold = fold_of(held, [point.key for point in points], points)
    fold.walk()
    fold.wait_until(HOUR)
    assert fold.now == HOUR
    assert not fold.rewind_to(HOUR - 1)
    assert fold.rewind_to(HOUR)
