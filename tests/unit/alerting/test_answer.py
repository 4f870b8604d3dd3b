"""What people's answers do in each status: the status table, row by row.

Specification: docs/specification/escalation.md#status-table.
"""

from typing import get_args

import pytest

from engine.core.alerting.alert import AlertStatus
from engine.core.alerting.answer import REFUSALS, TABLE
from engine.core.alerting.command import GRADES, Comment, EscalateNow, Says, TimerDue
from engine.core.alerting.policy import Acknowledge
from engine.core.judging.instant import HOUR, MINUTE
from tests.unit.alerting.cases import START, Course, joined, policy, says, step, target

TWO = (step("sekda", "bkpsdm"),)


def told(status="open", terms=None):
    """Sekda and BKPSDM were told; Sekda took, and closed, as the status says. Dirjen was told nothing."""
    course = Course(terms or policy(*TWO)).until(1)
    if status != "open":
        course.do(says("sekda", "taken"))
    if status == "resolved":
        course.do(says("sekda", "resolved"))
    course.until(2)
    course.news()
    return course


RESULTS = {
    ("open", "seen"): ("seen", "open"),
    ("acknowledged", "seen"): ("seen", "acknowledged"),
    ("resolved", "seen"): ("seen", "resolved"),
    ("open", "taken"): ("taken", "acknowledged"),
    ("acknowledged", "taken"): ("also_taken", "acknowledged"),
    ("resolved", "taken"): ("already_resolved", "resolved"),
    ("open", "resolved"): ("resolved", "resolved"),
    ("acknowledged", "resolved"): ("confirmation_needed", "acknowledged"),
    ("resolved", "resolved"): ("already_resolved", "resolved"),
    ("open", "delegated"): ("delegated", "open"),
    ("acknowledged", "delegated"): ("already_taken", "acknowledged"),
    ("resolved", "delegated"): ("already_resolved", "resolved"),
    ("open", "declined"): ("declined", "open"),
    ("acknowledged", "declined"): ("declined", "acknowledged"),
    ("resolved", "declined"): ("already_resolved", "resolved"),
    ("open", "reopened"): ("not_resolved", "open"),
    ("acknowledged", "reopened"): ("not_resolved", "acknowledged"),
    ("resolved", "reopened"): ("not_closer", "resolved"),
    ("open", "escalate"): ("escalated_by_hand", "open"),
    ("acknowledged", "escalate"): ("escalated_by_hand", "open"),
    ("resolved", "escalate"): ("already_resolved", "resolved"),
    ("open", "comment"): ("commented", "open"),
    ("acknowledged", "comment"): ("commented", "acknowledged"),
    ("resolved", "comment"): ("commented", "resolved"),
}
ANSWERS = [pair for pair in RESULTS if pair[1] in get_args(Says)]


def command(who, what, **more):
    """What a person says, or does by another command; passed on is it to Kesbangpol."""
    if what == "escalate":
        return EscalateNow(person=who)
    if what == "comment":
        return Comment(person=who, note_digest="d")
    return says(who, what, to="kesbangpol" if what == "delegated" else "", **more)


def test_the_table_has_a_row_for_every_pair():
    """Every status and every word an answer can say; and the other commands of people."""
    pairs = {(status, what) for what, row in TABLE.items() for status in row}
    assert pairs == set(ANSWERS) == {(s, w) for s in get_args(AlertStatus) for w in get_args(Says)}
    assert set(RESULTS) - pairs == {(s, w) for s in get_args(AlertStatus) for w in ("escalate", "comment")}


@pytest.mark.parametrize(("status", "what"), RESULTS)
def test_another_recipient_says_it(status, what):
    """BKPSDM, who was told and took nothing: the result or the named refusal."""
    reason, after = RESULTS[status, what]
    course = told(status)
    decision = course.do(command("bkpsdm", what))
    expected = (reason, after, reason if reason in REFUSALS else "")
    assert (decision.reason, decision.alert.status, decision.refusal) == expected


@pytest.mark.parametrize(("status", "what"), [pair for pair in RESULTS if pair[1] != "comment"])
def test_a_refusal_changes_nothing_but_the_history(status, what):
    """Who was not told is refused in every status, and said so."""
    course = told(status)
    before = course.alert
    decision = course.do(command("dirjen", what))
    assert (decision.refusal, decision.notifications) == ("not_told", ())
    assert [(e.name, e.reason, e.person) for e in decision.history] == [
        ("answer_refused", "not_told", "dirjen")
    ]
    same = ("status", "takings", "seen", "wake_at", "runs", "notifications")
    assert [getattr(course.alert, f) for f in same] == [getattr(before, f) for f in same]


@pytest.mark.parametrize(("status", "what"), ANSWERS)
def test_the_taker_says_it(status, what):
    """Sekda, who took and closed: what they said before by the same way is a repeat and changes nothing."""
    course = told(status)
    before = course.alert
    decision = course.do(says("sekda", what))
    repeats = {("acknowledged", "taken"), ("resolved", "resolved")}
    assert decision.repeated is ((status, what) in repeats)
    if decision.repeated:
        assert (decision.alert, decision.history, decision.notifications) == (before, (), ())


