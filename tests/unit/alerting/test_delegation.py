"""Passing the matter on: who may be a delegate, what acceptance and refusal do, and for whom a taking counts."""

import msgspec
import pytest

from engine.core.alerting.command import TimerDue
from engine.core.alerting.directory import ALWAYS
from engine.core.alerting.policy import Acknowledge
from engine.core.judging.instant import HOUR, MINUTE
from tests.unit.alerting.cases import (
    START,
    Course,
    around,
    evidence,
    having,
    person,
    policy,
    says,
    step,
    target,
)

TWO = (step("sekda", "bkpsdm"), step("province:sekda"))


def told(terms=None, **words):
    """Sekda and BKPSDM were told a minute ago."""
    course = Course(terms or policy(*TWO), **words).until(1)
    course.news()
    return course


def passed_on(course=None, giver="sekda", to="kesbangpol"):
    """Sekda passed the matter on to Kesbangpol, who was told so."""
    course = course or told()
    course.do(says(giver, "delegated", to=to))
    course.until(2)
    course.news()
    return course


def test_the_delegate_is_told_and_the_clock_runs_on():
    """`delegated`, and nothing else."""
    course = told()
    wake_at = course.alert.wake_at
    decision = course.do(says("sekda", "delegated", to="kesbangpol"))
    assert [(n.kind, n.person, n.role, n.office) for n in decision.notifications] == [
        ("delegated", "kesbangpol", "kesbangpol", "73.15")
    ]
    assert (course.alert.status, course.alert.wake_at) == ("open", wake_at)
    assert [(e.name, e.person) for e in decision.history] == [
        ("answered", "sekda"),
        ("delegated", "kesbangpol"),
    ]


def test_the_same_again_changes_nothing():
    """The second tap of one thumb."""
    course = passed_on()
    decision = course.do(says("sekda", "delegated", to="kesbangpol"))
    assert (decision.repeated, decision.history, decision.notifications) == (True, (), ())


@pytest.mark.parametrize(
    ("to", "refusal"),
    [
        ("nobody", "delegate_unknown"),
        ("", "delegate_unknown"),
        ("sekda", "delegate_self"),
        ("dirjen", "delegate_no_contact"),
        ("kesbangpol", "delegate_conflict_of_interest"),
        ("bkpsdm", "delegate_declined"),
    ],
)
def test_a_delegate_must_be_known_reachable_and_not_accused(to, refusal):
    """Every obstacle has its name, and the alert stays as it was."""
    course = told(
        policy(*TWO), contents=having(person("dirjen", "")), seen=(evidence(subject_role="kesbangpol"),)
    )
    dumb = msgspec.structs.replace(person("dirjen"), contacts=())
    course.around = around(having(dumb))
    course.do(says("bkpsdm", "declined"))
    before = course.alert
    decision = course.do(says("sekda", "delegated", to=to))
    assert (decision.refusal, decision.notifications) == (refusal, ())
    assert course.alert.delegations == before.delegations == ()


def test_a_delegate_who_is_away_is_refused():
    """They cannot take it."""
    course = told()
    course.around = around(having(person("kesbangpol", away=(ALWAYS,))))
    assert course.do(says("sekda", "delegated", to="kesbangpol")).refusal == "delegate_away"


def test_what_still_waits_for_the_giver_is_taken_back():
    """Also what a dispatcher has claimed already: the last check holds it back."""
    course = Course(policy(step("sekda")), having(person("sekda", "sms", "email")))
    course.deliver(1)
    course.do(says("sekda", "delegated", to="kesbangpol"))
    assert course.states("first") == [("sekda", "sent", ""), ("sekda", "cancelled", "delegated")]
    claimed = Course(policy(step("sekda")), having(person("sekda", "sms", "email")))
    claimed.deliver(1)
    claimed.claim()
    waiting = claimed.waiting[0]
    claimed.do(says("sekda", "delegated", to="kesbangpol"))
    claimed.notifications[waiting.id] = msgspec.structs.replace(waiting, due_at=claimed.now)
    claimed.deliver()
    assert claimed.notifications[waiting.id].reason == "delegated"


def test_a_taking_by_the_delegate_counts_for_the_giver():
    """The delegate acknowledges; the giver and the others learn who has it."""
    course = passed_on()
    decision = course.do(says("kesbangpol", "taken"))
    assert (decision.reason, course.alert.status, course.alert.acknowledged_by) == (
        "taken",
        "acknowledged",
        "kesbangpol",
    )
    course.until(3)
    assert course.sent == [("taken_by", "sekda"), ("taken_by", "bkpsdm")]


def test_a_delegate_counts_for_one_of_all():
    """A step that needs all still waits for the other."""
    course = passed_on(told(policy(step("sekda", "bkpsdm", need="all"))))
    assert course.do(says("kesbangpol", "taken")).reason == "taken_need_not_met"
    assert course.do(says("bkpsdm", "taken")).reason == "taken"


def test_the_delegate_of_a_delegate_counts_for_both():
    """Down the chain."""
    course = passed_on(passed_on(), "kesbangpol", "sekda-prov")
    assert course.do(says("sekda-prov", "taken")).reason == "taken"
    assert course.alert.acknowledged_by == "sekda-prov"


def test_a_circle_of_delegations_ends_with_whoever_takes():
    """Passed on and passed back: nobody waits for ever."""
    course = passed_on(passed_on(), "kesbangpol", "sekda")
    assert course.do(says("sekda", "taken")).reason == "taken"


