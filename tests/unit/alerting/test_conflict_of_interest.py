"""Conflicts of interest: who is accused, who is told instead, and what if it shows later.

Specification: docs/specification/escalation.md#conflict-of-interest.
"""

import msgspec
import pytest

from engine.core.alerting.command import Attempted
from engine.core.alerting.conflict_of_interest import accused, exclusions, substitutes
from engine.core.alerting.directory import Deputy, Directory, Duty
from engine.core.alerting.policy import StepTarget
from tests.unit.alerting.cases import (
    CONTENTS,
    OFFICES,
    REGIONS,
    START,
    Course,
    evidence,
    joined,
    policy,
    says,
    step,
    without,
)

NAMED = (evidence(subject_role="sekda"),)


def test_holder_deputy_and_duty_of_the_named_office_are_accused():
    """Whoever bears the office at the event's region, nobody else."""
    contents = msgspec.structs.replace(
        CONTENTS,
        deputies=(Deputy(of="sekda", deputy="bkpsdm"), Deputy(of="sekda-prov", deputy="dirjen")),
        roster=(Duty(region="73.15", role="sekda", person="kesbangpol"),),
    )
    course = Course(contents=contents, seen=NAMED)
    assert accused(course.alert, Directory(contents), START) == {"sekda", "bkpsdm", "kesbangpol"}


def test_the_bypass_can_be_turned_off():
    """`bypass_subject: false`: the office named gets the alert as ever."""
    course = Course(policy(step("sekda"), bypass_subject=False), seen=NAMED).until(0)
    assert course.sent == [("first", "sekda")]


def test_an_accused_is_replaced_by_the_parent_office_and_the_inspectorate():
    """Both of them, and the history says why."""
    course = Course(policy(step("sekda")), seen=NAMED).until(0)
    assert course.sent == [("first", "sekda-prov"), ("first", "inspektorat-prov")]
    assert course.names("conflict_of_interest") == ["conflict_of_interest"]


def test_the_replacement_counts_from_the_office_in_which_the_accused_was_met():
    """A vacant regency falls to the accused province; so the nation is asked, not the province again."""
    seen = (evidence(region="73", subject_role="satpolpp"),)
    contents = msgspec.structs.replace(
        CONTENTS,
        assignments=(
            *CONTENTS.assignments,
            msgspec.structs.replace(CONTENTS.assignments[3], role="satpolpp"),
        ),
    )
    course = Course(policy(step("satpolpp")), contents, seen=seen).until(0)
    assert course.sent == [("first", "posko")]


@pytest.mark.parametrize(
    ("role", "region", "expected"),
    [
        ("sekda", "73.15", [("sekda", "73"), ("inspektorat", "73")]),
        ("sekda", "00", [("sekda", "00"), ("inspektorat", "00")]),
        ("", "73.15", [("inspektorat", "73")]),
    ],
)
def test_substitutes_are_the_same_role_at_the_parent_and_its_inspectorate(role, region, expected):
    """At the nation there is no parent; who has no office has only the inspectorate."""
    assert [(t.role, t.at) for t in substitutes(role, region, REGIONS)] == expected


def test_an_accused_is_told_through_no_other_door():
    """Neither by person, nor as one to inform, nor when the policy is exhausted."""
    terms = policy(
        step("bkpsdm", inform=(StepTarget(person="sekda"),)),
        step("kesbangpol"),
        inform=(StepTarget(role="sekda"),),
        on_exhausted=(StepTarget(person="sekda"), StepTarget(role="posko_nasional", at="nation")),
    )
    course = Course(terms, seen=NAMED).until(600)
    assert "sekda" not in {n.person for n in course.notifications.values()}


def test_a_conflict_is_the_stronger_reason():
    """Who declined and is accused is passed over as accused."""
    course = Course(seen=NAMED)
    alert = msgspec.structs.replace(course.alert, declined=("sekda", "bkpsdm"))
    expected = {"sekda": "conflict_of_interest", "bkpsdm": "declined"}
    assert exclusions(alert, course.around.directory, START) == expected


def test_who_is_named_later_gets_nothing_more_and_may_not_answer():
    """What waits is suppressed, an answer is refused, and the step ends since nobody of it can answer."""
    course = Course(policy(step("sekda"), step("province:sekda")))
    course.do(joined(subject_role="sekda"), 1)
    assert course.states("first")[0] == ("sekda", "suppressed", "conflict_of_interest")
    assert course.do(says("sekda", "taken")).refusal == "conflict_of_interest"
    assert [e.reason for e in course.history if e.name == "step_unreachable"] == ["conflict_of_interest"]
    course.until(1)
    assert course.sent == [("first", "sekda-prov")]


def test_no_follow_up_goes_to_who_was_told_and_is_accused_now():
    """Told at first, then named: neither `taken_by` nor `resolved`."""
    course = Course(policy(step("sekda", "bkpsdm"))).until(0)
    course.do(joined(subject_role="sekda"), 1)
    course.do(says("bkpsdm", "taken"), 2)
    course.do(says("bkpsdm", "resolved"), 3)
    course.until(3)
    assert course.sent == [("first", "sekda"), ("first", "bkpsdm")]


def test_a_risen_level_is_not_told_to_who_is_named_by_the_same_event():
    """Told at first; the event that raises the level names them."""
    course = Course(policy(step("sekda", "bkpsdm"))).until(0)
    course.do(joined(level=4, subject_role="sekda"), 1)
    assert course.states("step") == [("bkpsdm", "pending", "")]


def test_a_late_notice_to_an_accused_has_no_follow_up():
    """Handed over before they were named; the end is not told to them."""
    course = Course(policy(step("sekda")))
    course.claim()
    course.do(joined(subject_role="sekda"))
    course.do(says("desk", "resolved", is_operator=True))
    [notice, *_] = course.notifications
    assert course.do(Attempted(notification=notice, outcome="sent")).reason == "sent"
    assert course.states("resolved") == []


def test_where_no_substitute_exists_who_else_bears_the_office_is_told():
    """On duty for BKPSDM is the accused, its holder is not; nobody is above."""
    contents = msgspec.structs.replace(
        without(*(set(OFFICES) - {"sekda", "bkpsdm"})),
        roster=(Duty(region="73.15", role="bkpsdm", person="sekda"),),
    )
    course = Course(policy(step("bkpsdm")), contents, seen=NAMED).until(0)
    assert course.sent == [("first", "bkpsdm")]


def test_the_office_named_is_remembered_however_much_evidence_joins():
    """Evidence is bounded, but never loses an office that it names."""
    course = Course(policy(step("bkpsdm")))
    for number in range(2, 200):
        role = "sekda" if number == 50 else None
        course.do(joined(number, at=START + number, subject_role=role))
    assert accused(course.alert, course.around.directory, START) == {"sekda"}
