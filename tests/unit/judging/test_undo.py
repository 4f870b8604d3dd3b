"""Late, refuted and corrected events: re-dating and undoing (docs/specification/rules.md#late-events, #undo)."""

from __future__ import annotations

from engine.core.judging.condition import Count, EveryEvent, Value
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Ended, Joined, Opened, Redated, Undone
from engine.core.judging.retention import KEPT_WHILE_OPEN
from engine.core.judging.rule import Clear
from tests.unit.judging.desk import Ledger, event, feed, minutes, rule

THREE = rule(condition=Count(3, HOUR))


def test_a_late_event_that_completes_earlier_redates_and_counts_as_joined() -> None:
    """The opening moves to the earliest completion; the figure is the one that stands now."""
    group = Group(THREE)
    group.apply(minutes(0, 30, 50), received_at=50 * MINUTE)
    said, joined = group.apply(minutes(10), received_at=55 * MINUTE)
    assert isinstance(said, Redated)
    assert isinstance(joined, Joined)
    assert (said.ordinal, said.happened_at, said.reason) == (1, 30 * MINUTE, "late_report")
    assert said.figure == joined.figure == 4
    assert [one.occurred_at // MINUTE for one in said.evidence] == [0, 10, 30]


def test_a_late_event_that_changes_no_opening_joins() -> None:
    """Between the completion and now it joins; before the window it is no evidence.

    Law: docs/specification/rules.md#joins.
    """
    group = Group(THREE)
    group.apply(minutes(60, 61, 62, 65), received_at=65 * MINUTE)
    assert [type(one) for one in group.apply(minutes(64), received_at=66 * MINUTE)] == [Joined]
    assert group.apply(minutes(1), received_at=67 * MINUTE) == ()


def test_refuting_one_of_three_undoes_the_opening() -> None:
    """What is no longer true closes with the reason, naming what was withdrawn."""
    group = Group(THREE)
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    name = ("7315", f"e{10 * MINUTE}")
    (said,) = group.apply([], received_at=HOUR, withdrawn={name: "refuted"})
    assert isinstance(said, Undone)
    assert (said.ordinal, said.reason, [one.id for one in said.evidence]) == (1, "refuted", [name[1]])
    assert group.apply(minutes(10), received_at=HOUR, withdrawn={name: "refuted"}) == ()


def test_refuting_the_first_of_several_moves_the_opening_to_the_next() -> None:
    """An opening that holds later without the withdrawn event is re-dated, not undone."""
    group = Group(rule())
    group.apply(minutes(0, 10), received_at=10 * MINUTE)
    (said,) = group.apply([], received_at=HOUR, withdrawn={("7315", "e0"): "corrected"})
    assert isinstance(said, Redated)
    assert (said.happened_at, said.reason) == (10 * MINUTE, "corrected")


def test_refuting_the_first_finds_the_others_beyond_the_late_horizon() -> None:
    """While an alert is open its points are kept, however old, up to a bound."""
    group, day = Group(rule()), 10 * DAY
    for at in (0, 1, 2):
        group.apply([event(at * DAY)], received_at=at * DAY)
    for at in range(100):
        group.apply([event(day + at)], received_at=day + at)
    (said,) = group.apply([], received_at=day + 100, withdrawn={("7315", "e0"): "refuted"})
    assert isinstance(said, Redated)
    assert said.happened_at == DAY


def test_points_of_an_open_alert_are_bounded() -> None:
    """Above the bound the oldest are judged for good; the alert stays open."""
    group = Group(rule(condition=EveryEvent(), late_horizon=HOUR))
    for at in range(3 * KEPT_WHILE_OPEN):
        group.apply([event(at * HOUR)], received_at=at * HOUR)
    assert len(group.points) <= KEPT_WHILE_OPEN + 1
    assert group.open is not None
    assert (
        group.apply([], received_at=3 * KEPT_WHILE_OPEN * HOUR, withdrawn={("7315", "e0"): "refuted"}) == ()
    )


def test_a_closing_that_was_undone_opens_a_new_alert_linked_to_the_old() -> None:
    """A late event shows that the count never fell: the closed alert stays closed, a new one follows it."""
    group = Group(rule(condition=Count(2, HOUR), clear=Clear("no_longer_true")))
    ledger = feed(group, [minutes(0, 30)], until=HOUR)
    assert ledger.ended == {1: (HOUR, "no_longer_true")}
    said = group.apply(minutes(55), received_at=65 * MINUTE)
    (opened,) = [one for one in said if isinstance(one, Opened)]
    assert (opened.ordinal, opened.follows, opened.happened_at) == (2, 1, 30 * MINUTE)
    ledger.read(said)
    assert ledger.openings == {30 * MINUTE}


def test_a_late_event_between_two_alerts_makes_them_one() -> None:
    """The open one is re-dated to the beginning of the first, so that the openings are those of any order."""
    group = Group(rule(condition=Count(2, HOUR), clear=Clear("no_longer_true")))
    ledger = feed(group, [minutes(0, 30), minutes(85, 88)], until=88 * MINUTE)
    assert sorted(ledger.openings) == [30 * MINUTE, 85 * MINUTE]
    ledger.read(group.apply(minutes(50), received_at=101 * MINUTE))
    assert ledger.openings == {30 * MINUTE}
    assert ledger.open == [2]


def test_a_past_window_completed_late_opens_with_its_past_instant_and_ends_at_once() -> None:
    """Completing a past window opens the alert with its past `happened_at`."""
    group = Group(rule(condition=Count(2, HOUR), clear=Clear("no_longer_true")))
    group.apply(minutes(0), received_at=0)
    said = group.apply(minutes(10), received_at=5 * HOUR)
    said += group.look(now=5 * HOUR)
    assert [(type(one), one.ordinal) for one in said] == [(Opened, 1), (Ended, 1)]


def test_a_repeat_changes_nothing() -> None:
    """An event is identified by desk and id."""
    group = Group(rule())
    group.apply([event(0, "a")], received_at=0)
    before = group.frozen()
    assert group.apply([event(0, "a")], received_at=0) == ()
    assert group.frozen() == before


def test_an_alert_opened_by_a_wait_is_undone_when_a_late_event_breaks_it() -> None:
    """A hold judged too early is undone as `late_report` and opens again at its true instant."""
    held = rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR)
    group, ledger = Group(held), Ledger()
    ledger.read(group.apply([event(0, n=5), event(30 * MINUTE, n=6)], received_at=30 * MINUTE))
    ledger.read(group.look(now=HOUR))
    assert ledger.openings == {HOUR}
    ledger.read(group.apply([event(20 * MINUTE, n=1)], received_at=HOUR + 1))
    assert ledger.undone == {1: "late_report"}
    ledger.read(group.look(now=90 * MINUTE))
    assert ledger.openings == {90 * MINUTE}


