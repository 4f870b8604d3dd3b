"""Delivery reports: states never go back, whatever order reports come in; a failure falls back.

Specification: docs/specification/escalation.md#delivery-reports.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.alert import FINAL
from engine.core.alerting.command import Attempted, Reported
from engine.core.judging.instant import MINUTE
from tests.unit.alerting.cases import Course, having, person, policy, says, step

BOTH = person("sekda", "sms", "email")
SMS_ALONE = policy(step("sekda", channels=("sms",)))


def course() -> Course:
    """An alert whose first notice, by SMS, was not sent yet; the person also has an e-mail address."""
    return Course(SMS_ALONE, having(BOTH))


def notice(course: Course):
    """The first notice."""
    return next(iter(course.notifications.values()))


def report(course: Course, outcome: str, *, minutes=None, **more) -> str:
    """Let the gateway say what became of the first notice."""
    decision = course.do(
        Reported(notification=notice(course).id, outcome=outcome, gateway="test", **more), minutes
    )
    return decision.reason


def contacts(course: Course) -> list[tuple[str, str]]:
    """What went to which channel, and its state."""
    return [(n.channel, n.state) for n in course.notifications.values()]


def test_delivered_changes_the_message_and_nothing_of_the_alert():
    sent = course()
    sent.deliver()
    before, told = sent.alert, len(sent.history)
    assert report(sent, "delivered", minutes=1) == "delivered"
    assert notice(sent).state == "delivered"
    assert (sent.alert, len(sent.history)) == (before, told)


def test_a_failure_falls_back_to_the_next_contact_with_an_entry():
    sent = course()
    sent.deliver()
    assert report(sent, "failed", minutes=2, reason="undelivered") == "undelivered"
    assert contacts(sent) == [("sms", "failed"), ("email", "pending")]
    assert (sent.history[-1].name, sent.history[-1].reason) == ("fallback", "undelivered")
    sent.until(2)
    assert contacts(sent) == [("sms", "failed"), ("email", "sent")]


def test_where_no_contact_is_left_the_step_ends():
    alone = Course(policy(step("sekda", channels=("sms",)), step("province:sekda")))
    alone.deliver()
    report(alone, "failed", minutes=2, reason="undelivered")
    assert "step_unreachable" in [entry.name for entry in alone.history]
    assert alone.alert.current.step == 2


def test_a_failure_of_what_is_not_wanted_any_more_goes_nowhere_else():
    sent = course()
    sent.deliver()
    sent.do(says("sekda", "taken"), 1)
    report(sent, "failed", minutes=2, reason="undelivered")
    assert contacts(sent) == [("sms", "failed")]


def test_a_report_may_overtake_our_own_record_of_the_receipt():
    """The late record changes nothing any more; the person counts as told from the report on."""
    claimed = course()
    claimed.claim()
    report(claimed, "delivered")
    assert (notice(claimed).state, notice(claimed).sent_at) == ("delivered", claimed.now)
    assert [entry.name for entry in claimed.history].count("notified") == 1
    late = claimed.do(Attempted(notification=notice(claimed).id, outcome="sent", gateway="test"))
    assert late.reason == "already_settled"
    assert notice(claimed).state == "delivered"
    assert [entry.name for entry in claimed.history].count("notified") == 1


def test_a_report_ends_the_retries_of_an_attempt_whose_outcome_was_unknown():
    """The answer of the gateway was lost, and yet it had taken the message."""
    unknown = course()
    unknown.claim()
    unknown.do(
        Attempted(notification=notice(unknown).id, outcome="transient", gateway="test", reason="timeout")
    )
    assert notice(unknown).state == "pending"
    report(unknown, "delivered")
    assert (notice(unknown).state, notice(unknown).due_at) == ("delivered", None)


def test_a_report_on_a_message_that_was_never_tried_says_nothing():
    waiting = course()
    assert report(waiting, "failed") == report(waiting, "delivered") == "already_settled"
    assert notice(waiting).state == "pending"


def sent_until(minutes: int) -> Course:
    """A notice sent through a gateway that owes a report within so many minutes."""
    sent = course()
    sent.claim()
    by = sent.now + minutes * MINUTE
    sent.do(Attempted(notification=notice(sent).id, outcome="sent", gateway="test", report_by=by))
    return sent


@pytest.mark.parametrize(("minutes", "state"), [(9.99, "sent"), (10, "failed"), (11, "failed")])
def test_a_report_that_stays_away_counts_from_its_time_on(minutes: float, state: str):
    sent = sent_until(10)
    report(sent, "missing", minutes=minutes, reason="no_report")
    assert notice(sent).state == state
    assert ("email" in [channel for channel, _ in contacts(sent)]) is (state == "failed")


def test_a_report_in_time_ends_the_waiting():
    sent = sent_until(10)
    report(sent, "delivered", minutes=5)
    assert notice(sent).due_at is None
    assert report(sent, "missing", minutes=10, reason="no_report") == "already_settled"
    assert notice(sent).state == "delivered"


COMMANDS = st.sampled_from(
    ["claim", "sent", "transient", "permanent", "delivered", "failed", "missing", "taken", "late"]
)


@given(st.lists(COMMANDS, max_size=12))
def test_no_order_of_receipts_and_reports_brings_a_state_back(names: list[str]):
    """A final state stays; at most one message goes elsewhere for it, and the chain of history is whole."""
    any_order = course()
    ranks = {"pending": 0, "sending": 0, "sent": 1}
    first = notice(any_order).id
    for name in names:
        before = any_order.notifications[first]
        if name == "claim":
            if before.state == "pending" and before.due_at <= any_order.now:
                any_order.notifications[first] = msgspec.structs.replace(before, state="sending")
        elif name in ("sent", "transient", "permanent"):
            if before.state != "sending":
                continue  # nothing was handed over
            any_order.do(
                Attempted(notification=first, outcome=name, reason="timeout", report_by=any_order.now)
            )
        elif name == "taken":
            any_order.do(says("sekda", "taken"))
        elif name == "late":
            any_order.now += MINUTE
        else:
            any_order.do(Reported(notification=first, outcome=name, reason="undelivered"))
        after = any_order.notifications[first]
        if before.state in FINAL:
            assert after == before
        elif name not in ("claim", "transient"):
            assert after.state in FINAL or ranks[after.state] >= ranks[before.state]
        assert (after.due_at is None) or not after.final
    assert sum(n.instead_of == first for n in any_order.notifications.values()) <= 1
