"""Quiet hours and conditions of steps: what is put off, what waits, what is skipped, and what breaks the peace."""

from datetime import datetime

import msgspec
import pytest

from engine.core.alerting.command import EscalateNow
from engine.core.alerting.notification_planning import contact_quiet_until
from engine.core.alerting.policy import Acknowledge, Digest, Quiet, StepCondition
from engine.core.alerting.silence import Match, Silence
from engine.core.judging.calendar import Calendar, Stage
from engine.core.judging.instant import HOUR, MINUTE, from_datetime, zone
from engine.core.judging.region import RegionTable
from tests.unit.alerting.cases import (
    REGIONS,
    Course,
    around,
    contact,
    having,
    joined,
    person,
    policy,
    says,
    step,
)

NIGHT = "22:00-05:00 local"


def at(text):
    """An instant by its local time in the region of the tests."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone("WITA")))


EVENING, MIDNIGHT = at("2024-11-25 21:50"), at("2024-11-26 00:00")
POLLING = Calendar(
    [
        Stage(
            id="hari_h",
            since=datetime.fromisoformat("2024-11-27"),
            until=datetime.fromisoformat("2024-11-28"),
            quiet_yields_from=3,
        )
    ]
)


# --- the policy's quiet hours (docs/specification/escalation.md#policy-quiet-hours) -----------------------------------


def quiet_policy(*steps, levels=(2,), **more):
    """A policy that keeps the night for these levels."""
    return policy(*steps, quiet=Quiet(hours=NIGHT, levels=levels), **more)


def test_a_start_in_quiet_hours_is_put_off_to_their_end():
    """Nobody is told before five; the wait counts from then."""
    course = Course(quiet_policy(), now=MIDNIGHT, level=2)
    assert (course.alert.runs, course.alert.wake_at) == ((), at("2024-11-26 05:00"))
    course.until(299)
    assert course.sent == []
    course.until(331)
    assert list(zip(course.sent, course.times, strict=True)) == [
        (("first", "sekda"), 300),
        (("first", "sekda-prov"), 330),
    ]


def test_a_step_due_in_quiet_hours_is_put_off():
    """Step 1 starts at 21.50, step 2 would at 22.20."""
    course = Course(quiet_policy(), now=EVENING, level=2).until(60 * 12)
    assert course.times[:2] == [0, 10 + 7 * 60]
    reasons = [(e.name, e.reason) for e in course.history if e.name == "step_skipped"]
    assert reasons == [("step_skipped", "policy_quiet")]


def test_another_level_knows_no_quiet_hours():
    """Only the listed ones."""
    assert Course(quiet_policy(), now=MIDNIGHT, level=3).until(1).sent == [("first", "sekda")]


def test_a_level_that_rises_out_of_them_ends_the_putting_off():
    """At once, and nobody is told twice."""
    course = Course(quiet_policy(), now=MIDNIGHT, level=2).until(10)
    course.do(joined(level=3))
    course.until(11)
    assert (course.sent, course.alert.postponed) == ([("first", "sekda")], None)
    assert course.alert.current.started_at == MIDNIGHT + 10 * MINUTE


def test_what_is_put_off_between_two_steps_goes_on_there():
    """The second step starts when the level rises, and who was told before is told again."""
    course = Course(quiet_policy(), now=EVENING, level=2).until(40)
    course.news()
    course.do(joined(level=3))
    course.until(41)
    assert sorted(course.sent) == [("first", "sekda-prov"), ("step", "sekda")]


def test_what_is_taken_meanwhile_does_not_start():
    """The clock stands; after the expiry it is put off anew."""
    course = Course(quiet_policy(acknowledge=Acknowledge(expires=HOUR)), now=MIDNIGHT, level=2).until(1)
    course.do(says("op", "taken", via="console", is_operator=True))
    assert course.alert.wake_at == MIDNIGHT + HOUR + MINUTE
    course.until(62)
    assert (course.alert.status, course.alert.wake_at) == ("open", at("2024-11-26 05:00"))
    course.until(301)
    assert course.sent == [("first", "sekda")]


ON = StepCondition(not_resolved=True)


def taken_by_operator(course):
    """An operator takes the alert for the desk."""
    return course.do(says("op", "taken", via="console", is_operator=True))


def put_off_and_taken(*steps, **more):
    """An alert of midnight that an operator took before the morning; its policy has no expiry."""
    course = Course(
        quiet_policy(*steps, acknowledge=Acknowledge(expires=None), **more), now=MIDNIGHT, level=2
    )
    taken_by_operator(course)
    return course


def test_a_first_step_that_runs_while_acknowledged_starts_when_the_quiet_hours_end():
    """Put off at the opening, taken meanwhile: step 1 is told at five, and nothing is due after it."""
    course = put_off_and_taken(step("sekda", when=ON))
    assert course.alert.wake_at == at("2024-11-26 05:00")
    course.until(600)
    assert list(zip(course.sent, course.times, strict=True)) == [(("first", "sekda"), 300)]
    assert (course.alert.status, course.alert.postponed, course.alert.wake_at) == ("acknowledged", None, None)


@pytest.mark.parametrize(
    "terms", [step(when=ON), step("sekda", when=StepCondition(not_resolved=True, days="sun"))]
)
def test_a_first_step_put_off_that_reaches_nobody_while_acknowledged_lets_the_clock_stand(terms):
    """Tried once at five; it neither exhausts a taken alert nor asks the clock again and again."""
    course = put_off_and_taken(terms).until(600)
    assert course.names("step_skipped", "exhausted") == ["step_skipped", "step_skipped"]
    assert (course.alert.postponed, course.alert.wake_at, course.next_due) == (None, None, None)


def test_a_clock_that_stood_before_any_step_goes_on_with_the_first_when_the_taker_gives_it_back():
    """Nobody was found at five; at six the taker gives it back, and the second step finds somebody."""
    course = put_off_and_taken(step(when=ON), step("sekda")).until(360)
    assert course.alert.runs == ()
    course.do(says("op", "declined", via="console", is_operator=True))
    course.until(361)
    assert (course.sent, course.alert.status) == ([("first", "sekda")], "open")


def test_a_start_put_off_for_the_next_digest_is_no_other():
    """Six o'clock comes while it is taken, and nobody is found."""
    terms = policy(
        step(when=ON), digest=Digest(levels=(2,), at=("06:00",)), acknowledge=Acknowledge(expires=None)
    )
    course = Course(terms, now=MIDNIGHT, level=2)
    taken_by_operator(course)
    course.until(600)
    assert (course.alert.postponed, course.next_due) == (None, None)


