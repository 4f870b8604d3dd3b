"""Patterns and the laws of time: every order of arrival, and forgetting."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode, encode

from engine.core.judging.condition import AllItems, AnyItem, NotAllItems
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import GroupState
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Opened
from engine.core.judging.pattern import can_be_cancelled, parts_of
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.choices import Choices
from tests.unit.judging.desk import Ledger, rule
from tests.unit.judging.pattern_desk import (
    CLASH_WITHOUT_POLICE,
    FAR,
    A,
    B,
    C,
    but_not,
    kinds,
    part,
    report,
    stage,
    tell,
    wait,
)
from tests.unit.judging.test_patterns import patterns


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Rule, list[Event]]:
    """A rule of a random pattern, and events that fit parts of it."""
    condition = draw(patterns())
    most = 2 ** len(parts_of(condition)) - 1
    rows = draw(st.lists(st.tuples(st.integers(0, 15), st.integers(1, most)), max_size=7))
    reports = [report(at, bits, f"e{place}") for place, (at, bits) in enumerate(rows)]
    how = draw(st.sampled_from(["by_hand", "quiet", "no_longer_true"]))
    one = rule(
        condition=condition,
        clear=Clear(how, quiet_for=4),
        keep_open_for=3 if how == "no_longer_true" else 0,
        start_again=draw(st.booleans()) if how != "no_longer_true" else False,
        wait_for_late=draw(st.sampled_from([0, 5])) if can_be_cancelled(condition) else 0,
    )
    return one, reports


def play(one: Rule, requests: Sequence[Sequence[Event]], refuted: set[str], *, thaw: bool = False) -> Ledger:
    """Send the requests one after the other, and wait to the end; each request repeats who is refuted."""
    group, ledger, now = Group(one), Ledger(), 0
    withdrawn = {("7315", name): "refuted" for name in refuted}
    for request in requests:
        now = max([now, *(report.occurred_at for report in request)])
        ledger.read(wait(group, now - 1))
        ledger.read(tell(group, request, at=now, withdrawn=withdrawn))
        if thaw:
            group = Group(one, decode(encode(group.frozen()), type=GroupState))
    ledger.read(wait(group, FAR))
    return ledger


@given(world=worlds(), data=st.data())
def test_every_arrival_order_gives_the_same_openings(
    world: tuple[Rule, list[Event]], data: st.DataObject
) -> None:
    """With refuted events and states that are stored between requests (docs/specification/rules.md#arrival-order)."""
    one, reports = world
    refuted = data.draw(st.sets(st.sampled_from([r.id for r in reports]))) if reports else set()
    true = sorted((r for r in reports if r.id not in refuted), key=lambda r: r.key)
    in_order = play(one, [[r] for r in true], set())
    rest = data.draw(st.permutations(reports))
    requests = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        requests.append(rest[:size])
        rest = rest[size:]
    for other in (
        play(one, requests, refuted),
        play(one, requests, refuted, thaw=True),
        play(one, [true] if true else [], set()),
    ):
        assert other.openings == in_order.openings
        assert {other.happened[o] for o in other.open} == {in_order.happened[o] for o in in_order.open}


@given(world=worlds())
def test_the_first_opening_is_the_first_completion(world: tuple[Rule, list[Event]]) -> None:
    """What the group opens first is what trying every choice finds first."""
    one, reports = world
    group = Group(one)
    if reports:
        tell(group, reports)
    wait(group, FAR)
    points = group.points.rows
    assert isinstance(one.condition, Steps | AllItems | AnyItem | NotAllItems)
    found = Choices(one.condition, points).instants()
    assert min((spell.happened_at for spell in group.spells), default=None) == min(found, default=None)


@pytest.mark.parametrize(
    "condition",
    [
        CLASH_WITHOUT_POLICE,
        Steps(stages=(stage(), stage()), within=20 * HOUR),
        Steps(stages=(stage(), stage(but_not(4 * HOUR))), within=20 * HOUR),
        Steps(stages=(stage(but_not(9 * HOUR)), stage()), within=5 * HOUR),
        AllItems(items=(part(2), part(2)), within=20 * HOUR),
        NotAllItems(items=(part(), part(), part()), within=7 * HOUR),
    ],
    ids=["but_not", "sequence", "between", "before", "all_of", "not_all_of"],
)
def test_what_is_forgotten_changes_nothing(condition: Steps | AllItems | NotAllItems) -> None:
    """Points that nothing needs any more leave, and all that is said is what a group says that keeps them all."""
    chance, now, reports = Random(4), 0, []
    for _ in range(500):
        now += chance.randrange(1, 200) * MINUTE
        reports.append(report(now, chance.choice((A, B, C)), f"e{now}"))
    told, kept = [], []
    for horizon in (HOUR, 4 * 365 * DAY):
        one = rule(condition=condition, clear=Clear("quiet", quiet_for=HOUR), late_horizon=horizon)
        group, said, most = Group(one), [], 0
        for place, each in enumerate(reports):
            said += [*wait(group, each.occurred_at), *tell(group, [each])]
            most = max(most, len(group.points))
            if place % 7 == 0:
                group = Group(one, decode(encode(group.frozen()), type=GroupState))
        told.append(said)
        kept.append(most)
    assert told[0] == told[1]
    assert Opened in kinds(told[0])
    assert kept[0] < 100 < kept[1]
