"""Silence and the laws: word for word, in every order of arrival, with outages, hours and members that come and go."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode, encode

from engine.core.judging.calendar import Active, NamedSpan
from engine.core.judging.condition import ExpectedMember, ExpectedReporters, SilenceCondition
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances, Gap, GroupState, merged_gaps
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Ended, Opened, Risen
from engine.core.judging.rule import Clear, LevelStep, Rule
from tests.unit.judging.desk import Ledger, event, rule, wait
from tests.unit.judging.silence_oracle import SilenceOracle
from tests.unit.judging.test_order import actives

FAR = 200 * MINUTE
MINUTES = st.integers(0, 60).map(lambda minute: minute * MINUTE)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Rule, list[Event], Circumstances]:
    """A rule of silence, what is reported, and what happens around it."""
    length = draw(st.integers(1, 20)) * MINUTE
    seen = draw(st.none() | st.integers(1, 20).map(lambda more: length + more * MINUTE))
    how: Any = draw(st.sampled_from(["by_hand", "no_longer_true", "event", "quiet"]))
    one = rule(
        condition=SilenceCondition(
            length=length, below=draw(st.sampled_from([1, 1, 2, 3])), expected=ExpectedReporters(seen=seen)
        ),
        clear=Clear(
            how,
            event=Test("clear", "equals", True) if how == "event" else None,
            quiet_for=draw(st.integers(1, 9)) * MINUTE,
        ),
        keep_open_for=draw(st.sampled_from([0, 4])) * MINUTE if how == "no_longer_true" else 0,
        hold_for=draw(st.sampled_from([0, 0, 3])) * MINUTE,
        active=draw(st.none() | actives()),
        wait_for_late=draw(st.sampled_from([0, 5])) * MINUTE,
    )  # fmt: skip
    rows = draw(
        st.lists(st.tuples(MINUTES, st.sampled_from(["watched", "watched", "clear", "both"])), max_size=8)
    )
    reports = [
        event(at, f"e{place}", watched=what != "clear", clear=what in ("clear", "both"))
        for place, (at, what) in enumerate(rows)
    ]
    gaps = draw(st.lists(st.tuples(MINUTES, st.integers(1, 15)), max_size=2))
    bounds = st.none() | MINUTES
    around = Circumstances(
        since=draw(MINUTES),
        gaps=merged_gaps(Gap(since=at, until=at + long * MINUTE) for at, long in gaps),
        member=None if seen is not None else ExpectedMember("73.15", draw(bounds), draw(bounds)),
    )
    return one, reports, around


def told(one: Rule, reports: list[Event]) -> dict[str, list[Event]]:
    """What a group gets of these reports."""
    clears = one.clear.how == "event"
    return {
        "arrivals": [report for report in reports if report.fields["watched"]],
        "clearing": [report for report in reports if clears and report.fields["clear"]],
    }


@given(world=worlds())
def test_the_fold_reads_silence_word_for_word(world: tuple[Rule, list[Event], Circumstances]):
    one, reports, around = world
    group = Group(one, around=around)
    group.apply(**told(one, reports), received_at=60 * MINUTE)
    group.look(now=FAR)
    found = [
        (spell.happened_at, None if spell.ended_at is None else (spell.ended_at, spell.reason))
        for spell in group.spells
    ]
    assert found == SilenceOracle(one, reports, around).stretches(FAR - 10 * MINUTE)


@pytest.mark.parametrize(
    ("first_day", "length", "below", "keep_open_for", "reports", "spells"),
    [
        (3, 1, 2, 0, (1, 2), [(1, None)]),  # two reports, and no more: the second day alone resolves nothing
        (6, 2, 2, 0, (1, 3, 9), [(2, None)]),  # one report of the last two minutes that count is too few
        (6, 2, 2, 0, (1, 3, 7, 8), [(2, 8), (10, None)]),  # two of them are enough where the day begins
        (6, 2, 1, 9, (5,), [(2, None)]),  # one minute of the first day and one of the second are two
        (6, 2, 1, 4, (5,), [(2, None)]),  # and it is true again at the very instant at which it would be over
        (6, 2, 1, 3, (5,), [(2, 8), (10, None)]),  # what is over counts anew from where the day begins
    ],
)
def test_a_new_day_begins_no_new_silence_and_resolves_nothing(
    first_day: int,
    length: int,
    below: int,
    keep_open_for: int,
    reports: tuple[int, ...],
    spells: list[tuple[int, int | None]],
):
    """Days from 0 and from 8, in minutes. Law: docs/specification/rules.md#silence-levels."""
    days = ((0, first_day), (8, 20))
    one = rule(
        condition=SilenceCondition(length=length * MINUTE, below=below, expected=ExpectedReporters()),
        clear=Clear("no_longer_true"),
        keep_open_for=keep_open_for * MINUTE,
        active=Active(
            stages=tuple(NamedSpan(id="t", since=a * MINUTE, until=b * MINUTE) for a, b in days),
        ),
    )
    told_of = [event(at * MINUTE, f"e{at}", watched=True, clear=False) for at in reports]
    around = Circumstances(since=0, member=ExpectedMember("73.15"))
    group = Group(one, around=around)
    ledger = Ledger()
    for each in told_of:
        wait(group, ledger, each.occurred_at - 1)
        ledger.read(group.apply([each], received_at=each.occurred_at))
    wait(group, ledger, FAR)
    found = [
        (spell.happened_at // MINUTE, None if spell.ended_at is None else spell.ended_at // MINUTE)
        for spell in group.spells
    ]
    assert found == spells
    test_the_fold_reads_silence_word_for_word.hypothesis.inner_test((one, told_of, around))


@given(world=worlds(), data=st.data())
def test_every_arrival_order_gives_the_same_openings(
    world: tuple[Rule, list[Event], Circumstances], data: st.DataObject
):
    """With refuted reports, stored states, and a member that is first looked at late.

    Specification: docs/specification/rules.md#arrival-order.
    """
    one, reports, around = world
    refuted = data.draw(st.sets(st.sampled_from([r.id for r in reports]))) if reports else set()
    true = sorted((r for r in reports if r.id not in refuted), key=lambda r: r.key)
    rest, requests = data.draw(st.permutations(reports)), []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        requests.append(rest[:size])
        rest = rest[size:]
    in_order = play(one, [[report] for report in true], around, set())
    for other in (
        play(one, requests, around, refuted),
        play(one, requests, around, refuted, thaw=True),
        play(one, requests, around, refuted, asleep=True),
    ):
        assert other.openings == in_order.openings
        assert {other.happened[o] for o in other.open} == {in_order.happened[o] for o in in_order.open}
        assert len(other.open) <= 1


def play(
    one: Rule,
    requests: list[list[Event]],
    around: Circumstances,
    refuted: set[str],
    *,
    thaw: bool = False,
    asleep: bool = False,
) -> Ledger:
    """Send the requests one after the other, looking at each due instant between, unless the service is asleep."""
    group, ledger, now = Group(one, around=around), Ledger(), 0
    for request in requests:
        now = max([now, *(report.occurred_at for report in request)])
        if not asleep:
            wait(group, ledger, now - 1)
        withdrawn = {("7315", name): "refuted" for name in refuted}
        ledger.read(group.apply(**told(one, request), received_at=now, withdrawn=withdrawn))
        if thaw:
            group = Group(one, decode(encode(group.frozen()), type=GroupState), around)
    if asleep:
        group = Group(one, decode(encode(group.frozen()), type=GroupState), around)
        ledger.read(group.look(now=FAR))
    wait(group, ledger, FAR)
    return ledger


@pytest.mark.parametrize("below", [1, 3])
def test_what_is_forgotten_changes_nothing(below: int):
    """Reports that nothing needs any more leave, and all that is said is what a group says that keeps them all."""
    chance, now, reports = Random(7), 0, []
    for _ in range(600):
        now += chance.randrange(1, 200) * MINUTE
        reports.append(event(now, f"e{now}", watched=True, clear=False))
    around = Circumstances(since=0, member=ExpectedMember("73.15"))
    heard, kept = [], []
    for horizon in (HOUR, 4 * 365 * DAY):
        one = rule(
            condition=SilenceCondition(length=2 * HOUR, below=below, expected=ExpectedReporters()),
            levels=(LevelStep(2), LevelStep(3, Limit("at_least", 150 * MINUTE))),
            clear=Clear("no_longer_true"),
            late_horizon=horizon,
            wait_for_late=MINUTE,
        )
        group, said, most = Group(one, around=around), [], 0
        for place, each in enumerate(reports):
            while group.due is not None and group.due <= each.occurred_at:
                said += group.look(now=group.due)
            said += group.apply([each], received_at=each.occurred_at)
            most = max(most, len(group.points))
            if place % 7 == 0:
                group = Group(one, decode(encode(group.frozen()), type=GroupState), around)
        heard.append(said)
        kept.append(most)
    assert heard[0] == heard[1]
    assert {type(one) for one in heard[0]} >= {Opened, Risen, Ended}
    assert kept[0] < 100 < kept[1]