def test_a_restart_ends_what_was_put_off_when_the_level_rises_while_taken():
    """Step 2 is put off, step 1 starts anew at siaga: its wait runs in full, and step 2 comes after it, not at five."""
    course = Course(quiet_policy(), now=EVENING, level=2).until(40)
    assert course.alert.postponed.step == 2
    course.do(says("sekda", "taken"))
    course.until(41)
    course.do(joined(level=3))
    assert (course.alert.postponed, course.alert.wake_at) == (None, course.now + 30 * MINUTE)
    course.news()
    course.until(72)
    assert ("first", "sekda-prov") in course.sent


def test_a_restart_after_a_silence_ends_what_was_put_off():
    """Step 2 was due at five, the silence ends at six: step 1 starts anew then, step 2 half an hour later."""
    since, six = at("2024-11-26 01:00"), at("2024-11-26 06:00")
    silence = Silence(id="s", match=Match(region=("73",)), since=since, until=six, reason="uji", author="op")
    course = Course(quiet_policy(), now=EVENING, level=2, silences=(silence,)).until(8 * 60 + 11)
    assert [(r.step, r.started_at) for r in course.alert.runs[1:]] == [(1, six)]
    assert (course.alert.postponed, course.alert.wake_at) == (None, six + 30 * MINUTE)


def test_a_reopened_alert_ends_what_was_put_off():
    """Closed at night, taken back in the morning: one step starts, with its full wait."""
    course = Course(quiet_policy(), now=EVENING, level=2).until(40)
    course.do(says("sekda", "resolved"))
    course.until(8 * 60)
    course.do(says("op", "reopened", via="console", is_operator=True))
    assert (course.alert.postponed, course.alert.wake_at) == (None, course.now + 30 * MINUTE)


