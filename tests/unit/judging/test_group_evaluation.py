"""A group goes on under another version of its rule: who is told, who is not, and which alert goes on."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.judging.condition import Aggregate, Count, EveryEvent, Value
from engine.core.judging.event import Event, EventKey
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group, newcomers_of, take_over
from engine.core.judging.group_state import EMPTY, Closing, GroupState, Point
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Ended, Joined, Judgement, Opened
from engine.core.judging.points import Points
from engine.core.judging.rule import Clear, Rule
from tests.unit.judging.desk import event, rule

B = 10 * HOUR
"""When the new version comes into force."""
STATE = Value("n", Limit("at_least", 5))


def points(of: Rule, events: Iterable[Event]) -> list[Point]:
    found = newcomers_of(of, list(events), [], received_at=B, known=Points(()), withdrawn={}, fits={})
    return [point for _, point in found]


def judged(of: Rule, events: Iterable[Event]) -> tuple[GroupState, list[Judgement]]:
    """The state under a version that saw these events one by one."""
    group, said = Group(of), []
    for one in events:
        said += group.apply([one], received_at=one.occurred_at)
    return group.frozen(), said


def switched(new: Rule, events: Iterable[Event], **over: object) -> tuple[Group, tuple[Judgement, ...]]:
    former = over.pop("former", EMPTY)
    group = take_over(new, points(new, events), former, before=B, **over)
    return group, group.look(now=B)


def test_what_was_over_is_recorded_hidden():
    """An event of before makes an alert that nobody is told of; it is over, so a later event opens one that tells."""
    every = rule(condition=EveryEvent())
    group, said = switched(every, [event(9 * HOUR)])
    assert [(type(one), one.reason) for one in said] == [(Opened, "before_rule"), (Ended, "before_rule")]
    later = group.apply([event(B)], received_at=B)
    assert [(one.happened_at, one.reason, one.ordinal) for one in later if isinstance(one, Opened)] == [
        (B, "condition_true", 2)
    ]
    assert len(later) == 1


def test_what_still_holds_is_told():
    """Three in 7 days, the last of them before the switch: the window at the switch still holds them."""
    three = rule(condition=Count(3, 24 * HOUR))
    _, said = switched(three, [event(hour * HOUR) for hour in (1, 2, 3)])
    assert [(one.happened_at, one.reason) for one in said] == [(3 * HOUR, "condition_true")]


def test_the_window_at_the_switch_is_open_at_its_start():
    """An event exactly `within` before the switch has left the window; a millisecond later it has not."""
    two = rule(condition=Count(2, 2 * HOUR))
    for first, reason in ((8 * HOUR, "before_rule"), (8 * HOUR + 1, "condition_true")):
        _, said = switched(two, [event(first), event(9 * HOUR)])
        assert said[0].reason == reason


def test_a_state_that_is_false_again_is_hidden_with_its_own_end():
    falls = rule(condition=STATE, clear=Clear("no_longer_true"))
    _, said = switched(falls, [event(HOUR, n=6), event(2 * HOUR, n=1)])
    assert [(type(one), one.reason) for one in said] == [(Opened, "before_rule"), (Ended, "no_longer_true")]
    _, said = switched(falls, [event(HOUR, n=6)])
    assert [one.reason for one in said] == ["condition_true"]


def test_a_late_event_of_before_is_judged_by_the_same_gate():
    """In every order of arrival: what happened before and does not hold is hidden, whenever it comes to be known."""
    every, early = rule(condition=EveryEvent()), event(9 * HOUR)
    fresh = Group(every, before=B)
    late = fresh.apply([early], received_at=B + HOUR)
    assert [one.reason for one in late] == ["before_rule", "before_rule"]
    both = Group(every, before=B).apply([early, event(B + MINUTE)], received_at=B + HOUR)
    assert [(one.happened_at, one.reason) for one in both if isinstance(one, Opened)] == [
        (9 * HOUR, "before_rule"),
        (B + MINUTE, "condition_true"),
    ]


def test_an_open_alert_goes_on_with_the_spell_that_runs():
    """The new version found it earlier; the alert is not opened anew, and takes what it did not have as evidence."""
    old, new = rule(condition=Count(3, 24 * HOUR)), rule(condition=Count(2, 24 * HOUR))
    events = [event(hour * HOUR) for hour in (1, 2, 3)]
    former, _ = judged(old, events)
    group, said = switched(new, events, former=former, unresolved=1)
    assert said == ()
    assert group.open is not None
    assert group.open.ordinal == 1
    joined = group.apply([event(B)], received_at=B)
    assert [(type(one), one.ordinal) for one in joined] == [(Joined, 1)]


def test_an_open_alert_that_the_new_version_would_not_have_opened_stays_and_takes_the_next_spell():
    old = rule(condition=STATE, clear=Clear("no_longer_true"))
    new = rule(condition=Value("n", Limit("at_least", 8)), clear=Clear("no_longer_true"))
    events = [event(HOUR, n=6)]
    former, _ = judged(old, events)
    group, said = switched(new, events, former=former, unresolved=1)
    assert said == ()
    said = group.apply([event(11 * HOUR, n=9)], received_at=11 * HOUR)
    assert [(type(one), one.ordinal) for one in said] == [(Joined, 1)]
    said = (*group.apply([event(12 * HOUR, n=1)], received_at=12 * HOUR), *group.look(now=12 * HOUR))
    assert [(type(one), one.ordinal) for one in said] == [(Ended, 1)]
    said = group.apply([event(13 * HOUR, n=9)], received_at=13 * HOUR)
    assert [(type(one), one.ordinal) for one in said] == [(Opened, 2)]


def test_a_carried_alert_survives_being_stored():
    old, new = rule(condition=EveryEvent()), rule(condition=Count(2, HOUR))
    former, _ = judged(old, [event(HOUR)])
    group, _ = switched(new, [event(HOUR)], former=former, unresolved=1)
    again = Group(new, group.frozen(), before=B)
    said = again.apply([event(B), event(B + 1)], received_at=B + 1)
    assert {one.ordinal for one in said} == {1}
    assert all(isinstance(one, Joined) for one in said)


def test_what_people_closed_stays_closed():
    """The newest evidence of the closed alert bounds it: a newer event opens, the switch does not."""
    old, new = rule(condition=Count(3, 24 * HOUR)), rule(condition=Count(2, 24 * HOUR))
    events = [event(hour * HOUR) for hour in (1, 2, 3)]
    former, _ = judged(old, events)
    closed = Closing(ordinal=1, floor=EventKey(3 * HOUR, "7315", f"e{3 * HOUR}"), at=4 * HOUR)
    group, said = switched(new, events, former=former, closed=closed)
    assert said == ()
    said = group.apply([event(11 * HOUR)], received_at=11 * HOUR)
    assert [(type(one), one.ordinal) for one in said] == [(Opened, 2)]


def test_ordinals_go_on():
    """An alert's id follows from its ordinal, so one that was given is never given again."""
    old, new = rule(condition=EveryEvent()), rule(condition=Count(2, 24 * HOUR))
    former, _ = judged(old, [event(HOUR)])
    closed = Closing(ordinal=1, floor=EventKey(HOUR, "7315", f"e{HOUR}"), at=2 * HOUR)
    group, said = switched(new, [event(HOUR)], former=former, closed=closed)
    assert said == ()
    said = group.apply([event(B)], received_at=B)
    assert [one.ordinal for one in said] == [2]


def test_a_condition_that_waits_for_late_ones_is_judged_when_it_may_be():
    """What more events could undo is not told at the switch, but when its wait is over."""
    low = rule(
        condition=Aggregate("average", "n", Limit("below", 3), 2 * HOUR),
        wait_for_late=10 * MINUTE,
        clear=Clear("no_longer_true"),
    )
    group, said = switched(low, [event(B - MINUTE, n=1)])
    assert said == ()
    assert group.due == B + 9 * MINUTE
    said = group.look(now=B + 9 * MINUTE)
    assert [(one.happened_at, one.reason) for one in said] == [(B - MINUTE, "condition_true")]
