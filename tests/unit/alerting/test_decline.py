"""Declining: who is dropped, what ends, what comes back; and the renewal by a reminder's link."""

from engine.core.alerting.policy import Acknowledge
from engine.core.judging.instant import HOUR, MINUTE
from tests.unit.alerting.cases import START, Course, having, joined, person, policy, says, step

TWO = (step("sekda", "bkpsdm"), step("province:sekda"))


def told(terms=None):
    """Sekda and BKPSDM were told a minute ago."""
    course = Course(terms or policy(*TWO)).until(1)
    course.news()
    return course


def test_who_declined_hears_nothing_more():
    """Not the rise, not the end."""
    course = told()
    course.do(says("sekda", "declined"))
    course.do(joined(level=4))
    course.do(says("bkpsdm", "resolved"), 2)
    course.until(3)
    assert [who for _, who in course.sent if who == "sekda"] == []


def test_what_still_waits_for_who_declined_is_cancelled():
    """Reason `declined`."""
    course = Course(policy(step("sekda", "bkpsdm")), having(person("sekda", "sms", "email")))
    course.deliver(1)
    course.do(says("sekda", "declined"))
    assert course.states("first")[:2] == [("sekda", "sent", ""), ("sekda", "cancelled", "declined")]


def test_the_step_ends_at_once_when_all_have_declined():
    """The next one starts now."""
    course = told()
    course.do(says("sekda", "declined"))
    assert course.alert.current.step == 1
    decision = course.do(says("bkpsdm", "declined"), 5)
    assert [e.name for e in decision.history][1:3] == ["step_declined", "step_started"]
    assert course.alert.current.started_at == START + 5 * MINUTE


def test_a_step_that_needs_all_needs_only_those_who_did_not_decline():
    """The last who stays out completes it for the others."""
    course = told(policy(step("sekda", "bkpsdm", need="all")))
    course.do(says("sekda", "taken"))
    assert course.alert.status == "open"
    course.do(says("bkpsdm", "declined"))
    assert (course.alert.status, course.alert.acknowledged_by) == ("acknowledged", "sekda")


def test_a_second_decline_is_a_repeat():
    """Nothing changes."""
    course = told()
    course.do(says("sekda", "declined"))
    assert course.do(says("sekda", "declined")).repeated


def test_who_declined_by_mistake_may_still_take():
    """A person who has it after all is worth more than a rule."""
    course = told()
    course.do(says("sekda", "declined"))
    assert course.do(says("sekda", "taken")).reason == "taken"
    assert (course.alert.declined, course.alert.acknowledged_by) == ((), "sekda")


def test_the_only_taker_who_withdraws_opens_it_and_the_next_step_starts_now():
    """`taker_withdrew`; Batal after a wrong tap."""
    course = told()
    course.do(says("sekda", "taken"))
    decision = course.do(says("sekda", "declined"), 7)
    assert (decision.reason, course.alert.status, course.alert.takings) == ("taker_withdrew", "open", ())
    assert (course.alert.expires_at, course.alert.acknowledged_by) == (None, "")
    assert [(e.name, e.reason) for e in decision.history][:2] == [
        ("answered", "declined"),
        ("returned", "taker_withdrew"),
    ]
    course.until(8)
    assert course.sent == [("first", "sekda-prov")]


def test_the_only_taker_who_withdraws_after_the_last_step_exhausts_it():
    """Nobody is left to ask: the posko hears it."""
    course = told(policy(step("sekda")))
    course.do(says("sekda", "taken"))
    course.do(says("sekda", "declined"))
    course.until(2)
    assert course.sent == [("unreachable", "posko")]


def test_another_who_declines_what_is_taken_is_recorded():
    """Nothing else changes."""
    course = told()
    course.do(says("sekda", "taken"))
    course.until(2)
    course.news()
    decision = course.do(says("bkpsdm", "declined"))
    assert (decision.reason, decision.notifications, course.alert.status) == ("declined", (), "acknowledged")


def test_one_of_two_takers_withdraws_and_the_other_has_it():
    """All told hear who it is now."""
    course = told(policy(step("sekda", "bkpsdm", "kesbangpol", need=2)))
    course.do(says("sekda", "taken"))
    course.do(says("bkpsdm", "taken"))
    course.until(2)
    course.news()
    course.do(says("bkpsdm", "declined"))
    course.until(3)
    assert (course.alert.status, course.alert.acknowledged_by) == ("acknowledged", "sekda")
    assert course.sent == [("taken_by", "kesbangpol")]


def test_every_taker_is_reminded_and_hears_of_the_expiry():
    """And who did not take is asked anew."""
    terms = policy(
        step("sekda", "bkpsdm", "kesbangpol", need=2),
        acknowledge=Acknowledge(expires=2 * HOUR, remind=(HOUR,)),
    )
    course = told(terms)
    course.do(says("sekda", "taken"))
    course.do(says("bkpsdm", "taken"))
    course.until(2)
    course.news()
    course.until(61)
    assert course.news() == [("reminder", "sekda"), ("reminder", "bkpsdm")]
    course.until(121)
    assert course.news() == [("expiry", "sekda"), ("expiry", "bkpsdm"), ("step", "kesbangpol")]


def reminded():
    """Sekda took, and was reminded an hour later."""
    course = told(policy(*TWO, acknowledge=Acknowledge(expires=4 * HOUR, remind=(HOUR,))))
    course.do(says("sekda", "taken"))
    course.until(70)
    return course


def of_kind(course, kind):
    """The message of a kind."""
    return next(n.id for n in course.notifications.values() if n.kind == kind)


def test_the_link_of_a_reminder_renews_once():
    """The second POST of the same link is a repeat."""
    course = reminded()
    reminder = of_kind(course, "reminder")
    assert course.do(says("sekda", "taken", notification=reminder)).reason == "renewed"
    assert course.alert.expires_at == START + (70 + 240) * MINUTE
    assert course.do(says("sekda", "taken", notification=reminder), 71).repeated


def test_the_link_of_the_first_message_renews_nothing():
    """It said all it had to say."""
    course = reminded()
    assert course.do(says("sekda", "taken", notification=of_kind(course, "first"))).repeated