def test_what_another_has_taken_is_closed_by_a_confirmation_with_a_reason():
    """Neither alone will do; who has taken it is not asked (docs/specification/trust.md#closing)."""
    for given in ({}, {"confirmed": True}, {"note_digest": "d"}):
        assert told("acknowledged").do(says("bkpsdm", "resolved", **given)).refusal == "confirmation_needed"
    confirmed = says("bkpsdm", "resolved", confirmed=True, note_digest="d")
    assert told("acknowledged").do(confirmed).alert.status == "resolved"
    assert told("acknowledged").do(says("sekda", "resolved")).alert.status == "resolved"


def test_the_closer_is_refused_a_taking_after_the_end():
    """`already_resolved` is the answer to everything but `seen` and the same closing."""
    assert told("resolved").do(says("sekda", "taken")).refusal == "already_resolved"


def test_the_grades_of_the_ways_are_those_of_the_design():
    """SMS without its code 1, with it 2, link 3, console and API 4, proxy counts as 2."""
    assert GRADES == {"link": 3, "sms": 2, "console": 4, "api": 4, "proxy": 2}
    assert says("sekda", "taken", via="sms", coded=False).grade == 1


@pytest.mark.parametrize("status", ["open", "acknowledged"])
@pytest.mark.parametrize("what", ["taken", "resolved"])
def test_a_grade_too_low_is_refused_and_recorded_as_seen(status, what):
    """A policy that asks for grade 3, answered by an SMS with its code."""
    course = Course(policy(*TWO, acknowledge=Acknowledge(grade=3))).until(1)
    if status == "acknowledged":
        course.do(says("sekda", "taken"))
    decision = course.do(says("bkpsdm", what, via="sms"))
    assert (decision.refusal, decision.alert.status, decision.alert.seen) == (
        "grade_too_low",
        status,
        ("bkpsdm",),
    )
    assert [(e.name, e.reason) for e in decision.history] == [
        ("answered", "seen"),
        ("answer_refused", "grade_too_low"),
    ]


def test_a_grade_of_one_is_read_as_two():
    """A link is enough for `grade: 1`."""
    course = Course(policy(*TWO, acknowledge=Acknowledge(grade=1))).until(1)
    assert course.do(says("sekda", "taken")).reason == "taken"


def test_who_is_only_informed_may_only_say_seen():
    """Told, but not asked (docs/specification/escalation.md#who-may-answer)."""
    course = Course(policy(step("sekda", inform=(target("kesbangpol"),)))).until(1)
    assert course.do(says("kesbangpol", "taken")).refusal == "not_told"
    assert course.do(says("kesbangpol", "seen")).reason == "seen"


def test_who_was_not_told_yet_may_not_answer():
    """The message is planned and nobody has it."""
    assert Course().do(says("sekda", "taken")).refusal == "not_told"


def test_who_has_a_message_that_its_gateway_did_not_confirm_may_answer():
    """Handed over, then silence: the person may have it in hand."""
    course = Course()
    course.down["sekda/sms/1"] = "transient"
    course.deliver(1)
    assert course.states("first") == [("sekda", "pending", "uji")]
    assert course.do(says("sekda", "taken")).reason == "taken"


def test_an_answer_while_the_message_is_being_handed_over_counts():
    """Claimed, not confirmed yet."""
    course = Course()
    course.claim()
    assert course.do(says("sekda", "taken")).reason == "taken"


@pytest.mark.parametrize(
    ("need", "takers", "status"),
    [
        ("one", 1, "acknowledged"),
        ("all", 2, "open"),
        ("all", 3, "acknowledged"),
        (2, 1, "open"),
        (2, 2, "acknowledged"),
        (9, 2, "open"),
        (9, 3, "acknowledged"),
    ],
)
def test_a_step_is_satisfied_by_as_many_takings_as_it_needs(need, takers, status):
    """One, all, or n, which is at most the number of recipients (docs/specification/escalation.md#need)."""
    course = Course(policy(step("sekda", "bkpsdm", "kesbangpol", need=need))).until(1)
    for who in ("sekda", "bkpsdm", "kesbangpol")[:takers]:
        course.do(says(who, "taken"))
    assert course.alert.status == status
    last = ("sekda", "bkpsdm", "kesbangpol")[takers - 1]
    assert course.alert.acknowledged_by == (last if status == "acknowledged" else "")


def test_takings_of_two_steps_are_counted_step_by_step():
    """Any started step that is satisfied acknowledges; one taking each of two steps that need two does not."""
    terms = policy(step("sekda", "bkpsdm", need=2), step("province:sekda", "kesbangpol", need=2))
    course = Course(terms).until(31)
    results = [course.do(says(who, "taken")).reason for who in ("sekda", "sekda-prov", "bkpsdm")]
    assert results == ["taken_need_not_met", "taken_need_not_met", "taken"]


