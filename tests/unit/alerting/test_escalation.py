"""The walk of the steps, on time: waits, skips, rounds, exhaustion, restarts, rising levels.

Specification: docs/specification/escalation.md#steps.
"""

import msgspec

from engine.core.alerting.command import EscalateNow, TimerDue
from engine.core.alerting.directory import Duty, HolderSpan
from engine.core.alerting.policy import Acknowledge, StepCondition
from engine.core.judging.instant import HOUR, MINUTE
from tests.unit.alerting.cases import (
    CONTENTS,
    START,
    Course,
    around,
    having,
    holder,
    joined,
    person,
    policy,
    says,
    step,
    target,
    without,
)


def timeline(course):
    """What went out as (minutes, kind, person)."""
    return [(at, *what) for at, what in zip(course.times, course.sent, strict=True)]


def runs(course):
    return [(run.round, run.step) for run in course.alert.runs]


def test_steps_follow_on_time_until_the_policy_is_exhausted():
    """Each wait counts from the start of its step; then `unreachable`, and the alert stays open."""
    course = Course(policy(step("sekda", wait=30), step("province:sekda", wait=10))).until(600)
    assert timeline(course) == [
        (0, "first", "sekda"),
        (30, "first", "sekda-prov"),
        (40, "unreachable", "posko"),
    ]
    assert (course.alert.status, course.alert.exhausted_at) == ("open", START + 40 * MINUTE)


def test_further_rounds_start_at_their_step():
    """`repeat: {times: 2, from_step: 2}`; people told before get `step`."""
    terms = policy(step("sekda", wait=10), step("province:sekda", wait=10), rounds_after_first=2, from_step=2)
    course = Course(terms).until(600)
    assert runs(course) == [(1, 1), (1, 2), (2, 2), (3, 2)]
    assert timeline(course)[2:] == [
        (20, "step", "sekda-prov"),
        (30, "step", "sekda-prov"),
        (40, "unreachable", "posko"),
    ]


def test_the_wait_runs_though_nothing_can_be_sent():
    """Messages that nobody sends do not hold the clock (docs/specification/escalation.md#start-of-a-step)."""
    course = Course()
    assert course.alert.wake_at == START + 30 * MINUTE


def test_a_step_below_its_level_is_skipped_and_the_next_tried_at_the_same_instant():
    """`when: {level: {at_least: awas}}` on a siaga alert (docs/specification/escalation.md#skipped-steps)."""
    terms = policy(step("sekda", when=StepCondition(level_at_least=4)), step("bkpsdm"))
    course = Course(terms).until(0)
    assert course.sent == [("first", "bkpsdm")]
    skipped = [(e.reason, e.details["step"]) for e in course.history if e.name == "step_skipped"]
    assert skipped == [("level", 1)]


def test_a_chain_of_skips_in_the_middle_leads_into_the_next_round_at_once():
    """After step 1 nothing else of the round has a recipient: the next round starts without a wait."""
    empty = step()
    terms = policy(step("sekda", wait=10), empty, empty, rounds_after_first=1)
    course = Course(terms).until(600)
    assert runs(course) == [(1, 1), (2, 1)]
    assert [at for at, kind, _ in timeline(course) if kind == "unreachable"] == [20]


def test_a_round_that_starts_no_step_ends_the_escalation_at_once():
    """The remaining rounds are not walked through (docs/specification/escalation.md#rounds)."""
    terms = policy(
        step("sekda", wait=10),
        step("bkpsdm", wait=10, when=StepCondition(level_at_least=4)),
        rounds_after_first=20,
        from_step=2,
    )
    course = Course(terms).until(600)
    assert timeline(course) == [(0, "first", "sekda"), (10, "unreachable", "posko")]
    assert len(course.names("step_skipped")) == 2


def test_where_no_step_has_a_recipient_the_alert_is_exhausted_at_its_opening():
    """`unreachable` at once (docs/specification/escalation.md#exhausted)."""
    course = Course(policy(step(), step())).until(0)
    assert (course.sent, course.alert.exhausted_at) == ([("unreachable", "posko")], START)


def test_where_nobody_is_found_at_all_the_reason_is_nobody():
    """No message; the history and a mark on the alert say so."""
    course = Course(policy(step("sekda")), without(*(p.id for p in CONTENTS.people))).until(600)
    assert (course.alert.nobody, course.sent, course.alert.wake_at) == (True, [], None)
    assert course.history[-1].reason == "nobody"


