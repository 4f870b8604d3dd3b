"""A group keeps what its rule can still need, and forgetting the rest changes no judgement."""

from __future__ import annotations

from itertools import chain
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.judging.condition import Count, Distinct, EveryEvent, Value
from engine.core.judging.event_value import reading_of
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Closing, Point
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Ended, Joined, Judgement, evidence_of
from engine.core.judging.points import LAST, PAGE, Points
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, fits_of, minutes, rule
from tests.unit.judging.test_order import UNSTEADY, clearing_of, rules


@settings(max_examples=30)
@given(one=rules(), seed=st.randoms(use_true_random=False))
def test_forgetting_changes_no_judgement(one: Rule, seed: Random) -> None:
    """With a late horizon of minutes and one of days the same events, in time for both, are judged alike."""
    one = replace(one, effective_from=None, effective_until=None)
    short, long = Group(replace(one, late_horizon=15 * MINUTE)), Group(replace(one, late_horizon=30 * DAY))
    closed: Closing | None = None
    now = kept = 0
    for number in range(200):
        now += seed.choice([0, 1, 1, 2, 7, 40]) * MINUTE
        at = now - seed.choice([0, 0, 0, 1, 10, 15]) * MINUTE
        n = seed.randrange(4)
        fields = {"metrics.n": n, "incident": seed.choice("ABC"), **UNSTEADY[n]}
        report = event(max(at, 0), f"e{number:03}", received_at=now, clear=n == 3, **fields)
        clearing = clearing_of(one, [report])
        kept += reading_of(one.condition).counts(report) or bool(clearing)
        said: list[tuple[Judgement, ...]] = []
        for group in (short, long):
            heard = group.apply(
                [report], received_at=now, clearing=clearing, closed=closed, fits=fits_of(one, [report])
            )
            said.append(heard + group.look(now=now))
        assert said[0] == said[1]
        closed = None
        if long.open is not None and seed.random() < 0.1:
            told = [row.key for row in long.points.rows if row.told == long.open.ordinal]
            closed = Closing(ordinal=long.open.ordinal, floor=told[-1] if told else None, at=now)
    assert len(long.points) == kept


def test_an_alert_that_follows_one_that_had_ended_too_early_has_all_that_joined_that_one() -> None:
    """It stands for the whole stretch at once, not when something else makes the group look back."""
    group = Group(rule(condition=Count(1, 2 * MINUTE), clear=Clear("quiet", quiet_for=MINUTE)))
    first, second, third = minutes(0, 1, 2)
    group.apply([first], received_at=0)
    group.apply([second], received_at=MINUTE)
    (ended,) = group.look(now=2 * MINUTE)
    opened, *joined = group.apply([third], received_at=2 * MINUTE)
    assert (ended, opened) == (
        Ended(ordinal=1, at=2 * MINUTE, reason="quiet"),
        replace(opened, ordinal=2, follows=1, happened_at=0, evidence=(evidence_of(first),)),
    )
    assert [(one.ordinal, one.evidence.id) for one in joined] == [(2, second.id), (2, third.id)]
    assert [row.told for row in group.points.rows] == [2, 2, 2]


def test_an_alert_that_is_dated_back_into_the_stretch_of_another_has_what_joined_that_one() -> None:
    """A late event joins two stretches: who stands for the whole from now on has all of it."""
    group = Group(rule(condition=Count(1, 2 * MINUTE), clear=Clear("quiet", quiet_for=3 * MINUTE)))
    for at in (0, 1, 2, 7):
        group.apply(minutes(at), received_at=at * MINUTE)
    assert [row.told for row in group.points.rows] == [1, 1, 1, 2]
    said = group.apply([event(4 * MINUTE, "telat")], received_at=7 * MINUTE)
    assert [(type(one).__name__, one.ordinal) for one in said[:1]] == [("Redated", 2)]
    assert [(one.ordinal, one.evidence.id) for one in said[1:]] == [
        (2, report.id) for report in (*minutes(0, 1, 2), event(4 * MINUTE, "telat"))
    ]


