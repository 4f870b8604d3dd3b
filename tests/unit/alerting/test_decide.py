"""What judging and time do to an alert: openings, joins, re-datings, ends, undoings, wakings.

Specification: docs/specification/escalation.md#status-table.
"""

import msgspec
import pytest

from engine.core.alerting.alert import EVIDENCE_KEPT
from engine.core.alerting.command import NoteRuleSetChange, TimerDue, Withheld
from engine.core.alerting.decide import decide, open_alert
from engine.core.alerting.policy import Acknowledge, StepCondition
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Ended, Opened, Redated, Undone
from tests.credentials import OPERATOR
from tests.unit.alerting.cases import (
    START,
    Course,
    around,
    evidence,
    having,
    joined,
    opening,
    person,
    policy,
    says,
    step,
)


def test_an_opening_makes_an_open_alert_that_tells_its_first_step():
    """All of it in one decision: alert, messages, history, and when to look again."""
    decision = open_alert(opening(policy(), level=4), around(), START, by=OPERATOR)
    alert = decision.alert
    assert (alert.status, alert.level, alert.detected_at, alert.wake_at) == (
        "open",
        4,
        START,
        START + 30 * MINUTE,
    )
    assert [(n.kind, n.person, n.due_at) for n in decision.notifications] == [("first", "sekda", START)]
    assert [entry.name for entry in decision.history] == ["opened", "step_started"]


def test_an_opening_is_no_change_of_an_existing_alert():
    """It makes another one."""
    course = Course()
    with pytest.raises(TypeError):
        course.do(opening(policy()))
    with pytest.raises(TypeError):
        course.do(Opened(happened_at=START, evidence=(evidence(),), level=3))


def test_an_opening_without_evidence_has_its_instant_as_floor():
    """An absence has no event; what happened before it opens nothing again."""
    command = opening(policy())
    command = msgspec.structs.replace(command, opened=msgspec.structs.replace(command.opened, evidence=()))
    assert open_alert(command, around(), START, by=OPERATOR).alert.floor == (START, "", "")


def test_a_join_adds_evidence_and_tells_nobody():
    """Without a cause in `tell_again` (docs/specification/escalation.md#telling-again)."""
    course = Course().until(1)
    decision = course.do(joined(2, at=START + 5, figure=2.0))
    assert (decision.reason, decision.notifications) == ("joined", ())
    alert = course.alert
    assert (alert.evidence_count, alert.figure, alert.floor.id) == (2, 2.0, "e2")


def test_the_floor_never_falls_by_a_late_match():
    """It is the newest evidence in event order, not the last to arrive."""
    course = Course()
    course.do(joined(2, at=START - 5))
    assert (course.alert.floor.id, course.alert.evidence[0].id) == ("e1", "e2")


def test_a_match_of_a_closed_alert_is_history_only():
    """Evidence, figure and floor were settled at the closing."""
    course = Course().until(1)
    course.do(says("sekda", "resolved"))
    before = course.alert
    assert course.do(joined(2, at=START - 5, level=4, figure=9.0)).reason == "closed"
    same = ("evidence", "figure", "floor", "level", "status", "wake_at")
    assert [getattr(course.alert, f) for f in same] == [getattr(before, f) for f in same]


def test_evidence_is_bounded_and_its_count_is_not():
    """The first third and the newest stay, in event order."""
    course = Course()
    for number in range(2, 201):
        course.do(joined(number, at=START + number))
    kept = [e.id for e in course.alert.evidence]
    first = EVIDENCE_KEPT // 3
    expected = range(1, first + 1), range(201 - (EVIDENCE_KEPT - first), 201)
    assert kept == [f"e{n}" for part in expected for n in part]
    assert course.alert.evidence_count == 200


def test_a_late_report_redates_and_keeps_what_joined():
    """History, no message."""
    course = Course().until(1)
    course.do(joined(2, at=START + 5))
    late = Redated(happened_at=START - HOUR, evidence=(evidence(3, START - HOUR), evidence()))
    decision = course.do(late)
    assert (decision.reason, decision.notifications) == ("redated", ())
    assert [e.id for e in course.alert.evidence] == ["e3", "e1", "e2"]
    assert (course.alert.happened_at, course.alert.evidence_count) == (START - HOUR, 3)


def test_a_withdrawal_redates_and_drops_what_was_withdrawn():
    """The opening moves later; its former evidence is no more, what joined after stays."""
    course = Course(seen=(evidence(1, START - 9), evidence(2, START)))
    course.do(joined(4, at=START + 9))
    course.do(
        Redated(happened_at=START + 5, evidence=(evidence(2), evidence(3, START + 5)), reason="refuted")
    )
    assert [e.id for e in course.alert.evidence] == ["e2", "e3", "e4"]
    assert [e.reason for e in course.history if e.name == "redated"] == ["refuted"]


@pytest.mark.parametrize("status", ["open", "acknowledged"])
@pytest.mark.parametrize("reason", ["no_longer_true", "event", "quiet"])
def test_when_the_condition_is_over_the_alert_is_resolved_and_all_told_hear_it(status, reason):
    """Takers too."""
    course = Course().until(1)
    if status == "acknowledged":
        course.do(says("sekda", "taken"))
    course.do(Ended(at=START, reason=reason), 2)
    course.until(2)
    assert (course.alert.resolved_reason, course.sent[-1]) == (reason, ("resolved", "sekda"))


