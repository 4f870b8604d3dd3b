"""The question asked right before each attempt: is this still wanted?.

Specification: docs/specification/escalation.md#last-check, #gates.
"""

from typing import get_args

import msgspec
import pytest

from engine.core.alerting.alert import AFTER_CLOSING, NoticeKind
from engine.core.alerting.command import TimerDue
from engine.core.alerting.directory import PassedOver
from engine.core.alerting.gates import PERSON, attempt
from engine.core.alerting.policy import StepCondition
from tests.unit.alerting.cases import (
    START,
    Course,
    around,
    contact,
    evidence,
    having,
    joined,
    person,
    policy,
    says,
    step,
    target,
)


def ask(course, notification, **changes):
    """What the gates say of a notification, with some fields changed."""
    asked = msgspec.structs.replace(notification, **changes)
    held = attempt(course.alert, asked, course.around, course.now)
    return held and held[:2]


def notice(course, who="sekda"):
    return next(n for n in course.notifications.values() if n.person == who)


def test_the_gates_of_a_person_are_the_reasons_of_being_passed_over():
    """The list is code, documentation and label set at once; only vacancy is an office's reason."""
    assert set(PERSON) == set(get_args(PassedOver)) - {"vacant"}


def test_what_is_wanted_passes_every_gate():
    """An open alert, a good contact, nobody took it."""
    course = Course()
    assert ask(course, notice(course)) is None


@pytest.mark.parametrize("kind", get_args(NoticeKind))
def test_after_the_end_only_what_tells_of_the_end_goes_out(kind):
    """resolved, correction and reply; all else is cancelled."""
    course = Course()
    course.do(says("x", "resolved", is_operator=True))
    expected = None if kind in AFTER_CLOSING else ("cancelled", "resolved")
    assert ask(course, notice(course), kind=kind) == expected


@pytest.mark.parametrize(
    ("kind", "informing", "expected"),
    [
        ("first", False, ("cancelled", "taken")),
        ("step", False, ("cancelled", "taken")),
        ("first", True, None),
        ("unreachable", False, ("cancelled", "taken")),
        ("taken_by", False, None),
        ("reminder", False, None),
        ("expiry", False, ("cancelled", "superseded")),
    ],
)
def test_while_somebody_has_it_nobody_is_asked(kind, informing, expected):
    """Who is only informed still hears of it; an expiry of an earlier taking is of yesterday."""
    course = Course()
    course.do(says("x", "taken", is_operator=True))
    assert ask(course, notice(course), kind=kind, informing=informing) == expected


@pytest.mark.parametrize("kind", ["taken_by", "reminder"])
def test_once_nobody_has_it_any_more_nobody_is_told_who_has_it(kind):
    """The acknowledgement ended before the message went."""
    course = Course()
    assert ask(course, notice(course), kind=kind) == ("cancelled", "superseded")


def test_a_step_that_runs_while_acknowledged_is_wanted_then():
    """`not_resolved: true`."""
    terms = policy(step("bkpsdm"), step("sekda", when=StepCondition(not_resolved=True)))
    course = Course(terms).until(29)
    course.do(says("bkpsdm", "taken"))
    course.do(TimerDue(), 30)
    assert ask(course, notice(course)) is None


def test_who_took_is_not_asked_again_until_the_level_rises():
    """Planned before the taking: cancelled; planned by the rise after it: wanted.

    Specification: docs/specification/escalation.md#level-rises.
    """
    course = Course(policy(step("sekda", "bkpsdm", need="all"))).until(1)
    course.do(says("sekda", "taken"))
    assert ask(course, notice(course), state="pending") == ("cancelled", "taken")
    course.do(joined(level=4))
    course.until(2)
    assert course.sent[-2:] == [("step", "sekda"), ("step", "bkpsdm")]


def test_what_was_claimed_in_the_millisecond_of_the_taking_is_not_wanted():
    """What came first is told by the history, not by the clock."""
    course = Course(policy(step("sekda"))).until(1)
    course.do(joined(level=4))
    course.claim()
    course.do(says("sekda", "taken"))
    (told_again,) = [n for n in course.notifications.values() if n.kind == "step"]
    assert (told_again.state, told_again.planned_at) == ("sending", course.alert.takings[0].at)
    assert ask(course, told_again) == ("cancelled", "taken")


def test_a_start_before_a_restart_is_superseded_also_when_it_was_claimed():
    """The claim was under way when the level took the acknowledgement back."""
    course = Course(policy(step("sekda", "bkpsdm")))
    course.deliver(1)
    course.claim()
    course.do(says("sekda", "taken"))
    course.do(joined(level=4), 1)
    held = {n.contact: ask(course, n) for n in course.notifications.values() if n.state == "sending"}
    assert held == {"bkpsdm/sms/1": ("cancelled", "superseded")}


def test_a_declined_alert_is_not_sent():
    """For the life of the alert."""
    course = Course()
    course.alert = msgspec.structs.replace(course.alert, declined=("sekda",))
    assert ask(course, notice(course)) == ("cancelled", "declined")


@pytest.mark.parametrize(
    ("kind", "expected"), [("first", ("suppressed", "conflict_of_interest")), ("reply", None)]
)
def test_an_accused_gets_nothing_but_replies(kind, expected):
    """Accused at the instant of the attempt."""
    course = Course()
    course.alert = msgspec.structs.replace(course.alert, evidence=(evidence(subject_role="sekda"),))
    assert ask(course, notice(course), kind=kind) == expected


@pytest.mark.parametrize(
    "now",
    [
        person("sekda", "email"),
        msgspec.structs.replace(person("sekda"), contacts=(contact("sekda", "sms", verified=False),)),
    ],
)
def test_a_contact_that_is_gone_or_not_verified_is_not_used(now):
    """Removed from the directory, or withdrawn."""
    course = Course()
    held = attempt(course.alert, notice(course), around(having(now)), START)
    assert held is not None
    assert held[:2] == ("suppressed", "contact_gone")


def test_the_first_gate_that_holds_names_the_reason():
    """Resolved and without contact: resolved."""
    course = Course(policy(step("sekda", inform=(target("bkpsdm"),))))
    course.do(says("x", "resolved", is_operator=True))
    course.around = Course(contents=having(person("sekda", "email"))).around
    assert ask(course, notice(course)) == ("cancelled", "resolved")