def test_what_a_wait_began_with_is_kept_while_its_alert_goes_on() -> None:
    """It is evidence of the opening, and of an alert that follows one which had ended too early."""
    held = rule(condition=Value("n", Limit("at_least", 2)), hold_for=3 * MINUTE, late_horizon=15 * MINUTE)
    group = Group(held)
    for number in range(45):
        at = 40 * MINUTE + number * MINUTE // 5
        group.apply([event(at, n=0)], received_at=at)
    for number in (50, 51):
        group.apply([event(number * MINUTE, n=3)], received_at=number * MINUTE)
    (opened,) = group.look(now=53 * MINUTE)
    assert [one.occurred_at for one in opened.evidence] == [50 * MINUTE, 51 * MINUTE]
    group.apply([event(80 * MINUTE, n=3)], received_at=80 * MINUTE)
    assert [row.evidence.occurred_at // MINUTE for row in group.points.rows] == [48, 50, 51, 80]


def test_what_comes_late_into_a_wait_says_the_newest_figure_of_its_alert() -> None:
    """However far back the group must look for it: as many points before it make it look less far."""
    for before in (20, 28, 29, 30):
        group = Group(rule(condition=Value("n", Limit("at_least", 2)), hold_for=3 * MINUTE))
        for number in range(before):
            group.apply([event(number, n=0)], received_at=number)
        for at in (98, 99, 100):
            group.apply([event(at * MINUTE, n=2)], received_at=at * MINUTE)
        (opened,) = group.look(now=101 * MINUTE)
        (joined,) = group.apply([event(105 * MINUTE, n=3)], received_at=105 * MINUTE)
        (late,) = group.apply([event(98 * MINUTE + 1, "telat", n=2)], received_at=106 * MINUTE)
        assert (opened.figure, joined.figure) == (2, 3)
        assert (type(late), late.evidence.id, late.figure) == (Joined, "telat", 3)


def test_points_leave_when_no_window_and_no_late_event_can_need_them() -> None:
    """At steady flow a group holds about what window and late horizon span, at most twice that."""
    for one in (
        rule(condition=Count(10**6, HOUR), late_horizon=HOUR),
        rule(condition=Distinct(("id",), Limit("at_least", 10**6), HOUR), late_horizon=HOUR),
        rule(condition=Value("n", Limit("at_least", 5)), late_horizon=2 * HOUR),
        rule(condition=EveryEvent(), clear=Clear("quiet", quiet_for=30), late_horizon=2 * HOUR),
    ):
        group, most = Group(one), 0
        for number in range(1_000):
            at = number * MINUTE
            group.apply([event(at, n=1)], received_at=at)
            most = max(most, len(group.points))
        assert most <= 2 * 121 + 32


def test_the_latest_value_is_kept_however_old() -> None:
    """`value` looks at the latest event, which may be older than any horizon."""
    group = Group(
        rule(condition=Value("n", Limit("at_least", 5)), clear=Clear("no_longer_true"), late_horizon=HOUR)
    )
    for number in range(200):
        group.apply([event(number, n=5)], received_at=number)
    assert group.apply([event(10 * DAY, n=4)], received_at=10 * DAY) == ()
    (said,) = group.look(now=10 * DAY)
    assert said.ordinal == 1


def test_pages_hold_few_points_and_all_of_them() -> None:
    """The pages in order and then the last one are the points; a page is full once, in the order of arrival."""
    points = Points(())
    rows = [Point(evidence_of(event(number * HOUR))) for number in range(100)]
    for row in rows:
        points.add(row)
    assert points.pages == [1, 2, 3]
    assert [len(points.page(number)) for number in points.pages] == [PAGE] * 3
    assert [*chain.from_iterable(map(points.page, points.pages)), *points.last_page] == points.rows == rows
    assert points.touched == {LAST, 1, 2, 3}
    again = Points(rows, [(number, PAGE) for number in points.pages])
    assert again.touched == set()
    again.tell(0, 1)
    again.tell(99, 1)
    assert again.touched == {1, LAST}


deeds = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 300)),
        st.tuples(st.just("withdraw"), st.integers(0, 300)),
        st.tuples(st.just("forget"), st.integers(0, 60)),
        st.tuples(st.just("store"), st.just(0)),
    ),
    max_size=400,
)


@given(deeds=deeds)
def test_what_was_touched_is_all_that_changed(deeds: list[tuple[str, int]]) -> None:
    """A store that is given only touched pages holds the points; no page is too large, whatever came in which order.

    A copy made of what is stored is cut as the one that lives on.
    """
    points, held = Points(()), dict[int, tuple[Point, ...]]()
    for word, number in [*deeds, ("store", 0)]:
        row = Point(evidence_of(event(number * HOUR)))
        if word == "add" and row.key not in points:
            points.add(row)
        elif word == "withdraw":
            points.withdraw({(row.evidence.desk, row.evidence.id)})
        elif word == "forget":
            points.forget(min(number, len(points)))
        elif word == "store":
            held = {n: points.page(n) if n in points.touched else held[n] for n in points.pages}
            last = points.last_page
            assert [*chain.from_iterable(held.values()), *last] == points.rows
            assert all(0 < len(page) <= PAGE for page in held.values())
            assert len(last) <= PAGE
            points.touched.clear()
            again = Points(points.rows, [(n, len(page)) for n, page in held.items()])
            assert vars(again) == vars(points)
    assert [row.key for row in points.rows] == points.keys == sorted(points.keys)
