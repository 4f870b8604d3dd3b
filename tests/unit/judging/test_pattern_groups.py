"""Patterns in a group: boundaries, what they mean, late and refuted events, closing by hand."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import AllItems, NotAllItems
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.event import EventKey
from engine.core.judging.explanation import explain_group
from engine.core.judging.filter import Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances, Closing
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Ended, Joined, Opened, Redated, Undone
from engine.core.judging.rule import Clear
from tests.unit.judging.desk import event, rule
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
    group = Group(rule(condition=Steps(stages=(stage(but_not(HOUR)),))), around=Circumstances(since=0))
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


@pytest.mark.parametrize(("at", "opens"), [(1, False), (HOUR - 1, False), (HOUR, True)])
def test_what_comes_within_a_guard_between_steps_ends_the_attempt(at: int, *, opens: bool) -> None:
    """None in [s, s + W), though the next step comes after it."""
    group = Group(rule(condition=Steps(stages=(stage(), stage(but_not(HOUR))))))
    said = [*tell(group, [report(0, A), report(at, B), report(2 * HOUR, C)]), *wait(group, FAR)]
    assert kinds(said) == ([Opened] if opens else [])


def test_what_comes_before_the_end_of_a_guard_does_not_count_for_the_next_step() -> None:
    """The next step is looked for from s + W on, with all that it needs."""
    group = Group(rule(condition=Steps(stages=(stage(), stage(but_not(HOUR), times=2)))))
    early = [report(0, A), report(MINUTE, C), report(HOUR, C)]
    assert [*tell(group, early), *wait(group, 2 * HOUR)] == []
    said = [*tell(group, [report(3 * HOUR, C)]), *wait(group, FAR)]
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [3 * HOUR]


def test_a_step_that_needs_several_events_may_follow_the_oldest_that_fills_the_one_before() -> None:
    """A B C B C is enough for A, B, twice C."""
    group = Group(rule(condition=Steps(stages=(stage(), stage(), stage(times=2)))))
    said = tell(group, [report(at, bits) for at, bits in enumerate((A, B, C, B, C))])
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [4]


@pytest.mark.parametrize("order", [(A, B, C, B, C), (A, B, B, C, C)])
def test_a_step_with_a_time_that_needs_several_events_may_follow_any_of_them(order: tuple[int, ...]) -> None:
    """Twice C less than four apart from a B: after the first of two B, or (it is too far) after the second."""
    first = 0 if order[2] == C else -1
    at = (first, first + 1, 2, 3, 4)
    group = Group(rule(condition=Steps(stages=(stage(), stage(), stage(times=2, within=4)))))
    said = tell(group, [report(10 + when, bits) for when, bits in zip(at, order, strict=True)])
    assert [one.happened_at for one in said if isinstance(one, Opened)] == [14]


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
    """The example of a rule test: the police had been there after an hour, and says so after three.

    Specification: docs/specification/tests.md#rule-tests.
    """
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


def test_explain_names_what_has_come_so_far() -> None:
    """The events of the attempt that has come furthest."""
    condition = Steps(stages=(stage(), stage(), stage()))
    group = Group(rule(condition=condition))
    tell(group, [report(0, A, "a"), report(1, B, "b")])
    assert explain_group(group.rule, group.frozen(), at=5).counted == ("a", "b")