def test_a_clearing_event_of_the_same_instant_takes_a_join_back_that_was_not_told() -> None:
    """What waits to be judged is told as it is at the end."""
    arrived = Clear("event", event=Test("kind", "equals", "logistics.arrived"))
    group = Group(
        rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR, clear=arrived, wait_for_late=DAY)
    )
    group.apply([event(0, n=5), event(2 * HOUR, n=5)], received_at=2 * HOUR)
    group.apply([], received_at=2 * HOUR, clearing=[event(2 * HOUR, "z", kind="logistics.arrived")])
    assert [type(one) for one in group.look(now=3 * DAY)] == [Opened, Ended]


def test_a_past_opening_found_late_is_not_the_open_one() -> None:
    """It has the highest ordinal and has ended; the alert that is open keeps its own."""
    group = Group(rule(condition=Count(2, HOUR), clear=Clear("no_longer_true")))
    group.apply(minutes(0), received_at=0)
    group.apply(minutes(300, 301), received_at=301 * MINUTE)
    ledger = Ledger()
    ledger.happened = {1: 301 * MINUTE}
    ledger.read(group.apply(minutes(10), received_at=302 * MINUTE))
    assert ledger.happened == {1: 301 * MINUTE, 2: 10 * MINUTE}
    assert ledger.ended == {2: (HOUR, "no_longer_true")}
    state = group.frozen()
    assert state.opened == 2
    assert state.open is not None
    assert state.open.ordinal == 1
