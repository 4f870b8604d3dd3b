"""A group keeps what its rule can still need, and forgetting the rest changes no judgement."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.judging.evaluate import Group
from engine.judging.instant import DAY, HOUR, MINUTE
from engine.judging.judgement import Judgement
from engine.judging.measure import measures
from engine.judging.points import Points, join, page_span, split
from engine.judging.rule import Clear, Count, Distinct, EveryEvent, Limit, Rule, Value
from engine.judging.state import Closing
from tests.unit.judging.desk import event, fits_of, rule
from tests.unit.judging.test_order import UNSTEADY, clearing_of, rules


@settings(max_examples=30)
@given(one=rules(), seed=st.randoms(use_true_random=False))
def test_forgetting_changes_no_judgement(one: Rule, seed: Random) -> None:
    """With a late horizon of minutes and one of days the same events, in time for both, are judged alike."""
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
        kept += measures(one.condition, report) or bool(clearing)
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


def test_pages_split_and_join() -> None:
    """Pages by event time join to the same points; only touched ones need be written."""
    one = rule(condition=Count(10**6, 7 * DAY))
    group, span = Group(one), page_span(one)
    for number in range(100):
        group.apply([event(number * HOUR)], received_at=number * HOUR)
    rows = group.frozen().points
    pages = split(rows, span)
    assert join(pages.values()) == rows
    assert {number: group.points.page(number) for number in group.points.touched} == pages
    again = Points(rows, span)
    again.tell(0, 1)
    assert again.touched == {0}
    assert again.page(10**9) == ()
