"""Small cases for the tests of alerting: offices, policies, evidence, and a course of events driven by hand.

Here: plain builders with one word for each thing, and `Course`, which carries out decisions as the service does.
"""

import msgspec

from engine.core.alerting.case_editor import NO_STAGES, DecisionContext
from engine.core.alerting.command import Answer, Attempted, Open, RecheckSilence, TimerDue, Withheld
from engine.core.alerting.decide import decide, open_alert
from engine.core.alerting.directory import Assignment, Contact, Contents, Directory, Person
from engine.core.alerting.gates import attempt
from engine.core.alerting.policy import Policy, PolicyStep, StepTarget
from engine.core.judging.instant import MINUTE
from engine.core.judging.judgement import Evidence, Joined, Opened
from engine.core.judging.region import Region, RegionTable
from engine.core.judging.rule import Rule
from tests.credentials import OPERATOR

START = 1_732_500_000_000
"""The instant at which alerts of the tests open."""
REGIONS = RegionTable(
    Region(
        code=code,
        parent=parent,
        level=level,
        name=code,
        short_name=code,
        zone="WITA",
        timezone="Asia/Makassar",
    )
    for code, parent, level in (
        ("00", "", "nation"),
        ("73", "00", "province"),
        ("73.15", "73", "regency"),
        ("73.72", "73", "regency"),
    )
)
RULE = Rule(
    id="uji", title="Uji", short_title="Uji", owner="tests", why="", guide="", escalate="uji", version="1"
)


def contact(owner, channel, number=1, **more):
    """One address of a person."""
    return Contact(id=f"{owner}/{channel}/{number}", channel=channel, value=f"{owner}-{channel}", **more)


def person(name, *channels, **more):
    """A person with one contact a channel, in this order of priority (default: one phone)."""
    contacts = tuple(
        contact(name, channel, priority=n) for n, channel in enumerate(channels or ("sms",), start=1)
    )
    return Person(id=name, contacts=contacts, **more)


def holder(name, role, region, **more):
    """The assignment of a person to an office."""
    return Assignment(region=region, role=role, person=name, **more)


OFFICES = {
    "sekda": ("sekda", "73.15"),
    "bkpsdm": ("bkpsdm", "73.15"),
    "kesbangpol": ("kesbangpol", "73.15"),
    "sekda-prov": ("sekda", "73"),
    "inspektorat-prov": ("inspektorat", "73"),
    "dirjen": ("dirjen_otda", "00"),
    "posko": ("posko_nasional", "00"),
}
CONTENTS = Contents(
    people=tuple(person(name) for name in OFFICES),
    assignments=tuple(holder(name, *office) for name, office in OFFICES.items()),
)


def without(*names):
    """The directory without these people."""
    return Contents(
        people=tuple(p for p in CONTENTS.people if p.id not in names),
        assignments=tuple(a for a in CONTENTS.assignments if a.person not in names),
    )


def having(*people):
    """The directory with these people instead of those of the same name, or beside the others."""
    names = {p.id for p in people}
    others = tuple(p for p in CONTENTS.people if p.id not in names)
    return msgspec.structs.replace(CONTENTS, people=(*others, *people))


def around(contents=CONTENTS, **more):
    """What a decision may look at."""
    return DecisionContext("test", Directory(contents), REGIONS, **more)


def target(role, at="region", **more):
    """A role named in a step."""
    return StepTarget(role=role, at=at, **more)


def step(*roles, wait=30, **more):
    """One step; `wait` in minutes, roles by name (`sekda`, `province:sekda`, `nation:dirjen_otda`)."""
    places = (role.rpartition(":") for role in roles)
    return PolicyStep(
        to=tuple(target(role, at or "region") for at, _, role in places), wait=wait * MINUTE, **more
    )


def policy(*steps, **more):
    """A policy of these steps (default: regency, then province, half an hour each)."""
    return Policy(id="uji", steps=steps or (step("sekda"), step("province:sekda")), **more)


def evidence(number=1, at=START, **more):
    """One piece of evidence."""
    fields = {"desk": "desk", "kind": "uji", "region": "73.15", "severity": 3, "received_at": at} | more
    return Evidence(id=f"e{number}", occurred_at=at, **fields)


def opening(
    policy_,
    *,
    level=3,
    group="73.15",
    region="73.15",
    seen=None,
    figure=None,
    tell_again=RULE.tell_again,
    hide_while=(),
    happened_at=START,
):
    """The command that opens an alert."""
    opened = Opened(
        ordinal=1, happened_at=happened_at, evidence=seen or (evidence(),), level=level, figure=figure
    )
    rule = msgspec.structs.replace(RULE, tell_again=tell_again, hide_while=hide_while)
    return Open(rule=rule, policy=policy_, space="real", group=group, region=region, ordinal=1, opened=opened)