def test_who_took_gets_nothing_more_while_the_need_is_not_met():
    """A second round asks only the other."""
    course = Course(policy(step("sekda", "bkpsdm", need="all", wait=10), rounds_after_first=1)).until(1)
    course.do(says("sekda", "taken"))
    course.news()
    course.until(15)
    assert course.sent == [("step", "bkpsdm")]


def test_a_taking_takes_back_at_once_what_still_waits_for_the_taker():
    """Though the need is not met, and the other is still asked."""
    course = Course(policy(step("sekda", "bkpsdm", need="all")))
    course.deliver(1)
    course.do(joined(level=4), 1)
    course.do(says("sekda", "taken"))
    assert [(n.person, n.state) for n in course.notifications.values()] == [
        ("sekda", "sent"),
        ("bkpsdm", "pending"),
        ("sekda", "cancelled"),
    ]


def test_an_operator_always_satisfies():
    """Though the step needs all, and the operator was never told."""
    course = Course(policy(step("sekda", "bkpsdm", need="all"))).until(1)
    assert course.do(says("desk", "taken", via="console", is_operator=True)).reason == "taken"
    assert course.alert.acknowledged_by == "desk"


def test_a_recipient_of_unreachable_always_satisfies():
    """The last resort need not be one of a step."""
    course = Course(policy(step("sekda", "bkpsdm", need="all", wait=1))).until(5)
    assert course.do(says("posko", "taken")).reason == "taken"


def test_a_taking_takes_back_every_request_that_still_waits():
    """Of all recipients; the others who were told learn who has it, inform people too, the taker does not."""
    terms = policy(step("sekda", "bkpsdm", inform=(target("kesbangpol"),)), step("province:sekda"))
    course = Course(terms).until(31)
    course.news()
    course.do(says("sekda", "taken"))
    course.until(32)
    assert course.sent == [(("taken_by"), who) for who in ("bkpsdm", "kesbangpol", "sekda-prov")]


def test_what_is_pending_is_cancelled_as_taken():
    """Sekda-prov was planned but not sent when Sekda took."""
    course = Course().until(29)
    course.now = START + 30 * MINUTE
    course.do(TimerDue())
    course.do(says("sekda", "taken"))
    assert course.states("first")[1] == ("sekda-prov", "cancelled", "taken")


def test_a_new_act_of_the_taker_renews_reminders_and_expiry():
    """By SMS; the same POST again would change nothing."""
    terms = policy(*TWO, acknowledge=Acknowledge(expires=4 * HOUR, remind=(HOUR,)))
    course = Course(terms).until(1)
    course.do(says("sekda", "taken"))
    assert course.do(says("sekda", "taken", via="sms"), 61).reason == "renewed"
    assert (course.alert.remind_at, course.alert.expires_at) == (
        (START + 121 * MINUTE,),
        START + (61 + 240) * MINUTE,
    )


def test_a_second_taker_is_recorded_and_nothing_else_changes():
    """`also_taken`, once."""
    course = told("acknowledged")
    wake = course.alert.wake_at
    assert course.do(says("bkpsdm", "taken")).notifications == ()
    assert course.do(says("bkpsdm", "taken")).repeated
    assert (course.alert.also_taken, course.alert.wake_at, course.alert.acknowledged_by) == (
        ("bkpsdm",),
        wake,
        "sekda",
    )


def test_who_had_also_taken_is_heard_again_after_the_expiry():
    """The acknowledgement is over, and so is what was said beside it."""
    course = Course(policy(*TWO, acknowledge=Acknowledge(expires=HOUR))).until(1)
    course.do(says("sekda", "taken"))
    course.do(says("bkpsdm", "taken"))
    course.until(62)
    reasons = [course.do(says(who, "taken")).reason for who in ("sekda", "bkpsdm")]
    assert reasons == ["taken", "also_taken"]


def test_closing_tells_all_who_were_told_except_who_closed():
    """`resolved`, and everything else that waits is cancelled."""
    course = Course(policy(step("sekda", "bkpsdm", inform=(target("kesbangpol"),)))).until(1)
    course.news()
    course.do(says("sekda", "resolved"), 2)
    assert (course.alert.resolved_reason, course.alert.resolved_by, course.alert.wake_at) == (
        "by_hand",
        "sekda",
        None,
    )
    course.until(3)
    assert course.sent == [("resolved", "bkpsdm"), ("resolved", "kesbangpol")]


def test_a_comment_is_recorded_in_every_status():
    """Its text lies elsewhere; the history has the digest."""
    for status in get_args(AlertStatus):
        course = told(status)
        decision = course.do(Comment(person="sekda", note_digest="d"))
        assert [(e.name, e.details) for e in decision.history] == [("commented", {"note": "d"})]


def test_the_history_of_a_proxy_answer_keeps_the_operator_and_the_note():
    """Who typed it in, and the digest of what was said."""
    course = told()
    entry = course.do(says("sekda", "taken", via="proxy", operator="op", note_digest="d")).history[0]
    assert entry.details == {"via": "proxy", "grade": 2, "operator": "op", "note": "d"}
