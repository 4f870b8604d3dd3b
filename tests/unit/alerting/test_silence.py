"""Silences: which alerts they mean, what they hold back, and what their end does.

Specification: docs/specification/escalation.md#silences.
"""

import msgspec
import pytest

from engine.core.alerting.alert import AFTER_CLOSING
from engine.core.alerting.command import EscalateNow, RecheckSilence, TimerDue
from engine.core.alerting.policy import Acknowledge
from engine.core.alerting.silence import Match, Silence, covering_silence, next_change
from engine.core.judging.instant import HOUR, MINUTE
from tests.unit.alerting.cases import START, Course, evidence, joined, policy, says, step


def silence(since=0, until=60, match=None, name="s1", **more):
    """A silence over 73.15, from and until so many minutes after the start."""
    return Silence(
        id=name,
        match=match or Match(region=("73.15",)),
        since=START + since * MINUTE,
        until=START + until * MINUTE,
        reason="uji",
        author="op",
        **more,
    )


def silenced(course, *silences):
    """These silences are made now (none: all are ended), and the alert looks."""
    course.around = msgspec.structs.replace(course.around, silences=silences)
    return course.do(RecheckSilence())


# --- which alerts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        (Match(region=("73.15",)), True),
        (Match(region=("73",)), True),
        (Match(region=("00",)), True),
        (Match(region=("73.*",)), True),
        (Match(region=("73.16", "73.15")), True),
        (Match(region=("73.16",)), False),
        (Match(region=("73.1",)), False),
        (Match(rule=("uji",)), True),
        (Match(rule=("uj*",)), True),
        (Match(rule=("lain",)), False),
        (Match(level=(3,)), True),
        (Match(level=(2, 4)), False),
        (Match(kind=("conflict.*",)), True),
        (Match(kind=("uji",)), True),
        (Match(kind=("voting.*",)), False),
        (Match(policy=("uji",)), True),
        (Match(policy=("lain",)), False),
        (Match(incident=("A",)), True),
        (Match(incident=("B",)), False),
        (Match(region=("73.15",), rule=("lain",)), False),
    ],
)
def test_every_key_must_hold(match, meant):
    """A star ends a prefix; a region holds for what lies in it."""
    seen = (evidence(kind="uji", incident="A"), evidence(2, kind="conflict.clash"))
    assert match.meets(Course(seen=seen).alert) is meant


@pytest.mark.parametrize(("level", "awas", "covered"), [(3, False, True), (4, False, False), (4, True, True)])
def test_awas_is_covered_only_where_the_silence_says_so(level, awas, covered):
    """Nobody sleeps through awas by accident."""
    alert = Course(level=level).alert
    assert (covering_silence(alert, [silence(include_awas=awas)], START) is not None) is covered


def test_a_silence_covers_from_its_start_to_just_before_its_end():
    """[from, until)."""
    alert, one = Course().alert, silence(10, 20)
    ends = (one.since - 1, one.since, one.until - 1, one.until)
    assert [covering_silence(alert, [one], at) is not None for at in ends] == [False, True, True, False]
    assert [next_change(alert, [one], at) for at in ends] == [one.since, one.until, one.until, None]


def test_a_silence_ended_before_it_began_never_covers():
    """From is until."""
    alert, one = Course().alert, silence(10, 10)
    assert (covering_silence(alert, [one], one.since), next_change(alert, [one], START)) == (None, None)


# --- what it holds back ---------------------------------------------------------------------------------------------


def test_an_alert_opens_silenced_and_its_first_step_starts_at_the_end():
    """The whole wait lies before it then."""
    course = Course(silences=(silence(),))
    assert (course.alert.silenced, course.alert.runs, course.alert.wake_at) == ("s1", (), None)
    assert course.names() == ["opened", "silenced"]
    course.until(91)
    assert list(zip(course.sent, course.times, strict=True)) == [
        (("first", "sekda"), 60),
        (("first", "sekda-prov"), 90),
    ]


def test_what_waits_when_the_cover_begins_is_suppressed():
    """At its due instant; the end tells anew."""
    course = Course()
    silenced(course, silence())
    course.until(61)
    assert course.states("first") == [("sekda", "suppressed", "silenced"), ("sekda", "sent", "")]
    assert "step_unreachable" not in course.names()


def test_the_step_clock_stands_and_the_end_restarts_the_current_step():
    """Takings count no more, as in every restart."""
    course = Course(policy(step("sekda", "bkpsdm", need=2), step("province:sekda"))).until(10)
    course.do(says("sekda", "taken"))
    silenced(course, silence(10, 120))
    assert course.alert.wake_at is None
    course.news()
    course.until(120)
    assert course.sent == [("step", "sekda"), ("step", "bkpsdm")]
    assert (course.alert.takings, course.alert.current.ends_at) == ((), START + 150 * MINUTE)


