"""Laws that hold on every path: random policies, directories, people, gateways and instants, driven through `decide`.

Here: a machine that does anything at any time, and asks after each act whether the promises still hold.
"""

from itertools import pairwise

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.alerting.alert import AFTER_CLOSING, FINAL
from engine.core.alerting.command import Attempted, Comment, EscalateNow, RecheckSilence, TimerDue
from engine.core.alerting.conflict_of_interest import accused
from engine.core.alerting.decide import decide, open_alert
from engine.core.alerting.directory import Contents, Deputy, Duty, HolderSpan
from engine.core.alerting.invariants import broken_link, unaccounted_alerts, unaccounted_notifications
from engine.core.alerting.notification_planning import ASKING
from engine.core.alerting.policy import (
    Acknowledge,
    Digest,
    Policy,
    PolicyStep,
    Quiet,
    StepCondition,
    StepTarget,
)
from engine.core.alerting.silence import Match, Silence
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.judgement import Ended, Redated, Undone
from engine.core.judging.rule import TellAgain
from tests.credentials import OPERATOR
from tests.unit.alerting.cases import (
    OFFICES,
    START,
    Course,
    around,
    contact,
    evidence,
    holder,
    joined,
    opening,
    person,
    says,
)

PEOPLE = tuple(OFFICES)
ROLES = sorted({role for role, _ in OFFICES.values()})
RANK = {"pending": 0, "sending": 1, "sent": 2, "delivered": 3, "failed": 3, "cancelled": 3, "suppressed": 3}

spans = st.builds(
    lambda a, b: HolderSpan(START + a * MINUTE, START + (a + b) * MINUTE),
    st.integers(-60, 600),
    st.integers(1, 600),
)
contacts = st.lists(
    st.tuples(
        st.sampled_from(["sms", "email", "webhook"]),
        st.integers(1, 3),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "", "10:00-12:00 local", "23:00-09:00 local"]),
    ),
    max_size=3,
)


def _someone(name, drawn, away):
    found = tuple(
        contact(
            name,
            channel,
            number,
            priority=priority,
            verified=verified,
            delay=7 * MINUTE * late,
            quiet_hours=quiet_hours,
        )
        for number, (channel, priority, verified, late, quiet_hours) in enumerate(drawn, start=1)
    )
    return msgspec.structs.replace(person(name), contacts=found, away=tuple(away))


@st.composite
def directories(draw):
    """Everybody may be away, out of reach, or in another office; some offices are vacant, some doubly held."""
    people = tuple(_someone(name, draw(contacts), draw(st.lists(spans, max_size=1))) for name in PEOPLE)
    name = st.sampled_from(PEOPLE)
    offices = [OFFICES[who] for who in draw(st.sets(name))]
    held = tuple(
        holder(draw(name), *office, status=draw(st.sampled_from(["definitif", "plh"]))) for office in offices
    )
    duties = st.builds(lambda who, office: Duty(region=office[1], role=office[0], person=who), name,
                       st.sampled_from(sorted(OFFICES.values())))  # fmt: skip
    return Contents(
        people=people,
        assignments=held,
        deputies=tuple(
            draw(st.lists(st.builds(lambda a, b: Deputy(of=a, deputy=b), name, name), max_size=3))
        ),
        roster=tuple(draw(st.lists(duties, max_size=2))),
    )


targets = st.one_of(
    st.builds(
        StepTarget,
        role=st.sampled_from(ROLES),
        at=st.sampled_from(["region", "province", "nation"]),
        fallback=st.sampled_from(["up", "none"]),
    ),
    st.builds(StepTarget, person=st.sampled_from(PEOPLE)),
)
steps = st.builds(
    PolicyStep,
    to=st.lists(targets, max_size=3).map(tuple),
    wait=st.integers(1, 60).map(lambda n: n * MINUTE),
    channels=st.sampled_from([(), ("sms",), ("email", "sms")]),
    need=st.sampled_from(["one", "all", 2]),
    inform=st.lists(targets, max_size=1).map(tuple),
    when=st.builds(
        StepCondition,
        level_at_least=st.sampled_from([None, None, 4]),
        hours=st.sampled_from([None, None, "11:00-22:00 local"]),
        days=st.sampled_from([None, None, "tue..sun"]),
        not_resolved=st.booleans(),
    ),
)
policies = st.builds(
    Policy,
    id=st.just("uji"),
    steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
    rounds_after_first=st.integers(0, 2),
    from_step=st.just(1),
    inform=st.lists(targets, max_size=1).map(tuple),
    acknowledge=st.builds(
        Acknowledge,
        grade=st.sampled_from([1, 2, 3]),
        expires=st.sampled_from([None, HOUR, 4 * HOUR]),
        remind=st.sampled_from([(), (30 * MINUTE,), (10 * MINUTE, 40 * MINUTE)]),
    ),
    quiet=st.builds(
        Quiet,
        hours=st.sampled_from(["10:00-11:00 local", "12:00-08:00 local"]),
        levels=st.sampled_from([(), (2,), (2, 3)]),
    ),
    digest=st.sampled_from([Digest(), Digest(), Digest(levels=(2,), at=("12:00", "18:00"))]),
    on_exhausted=st.lists(targets, max_size=1).map(tuple),
)
again = st.builds(
    TellAgain,
    value_doubles=st.booleans(),
    every=st.sampled_from([None, None, 10 * MINUTE, HOUR]),
    growing_to=st.sampled_from([None, 3 * HOUR]),
)
roles = st.one_of(st.none(), st.none(), st.sampled_from(ROLES))
answers = st.builds(
    says,
    st.sampled_from(PEOPLE),
    st.sampled_from(["seen", "taken", "taken", "taken", "resolved", "declined", "delegated", "reopened"]),
    st.sampled_from(["link", "sms", "console", "proxy"]),
    is_operator=st.sampled_from([False, False, False, True]),
    to=st.sampled_from((*PEOPLE, "nobody")),
    confirmed=st.just(True),
    note_digest=st.just("d"),
)