def test_one_person_reached_through_two_targets_is_one_recipient():
    """Sekda, and the office of sekda on duty by the same person."""
    contents = msgspec.structs.replace(
        CONTENTS, roster=(Duty(region="73.15", role="bkpsdm", person="sekda"),)
    )
    assert Course(policy(step("sekda", "bkpsdm")), contents).alert.current.recipients == ("sekda",)


def test_each_start_asks_the_directory_of_its_own_instant():
    """The holder changed between two rounds: the new one is told."""
    course = Course(policy(step("sekda", wait=10), rounds_after_first=1)).until(5)
    course.around = around(
        msgspec.structs.replace(
            CONTENTS,
            assignments=(*CONTENTS.assignments, holder("bkpsdm", "sekda", "73.15", status="plh")),
        )
    )
    course.until(10)
    assert course.sent == [("first", "sekda"), ("first", "bkpsdm")]


def test_one_to_inform_is_told_once_with_the_first_started_step():
    """Of the policy and of a step; not again when the step repeats."""
    terms = policy(
        step("sekda", wait=10, inform=(target("bkpsdm"),)),
        inform=(target("kesbangpol"), target("sekda")),
        rounds_after_first=1,
    )
    course = Course(terms).until(15)
    assert course.sent == [
        ("first", "sekda"),
        ("first", "bkpsdm"),
        ("first", "kesbangpol"),
        ("step", "sekda"),
    ]


def test_a_step_whose_every_message_failed_ends_at_once():
    """No wait for people whom nothing can reach (docs/specification/escalation.md#next-step-at-once)."""
    course = Course()
    course.down["sekda/sms/1"] = "permanent"
    course.until(0)
    assert course.sent == [("first", "sekda-prov")]
    assert course.names("step_unreachable") == ["step_unreachable"]


def test_one_recipient_who_can_answer_keeps_the_step():
    """Both failed would end it; one did not."""
    course = Course(policy(step("sekda", "bkpsdm"), step("province:sekda")))
    course.down["sekda/sms/1"] = "permanent"
    course.until(29)
    assert course.sent == [("first", "bkpsdm")]


def test_what_is_still_being_tried_for_ever_counts_as_failed():
    """The last contact goes on being tried, the step does not wait for it.

    Specification: docs/specification/escalation.md#failures.
    """
    course = Course()
    course.down["sekda/sms/1"] = "transient"
    course.until(2)
    assert course.sent == [("first", "sekda-prov")]
    assert course.states("first")[0] == ("sekda", "pending", "retrying")
    course.down.clear()
    course.until(20)
    assert course.sent == [("first", "sekda-prov"), ("first", "sekda")]


def test_who_was_told_before_can_answer_though_the_repeat_failed():
    """The first message arrived: its link still serves, so the step waits its time."""
    course = Course(policy(step("sekda", wait=10), rounds_after_first=1)).until(1)
    course.down["sekda/sms/1"] = "permanent"
    course.until(19)
    assert (course.alert.exhausted_at, course.names("step_unreachable")) == (None, [])


def test_a_taking_at_the_very_end_of_the_wait_is_in_time():
    """What people do at an instant goes before what falls due at it.

    Specification: docs/specification/escalation.md#order-at-an-instant.
    """
    course = Course().until(29)
    course.do(says("sekda", "taken"), 30)
    course.until(300)
    assert (course.alert.status, course.sent) == ("acknowledged", [("first", "sekda")])


def test_an_expired_taking_restarts_the_current_step_for_the_others():
    """`expiry` to the taker and not also `step`; `step` to the others; the full wait again."""
    terms = policy(step("sekda", "bkpsdm"), acknowledge=Acknowledge(expires=HOUR))
    course = Course(terms).until(5)
    course.do(says("sekda", "taken"))
    course.until(6)
    course.news()
    course.until(65)
    assert course.sent == [("expiry", "sekda"), ("step", "bkpsdm")]
    assert (course.alert.status, course.alert.takings) == ("open", ())
    assert course.alert.wake_at == START + (65 + 30) * MINUTE


def test_a_step_whose_only_recipient_let_it_expire_still_waits():
    """The `expiry` asks them once more; that is no failed message."""
    course = Course(policy(step("sekda"), step("bkpsdm"), acknowledge=Acknowledge(expires=HOUR))).until(5)
    course.do(says("sekda", "taken"))
    course.until(94)
    assert course.news() == [("first", "sekda"), ("expiry", "sekda")]
    course.until(95)
    assert course.news() == [("first", "bkpsdm")]


