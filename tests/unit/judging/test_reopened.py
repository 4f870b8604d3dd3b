"""A closing by hand that is withdrawn: judging goes on as if it had never been."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.judging.condition import Count, Value
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Closing, Reopening
from engine.core.judging.instant import HOUR, MINUTE, Instant
from engine.core.judging.judgement import Ended, Joined, Judgement, Opened, Redated, Undone
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, fits_of, minutes, rule
from tests.unit.judging.test_by_hand import closed
from tests.unit.judging.test_order import UNSTEADY, clearing_of, rules


def reopened(at: Instant, ordinal: int = 1) -> Reopening:
    return Reopening(ordinal=ordinal, at=at)


def kinds(said: tuple[Judgement, ...]) -> list[tuple[str, int]]:
    return [(type(one).__name__, one.ordinal) for one in said]


def test_a_new_event_joins_the_reopened_alert_instead_of_opening_another() -> None:
    """As if it had not been closed (docs/specification/trust.md#reopened-alerts)."""
    group = Group(rule(condition=Count(3, HOUR)))
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    group.look(now=21 * MINUTE, closed=closed(20 * MINUTE))
    assert group.open is None
    assert group.look(now=22 * MINUTE, closed=reopened(22 * MINUTE)) == ()
    assert kinds(group.apply(minutes(30), received_at=30 * MINUTE)) == [("Joined", 1)]
    assert group.open is not None
    assert group.open.ordinal == 1


def test_it_may_be_told_again_and_again_and_counts_once() -> None:
    """The evaluator repeats it with each request while the alert is open; a second closing counts after that."""
    group = Group(rule())
    group.apply([event(0)], received_at=0)
    group.look(now=1, closed=closed(0))
    group.look(now=2, closed=reopened(2))
    before = group.head()
    group.look(now=3, closed=reopened(2))
    assert replace(group.head(), ripe=before.ripe) == before
    group.look(now=4, closed=closed(0))
    assert group.open is None
    assert kinds(group.apply([event(HOUR)], received_at=HOUR)) == [("Opened", 2)]


def test_an_opening_that_another_followed_is_not_reopened() -> None:
    """Only the newest alert of a group: the service refuses it before (`has_successor`)."""
    group = Group(rule())
    group.apply([event(0)], received_at=0)
    group.apply([event(HOUR)], received_at=HOUR, closed=closed(0))
    before = group.head()
    group.look(now=2 * HOUR, closed=reopened(2 * HOUR))
    assert replace(group.head(), ripe=before.ripe) == before


def test_what_became_of_its_condition_meanwhile_is_said_at_once() -> None:
    """The state was over while the alert was closed: it is closed again, by judging."""
    group = Group(rule(condition=Value("n", Limit("at_least", 5)), clear=Clear("no_longer_true")))
    group.apply([event(0, n=7)], received_at=0)
    group.look(now=0)
    assert group.apply([event(MINUTE, n=1)], received_at=MINUTE, closed=closed(0)) == ()
    (said,) = group.look(now=2 * MINUTE, closed=reopened(2 * MINUTE))
    assert isinstance(said, Ended)
    assert (said.ordinal, said.reason, said.at) == (1, "no_longer_true", MINUTE)


def test_a_state_that_stayed_true_needs_not_be_false_first() -> None:
    """After a closing by hand it would have been blocked until it was false once."""
    group = Group(rule(condition=Value("n", Limit("at_least", 5)), clear=Clear("no_longer_true")))
    group.apply([event(0, n=7)], received_at=0)
    group.look(now=0)
    group.look(now=MINUTE, closed=closed(0))
    group.look(now=2 * MINUTE, closed=reopened(2 * MINUTE))
    assert kinds(group.apply([event(3 * MINUTE, n=8)], received_at=3 * MINUTE)) == [("Joined", 1)]
    group.apply([event(4 * MINUTE, n=1)], received_at=4 * MINUTE)
    assert kinds(group.look(now=4 * MINUTE)) == [("Ended", 1)]


@pytest.mark.parametrize("how", ["pulse", "state"])
def test_a_closing_that_was_judged_for_good_leaves_the_alert_carried(how: str) -> None:
    """Beyond the late horizon the alert takes what runs, else what comes next."""
    one = rule(late_horizon=MINUTE)
    if how == "state":
        condition = Value("n", Limit("at_least", 5))
        one = rule(condition=condition, clear=Clear("no_longer_true"), late_horizon=MINUTE)
    group = Group(one)
    group.apply([event(0, n=7)], received_at=0)
    group.look(now=0)
    group.look(now=MINUTE, closed=closed(0))
    state = group.frozen()
    sealed = replace(state, base=HOUR, marks=(), openings=(), points=state.points if how == "state" else ())
    again = Group(one, replace(sealed, status=replace(state.status, blocked=how == "state")))
    again.look(now=2 * HOUR, closed=reopened(2 * HOUR))
    assert again.open is not None
    said = again.apply([event(3 * HOUR, n=9)], received_at=3 * HOUR)
    assert ("Joined", 1) in kinds(said)
    assert not any(isinstance(part, Opened) for part in said)


@settings(max_examples=60)
@given(one=rules(), seed=st.randoms(use_true_random=False))
def test_any_arrival_order_gives_the_openings_of_a_group_that_was_never_closed(
    one: Rule, seed: Random
) -> None:
    """Closed and reopened at any time, before another alert followed: in the end nobody could tell.

    An alert that judging ended too early and followed by another one, where nobody closed it, may be one alert here.
    """
    one = replace(one, effective_from=None, effective_until=None)
    plain, other = Group(one), Group(one)
    stood: list[dict[int, str]] = [{}, {}]
    act: Closing | Reopening | None = None
    shut = 0
    now = 0
    for number in range(120):
        now += seed.choice([0, 1, 1, 2, 7, 40]) * MINUTE
        at = max(now - seed.choice([0, 0, 0, 1, 10, 15]) * MINUTE, 0)
        n = seed.randrange(4)
        fields = {"metrics.n": n, "incident": seed.choice("ABC"), **UNSTEADY[n]}
        report = event(at, f"e{number:03}", received_at=now, clear=n == 3, **fields)
        clearing = clearing_of(one, [report])
        for place, group in enumerate((plain, other)):
            told = act if place else None
            heard = group.apply(
                [report], received_at=now, clearing=clearing, closed=told, fits=fits_of(one, [report])
            )
            heard += group.look(now=now)
            note(stood[place], heard)
        if isinstance(act, Reopening):
            act = None
        if shut and (other.head().opened > shut or stood[1].get(shut) == "Undone"):
            return  # another alert followed, or what opened this one is not true: then it is not reopened
        if shut and seed.random() < 0.5:
            act, shut = Reopening(ordinal=shut, at=now), 0
            stood[1][act.ordinal] = "open"
        elif not shut and act is None and other.open is not None and seed.random() < 0.2:
            shut = other.open.ordinal
            told_of = [row.key for row in other.points.rows if row.told == shut]
            act = Closing(ordinal=shut, floor=told_of[-1] if told_of else None, at=now)
        if not shut and act is None:
            assert bare(other) == bare(plain)
            if plain.head().opened == other.head().opened:
                assert stood[0] == stood[1]


def bare(group: Group) -> tuple[object, ...]:
    """What judging knows, without which alerts it had ended too early, and when it said what."""
    openings = {opening.happened_at for opening in group.head().openings}
    return group.spells, openings, group.open and group.open.happened_at, group.due


def note(stood: dict[int, str], heard: tuple[Judgement, ...]) -> None:
    """Remember how the alert of each ordinal stands by what was said of it."""
    for one in heard:
        if isinstance(one, Opened):
            stood[one.ordinal] = "open"
        elif isinstance(one, Ended | Undone):
            stood[one.ordinal] = type(one).__name__


def test_what_is_said_names_openings_in_order() -> None:
    """A guard of this file: ordinals of what is said never go back within one request."""
    group = Group(rule())
    said = [one for at in (0, HOUR) for one in group.apply([event(at)], received_at=at)]
    assert all(a.ordinal <= b.ordinal for a, b in pairwise(said))
    assert not any(isinstance(one, Redated) for one in said)
    assert [isinstance(one, Joined) for one in said] == [False, True]