def test_what_is_put_off_is_closed_with_the_alert():
    """Nothing is due of it, at five neither."""
    course = Course(quiet_policy(step("sekda", when=ON)), now=MIDNIGHT, level=2)
    course.do(says("op", "resolved", via="console", is_operator=True))
    assert course.alert.wake_at is None
    course.until(600)
    assert course.sent == []


def test_an_operator_who_escalates_does_not_wait_for_the_morning():
    """A person wants it now."""
    course = Course(quiet_policy(), now=MIDNIGHT, level=2)
    course.do(EscalateNow(person="op", is_operator=True))
    course.until(1)
    assert course.sent == [("first", "sekda")]


# --- quiet hours of a contact (docs/specification/escalation.md#contact-quiet-hours) ----------------------------------


def sleeper(*channels, name="sekda"):
    """A person whose contacts are left in peace at night."""
    own = tuple(
        contact(name, channel, priority=n, quiet_hours=NIGHT) for n, channel in enumerate(channels, start=1)
    )
    return msgspec.structs.replace(person(name), contacts=own)


def test_a_message_waits_on_the_first_contact_until_its_quiet_hours_end():
    """Held, though pending; the wait of the step runs on."""
    course = Course(contents=having(sleeper("sms", "email")), now=MIDNIGHT)
    (waiting,) = course.notifications.values()
    assert (waiting.channel, waiting.state, waiting.held, waiting.due_at) == (
        "sms",
        "pending",
        "quiet_hours",
        at("2024-11-26 05:00"),
    )
    course.until(301)
    assert [t for t, (_, who) in zip(course.times, course.sent, strict=True) if who == "sekda"] == [300]
    assert ("first", "sekda-prov") in course.sent[:1]


def test_another_contact_that_may_be_used_is_used_instead():
    """The phone is quiet, the mailbox is not."""
    awake = contact("sekda", "email", priority=2)
    someone = msgspec.structs.replace(sleeper("sms"), contacts=(*sleeper("sms").contacts, awake))
    course = Course(contents=having(someone), now=MIDNIGHT)
    assert [(n.channel, n.held) for n in course.notifications.values()] == [("email", "")]


def test_awas_breaks_every_peace():
    """Always."""
    assert Course(contents=having(sleeper("sms")), now=MIDNIGHT, level=4).until(1).sent == [
        ("first", "sekda")
    ]


def test_a_level_that_rises_to_awas_lets_go_of_what_waits():
    """One message, now."""
    course = Course(contents=having(sleeper("sms")), now=MIDNIGHT).until(5)
    course.do(joined(level=4))
    course.until(6)
    assert course.sent == [("first", "sekda")]


@pytest.mark.parametrize(("level", "sent"), [(3, [("first", "sekda")]), (2, [])])
def test_the_stage_says_to_which_levels_the_peace_yields(level, sent):
    """On polling day from siaga on (docs/specification/escalation.md#calendar)."""
    now = at("2024-11-27 03:00")
    course = Course(contents=having(sleeper("sms")), now=now, level=level, calendar=POLLING)
    assert course.until(1).sent == sent


def test_the_peace_ends_where_such_a_stage_begins():
    """What waits at 23.30 before polling day goes out at midnight."""
    course = Course(
        policy(step("sekda", wait=300)), having(sleeper("sms")), now=at("2024-11-26 23:30"), calendar=POLLING
    )
    course.until(31)
    assert course.times == [30]


def test_the_newest_of_several_that_wait_goes():
    """Three rounds in one night are one message in the morning."""
    course = Course(
        policy(step("sekda", wait=30), rounds_after_first=2), having(sleeper("sms")), now=MIDNIGHT
    ).until(301)
    assert [who for _, who in course.sent].count("sekda") == 1
    assert course.states("first")[:2] == [("sekda", "cancelled", "superseded")] * 2