def test_reminders_go_to_the_taker_and_leave_the_rest_alone():
    """Each counted from the acknowledgement."""
    terms = policy(step("sekda"), acknowledge=Acknowledge(remind=(MINUTE, 2 * MINUTE), expires=None))
    course = Course(terms).until(5)
    course.do(says("sekda", "taken"))
    course.until(600)
    assert timeline(course)[1:] == [(6, "reminder", "sekda"), (7, "reminder", "sekda")]
    assert course.alert.wake_at is None


def test_a_restart_takes_back_what_earlier_starts_still_have_to_say():
    """Superseded, but who is only informed still hears it."""
    terms = policy(
        step("sekda", wait=10), step("bkpsdm", inform=(target("kesbangpol"),)),
        acknowledge=Acknowledge(expires=MINUTE),
    )  # fmt: skip
    course = Course(terms)
    course.do(says("sekda", "taken", is_operator=True))
    course.do(EscalateNow(person="x", is_operator=True), 0)
    course.do(says("x", "taken", is_operator=True))
    course.do(EscalateNow(person="x", is_operator=True), 0)
    assert course.states("first") == [
        ("sekda", "cancelled", "taken"),
        ("bkpsdm", "cancelled", "taken"),
        ("kesbangpol", "pending", ""),
    ]


def test_an_exhausted_alert_whose_taking_expires_tells_the_last_step_again_and_exhausts_again():
    """3.7: already exhausted, so only the last step, then 3.6 again."""
    terms = policy(step("sekda", wait=10), step("bkpsdm", wait=10), acknowledge=Acknowledge(expires=HOUR))
    course = Course(terms).until(21)
    course.do(says("posko", "taken"))
    course.until(22)
    course.news()
    course.until(600)
    assert timeline(course) == [(81, "expiry", "posko"), (81, "step", "bkpsdm"), (91, "unreachable", "posko")]


def test_a_level_that_rises_while_open_is_told_at_once_to_everybody_told_in_a_step():
    """Also to those informed; the wait and the takings stay."""
    terms = policy(step("sekda", "bkpsdm", need="all", inform=(target("kesbangpol"),)))
    course = Course(terms).until(1)
    course.do(says("sekda", "taken"))
    course.news()
    course.do(joined(level=4), 2)
    course.until(3)
    assert sorted(course.sent) == [("step", "bkpsdm"), ("step", "kesbangpol"), ("step", "sekda")]
    assert course.alert.wake_at == START + 30 * MINUTE
    assert [taking.person for taking in course.alert.takings] == ["sekda"]


def test_a_level_that_rises_before_anything_went_out_needs_no_second_message():
    """The message is worded when it goes out and says the new level."""
    course = Course()
    course.do(joined(level=4))
    course.until(0)
    assert course.sent == [("first", "sekda")]
    assert [n.level for n in course.notifications.values()] == [4]


def test_a_level_that_rises_replaces_what_is_already_worded_and_waits():
    """The first attempt failed; what is tried again must say the new level."""
    course = Course()
    course.down["sekda/sms/1"] = "transient"
    course.deliver(1)
    course.do(joined(level=4))
    assert course.states("first") == [("sekda", "cancelled", "superseded"), ("sekda", "pending", "")]


def test_a_level_that_rises_after_a_taking_opens_the_alert_again_and_restarts_the_step():
    """The former taker is told too, though the current step is another's."""
    course = Course().until(31)
    course.do(says("sekda", "taken"))
    course.until(32)
    course.news()
    course.do(joined(level=4), 40)
    course.until(41)
    assert course.news() == [("step", "sekda-prov"), ("step", "sekda")]
    assert (course.alert.status, course.alert.wake_at) == ("open", START + 70 * MINUTE)


def test_a_match_after_a_quiet_time_starts_the_first_step_anew():
    """Step 1 of round 1; nothing pending is cancelled (docs/specification/escalation.md#new-after-quiet)."""
    course = Course().until(31)
    course.do(joined(new_after_quiet=True), 45)
    course.until(46)
    assert runs(course) == [(1, 1), (1, 2), (1, 1)]
    assert course.sent[-1] == ("step", "sekda")


