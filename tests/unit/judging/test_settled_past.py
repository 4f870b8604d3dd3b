"""A group that let go of all that no event can change any more judges as one that did not; so does one made anew."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.judging import fold
from engine.core.judging.condition import Count, EveryEvent
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances, Closing, GroupState
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.rule import Rule
from engine.core.judging.window import kept_for
from tests.unit.judging.desk import event, fits_of, rule
from tests.unit.judging.test_order import UNSTEADY, clearing_of, rules
from tests.unit.judging.test_silence_laws import told, worlds

LATE = 2 * HOUR


@pytest.fixture(scope="module", autouse=True)
def remembering() -> Iterator[None]:
    """Folds remember as seldom as in the service: what a copy remembers goes when it is made anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "REMEMBERED_EVERY", 32)
        yield


class Pair:
    """A group that is never tidied up and one that is; both hear the same."""

    def __init__(self, one: Rule) -> None:
        self.rule = one
        self.whole, self.tidy = Group(one), Group(one)
        self.forgotten = self.sealed = 0

    def apply(self, arrivals: list[Event], **given: Any) -> None:
        assert self.tidy.apply(arrivals, **given) == self.whole.apply(arrivals, **given)
        self.same()

    def look(self, now: int, closed: Closing | None = None) -> None:
        assert self.tidy.look(now=now, closed=closed) == self.whole.look(now=now, closed=closed)
        self.same()

    def same(self) -> None:
        assert self.tidy.due == self.whole.due
        assert self.tidy.open == self.whole.open
        assert self.tidy.head().opened == self.whole.head().opened

    def tidy_up(self, now: int) -> None:
        """Let go of what is over, and read again what is stored then; of a blank one only the number of its alerts."""
        before = len(self.tidy.points)
        assert self.tidy.settle_past(now) == []
        self.sealed += len(self.tidy.points) < before
        state = self.tidy.frozen()
        if self.tidy.is_blank:
            self.forgotten += 1
            state = GroupState(opened=state.opened)
        self.tidy = Group(self.rule, state)
        self.tidy.look(now=now)
        self.same()


def play(one: Rule, seed: Random) -> Pair:
    """Let some be reported, much later some more, again and again; between that one of the pair is tidied up."""
    pair, now, number = Pair(one), 0, 0
    for _ in range(4):
        sent: list[Event] = []
        for _ in range(seed.randrange(1, 12)):
            number += 1
            now += seed.choice([0, 1, 1, 2, 7, 40]) * MINUTE
            at = max(0, now - seed.choice([0, 0, 0, 1, 10, 90, 150]) * MINUTE)
            n = seed.randrange(4)
            fields = {"metrics.n": n, "incident": seed.choice("ABC"), **UNSTEADY[n]}
            report = event(at, f"e{number:03}", received_at=now, clear=n == 3, **fields)
            out = seed.choice(sent) if sent and seed.random() < 0.05 else None
            pair.apply(
                [report],
                received_at=now,
                clearing=clearing_of(one, [report]),
                withdrawn={(out.desk, out.id): "refuted"} if out else {},
                fits=fits_of(one, [report]),
            )
            pair.look(now)
            sent.append(report)
            if pair.whole.open is not None and seed.random() < 0.15:
                close(pair, now)
        if pair.whole.open is not None and seed.random() < 0.7:
            close(pair, now)
        for pause in (seed.choice([5, 60, 500]) * MINUTE, LATE + kept_for(one.condition) + HOUR):
            now += pause
            pair.look(now)
            pair.tidy_up(now)
    return pair


def close(pair: Pair, now: int) -> None:
    open_ = pair.whole.open
    assert open_ is not None
    evidence = [row.key for row in pair.whole.points.rows if row.told == open_.ordinal]
    pair.look(now, Closing(ordinal=open_.ordinal, floor=evidence[-1] if evidence else None, at=now))


@settings(max_examples=100, deadline=None)
@given(one=rules(), seed=st.integers(0, 2**32))
def test_letting_go_of_the_past_changes_no_judgement(one: Rule, seed: int) -> None:
    play(replace(one, late_horizon=LATE), Random(seed))


@settings(max_examples=100, deadline=None)
@given(world=worlds(), number=st.integers(0, 2**32))
def test_nor_does_it_of_a_silence(world: tuple[Rule, list[Event], Circumstances], number: int) -> None:
    one, _, around = world
    one, seed, now = replace(one, late_horizon=LATE), Random(number), 0
    whole, tidy = Group(one, around=around), Group(one, around=around)
    for place in range(60):
        now += seed.choice([0, 1, 2, 9, 60, 200]) * MINUTE
        at = max(0, now - seed.choice([0, 0, 0, 1, 20, 100]) * MINUTE)
        what = seed.choice(["watched", "watched", "clear", "both"])
        report = event(at, f"e{place}", watched=what != "clear", clear=what in ("clear", "both"))
        given = {**told(one, [report]), "received_at": now}
        assert tidy.apply(**given) == whole.apply(**given)
        assert tidy.look(now=now) == whole.look(now=now)
        if seed.random() < 0.2:
            assert tidy.settle_past(now) == []
            assert not tidy.is_blank
            tidy = Group(one, tidy.frozen(), around)
            tidy.look(now=now)
        assert (tidy.due, tidy.open) == (whole.due, whole.open)


def test_most_groups_are_forgotten_in_the_end() -> None:
    """What the property speaks of happens: groups without points, and such of which only the number stays."""
    pairs = [
        play(rule(condition=condition, late_horizon=LATE), Random(number))
        for condition in (EveryEvent(), Count(2, 10 * MINUTE))
        for number in range(10)
    ]
    assert sum(pair.forgotten for pair in pairs) > 20
    assert sum(pair.sealed for pair in pairs) > 40