class Alerting(RuleBasedStateMachine):
    """One alert, and everybody who may do something to it, in any order."""

    @initialize(
        policy=policies, contents=directories(), level=st.sampled_from([2, 3]), role=roles, again=again
    )
    def opens(self, policy, contents, level, role, again):
        words = {"level": level, "seen": (evidence(subject_role=role),), "tell_again": again, "figure": 1.0}
        self.course = Course(policy, contents, **words)
        command = opening(policy, **words)
        assert open_alert(command, around(contents), START, by=OPERATOR) == self.course.decisions[0]
        self.events, self.looked_at = 1, 0
        self.states, self.closed = {}, False

    def _do(self, command):
        """Decide twice on the same values: the decision is the same; what it plans goes to nobody excluded."""
        course = self.course
        again = decide(course.alert, course.notifications, command, course.around, course.now, by=OPERATOR)
        known = set(course.notifications)
        decision = course.do(command)
        assert decision == again
        if decision.refusal:
            assert decision.notifications == ()
        barred = {*decision.alert.declined, *accused(decision.alert, course.around.directory, course.now)}
        assert [n.person for n in decision.notifications if n.id not in known and n.person in barred] == []

    @rule(minutes=st.integers(0, 90))
    def time_passes(self, minutes):
        """Timers and messages, each at its instant."""
        self.course.until((self.course.now - START) / MINUTE + minutes)

    @rule(minutes=st.integers(0, 300))
    def service_stands_still(self, minutes):
        """Nothing runs meanwhile; then what is overdue runs."""
        self.course.now += minutes * MINUTE
        self._do(TimerDue())

    @rule()
    def wakes(self):
        """Everything overdue is done by one waking: the next is due later, or never."""
        self._do(TimerDue())
        alert, now = self.course.alert, self.course.now
        assert all(at is None or at > now for at in (alert.wake_at, alert.cover_changes_at))

    @rule(limit=st.integers(1, 3))
    def some_messages_go(self, limit):
        self.course.deliver(limit)

    @rule()
    def dispatcher_claims(self):
        self.course.claim()

    @precondition(lambda self: any(n.state == "sending" for n in self.course.notifications.values()))
    @rule(outcome=st.sampled_from(["sent", "transient", "permanent"]))
    def claimed_message_is_settled(self, outcome):
        claimed = next(n.id for n in self.course.notifications.values() if n.state == "sending")
        self._do(Attempted(notification=claimed, outcome=outcome, reason="uji"))

    @rule(who=st.sampled_from(PEOPLE), outcome=st.sampled_from(["sent", "transient", "permanent"]))
    def gateway_changes(self, who, outcome):
        for channel in ("sms", "email", "webhook"):
            for number in (1, 2, 3):
                self.course.down[f"{who}/{channel}/{number}"] = outcome

    @rule(answer=answers)
    def answers(self, answer):
        self._do(answer)

    @precondition(lambda self: self.course.sent)
    @rule(
        data=st.data(),
        what=st.sampled_from(["seen", "taken", "taken", "resolved", "declined", "delegated"]),
        to=st.sampled_from(PEOPLE),
    )
    def somebody_told_answers(self, data, what, to):
        told = sorted({who for _, who in self.course.sent})
        self._do(says(data.draw(st.sampled_from(told)), what, "sms", to=to))

    @precondition(lambda self: self.course.alert.resolved_reason == "by_hand")
    @rule(who=st.sampled_from(PEOPLE))
    def operator_reopens(self, who):
        self._do(says(who, "reopened", "console", is_operator=True))

    @rule(who=st.sampled_from(PEOPLE), is_operator=st.booleans())
    def escalates(self, who, is_operator):
        self._do(EscalateNow(person=who, is_operator=is_operator))

    @rule(who=st.sampled_from(PEOPLE))
    def comments(self, who):
        self._do(Comment(person=who, note_digest="d"))

    @rule(
        level=st.sampled_from([2, 3, 4]),
        late=st.integers(-60, 60),
        role=roles,
        anew=st.booleans(),
        figure=st.sampled_from([None, 1.0, 2.0, 5.0, 40.0]),
    )
    def event_joins(self, level, late, role, anew, figure):
        self.events += 1
        at = self.course.now + late * MINUTE
        more = {"subject_role": role, "new_after_quiet": anew, "figure": figure}
        self._do(joined(self.events, level, at, **more))

    @rule(reason=st.sampled_from(["late_report", "corrected", "refuted"]), role=roles)
    def opening_is_redated(self, reason, role):
        self.events += 1
        seen = (evidence(self.events, START - self.events, subject_role=role),)
        self._do(Redated(happened_at=START - self.events, evidence=seen, reason=reason))

    @rule(reason=st.sampled_from(["no_longer_true", "event"]), chance=st.integers(0, 3))
    def condition_ends(self, reason, chance):
        if not chance:
            self._do(Ended(at=self.course.now, reason=reason))

    @rule(reason=st.sampled_from(["late_report", "corrected", "refuted"]), chance=st.integers(0, 3))
    def opening_is_undone(self, reason, chance):
        if not chance:
            self._do(Undone(reason=reason))

    @rule(contents=directories())
    def directory_changes(self, contents):
        self.course.around = around(contents, silences=self.course.around.silences)

    @rule(
        spans=st.lists(st.tuples(st.integers(-30, 60), st.integers(0, 120)), max_size=2),
        awas=st.booleans(),
        told=st.sampled_from([True, True, False]),
    )
    def silences_change(self, spans, awas, told):
        """Made, replaced or ended; mostly the alert is told to look."""
        now = self.course.now
        silences = tuple(
            Silence(
                id=f"s{number}",
                match=Match(region=("73",)),
                since=now + a * MINUTE,
                until=now + (a + b) * MINUTE,
                reason="uji",
                author="op",
                include_awas=awas,
            )
            for number, (a, b) in enumerate(spans)
        )
        self.course.around = msgspec.structs.replace(self.course.around, silences=silences)
        if told:
            self._do(RecheckSilence())

    # --- what holds after every act ------------------------------------------------------------------------------

    @invariant()
    def only_a_reopening_leaves_resolved(self):
        decisions = self.course.decisions
        for before, after in pairwise(decisions):
            left = before.alert.status == "resolved" and after.alert.status != "resolved"
            assert left == (after.reason == "reopened")

    @invariant()
    def a_step_that_starts_ends_what_was_put_off(self):
        """Of the starts and the putting off the last one rules the clock."""
        gates = ("policy_quiet", "digest")
        starts = [e for e in self.course.history if e.name == "step_started" or e.reason in gates]
        if starts and starts[-1].name == "step_started":
            assert self.course.alert.postponed is None

    @invariant()
    def states_never_go_backwards(self):
        """Only a failed attempt gives a claimed message back; what went out or is final never waits again."""
        for notification in self.course.notifications.values():
            before = self.states.get(notification.id, "pending")
            rank = 0 if before == "sending" else RANK[before]
            assert RANK[notification.state] >= rank
            assert before not in FINAL or notification.state == before
            self.states[notification.id] = notification.state

    @invariant()
    def both_balances_are_empty(self):
        """With the plans that the service makes: the alert by `wake_at`, a notification by `due_at`."""
        alert, notifications = self.course.alert, self.course.notifications.values()
        timers = {alert.id} if alert.wake_at is not None else set()
        outbox = {n.id for n in notifications if n.due_at is not None}
        assert unaccounted_alerts([alert], timers, notifications) == set()
        assert unaccounted_notifications(notifications, outbox) == set()
        assert outbox == {n.id for n in notifications if n.state in ("pending", "sending")}

    @invariant()
    def history_is_a_whole_chain(self):
        course = self.course
        assert (broken_link(course.history, course.alert.head), course.alert.history) == (
            None,
            len(course.history),
        )

    @invariant()
    def nobody_is_asked_what_is_taken_or_over(self):
        """No request waits for a recipient of an acknowledged alert, except for its taker of a figure that doubled.

        After the end only what tells of the end waits.
        """
        alert = self.course.alert
        waiting = [n for n in self.course.notifications.values() if n.state == "pending"]
        if alert.status == "resolved":
            assert {n.kind for n in waiting} <= AFTER_CLOSING
        runs_on = {n for n, s in enumerate(alert.policy.steps, start=1) if s.when.not_resolved}
        if alert.status == "acknowledged":
            takers = {taking.person for taking in alert.takings}
            asked = [
                n
                for n in waiting
                if n.kind in ASKING
                and not n.informing
                and n.step not in runs_on
                and not (alert.tell_again.value_doubles and n.person in takers)
            ]
            assert asked == []

    @invariant()
    def an_acknowledged_alert_has_a_taker_and_an_open_one_no_end_of_it(self):
        alert = self.course.alert
        assert (alert.status == "acknowledged") == (alert.acknowledged_at is not None) or (
            alert.status == "resolved"
        )
        assert alert.status != "acknowledged" or alert.takings
        assert alert.status == "acknowledged" or (alert.expires_at, alert.remind_at) == (None, ())


TestAlerting = Alerting.TestCase
TestAlerting.settings = settings(stateful_step_count=30)