def joined(number=2, level=3, at=START, **more):
    """A further match."""
    fresh = {name: more.pop(name) for name in ("subject_role", "region") if name in more}
    return Joined(ordinal=1, evidence=evidence(number, at, **fresh), level=level, **more)


def says(who, what, via="link", **more):
    """A person's answer."""
    return Answer(person=who, says=what, via=via, **more)


class Course:
    """One alert from its opening on: carries out what is decided, and delivers what is due.

    `down` names contacts that fail (`transient` or `permanent`); `sent` lists what went out as (kind, person), `times`
    the minutes since the start beside them.
    """

    def __init__(
        self,
        policy_=None,
        contents=CONTENTS,
        *,
        calendar=NO_STAGES,
        silences=(),
        standing=(),
        routes=(),
        interrupted=(),
        now=START,
        **opening_words,
    ):
        self.around = around(
            contents,
            calendar=calendar,
            silences=silences,
            standing=standing,
            routes=routes,
            interrupted=dict.fromkeys(interrupted, now + 1),
        )
        self.now = self.began = now
        self.down = {}
        self.sent, self.times, self.decisions = [], [], []
        self.notifications, self.history = {}, []
        words = {"happened_at": now} | opening_words
        self._apply(open_alert(opening(policy_ or policy(), **words), self.around, self.now, by=OPERATOR))

    def _apply(self, decision):
        self.alert = decision.alert
        self.notifications |= {n.id: n for n in decision.notifications}
        self.history += decision.history
        self.decisions.append(decision)
        return decision

    def do(self, command, minutes=None):
        """Carry out a command, `minutes` after the start (default: now); messages are left lying."""
        if minutes is not None:
            self.now = self.began + round(minutes * MINUTE)
        return self._apply(
            decide(self.alert, self.notifications, command, self.around, self.now, by=OPERATOR)
        )

    def deliver(self, limit=1_000):
        """Send what is due now, as the dispatcher does; at most so many messages."""
        for _ in range(limit):
            due = [n for n in self.waiting if n.due_at <= self.now]
            if not due:
                return
            self._send(due[0])

    def claim(self):
        """Claim what is due now, without handing it over yet."""
        for notification in [n for n in self.waiting if n.due_at <= self.now]:
            self._claim(notification)

    def _claim(self, notification):
        if attempt(self.alert, notification, self.around, self.now) is not None:
            self.do(Withheld(notification=notification.id))
            return None
        claimed = msgspec.structs.replace(notification, state="sending", due_at=self.now + MINUTE)
        self.notifications[notification.id] = claimed
        return claimed

    def _send(self, notification):
        if self._claim(notification) is None:
            return
        outcome = self.down.get(notification.contact, "sent")
        self.do(Attempted(notification=notification.id, outcome=outcome, gateway="test", reason="uji"))
        if outcome == "sent":
            self.sent.append((notification.kind, notification.person))
            self.times.append((self.now - self.began) / MINUTE)

    def until(self, minutes):
        """Let time pass: timers before messages at each instant at which something is due."""
        end = self.began + round(minutes * MINUTE)
        self.deliver()
        for _ in range(10_000):
            due = self.next_due
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            if self.alert.cover_changes_at is not None and self.alert.cover_changes_at <= self.now:
                self.do(RecheckSilence())
            if self.alert.wake_at is not None and self.alert.wake_at <= self.now:
                self.do(TimerDue())
            self.deliver()
        else:
            raise AssertionError("something is due again and again, and nothing comes of it")
        self.now = end
        return self

    @property
    def next_due(self):
        """The next instant at which a timer or a message is due."""
        due = [n.due_at for n in self.waiting]
        timers = (self.alert.wake_at, self.alert.cover_changes_at)
        return min([*due, *(at for at in timers if at is not None)], default=None)

    @property
    def waiting(self):
        """Notifications in the outbox, earliest first."""
        return sorted(
            (n for n in self.notifications.values() if n.due_at is not None), key=lambda n: n.due_at
        )

    def news(self):
        """Return what went out since this was asked last."""
        fresh, self.sent, self.times = self.sent, [], []
        return fresh

    def states(self, *kinds):
        """Return (person, state, reason) of the notifications of these kinds, in order."""
        return [(n.person, n.state, n.reason) for n in self.notifications.values() if n.kind in kinds]

    def names(self, *of):
        """Return the names of history entries, of these names only where given."""
        return [entry.name for entry in self.history if not of or entry.name in of]
