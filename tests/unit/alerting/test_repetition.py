"""Told again though no step is due: a figure that doubles, and time alone.

Specification: docs/specification/escalation.md#telling-again.
"""

from engine.core.alerting.policy import Acknowledge, Quiet
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.rule import TellAgain
from tests.unit.alerting.cases import Course, joined, policy, says, step, target

DOUBLES = TellAgain(value_doubles=True)
LONG = (step("sekda", "bkpsdm", wait=6000, inform=(target("kesbangpol"),)),)


def told(tell_again, *steps, until=1, **more):
    """Three of something opened it; those of the first step were told."""
    course = Course(policy(*(steps or LONG), **more), tell_again=tell_again, figure=3.0).until(until)
    course.news()
    return course


def grown(course, figure, number=2, **more):
    """A further match brings the figure to this."""
    decision = course.do(joined(number, figure=figure, **more))
    course.deliver()
    return decision


def test_who_was_asked_is_told_when_the_figure_has_doubled():
    """Twice that of which they were told last; who is only informed is not."""
    course = told(DOUBLES)
    grown(course, 5.0)
    assert course.news() == []
    grown(course, 6.0, 3)
    assert course.news() == [("step", "sekda"), ("step", "bkpsdm")]
    grown(course, 11.0, 4)
    assert course.news() == []
    grown(course, 12.0, 5)
    assert course.news() == [("step", "sekda"), ("step", "bkpsdm")]


def test_the_running_wait_and_the_takings_stay():
    """Nothing is started anew."""
    course = told(DOUBLES, step("sekda", "bkpsdm", need=2, wait=6000))
    course.do(says("sekda", "taken"))
    wake_at = course.alert.wake_at
    grown(course, 9.0)
    assert (course.sent, course.alert.wake_at, len(course.alert.takings)) == (
        [("step", "bkpsdm")],
        wake_at,
        1,
    )


def test_while_acknowledged_only_the_takers_hear_of_it():
    """And the alert stays theirs."""
    course = told(DOUBLES)
    course.do(says("sekda", "taken"), 2)
    course.until(3)
    course.news()
    grown(course, 6.0)
    assert (course.sent, course.alert.status) == ([("step", "sekda")], "acknowledged")


def test_a_level_that_rises_says_the_figure_too():
    """It is not told twice, and the next doubling counts from there."""
    course = told(DOUBLES)
    grown(course, 6.0, level=4)
    assert sorted(course.news()) == [("step", who) for who in ("bkpsdm", "kesbangpol", "sekda")]
    grown(course, 11.0, 3, level=4)
    assert course.sent == []


def test_a_rule_that_does_not_ask_for_it_tells_nobody():
    """The default."""
    course = told(TellAgain())
    grown(course, 300.0)
    assert course.sent == []


def test_a_figure_that_is_told_first_later_is_the_measure():
    """The opening had none."""
    course = Course(policy(*LONG), tell_again=DOUBLES).until(1)
    course.news()
    grown(course, 4.0)
    grown(course, 7.0, 3)
    assert course.news() == []
    grown(course, 8.0, 4)
    assert len(course.news()) == 2


def test_time_alone_tells_again_as_long_as_it_is_open():
    """Every hour from the last request; no new match is needed."""
    course = told(TellAgain(every=HOUR), step("sekda", wait=6000), until=179)
    assert course.alert.history > 3
    course.until(180)
    assert (course.sent, course.times) == ([("step", "sekda")], [180])
    course.do(says("sekda", "taken"))
    course.news()
    course.until(500)
    assert course.sent == []


def test_a_step_in_between_counts_as_telling():
    """An hour from the second step."""
    course = told(TellAgain(every=HOUR), step("sekda", wait=50), step("bkpsdm", wait=600), until=109)
    course.until(110)
    assert (course.sent, course.times) == ([("step", "sekda"), ("step", "bkpsdm")], [110, 110])


def test_each_quiet_time_doubles_up_to_the_cap():
    """One, two, four, and then five hours."""
    terms = TellAgain(every=HOUR, growing_to=5 * HOUR)
    course = Course(policy(step("sekda", wait=6000)), tell_again=terms).until(60 * 20)
    assert [t / 60 for t in course.times] == [0, 1, 3, 7, 12, 17]


def test_it_starts_small_again_after_a_restart():
    """The acknowledgement expired."""
    terms = TellAgain(every=HOUR, growing_to=8 * HOUR)
    course = Course(
        policy(step("sekda", "bkpsdm", wait=6000), acknowledge=Acknowledge(expires=HOUR)), tell_again=terms
    ).until(200)
    course.do(says("sekda", "taken"))
    course.until(261)
    course.news()
    course.until(60 * 8 + 20)
    assert [t - 260 for t in course.times if t > 261] == [60, 60, 180, 180]


def test_exhausted_and_open_it_goes_on():
    """Somebody of those asked may still take it."""
    course = told(TellAgain(every=HOUR), step("sekda", wait=10), until=59)
    course.until(60)
    assert course.sent == [("step", "sekda")]


def test_the_policys_quiet_hours_put_it_off():
    """It opens at ten in the morning and would be told again at half past."""
    course = Course(
        policy(step("sekda", wait=6000), quiet=Quiet(hours="10:20-12:00 local", levels=(3,))),
        tell_again=TellAgain(every=30 * MINUTE),
    ).until(121)
    assert course.times == [0, 120]


def test_nobody_left_to_tell_does_not_turn_in_circles():
    """All declined; the timer goes on quietly."""
    course = told(TellAgain(every=HOUR), step("sekda", wait=6000))
    course.do(says("sekda", "declined"))
    course.until(300)
    assert ("step", "sekda") not in course.sent