def test_a_match_of_an_exhausted_alert_starts_the_first_step_anew():
    """Somebody must hear of it."""
    course = Course(policy(step("sekda", wait=10))).until(11)
    course.do(joined(), 20)
    assert (course.alert.exhausted_at, course.alert.wake_at) == (None, START + 30 * MINUTE)


def test_a_match_that_raises_the_level_of_an_exhausted_alert_tells_each_person_once():
    """Both causes at once: anew, and the level."""
    course = Course(policy(step("sekda", wait=10), step("bkpsdm", wait=10))).until(25)
    course.news()
    course.do(joined(level=4), 30)
    course.until(30)
    assert course.sent == [("step", "sekda"), ("step", "bkpsdm")]
    assert runs(course)[-1] == (1, 1)


def test_a_step_that_also_runs_while_acknowledged_starts_on_time():
    """`when: {not_resolved: true}`; the step after it does not."""
    terms = policy(
        step("sekda"), step("bkpsdm", when=StepCondition(not_resolved=True)), step("kesbangpol"),
        acknowledge=Acknowledge(expires=None),
    )  # fmt: skip
    course = Course(terms).until(1)
    course.do(says("sekda", "taken"))
    course.until(600)
    assert course.sent == [("first", "sekda"), ("first", "bkpsdm")]
    assert (course.alert.status, course.alert.wake_at) == ("acknowledged", None)


def test_where_a_step_that_runs_while_acknowledged_finds_nobody_the_clock_stands():
    """Tried once; it neither exhausts a taken alert nor asks the clock again and again."""
    terms = policy(
        step("sekda"), step(when=StepCondition(not_resolved=True)), acknowledge=Acknowledge(expires=None)
    )
    course = Course(terms).until(1)
    course.do(says("sekda", "taken"))
    course.until(600)
    assert course.names("step_skipped", "exhausted") == ["step_skipped"]
    assert course.alert.wake_at is None


def test_escalating_by_hand_starts_the_next_step_now_and_takings_are_void():
    """From an acknowledged alert; the clock of the new step runs in full."""
    course = Course().until(1)
    course.do(says("sekda", "taken"))
    assert course.do(EscalateNow(person="sekda"), 2).reason == "escalated_by_hand"
    course.until(3)
    assert ("first", "sekda-prov") in course.sent
    assert (course.alert.status, course.alert.takings) == ("open", ())
    assert course.alert.wake_at == START + 32 * MINUTE


def test_escalating_by_hand_needs_a_notice_or_the_right_of_an_operator():
    """Refused by name otherwise, and after the end."""
    course = Course().until(1)
    assert course.do(EscalateNow(person="dirjen")).refusal == "not_told"
    course.do(says("sekda", "resolved"))
    assert course.do(EscalateNow(person="sekda")).refusal == "already_resolved"


def test_after_the_last_step_escalating_by_hand_exhausts():
    """Nothing is left: `unreachable`."""
    course = Course(policy(step("sekda"))).until(1)
    course.do(EscalateNow(person="sekda"), 2)
    course.until(2)
    assert course.sent[-1] == ("unreachable", "posko")


def test_what_is_overdue_runs_once_and_the_next_wait_counts_from_then():
    """After two hours of downtime one step starts, not four (docs/specification/escalation.md#downtime)."""
    course = Course(policy(step("sekda", wait=30), rounds_after_first=9)).until(0)
    course.do(TimerDue(), 120)
    assert (len(course.alert.runs), course.alert.wake_at) == (2, START + 150 * MINUTE)


def test_who_took_already_satisfies_a_later_step_that_needs_only_them():
    """Nobody is asked twice: the step is satisfied at its start (5, Need)."""
    terms = policy(step("sekda", "bkpsdm", need="all"), step("sekda"))
    course = Course(terms).until(1)
    assert course.do(says("sekda", "taken")).reason == "taken_need_not_met"
    course.until(30)
    assert (course.alert.status, course.alert.acknowledged_by) == ("acknowledged", "sekda")


def test_away_people_are_passed_over_with_their_reason_in_the_history():
    """Resolution (docs/specification/escalation.md#resolution) leaves its trace."""
    course = Course(contents=having(person("sekda", away=(HolderSpan(),))))
    passed = [(e.person, e.reason) for e in course.history if e.name == "recipient_passed_over"]
    assert passed == [("sekda", "away")]
