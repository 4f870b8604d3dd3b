"""Patterns in a group: orders of arrival, boundaries, undo, closing by hand, forgetting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode, encode

from engine.judging.evaluate import Group
from engine.judging.event import Event, EventKey
from engine.judging.explain import explain_group
from engine.judging.instant import DAY, HOUR, MINUTE, Instant
from engine.judging.judgement import Ended, Joined, Judgement, Opened, Redated, Undone
from engine.judging.pattern import can_be_cancelled, parts_of
from engine.judging.rule import (
    EVERYTHING,
    AllItems,
    AnyItem,
    Clear,
    Guard,
    NotAllItems,
    Part,
    Rule,
    Stage,
    Test,
)
from engine.judging.rule import Sequence as Steps
from engine.judging.state import Closing, GroupState
from tests.unit.judging.choices import Choices
from tests.unit.judging.desk import Ledger, event, rule
from tests.unit.judging.test_patterns import patterns

FAR = 100 * DAY
A, B, C = 1, 2, 4


def part(times: int = 1) -> Part:
    """A part; the events say themselves which parts they fit."""
    return Part(watch=EVERYTHING, times=times)


def stage(*guards: Guard, times: int = 1, within: int | None = None) -> Stage:
    """A stage of one part."""
    return Stage(parts=(part(times),), guards=guards, within=within)


def but_not(within: int | None = None) -> Guard:
    """A guard."""
    return Guard(part=part(), within=within)


CLASH_WITHOUT_POLICE = Steps(stages=(stage(),), guards=(but_not(2 * HOUR),))
"""A, then no B within two hours."""


def report(at: Instant, bits: int, id_: str = "", **over: object) -> Event:
    """An event that fits these parts."""
    return event(at, id_, bits=bits, **over)


def tell(
    group: Group, reports: Sequence[Event], at: Instant | None = None, **over: object
) -> list[Judgement]:
    """Let the group have the reports of one request."""
    now = max(one.occurred_at for one in reports) if at is None else at
    fits = {(one.desk, one.id): int(one.fields["bits"]) for one in reports}
    return list(group.apply(reports, received_at=now, fits=fits, **over))  # type: ignore[arg-type]


def wait(group: Group, until: Instant) -> list[Judgement]:
    """Look at the group whenever it asks for it."""
    said: list[Judgement] = []
    while group.due is not None and group.due <= until:
        said += group.look(now=group.due)
    return said


def kinds(said: Iterable[Judgement]) -> list[type]:
    """What was said, without the details."""
    return [type(one) for one in said]


# --- boundaries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "opens"), [(2 * HOUR - 1, False), (2 * HOUR, True), (2 * HOUR + 1, True)])
def test_a_follow_up_at_the_end_of_its_window_is_too_late(gap: int, *, opens: bool) -> None:
    """None in [s, s + W): an event at s + W does not cancel, and the sequence is complete at s + W exactly."""
    group = Group(rule(condition=CLASH_WITHOUT_POLICE))
    said = [*tell(group, [report(0, A)]), *tell(group, [report(gap, B)]), *wait(group, FAR)]
    assert [one.happened_at for one in said if isinstance(one, Opened)] == ([2 * HOUR] if opens else [])


@pytest.mark.parametrize("id_", ["a", "z"])
def test_a_follow_up_at_the_very_instant_cancels(id_: str) -> None:
    """[s, s + W) holds s, whichever of the two events is named first."""
    group = Group(rule(condition=CLASH_WITHOUT_POLICE))
    assert tell(group, [report(0, A, "m"), report(0, B, id_)]) == []
    assert wait(group, FAR) == []


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, True), (HOUR, False), (HOUR + 1, False)])
@pytest.mark.parametrize(
    "condition",
    [
        Steps(stages=(stage(), stage(within=HOUR))),
        Steps(stages=(stage(), stage()), within=HOUR),
        AllItems(items=(part(), part()), within=HOUR),
    ],
    ids=["step", "sequence", "all_of"],
)
def test_events_that_are_within_apart_are_too_far(
    condition: Steps | AllItems, gap: int, *, opens: bool
) -> None:
    """Within W means less than W apart."""
    group = Group(rule(condition=condition))
    said = [*tell(group, [report(5, A)]), *tell(group, [report(5 + gap, B)])]
    assert kinds(said) == ([Opened] if opens else [])


@pytest.mark.parametrize(("gap", "opens"), [(HOUR - 1, False), (HOUR, True), (HOUR + 1, True)])
def test_a_first_guard_looks_back_less_than_its_time(gap: int, *, opens: bool) -> None:
    """None in (t - W, t) before the next step."""
    condition = Steps(stages=(stage(but_not(HOUR)),))
    group = Group(rule(condition=condition))
    tell(group, [report(DAY, A)])
    said = [*tell(group, [report(DAY + gap, B)]), *wait(group, FAR)]
    assert kinds(said) == ([Opened] if opens else [])


@pytest.mark.parametrize(("at", "opens"), [(HOUR - 1, False), (HOUR, True)])
def test_a_first_guard_is_not_judged_before_the_group_was_watched(at: int, *, opens: bool) -> None:
    """Rule-language 3.5: what came before the watch began is not known."""
    group = Group(rule(condition=Steps(stages=(stage(but_not(HOUR)),))), since=0)
    assert kinds([*tell(group, [report(at, B)]), *wait(group, FAR)]) == ([Opened] if opens else [])


@pytest.mark.parametrize(("at", "opens"), [(HOUR - 1, False), (HOUR, True)])
def test_after_a_guard_with_a_time_the_next_step_is_looked_for_at_its_end(at: int, *, opens: bool) -> None:
    """None in [s, s + W), and the next step from s + W on."""
    group = Group(rule(condition=Steps(stages=(stage(), stage(but_not(HOUR))))))
    said = [*tell(group, [report(0, A)]), *tell(group, [report(at, C)]), *wait(group, FAR)]
    assert kinds(said) == ([Opened] if opens else [])


@pytest.mark.parametrize(("at", "opens"), [(HOUR - 1, False), (HOUR, True), (HOUR + 1, True)])
def test_items_at_the_end_of_a_wait_are_missing(at: int, *, opens: bool) -> None:
    """Items in [s, s + W) belong to the wait."""
    group = Group(rule(condition=NotAllItems(items=(part(), part()), within=HOUR)))
    said = [*tell(group, [report(0, A)]), *tell(group, [report(at, B)]), *wait(group, 2 * HOUR - 1)]
    assert [one.happened_at for one in said if isinstance(one, Opened)] == ([HOUR] if opens else [])


# --- what a pattern means -----------------------------------------------------------------------------------------


def test_an_attempt_is_not_lost_to_greed() -> None:
    """A1 A2 B, with B less than an hour after A2 only: some choice fits."""
    group = Group(rule(condition=Steps(stages=(stage(), stage(within=HOUR)))))
    (said,) = [*tell(group, [report(0, A), report(HOUR, A)]), *tell(group, [report(90 * MINUTE, B)])]
    assert isinstance(said, Opened)
    assert [one.occurred_at for one in said.evidence] == [HOUR, 90 * MINUTE]


def test_what_must_not_come_between_ends_the_attempt_and_a_later_first_event_opens_another() -> None:
    """A X B opens nothing; A X A B does."""
    condition = Steps(stages=(stage(), stage(but_not())))
    group = Group(rule(condition=condition, wait_for_late=0))
    said = tell(group, [report(0, A), report(1, B), report(2, C)])
    assert [*said, *wait(group, FAR)] == []
    tell(group, [report(3, A)])
    said = [*tell(group, [report(4, C)]), *wait(group, FAR)]
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [4]


def test_an_event_that_fits_two_steps_fills_one() -> None:
    """One event fills at most one step of an attempt; of an all_of several items."""
    assert kinds(tell(Group(rule(condition=Steps(stages=(stage(), stage())))), [report(0, A | B)])) == []
    both = AllItems(items=(part(), part()))
    assert kinds(tell(Group(rule(condition=both)), [report(0, A | B)])) == [Opened]


def test_completions_join_with_all_their_events_and_others_do_not() -> None:
    """Another attempt that completes joins; a first event alone and a second completion of an attempt do not."""
    group = Group(rule(condition=Steps(stages=(stage(), stage()))))
    tell(group, [report(0, A, "a1"), report(1, B, "b1")])
    assert tell(group, [report(2, B, "b2")]) == []
    assert tell(group, [report(3, A, "a2")]) == []
    said = tell(group, [report(4, B, "b3")])
    assert [one.evidence.id for one in said if isinstance(one, Joined)] == ["a2", "b3"]


def test_start_again_counts_what_came_during_a_wait() -> None:
    """Events up to the completing one are never counted again; a clash during the wait is newer."""
    again = rule(condition=CLASH_WITHOUT_POLICE, start_again=True, clear=Clear("quiet", quiet_for=2 * HOUR))
    group = Group(again)
    said = [*tell(group, [report(0, A)]), *tell(group, [report(90 * MINUTE, A)]), *wait(group, FAR)]
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [2 * HOUR]
    assert [one.evidence.occurred_at for one in said if isinstance(one, Joined)] == [90 * MINUTE]


def test_an_alert_of_a_pattern_stays_open_for_as_long_as_it_is_kept_after_its_last_completion() -> None:
    """A pattern is true at the instant of a completion only."""
    kept = rule(condition=AllItems(items=(part(), part())), clear=Clear("no_longer_true"), keep_open_for=HOUR)
    group = Group(kept)
    said = [*tell(group, [report(0, A | B)]), *tell(group, [report(HOUR, A)]), *wait(group, FAR)]
    assert [one.at for one in said if isinstance(one, Ended)] == [2 * HOUR]


# --- late, refuted, closed ----------------------------------------------------------------------------------------


def test_late_news_takes_an_opening_back() -> None:
    """The example of rule-language 6: the police had been there after an hour, and says so after three."""
    group = Group(rule(condition=CLASH_WITHOUT_POLICE, wait_for_late=10 * MINUTE))
    tell(group, [report(0, A)])
    assert group.due == 2 * HOUR + 10 * MINUTE
    (opened,) = wait(group, 3 * HOUR)
    assert isinstance(opened, Opened)
    assert opened.happened_at == 2 * HOUR
    (undone,) = tell(group, [report(HOUR, B)], at=3 * HOUR)
    assert isinstance(undone, Undone)
    assert undone.reason == "late_report"


def test_refuting_the_follow_up_opens_with_its_past_instant() -> None:
    """What was no follow-up cancels nothing."""
    group = Group(rule(condition=CLASH_WITHOUT_POLICE))
    tell(group, [report(0, A), report(HOUR, B, "polisi")])
    assert wait(group, 3 * HOUR) == []
    said = group.apply([], received_at=4 * HOUR, withdrawn={("7315", "polisi"): "refuted"})
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [2 * HOUR]


def test_a_late_first_event_redates() -> None:
    """A sequence without but_not opens on arrival and is re-dated by an earlier completion."""
    group = Group(rule(condition=Steps(stages=(stage(), stage()))))
    tell(group, [report(10, B), report(20, A), report(30, B)])
    said = tell(group, [report(5, A)], at=40)[0]
    assert isinstance(said, Redated)
    assert said.happened_at == 10


def test_what_was_evidence_of_an_alert_closed_by_hand_does_not_open_another() -> None:
    """A completion that joined before the closing is history of the closed alert; one after it opens anew."""
    group = Group(rule(condition=CLASH_WITHOUT_POLICE))
    tell(group, [report(0, A), report(HOUR, A, "a2")])
    assert kinds(wait(group, 3 * HOUR)) == [Opened, Joined]
    closing = Closing(ordinal=1, floor=EventKey(HOUR, "7315", "a2"), at=4 * HOUR)
    assert group.look(now=4 * HOUR, closed=closing) == ()
    assert tell(group, [report(4 * HOUR, A)]) == []
    assert kinds(wait(group, FAR)) == [Opened]


def test_a_wait_under_way_when_an_alert_is_closed_by_hand_opens_another() -> None:
    """Its event is newer than the newest evidence of the closed alert."""
    group = Group(rule(condition=CLASH_WITHOUT_POLICE))
    tell(group, [report(0, A, "a1"), report(HOUR, A, "a2")])
    assert kinds(wait(group, 2 * HOUR)) == [Opened]
    group.look(now=2 * HOUR + 1, closed=Closing(ordinal=1, floor=EventKey(0, "7315", "a1"), at=2 * HOUR + 1))
    said = wait(group, FAR)
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [3 * HOUR]


def test_a_clearing_event_ends_and_what_is_older_opens_nothing() -> None:
    """After it an opening needs an event that is newer, though its wait ends later."""
    arrived = Clear("event", event=Test("kind", "equals", "logistics.arrived"))
    group = Group(rule(condition=CLASH_WITHOUT_POLICE, clear=arrived))
    tell(group, [report(0, A), report(HOUR, A, "a2")])
    wait(group, 2 * HOUR)
    group.apply([], received_at=150 * MINUTE, clearing=[event(150 * MINUTE, "z", kind="logistics.arrived")])
    assert kinds(wait(group, FAR)) == [Ended]


# --- the law ------------------------------------------------------------------------------------------------------


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
    """Section 3.3, with refuted events and states that are stored between requests."""
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
        Steps(stages=(stage(), stage()), within=5 * HOUR),
        AllItems(items=(part(2), part()), within=3 * HOUR),
        NotAllItems(items=(part(), part()), within=3 * HOUR),
    ],
    ids=["but_not", "sequence", "all_of", "not_all_of"],
)
def test_what_is_forgotten_changes_nothing(condition: Steps | AllItems | NotAllItems) -> None:
    """Points that nothing needs any more leave, and the openings are those of a group that keeps all."""
    opened, kept = [], []
    for horizon in (6 * HOUR, 4 * 365 * DAY):
        one = rule(condition=condition, clear=Clear("quiet", quiet_for=HOUR), late_horizon=horizon)
        group, said = Group(one), []
        for at in range(400):
            now = at * 50 * MINUTE
            said += [*wait(group, now), *tell(group, [report(now, (A, A, B, A, A)[at % 5])])]
            if at % 7 == 0:
                group = Group(one, decode(encode(group.frozen()), type=GroupState))
        opened.append([s.happened_at for s in said if isinstance(s, Opened)])
        kept.append(len(group.points))
    assert opened[0] == opened[1] != []
    assert kept[0] < 100 < kept[1]


def test_explain_names_what_has_come_so_far() -> None:
    """The events of the attempt that has come furthest."""
    condition = Steps(stages=(stage(), stage(), stage()))
    group = Group(rule(condition=condition))
    tell(group, [report(0, A, "a"), report(1, B, "b")])
    assert explain_group(group.rule, group.frozen(), at=5).counted == ("a", "b")
