"""Whom a message goes to, on which contact, and what a failure leads to.

Specification: docs/specification/escalation.md#contacts, #message-kinds.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.command import Attempted, TimerDue
from engine.core.alerting.delivery import JITTER, LONGEST_RETRY, _wait
from engine.core.alerting.notification_planning import contacts_for
from engine.core.judging.instant import MINUTE, SECOND
from engine.core.judging.judgement import Undone
from tests.unit.alerting.cases import (
    CONTENTS,
    START,
    Course,
    contact,
    having,
    person,
    policy,
    says,
    step,
    target,
)

BOTH = person("sekda", "sms", "email")


def on(course, who="sekda"):
    """What went to a person's contacts: (contact, kind, state)."""
    return [
        (n.contact.partition("/")[2], n.kind, n.state)
        for n in course.notifications.values()
        if n.person == who
    ]


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((), ["x/sms/1", "x/email/1"]),
        (("email",), ["x/email/1"]),
        (("webhook",), ["x/sms/1"]),
        (("webhook", "email"), ["x/email/1"]),
    ],
)
def test_one_contact_a_channel_or_else_the_first_of_any(channels, expected):
    """The first by priority on each; where no channel of the step serves, one other."""
    contacts = (
        contact("x", "sms", 1, priority=1),
        contact("x", "sms", 2, priority=2),
        contact("x", "email", 1, priority=3),
    )
    someone = msgspec.structs.replace(person("x"), contacts=contacts)
    assert [c.id for c in contacts_for(someone, channels)] == expected


def test_a_personal_delay_puts_off_the_request_and_nothing_else():
    """SMS at once, e-mail after ten minutes, if still wanted."""
    slow = msgspec.structs.replace(
        BOTH, contacts=(BOTH.contacts[0], msgspec.structs.replace(BOTH.contacts[1], delay=10 * MINUTE))
    )
    course = Course(policy(step("sekda")), having(slow)).until(9)
    assert course.sent == [("first", "sekda")]
    course.until(10)
    assert (course.sent, course.times) == ([("first", "sekda")] * 2, [0, 10])


def test_an_acting_holder_is_told_as_such_in_every_message():
    """Notice, further notice and follow-up: the holding is that of when the person was found."""
    acting = msgspec.structs.replace(
        CONTENTS,
        assignments=tuple(
            msgspec.structs.replace(a, status="pj") if a.person == "sekda" else a
            for a in CONTENTS.assignments
        ),
    )
    course = Course(policy(step("sekda", wait=10), rounds_after_first=1), acting).until(15)
    course.do(says("desk", "resolved", is_operator=True))
    course.until(16)
    told = {(n.kind, n.person): n.status for n in course.notifications.values()}
    assert told == {
        ("first", "sekda"): "pj",
        ("step", "sekda"): "pj",
        ("resolved", "sekda"): "pj",
    }


def test_the_last_resort_is_told_without_delay():
    """`unreachable` is due at the instant of its cause (section 6)."""
    slow = msgspec.structs.replace(person("posko"), contacts=(contact("posko", "sms", delay=10 * MINUTE),))
    course = Course(policy(step("sekda", wait=5)), having(slow)).until(5)
    assert course.sent[-1] == ("unreachable", "posko")


def test_follow_ups_go_once_to_each_contact_on_which_a_notice_went_out():
    """Three notices on one phone, one `resolved`; nothing on an e-mail that never went."""
    course = Course(policy(step("sekda", wait=10, channels=("sms",)), rounds_after_first=2), having(BOTH))
    course.until(25)
    course.news()
    course.do(says("desk", "resolved", is_operator=True))
    course.until(26)
    assert course.sent == [("resolved", "sekda")]


def test_reminders_and_expiry_follow_the_notice():
    """Told by SMS only, so the expiry goes by SMS only."""
    course = Course(policy(step("sekda", channels=("sms",))), having(BOTH)).until(1)
    course.do(says("sekda", "taken"))
    course.until(800)
    assert [c for c, kind, _ in on(course) if kind == "expiry"] == ["sms/1"]


def test_nobody_is_told_the_end_who_was_not_told_the_beginning():
    """Pending at the closing: cancelled, and no `resolved`."""
    course = Course()
    course.do(says("desk", "resolved", is_operator=True))
    course.until(60)
    assert (course.sent, on(course)) == ([], [("sms/1", "first", "cancelled")])


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (says("desk", "resolved", is_operator=True), "resolved"),
        (says("desk", "taken", is_operator=True), "taken_by"),
        (Undone(ordinal=1, reason="refuted"), "correction"),
    ],
)
def test_a_notice_that_goes_out_late_is_followed_by_what_the_others_were_told(command, kind):
    """The gateway had it in hand when the alert changed."""
    course = Course()
    course.claim()
    course.do(command)
    [notice] = course.notifications
    course.do(Attempted(notification=notice, outcome="sent"))
    course.until(1)
    assert course.sent == [(kind, "sekda")]


def test_a_late_notice_does_not_repeat_a_follow_up_on_the_same_contact():
    """The phone got `resolved` already; the late `step` needs no second one."""
    course = Course(policy(step("sekda", wait=10), rounds_after_first=1)).until(9)
    course.now = START + 10 * MINUTE
    course.do(TimerDue())
    course.claim()
    late = next(n.id for n in course.notifications.values() if n.state == "sending")
    course.do(says("desk", "resolved", is_operator=True))
    course.do(Attempted(notification=late, outcome="sent"))
    assert [kind for _, kind, _ in on(course)] == ["first", "step", "resolved"]


