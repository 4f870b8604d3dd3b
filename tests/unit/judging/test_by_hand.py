"""Closing by hand, and what may open after it (docs/specification/rules.md#opening-after-closing)."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import Count, Distinct, Value
from engine.core.judging.event import EventKey
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Closing
from engine.core.judging.instant import HOUR, MINUTE, Instant
from engine.core.judging.judgement import Ended, Joined, Opened, Redated, Undone
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, minutes, rule


def closed(at: Instant | None, id_: str = "") -> Closing:
    """A closing by hand whose alert has its newest evidence at an instant."""
    return Closing(
        ordinal=1, floor=None if at is None else EventKey(at, "7315", id_ or f"e{at}"), at=10 * HOUR
    )


def test_a_new_event_opens_a_new_alert_that_counts_the_old_window() -> None:
    """`keep_counting`: after closing, one newer event may complete the window again."""
    group = Group(rule(condition=Count(3, HOUR)))
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    (said,) = group.apply(minutes(30), received_at=30 * MINUTE, closed=closed(20 * MINUTE))
    assert isinstance(said, Opened)
    assert (said.ordinal, said.happened_at, len(said.evidence), said.follows) == (2, 30 * MINUTE, 4, 0)


def test_start_again_never_counts_what_led_to_an_opening() -> None:
    """`start_again`: events up to and including the completing one are never counted again.

    Law: docs/specification/rules.md#start-again.
    """
    group = Group(rule(condition=Count(3, HOUR), start_again=True))
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    assert group.apply(minutes(30, 31), received_at=31 * MINUTE, closed=closed(20 * MINUTE)) == ()
    (said,) = group.apply(minutes(32), received_at=32 * MINUTE)
    assert isinstance(said, Opened)
    assert [one.occurred_at // MINUTE for one in said.evidence] == [30, 31, 32]


def test_start_again_lets_further_events_join_while_open() -> None:
    """The alert that is open takes every watched event; its figure began anew."""
    group = Group(rule(condition=Count(3, HOUR), start_again=True))
    group.apply(minutes(0, 10, 20), received_at=20 * MINUTE)
    (said,) = group.apply(minutes(30), received_at=30 * MINUTE)
    assert isinstance(said, Joined)
    assert said.figure == 1


@pytest.mark.parametrize("late", [5, 15])
def test_a_match_not_newer_than_the_closed_alert_is_its_history(late: int) -> None:
    """A late event before the newest evidence opens nothing."""
    group = Group(rule())
    group.apply(minutes(10, 20), received_at=20 * MINUTE)
    said = group.apply(minutes(late), received_at=30 * MINUTE, closed=closed(20 * MINUTE))
    assert [type(one) for one in said] == ([Redated, Joined] if late < 10 else [Joined])
    assert {one.ordinal for one in said} == {1}


@pytest.mark.parametrize(("id_", "opens"), [("a", False), ("z", True)])
def test_at_the_instant_of_the_newest_evidence_the_order_decides(id_: str, *, opens: bool) -> None:
    """Newer means later in the order (occurred_at, desk, id)."""
    group = Group(rule())
    group.apply([event(HOUR, "m")], received_at=HOUR)
    (said,) = group.apply([event(HOUR, id_)], received_at=2 * HOUR, closed=closed(HOUR, "m"))
    assert isinstance(said, Opened) is opens


@pytest.mark.parametrize(
    "one",
    [
        rule(condition=Value("n", Limit("at_least", 5))),
        rule(condition=Value("n", Limit("at_least", 5)), hold_for=HOUR),
    ],
    ids=["at once", "held"],
)
def test_a_state_closed_by_hand_must_be_false_once(one: Rule) -> None:
    """Still true: nothing opens, however many events say so; false and true again: it opens."""
    group = Group(one)
    group.apply([event(0, n=7)], received_at=0)
    group.look(now=HOUR)
    assert group.open is not None
    assert group.apply([event(2 * HOUR, n=8)], received_at=4 * HOUR, closed=closed(0)) == ()
    assert group.look(now=5 * HOUR) == ()
    group.apply([event(6 * HOUR, n=1), event(7 * HOUR, n=9)], received_at=7 * HOUR)
    group.look(now=9 * HOUR)
    assert group.open is not None
    assert group.open.ordinal == 2


def test_an_alert_without_evidence_is_closed_where_it_opened() -> None:
    """`at_most` may open when the window is empty; the closing then stands at its opening."""
    group = Group(rule(condition=Distinct(("id",), Limit("at_most", 0), HOUR)))
    group.apply([event(0)], received_at=0)
    (opened,) = group.look(now=HOUR)
    assert isinstance(opened, Opened)
    assert opened.evidence == ()
    assert group.look(now=2 * HOUR, closed=closed(None)) == ()
    assert group.open is None
    group.apply([event(3 * HOUR)], received_at=3 * HOUR)
    group.look(now=4 * HOUR)
    assert group.open is not None


def test_a_closing_said_twice_counts_once() -> None:
    """The evaluator may repeat the closing of the newest alert with each request."""
    group, shut = Group(rule()), closed(0)
    group.apply([event(0)], received_at=0)
    group.look(now=1, closed=shut)
    before = group.frozen()
    group.look(now=1, closed=shut)
    assert group.frozen() == before
    assert [type(one) for one in group.apply([event(HOUR)], received_at=HOUR, closed=shut)] == [Opened]
    said = group.apply([event(HOUR + 1)], received_at=HOUR + 1, closed=shut)
    assert [type(one) for one in said] == [Joined]


def test_nothing_opens_before_a_closing_by_hand_whose_alert_was_undone() -> None:
    """A late event not newer than the floor is history, even where the closed alert is undone."""
    group = Group(rule())
    group.apply([event(HOUR)], received_at=HOUR)
    said = group.apply(
        [], received_at=2 * HOUR, closed=closed(HOUR), withdrawn={("7315", f"e{HOUR}"): "refuted"}
    )
    assert [type(one) for one in said] == [Undone]
    assert group.apply([event(0)], received_at=3 * HOUR) == ()
    assert [type(one) for one in group.apply([event(HOUR + 1)], received_at=3 * HOUR)] == [Opened]


def test_an_alert_keeps_its_spell_where_others_of_the_same_instant_were_closed() -> None:
    """Two alerts of one instant, closed by hand, are re-dated by a late event; the third goes on and ends alone."""
    one = rule(
        condition=Count(1, MINUTE, weight="metrics.n"),
        clear=Clear("no_longer_true"),
        keep_open_for=3 * MINUTE,
        wait_for_late=5 * MINUTE,
    )
    group, said = Group(one), []
    for at, received_at, weight, shut in (
        (7, 7, 1, None),
        (7, 7, 0, (1, 7, "e1")),
        (0, 8, 1, (2, 7, "e2")),
        (7, 8, 0, (3, 0, "e3")),
        (48, 48, 0, None),
        (48, 48, 0, None),
    ):
        closing = None
        if shut is not None:
            ordinal, floor, id_ = shut
            key = EventKey(floor * MINUTE, "7315", id_)
            closing = Closing(ordinal=ordinal, floor=key, at=received_at * MINUTE)
        number = len(said) + 1
        report = event(at * MINUTE, f"e{number}", received_at=received_at * MINUTE, **{"metrics.n": weight})
        heard = group.apply([report], received_at=received_at * MINUTE, closed=closing)
        heard += group.look(now=received_at * MINUTE)
        said.append([(type(s).__name__, s.ordinal) for s in heard if isinstance(s, Opened | Ended)])
    assert said == [[("Opened", 1)], [("Opened", 2)], [("Opened", 3)], [("Opened", 4)], [("Ended", 4)], []]
