"""Hiding: which rule hides an alert, and what a hidden one does until it is shown.

Specification: docs/specification/escalation.md#restart-of-a-step, #silences.
"""

import msgspec
import pytest

from engine.core.alerting.command import EscalateNow, RecheckSilence, TimerDue
from engine.core.alerting.invariants import unaccounted_alerts
from engine.core.alerting.silence import inhibiting_rule
from engine.core.judging.judgement import Ended
from tests.unit.alerting.cases import START, Course, joined, says


def hidden(**words):
    """An alert at 73.15 that opened while one of the rule `banjir` was open in its province."""
    return Course(standing=(("banjir", "73"),), hide_while=("gempa", "banjir"), **words)


def look(course, *standing):
    """The alert looks while these are open."""
    course.around = msgspec.structs.replace(course.around, standing=standing)
    return course.do(RecheckSilence())


def names(course):
    return [entry.name for entry in course.history]


@pytest.mark.parametrize(
    ("region", "standing", "by"),
    [
        ("73.15", (("banjir", "73.15"),), "banjir"),
        ("73.15", (("banjir", "73"),), "banjir"),
        ("73.15", (("banjir", "00"),), "banjir"),
        ("73.15", (("banjir", "73.16"),), ""),
        ("73.15", (("banjir", "73.15.03"),), ""),
        ("73.15", (("banjir", "74"),), ""),
        ("73.15.03", (("banjir", "73.15"),), "banjir"),
        ("73.15.03", (("banjir", "73"),), ""),
        ("73", (("banjir", "00"),), "banjir"),
        ("00", (("banjir", "00"),), "banjir"),
        ("73.15", (("banjir", "73"), ("gempa", "00")), "gempa"),
        ("73.15", (("lain", "73.15"),), ""),
        ("73.15", (), ""),
    ],
)
def test_the_region_its_parent_and_the_nation(region, standing, by):
    """The first rule of the list that has one names the reason."""
    assert inhibiting_rule(("gempa", "banjir"), region, standing) == by


def test_hidden_it_is_recorded_and_nobody_is_told():
    course = hidden()
    first = course.history[0]
    assert (first.name, first.reason, course.alert.hidden) == ("hidden", "hidden:banjir", "banjir")
    assert (course.sent, course.alert.notifications, course.alert.runs) == ([], (), ())
    assert unaccounted_alerts([course.alert], (), ()) == set()


def test_it_looks_once_more_after_its_own_commit_and_then_waits_to_be_woken():
    """What hid it may have closed between the decision and the commit, when nobody could know of this one yet."""
    course = hidden()
    assert course.alert.cover_changes_at == START
    look(course, ("banjir", "73"))
    assert (course.alert.cover_changes_at, course.alert.wake_at, course.alert.hidden) == (
        None,
        None,
        "banjir",
    )


def test_shown_it_starts_its_first_step():
    course = hidden()
    course.now += 60_000
    look(course)
    course.deliver()
    assert names(course)[-1] != "hidden"
    assert {"shown", "restarted", "step_started"} <= set(names(course))
    assert course.sent == [("first", "sekda")]
    assert (course.alert.hidden, course.alert.current.started_at) == ("", START + 60_000)


def test_another_rule_may_go_on_hiding_it():
    course = hidden()
    look(course, ("gempa", "73.15"))
    assert (course.alert.hidden, course.sent, "shown" in names(course)) == ("gempa", [], False)


@pytest.mark.parametrize(
    "command",
    [
        TimerDue(),
        EscalateNow(person="op", is_operator=True),
        joined(),
        joined(level=4),
        joined(new_after_quiet=True),
    ],
)
def test_nothing_starts_a_step_while_it_is_hidden(command):
    course = hidden()
    course.do(command)
    course.until(600)
    assert (course.sent, course.alert.runs, course.alert.hidden) == ([], (), "banjir")


def test_who_took_a_hidden_alert_is_not_told_of_it_when_it_is_shown():
    """An acknowledged one tells nobody."""
    course = hidden()
    course.do(says("op", "taken", "console", is_operator=True))
    look(course)
    course.deliver()
    assert (course.alert.status, course.sent) == ("acknowledged", [])


def test_what_ends_while_hidden_is_never_shown():
    course = hidden()
    course.do(Ended(ordinal=1, at=START, reason="no_longer_true"))
    look(course)
    course.deliver()
    assert (course.alert.status, course.sent, "shown" in names(course)) == ("resolved", [], False)


def test_what_another_cause_keeps_hidden_is_not_shown_by_a_closing():
    """A reload records openings before the rule as hidden; no other rule has to do with that."""
    course = hidden()
    course.alert = msgspec.structs.replace(course.alert, hidden="before_rule")
    look(course)
    assert course.alert.hidden == "before_rule"


def test_it_may_only_open_hidden():
    """A rule that opens later hides nothing that people know of already."""
    course = Course(hide_while=("banjir",))
    look(course, ("banjir", "73"))
    course.deliver()
    assert (course.alert.hidden, course.sent) == ("", [("first", "sekda")])