def test_a_delegate_who_declines_gives_it_back():
    """The giver is told `delegated` again, as returned; nothing else changes."""
    course = passed_on()
    wake_at = course.alert.wake_at
    decision = course.do(says("kesbangpol", "declined"))
    assert [(n.kind, n.person, n.returned) for n in decision.notifications] == [("delegated", "sekda", True)]
    assert (course.alert.status, course.alert.wake_at, course.alert.delegations) == ("open", wake_at, ())
    assert [(e.name, e.person) for e in decision.history][-1] == ("returned", "sekda")
    assert course.do(says("sekda", "taken")).reason == "taken"


def test_the_matter_can_be_passed_on_to_another_person_after_it_came_back():
    """But not to who declined it."""
    course = passed_on()
    course.do(says("kesbangpol", "declined"))
    assert course.do(says("sekda", "delegated", to="kesbangpol")).refusal == "delegate_declined"
    assert course.do(says("sekda", "delegated", to="bkpsdm")).reason == "delegated"


def test_another_delegate_replaces_the_first():
    """What still waits for the first is superseded."""
    course = told()
    course.do(says("sekda", "delegated", to="kesbangpol"))
    course.do(says("sekda", "delegated", to="sekda-prov"))
    assert course.states("delegated") == [
        ("kesbangpol", "cancelled", "superseded"),
        ("sekda-prov", "pending", ""),
    ]
    assert [d.delegate for d in course.alert.delegations] == ["sekda-prov"]


def test_the_taker_stays_taker_until_the_delegate_takes():
    """Then the delegate is the taker, with the whole time ahead; all told hear who has it now."""
    course = told(policy(*TWO, acknowledge=Acknowledge(expires=4 * HOUR, remind=(HOUR,))))
    course.do(says("sekda", "taken"))
    passed_on(course)
    assert (course.alert.acknowledged_by, course.alert.status) == ("sekda", "acknowledged")
    course.news()
    assert course.do(says("kesbangpol", "taken"), 30).reason == "taken"
    assert [taking.person for taking in course.alert.takings] == ["kesbangpol"]
    assert (course.alert.acknowledged_by, course.alert.expires_at) == (
        "kesbangpol",
        START + (30 + 240) * MINUTE,
    )
    course.until(31)
    assert course.news() == [("taken_by", "sekda"), ("taken_by", "bkpsdm")]
    course.until(91)
    assert course.sent == [("reminder", "kesbangpol")]


def test_only_the_taker_passes_on_what_is_taken():
    """Anybody else is told that it is in hand."""
    course = told()
    course.do(says("sekda", "taken"))
    assert course.do(says("bkpsdm", "delegated", to="kesbangpol")).refusal == "already_taken"


def test_a_delegate_who_declines_what_is_taken_leaves_it_with_the_taker():
    """Who is told that it is theirs alone again."""
    course = told()
    course.do(says("sekda", "taken"))
    passed_on(course)
    course.do(says("kesbangpol", "declined"))
    course.until(3)
    assert (course.alert.status, course.alert.acknowledged_by, course.sent) == (
        "acknowledged",
        "sekda",
        [("delegated", "sekda")],
    )


def test_a_delegate_who_comes_late_is_told_who_has_it():
    """Passed on while open; then another took."""
    course = passed_on()
    course.do(says("bkpsdm", "taken"))
    assert course.do(says("kesbangpol", "taken")).reason == "also_taken"


def test_a_delegate_of_the_last_resort_satisfies_alone():
    """`unreachable` told the posko, who passed it on, and so did the delegate."""
    course = Course(policy(step("sekda", "bkpsdm", need="all", wait=1))).until(5)
    course = passed_on(passed_on(course, "posko", "kesbangpol"), "kesbangpol", "inspektorat-prov")
    assert course.do(says("inspektorat-prov", "taken")).reason == "taken"


def test_a_giver_who_declines_later_leaves_the_delegate_free_to_take():
    """The step ends, the matter is in good hands all the same."""
    course = passed_on(told(policy(step("sekda"), step("province:sekda"))))
    course.do(says("sekda", "declined"))
    assert course.do(says("kesbangpol", "taken")).reason == "taken"


def test_the_step_waits_for_the_delegate_though_the_givers_messages_failed():
    """They answered on the phone, by the desk's hand."""
    course = Course(policy(step("sekda"), step("province:sekda")))
    course.down["sekda/sms/1"] = "transient"
    course.deliver(1)
    course.do(says("sekda", "delegated", via="proxy", operator="op", to="kesbangpol"))
    course.until(5)
    assert ("first", "sekda-prov") not in course.sent


def test_an_informed_person_may_not_pass_on():
    """Not asked, so nothing is theirs."""
    course = told(policy(step("sekda", inform=(target("kesbangpol"),))))
    assert course.do(says("kesbangpol", "delegated", to="bkpsdm")).refusal == "not_told"


def test_a_restart_asks_the_giver_again():
    """The acknowledgement expired; what was passed on before holds nothing back now."""
    course = passed_on(told(policy(*TWO, acknowledge=Acknowledge(expires=HOUR))))
    course.do(says("kesbangpol", "taken"))
    course.news()
    course.until(63)
    course.do(TimerDue())
    assert sorted(set(course.sent) - {("taken_by", "sekda"), ("taken_by", "bkpsdm")}) == [
        ("expiry", "kesbangpol"),
        ("step", "bkpsdm"),
        ("step", "sekda"),
    ]