@pytest.mark.parametrize("status", ["open", "acknowledged"])
@pytest.mark.parametrize("reason", ["late_report", "corrected", "refuted"])
def test_what_is_undone_is_resolved_with_a_correction_instead(status, reason):
    """`correction` (then no `resolved`)."""
    course = Course().until(1)
    if status == "acknowledged":
        course.do(says("sekda", "taken"))
    course.do(Undone(reason=reason), 2)
    course.until(2)
    assert (course.alert.resolved_reason, course.news()[-1:]) == (reason, [("correction", "sekda")])


def test_the_end_of_a_condition_that_ended_is_nothing():
    """No entry, no message, no other reason."""
    course = Course().until(1)
    course.do(says("sekda", "resolved"))
    decision = course.do(Ended(at=START, reason="event"))
    assert (decision.history, decision.notifications, course.alert.resolved_reason) == ((), (), "by_hand")


@pytest.mark.parametrize("taken", [False, True])
def test_waking_early_or_twice_changes_nothing(taken):
    """Only what is due is done, and once."""
    course = Course(policy(step("sekda"), acknowledge=Acknowledge(remind=(HOUR,), expires=2 * HOUR)))
    course.until(1)
    if taken:
        course.do(says("sekda", "taken"))
    early = course.do(TimerDue(), 2)
    course.until(70)
    again = course.do(TimerDue())
    assert [(d.reason, d.history, d.notifications) for d in (early, again)] == [("nothing_due", (), ())] * 2


def test_a_resolved_alert_is_never_woken():
    """No due instant is left."""
    course = Course().until(1)
    course.do(says("sekda", "resolved"))
    decision = course.do(TimerDue(), 600)
    assert (decision.reason, decision.alert.wake_at) == ("nothing_due", None)


def test_a_decision_does_not_touch_what_it_was_given():
    """Pure: the values before are as they were (docs/specification/trust.md#one-way-to-change-an-alert)."""
    course = Course().until(1)
    before, notifications = course.alert, dict(course.notifications)
    decide(before, course.notifications, says("sekda", "taken"), course.around, course.now, by=OPERATOR)
    assert (course.alert, course.notifications) == (before, notifications)


def test_a_message_that_is_not_wanted_any_more_ends_with_the_gates_reason():
    """Its contact was withdrawn: the message is suppressed, and a step that nobody can hear of ends at once."""
    course = Course()
    (waiting,) = course.alert.notifications
    course.around = around(having(msgspec.structs.replace(person("sekda"), contacts=())))
    decision = course.do(Withheld(notification=waiting))
    assert [(n.id, n.state, n.reason) for n in decision.notifications if n.id == waiting] == [
        (waiting, "suppressed", "contact_gone")
    ]
    assert "step_unreachable" in [entry.name for entry in decision.history]


def test_a_message_that_is_still_wanted_stays_as_it_is():
    """The check that found it unwanted was overtaken."""
    course = Course()
    (waiting,) = course.alert.notifications
    decision = course.do(Withheld(notification=waiting))
    assert (decision.reason, decision.notifications, decision.history) == ("wanted", (), ())


def test_what_was_over_before_its_rule_is_recorded_and_told_to_nobody():
    """Hidden, resolved in the same commit, without a message and without a due instant; no line says that it closed."""
    opened = opening(policy())
    opened = msgspec.structs.replace(
        opened,
        opened=msgspec.structs.replace(opened.opened, reason="before_rule"),
        author="a",
        approved_by="b",
    )
    hidden = open_alert(opened, around(), START, by=OPERATOR)
    assert (hidden.alert.hidden, hidden.alert.wake_at, hidden.notifications) == ("before_rule", None, ())
    assert (hidden.alert.rule.author, hidden.alert.rule.approved_by) == ("a", "b")
    over = decide(
        hidden.alert, {}, Ended(ordinal=1, at=START, reason="before_rule"), around(), START, by=OPERATOR
    )
    assert (over.alert.status, over.alert.resolved_reason) == ("resolved", "no_longer_true")
    assert [entry.name for entry in (*hidden.history, *over.history)] == ["hidden"]
    assert over.notifications == ()


def test_a_told_alert_that_a_late_report_puts_before_its_rule_is_no_longer_true():
    course = Course().until(1)
    course.do(Ended(at=START, reason="before_rule"), 2)
    course.until(2)
    assert (course.alert.resolved_reason, course.sent[-1]) == ("no_longer_true", ("resolved", "sekda"))


def test_a_reload_leaves_an_open_alert_as_it_is_and_says_so():
    """Its rule's version and its policy stay; a resolved one is not even remarked on."""
    course = Course().until(1)
    before = course.alert
    course.do(NoteRuleSetChange(reason="rule_changed", version="neu"))
    kept = course.history[-1]
    assert (kept.name, kept.reason, kept.details) == ("reload_kept", "rule_changed", {"version": "neu"})
    assert (course.alert.rule, course.alert.policy, course.alert.wake_at) == (
        before.rule,
        before.policy,
        before.wake_at,
    )
    course.do(Ended(at=START, reason="quiet"), 2)
    assert course.do(NoteRuleSetChange(reason="rule_removed")).history == ()


def test_after_a_taking_a_skipped_step_gives_way_to_the_next_that_runs_on_and_to_no_other():
    on, awas = StepCondition(not_resolved=True), StepCondition(not_resolved=True, level_at_least=4)
    for last, started in ((on, 3), (StepCondition(), 1)):
        steps = (
            step("sekda", wait=10),
            step("province:sekda", wait=10, when=awas),
            step("nation:dirjen_otda", wait=10, when=last),
        )
        course = Course(policy(*steps))
        course.deliver(5)
        course.do(says("sekda", "taken", "sms"))
        course.until(30)
        assert course.alert.current.step == started
        assert course.alert.status == "acknowledged"
