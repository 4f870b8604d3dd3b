"""What lies in the store only changes no judgement: a group brings it back where it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.judging import points, retention
from engine.core.judging.condition import Count
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import UNKNOWN, Circumstances, Closing, GroupState, Point
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, fits_of, rule
from tests.unit.judging.test_order import UNSTEADY, clearing_of, rules
from tests.unit.judging.test_silence_laws import told, worlds


@pytest.fixture(scope="module", autouse=True)
def few_at_hand() -> Iterator[None]:
    """Random groups are small: let pages be so, and let few points be at hand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "PAGE", 3)
        patch.setattr(retention, "AT_HAND", 6)
        patch.setattr(retention, "NEWEST", 2)
        patch.setattr(retention, "WORTH_FORGETTING", 12)
        yield


class Shelved:
    """A group whose pages lie on a shelf, as they lie in the store, and that has few of them at hand."""

    def __init__(self, one: Rule, around: Circumstances = UNKNOWN) -> None:
        self.group = Group(one, around=around)
        self.shelf: dict[int, tuple[Point, ...]] = {}
        self.away = 0

    def apply(
        self, arrivals: Sequence[Event], *, received_at: int, clearing: Sequence[Event] = (), **over: Any
    ):
        earliest = min((one.occurred_at for one in (*arrivals, *clearing)), default=None)
        closed = over.get("closed") is not None
        self.bring(earliest, received_at, whole=closed or bool(over.get("withdrawn")))
        return self.group.apply(arrivals, received_at=received_at, clearing=clearing, **over)

    def look(self, *, now: int, closed: Closing | None = None):
        self.bring(None, now, whole=closed is not None)
        said = self.group.look(now=now, closed=closed)
        self.store(now)
        return said

    def bring(self, earliest: int | None, at: int, *, whole: bool) -> None:
        while lacking := self.group.lacks(earliest, at, whole=whole):
            self.group.bring({number: self.shelf[number] for number in lacking})

    def store(self, now: int) -> None:
        held, kept = self.group.points, self.shelf
        self.shelf = {n: held.page(n) if n in held.touched else kept[n] for n in held.pages}
        held.touched.clear()
        self.group.put_away(now)
        self.away += held.away > 0

    def frozen(self) -> GroupState:
        self.bring(None, 0, whole=True)
        return self.group.frozen()


def play(one: Rule, seed: Random, more: Any = None) -> Shelved:
    """Play the same chance events to a group and to one with few points at hand, which judge alike."""
    whole, shelved = Group(one), Shelved(one)
    closed: Closing | None = None
    sent: list[Event] = []
    now = 0
    for number in range(150):
        now += seed.choice([0, 1, 1, 2, 7, 40]) * MINUTE
        at = now - seed.choice([0, 0, 0, 0, 0, 1, 10, 15, 90]) * MINUTE
        n = seed.randrange(4)
        fields = {"metrics.n": n, "incident": seed.choice("ABC"), **UNSTEADY[n]}
        report = event(max(at, 0), f"e{number:03}", received_at=now, clear=n == 3, **fields)
        out = seed.choice(sent) if sent and seed.random() < 0.03 else None
        given = {
            "received_at": now,
            "clearing": clearing_of(one, [report]),
            "closed": closed,
            "withdrawn": {(out.desk, out.id): "refuted"} if out else {},
            "fits": fits_of(one, [report]),
        }
        assert shelved.apply([report], **given) == whole.apply([report], **given)
        assert shelved.look(now=now) == whole.look(now=now)
        assert shelved.group.due == whole.due
        assert shelved.group.head() == whole.head()
        sent.append(report)
        closed = None
        if whole.open is not None and seed.random() < 0.1:
            evidence = [row.key for row in whole.points.rows if row.told == whole.open.ordinal]
            floor = evidence[-1] if evidence else None
            closed = Closing(ordinal=whole.open.ordinal, floor=floor, at=now)
    assert shelved.frozen() == whole.frozen()
    assert shelved.group.points.pages == whole.points.pages
    return shelved


@settings(max_examples=40)
@given(one=rules(), seed=st.integers(0, 2**32))
def test_points_that_are_away_change_no_judgement(one: Rule, seed: int) -> None:
    play(replace(one, late_horizon=6 * HOUR, effective_from=None, effective_until=None), Random(seed))


@settings(max_examples=40)
@given(world=worlds(), number=st.integers(0, 2**32))
def test_nor_those_of_a_silence(world: tuple[Rule, list[Event], Circumstances], number: int) -> None:
    one, _, around = world
    seed = Random(number)
    whole, shelved = Group(one, around=around), Shelved(one, around)
    now = 0
    for place in range(60):
        now += seed.choice([0, 1, 1, 2, 3, 9]) * MINUTE
        at = max(0, now - seed.choice([0, 0, 0, 1, 4, 20, 70]) * MINUTE)
        what = seed.choice(["watched", "watched", "clear", "both"])
        report = event(at, f"e{place}", watched=what != "clear", clear=what in ("clear", "both"))
        given = {**told(one, [report]), "received_at": now}
        assert shelved.apply(**given) == whole.apply(**given)
        assert shelved.look(now=now) == whole.look(now=now)
        assert (shelved.group.due, shelved.group.head()) == (whole.due, whole.head())
    assert shelved.frozen() == whole.frozen()


def test_a_steady_flow_keeps_few_points_at_hand() -> None:
    """Those of the window and the newest, however many are kept for late events."""
    shelved = Shelved(rule(condition=Count(10**6, 5 * MINUTE), clear=Clear("by_hand")))
    for number in range(500):
        shelved.apply([event(number * MINUTE)], received_at=number * MINUTE)
        shelved.store(number * MINUTE)
        assert len(shelved.group.points.rows) <= 12
    assert len(shelved.group.points) == 500
    assert [*chain.from_iterable(shelved.shelf.values()), *shelved.group.points.last_page] == list(
        shelved.frozen().points
    )


def test_a_late_event_brings_as_much_as_it_needs() -> None:
    """Where it falls among points away, those from before it on are brought, and no more."""
    shelved = Shelved(rule(condition=Count(10**6, 5 * MINUTE), clear=Clear("by_hand")))
    for number in range(500):
        shelved.apply([event(number * MINUTE)], received_at=number * MINUTE)
        shelved.store(number * MINUTE)
    at = 400 * MINUTE + 1
    shelved.apply([event(at, "late")], received_at=500 * MINUTE)
    oldest = shelved.group.points.keys[0].occurred_at
    assert at - 20 * MINUTE < oldest < at - 5 * MINUTE