def test_an_acknowledged_alert_tells_nobody_at_the_end():
    """It has a taker."""
    course = Course().until(1)
    course.do(says("sekda", "taken"))
    silenced(course, silence())
    course.news()
    course.until(61)
    assert (course.sent, course.alert.silenced) == ([], "")


def test_the_expiry_runs_under_a_silence():
    """Open again, nobody told; the end starts the step anew for the taker too."""
    course = Course(policy(acknowledge=Acknowledge(expires=HOUR, remind=(20 * MINUTE,)))).until(1)
    course.do(says("sekda", "taken"))
    silenced(course, silence(0, 180))
    course.news()
    course.until(62)
    assert (course.alert.status, course.sent) == ("open", [])
    assert course.states("reminder", "expiry") == [("sekda", "suppressed", "silenced")] * 2
    course.until(181)
    assert course.sent == [("step", "sekda")]


def test_how_it_ended_is_told_under_a_silence():
    """`resolved` and corrections go out."""
    course = Course().until(1)
    silenced(course, silence())
    course.do(says("op", "resolved", via="console", is_operator=True))
    course.until(2)
    assert course.sent[-1][0] in AFTER_CLOSING
    assert (course.alert.silenced, course.alert.cover_changes_at) == ("", None)


def test_a_delegate_is_told_under_a_silence():
    """An official asked, not the engine."""
    course = Course().until(1)
    silenced(course, silence())
    course.do(says("sekda", "delegated", to="kesbangpol"))
    course.until(2)
    assert course.sent[-1] == ("delegated", "kesbangpol")


def test_a_rise_to_awas_ends_the_cover_at_once():
    """The current step starts anew, and nobody hears it twice."""
    course = Course().until(5)
    silenced(course, silence())
    course.news()
    course.do(joined(level=4), 10)
    course.until(10)
    assert (course.sent, course.alert.silenced) == ([("step", "sekda")], "")
    assert course.alert.current.started_at == START + 10 * MINUTE


def test_a_rise_below_awas_tells_nobody():
    """What it plans is suppressed."""
    course = Course(level=2).until(5)
    silenced(course, silence())
    course.news()
    course.do(joined(level=3))
    course.until(6)
    assert (course.sent, course.alert.level) == ([], 3)


def test_escalating_by_hand_starts_nothing_under_a_silence():
    """The end starts the current step."""
    course = Course().until(1)
    silenced(course, silence())
    course.do(EscalateNow(person="op", is_operator=True))
    course.news()
    course.until(60)
    assert course.sent == [("step", "sekda")]


def test_an_exhausted_alert_tells_its_last_step_again():
    """And is exhausted again after its wait."""
    course = Course(policy(step("sekda", wait=10))).until(11)
    silenced(course, silence(11, 30))
    course.news()
    course.until(41)
    assert list(zip(course.sent, course.times, strict=True)) == [
        (("step", "sekda"), 30),
        (("unreachable", "posko"), 40),
    ]


def test_a_silence_ended_by_hand_lifts_at_once():
    """The alert looks when it is told to."""
    course = Course(silences=(silence(),))
    decision = silenced(course)
    assert (decision.reason, course.alert.silenced) == ("silence_ended", "")
    assert [e.name for e in decision.history] == ["silence_ended", "restarted", "step_started"]


def test_looking_again_changes_nothing():
    """Neither under the cover nor after it."""
    course = Course(silences=(silence(),))
    again = course.do(RecheckSilence())
    course.until(70)
    after = course.do(RecheckSilence())
    assert [(d.reason, d.history, d.notifications) for d in (again, after)] == [("nothing_due", (), ())] * 2


def test_a_timer_that_falls_due_under_a_silence_nobody_told_of_starts_nothing():
    """Made while the process died: the alert finds out by itself."""
    course = Course().until(1)
    course.around = msgspec.structs.replace(course.around, silences=(silence(20, 90),))
    course.do(TimerDue(), 30)
    assert (course.alert.silenced, course.alert.current.step) == ("s1", 1)
    assert course.alert.cover_changes_at == START + 90 * MINUTE


def test_overlapping_silences_cover_until_the_last_ends():
    """One after the other."""
    course = Course(silences=(silence(0, 60), silence(30, 120, name="s2")))
    course.until(119)
    assert course.sent == []
    course.until(120)
    assert course.sent == [("first", "sekda")]