def test_a_correction_after_the_closing_reaches_also_who_closed():
    """Undone when it was long resolved: history, and `correction` to all told."""
    course = Course().until(1)
    course.do(says("sekda", "resolved"))
    decision = course.do(Undone(ordinal=1, reason="corrected"), 2)
    course.until(2)
    assert [e.name for e in decision.history] == ["corrected"]
    assert course.sent[-1] == ("correction", "sekda")
    assert course.alert.resolved_reason == "by_hand"


def test_transient_failures_are_tried_three_times_then_the_next_contact_serves():
    """At 0, about 15 s and about 60 s; then the e-mail, at once."""
    course = Course(policy(step("sekda", channels=("sms",))), having(BOTH))
    course.down["sekda/sms/1"] = "transient"
    course.until(2)
    assert on(course) == [("sms/1", "first", "failed"), ("email/1", "first", "sent")]
    assert (course.names("fallback"), course.times[0]) == (["fallback"], pytest.approx(1, abs=0.2))


def test_a_permanent_failure_falls_back_at_once():
    """No second attempt."""
    course = Course(policy(step("sekda", channels=("sms",))), having(BOTH))
    course.down["sekda/sms/1"] = "permanent"
    course.until(0)
    assert on(course) == [("sms/1", "first", "failed"), ("email/1", "first", "sent")]


def test_a_contact_that_served_an_earlier_message_serves_the_next_one_too():
    """Round 2 fails on the phone again and falls back to the e-mail again."""
    course = Course(policy(step("sekda", wait=10, channels=("sms",)), rounds_after_first=1), having(BOTH))
    course.down["sekda/sms/1"] = "permanent"
    course.until(15)
    assert course.sent == [("first", "sekda"), ("step", "sekda")]


def test_fallback_ends_when_every_contact_has_failed():
    """Each contact once for one message, follow-ups too, and never in a circle."""
    three = person("sekda", "sms", "email", "webhook")
    course = Course(policy(step("sekda", "bkpsdm", channels=("sms",))), having(three)).until(1)
    course.down.update({c.id: "permanent" for c in three.contacts})
    course.do(says("bkpsdm", "taken"))
    course.until(2)
    assert [(c, state) for c, kind, state in on(course) if kind == "taken_by"] == [
        ("sms/1", "failed"),
        ("email/1", "failed"),
        ("webhook/1", "failed"),
    ]


@pytest.mark.parametrize("outcome", ["transient", "permanent"])
def test_a_failed_message_that_is_not_wanted_any_more_goes_nowhere_else(outcome):
    """Resolved while it was being handed over: neither another attempt nor another contact."""
    course = Course(policy(step("sekda", channels=("sms",))), having(BOTH))
    course.claim()
    course.do(says("desk", "resolved", is_operator=True))
    [notice] = course.notifications
    course.do(Attempted(notification=notice, outcome=outcome, reason="uji"))
    assert [state for *_, state in on(course)] == ["cancelled" if outcome == "transient" else "failed"]


def test_the_gateway_may_ask_for_more_patience():
    """`Retry-After` is obeyed where it is longer."""
    course = Course()
    course.claim()
    [notice] = course.notifications
    course.do(
        Attempted(notification=notice, outcome="transient", reason="429", retry_after=START + 9 * MINUTE)
    )
    assert course.next_due == START + 9 * MINUTE


@given(st.integers(1, 60), st.text(max_size=8))
def test_waits_grow_to_five_minutes_and_keep_to_the_jitter(attempts, name):
    """About 15 s, 45 s, then doubling; the same message waits the same time again."""
    notice = msgspec.structs.replace(next(iter(Course().notifications.values())), id=name, attempts=attempts)
    base = {1: 15 * SECOND, 2: 45 * SECOND, 3: 2 * MINUTE, 4: 4 * MINUTE}.get(attempts, LONGEST_RETRY)
    assert base * (1 - JITTER) <= _wait(notice) <= base * (1 + JITTER)
    assert _wait(notice) == _wait(notice)


def test_the_kind_is_first_until_a_notice_went_out():
    """Planned twice and not sent in between: still `first`."""
    course = Course(policy(step("sekda", wait=10), rounds_after_first=1))
    course.now = START + 10 * MINUTE
    course.do(TimerDue())
    assert [kind for _, kind, _ in on(course)] == ["first", "first"]


def test_one_informed_first_and_asked_later_gets_a_step():
    """Told again, now as a recipient."""
    course = Course(policy(step("sekda", inform=(target("bkpsdm"),)), step("bkpsdm"))).until(31)
    assert [(n.kind, n.informing) for n in course.notifications.values() if n.person == "bkpsdm"] == [
        ("first", True),
        ("step", False),
    ]


def test_a_late_failure_of_a_settled_message_ends_no_step():
    """Reported twice: nothing changes the second time."""
    course = Course().until(0)
    sent = next(iter(course.notifications))
    decision = course.do(Attempted(notification=sent, outcome="permanent", reason="uji"))
    assert (decision.reason, decision.history) == ("already_settled", ())