def test_what_waits_is_not_sent_when_it_is_taken_meanwhile():
    """Nobody is woken for nothing."""
    course = Course(contents=having(sleeper("sms")), now=MIDNIGHT).until(31)
    course.do(says("sekda-prov", "taken"))
    course.until(400)
    assert [who for _, who in course.sent] == ["sekda-prov"]


def test_a_follow_up_waits_for_the_morning_too():
    """Told at 21.50, taken by another at 22.30: the rest is said at five."""
    terms = policy(step("sekda", "bkpsdm"))
    course = Course(terms, having(sleeper("sms")), now=EVENING).until(40)
    course.do(says("bkpsdm", "taken"))
    course.until(600)
    assert course.sent[-1] == ("taken_by", "sekda")
    assert course.times[-1] == 430


def test_a_delayed_contact_that_falls_into_its_quiet_hours_waits():
    """Wanted at 22.10, held at the last check."""
    late = contact("sekda", "sms", quiet_hours=NIGHT, delay=20 * MINUTE)
    someone = msgspec.structs.replace(person("sekda"), contacts=(late,))
    course = Course(policy(step("sekda", wait=900)), having(someone), now=EVENING).until(25)
    (waiting,) = course.notifications.values()
    assert (waiting.state, waiting.held) == ("pending", "quiet_hours")
    course.until(431)
    assert course.times == [430]


def test_the_peace_is_that_of_the_office_of_the_person():
    """At 22.30 in the region it is 21.30 in the capital."""
    capital = msgspec.structs.replace(REGIONS.get("00"), zone="WIB", timezone="Asia/Jakarta")
    table = RegionTable([*(r for r in REGIONS if r.code != "00"), capital])
    surroundings = msgspec.structs.replace(around(), regions=table)
    (phone,) = sleeper("sms").contacts
    now, alert = at("2024-11-25 22:30"), Course().alert
    ends = [contact_quiet_until(alert, phone, office, surroundings, now) for office in ("73.15", "00")]
    assert ends == [at("2024-11-26 05:00"), None]


# --- conditions of a step (1: when) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (StepCondition(hours="06:00-22:00 local"), "hours"),
        (StepCondition(days="wed..fri"), "days"),
        (StepCondition(stages=("hari_h",)), "stage"),
        (StepCondition(level_at_least=4, days="wed"), "level"),
    ],
)
def test_a_step_whose_condition_fails_is_skipped_for_the_next(when, reason):
    """At the same instant, with the key that does not hold."""
    terms = policy(step("sekda", when=when), step("province:sekda"))
    course = Course(terms, now=MIDNIGHT, calendar=POLLING).until(1)
    assert course.sent == [("first", "sekda-prov")]
    assert [e.reason for e in course.history if e.name == "step_skipped"] == [reason]


def test_a_step_whose_conditions_all_hold_starts():
    """Level, hours, day and stage, in the zone of the alert's region."""
    when = StepCondition(
        level_at_least=3, hours="22:00-05:00 local", days="wed", stages=("hari_h", "masa_tenang")
    )
    course = Course(policy(step("sekda", when=when)), now=at("2024-11-27 00:00"), calendar=POLLING)
    assert course.until(1).sent == [("first", "sekda")]


def test_conditions_are_asked_when_the_step_starts():
    """Skipped at night in round 1, started in the morning in round 2."""
    terms = policy(
        step("sekda", wait=360),
        step("bkpsdm", when=StepCondition(hours="06:00-22:00 local")),
        rounds_after_first=1,
    )
    course = Course(terms, now=at("2024-11-25 23:00")).until(900)
    assert course.alert.current.step == 2


def test_a_step_that_runs_while_acknowledged_keeps_the_quiet_hours():
    """Put off to the morning like any other; taken or not."""
    terms = quiet_policy(step("sekda"), step("province:sekda", when=StepCondition(not_resolved=True)))
    course = Course(terms, now=EVENING, level=2).until(1)
    course.do(says("sekda", "taken"))
    course.until(431)
    assert (course.sent[-1], course.times[-1]) == (("first", "sekda-prov"), 430)


def test_the_surroundings_have_no_stages_unless_given():
    """A quiet contact stays quiet."""
    assert around().calendar.stages == ()
