"""Drills: everybody who would be told in a region gets one LATIHAN, and somebody sees who answers.

Here: who that is, the alert that asks them, and what came of it. Not here: printing (`cli.drill`), and telling and
answering, which are those of any alert. A drill is of people, not of rules: it opens its alert by itself, in the space
of exercises, with a policy that names everybody and asks all of them once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engine.clock import Clock
from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.command import Answer, Open
from engine.core.alerting.credential import Credential
from engine.core.alerting.decide import open_alert
from engine.core.alerting.policy import Acknowledge, Policy, PolicyStep, StepTarget
from engine.core.alerting.reachability import escalation_preview
from engine.core.judging.instant import Instant, Millis, format_instant
from engine.core.judging.judgement import Evidence, Opened
from engine.core.judging.region import lies_in
from engine.core.judging.rule import Rule
from engine.escalation.alert_commands import AlertCommands
from engine.records.alert_lists import WantedList, newest_of
from engine.records.alert_repository import WriteBuilder
from engine.records.runtime_config import RuntimeConfig
from engine.store.port import Store

SPACE = "exercise"
LEVEL = 3
"""A drill is a siaga: it waits for nobody's morning, and a contact's quiet hours hold."""
RULE = Rule(
    id="latihan",
    title="Latihan kesiapan: tidak ada kejadian",
    short_title="Latihan kesiapan",
    owner="Posko Nasional",
    why="Memastikan bahwa setiap pejabat terjangkau dan tahu cara menjawab.",
    guide="",
    version="1",
)
KIND = "desk.readiness"
SAID_NOTHING = ""


class Participant(NamedTuple):
    """One person of a drill: state of each message by channel, what they said (empty: nothing) and after how long."""

    person: str
    messages: tuple[tuple[str, str], ...]
    said: str = SAID_NOTHING
    after: Millis | None = None

    @property
    def reached(self) -> bool:
        """Whether a message went out to them."""
        return any(state in ("sent", "delivered") for _, state in self.messages)


def people_in(
    region: str, policies: Mapping[str, Policy], around: DecisionContext, at: Instant
) -> tuple[str, ...]:
    """Return everybody whom any policy would tell of an alert in a region, or in one that lies in it, by now."""
    regions = [one.code for one in around.regions if lies_in(one.code, region)]
    found = {
        notification.person
        for code in regions
        for policy in policies.values()
        for notification in escalation_preview(RULE, policy, code, LEVEL, around, at).notifications
        if lies_in(notification.office, region)
    }
    return tuple(sorted(found))


def drill_of(people: Iterable[str], region: str, around: DecisionContext, now: Instant, wait: Millis) -> Open:
    """Return the command that asks these people, all at once; who has not answered after `wait` is reported."""
    everybody = tuple(StepTarget(person=person) for person in people)
    policy = Policy(
        id=RULE.id,
        steps=(PolicyStep(to=everybody, wait=wait, need="all"),),
        acknowledge=Acknowledge(expires=None),
    )
    group = f"{region} {format_instant(now, around.regions.timezone(region))}"
    evidence = Evidence(
        desk=RULE.id,
        id=group,
        kind=KIND,
        region=region,
        severity=LEVEL,
        occurred_at=now,
        received_at=now,
        verification="verified",
    )
    opened = Opened(ordinal=1, happened_at=now, evidence=(evidence,), level=LEVEL)
    return Open(rule=RULE, policy=policy, space=SPACE, group=group, region=region, ordinal=1, opened=opened)


class Drills:
    """Starts drills, tells what came of them, and ends them."""

    def __init__(self, store: Store, clock: Clock, books: RuntimeConfig, desk: AlertCommands) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._desk = desk

    async def people(self, region: str) -> tuple[str, ...]:
        """Return everybody who would be told now."""
        around = await self._books.surroundings()
        return people_in(region, self._books.rule_set.policies, around, self._clock.now())

    async def start(self, region: str, people: Iterable[str], wait: Millis, *, by: Credential) -> str:
        """Ask these people; return the id of the alert. `by` is the credential of the command."""
        around, now = await self._books.surroundings(), self._clock.now()
        decision = open_alert(drill_of(people, region, around, now, wait), around, now, by=by)
        changes = WriteBuilder()
        changes.add([decision], None)
        await self._store.write(changes.write("drill"))
        return decision.alert.id

    async def newest(self, region: str) -> Alert | None:
        """Return the newest drill of a region, also one that is over."""
        async for alert in newest_of(self._store, WantedList(region=region, rule=RULE.id)):
            if alert.space == SPACE and alert.region == region:
                return alert
        return None

    async def participants(self, alert: Alert) -> list[Participant]:
        """Return what came of a drill, person by person."""
        case = await self._desk.case(alert.id)
        told = tuple(case.notifications.values()) if case else ()
        return participants(alert, told, await self._desk.history(alert.id))

    async def end(self, alert: Alert, *, by: Credential) -> None:
        """Resolve a drill; everybody who was told hears that it is over."""
        answer = Answer(person=by.id, says="resolved", via="console", is_operator=True)
        await self._desk.answer(alert.id, answer, by=by)


def participants(
    alert: Alert, notifications: Iterable[Notification], history: Iterable[HistoryEntry]
) -> list[Participant]:
    """Return what came of a drill, person by person; the last thing that a person said counts."""
    asked = [n for n in notifications if n.kind in ("first", "step")]
    said = {entry.person: entry for entry in history if entry.name == "answered"}
    found = []
    for person in sorted({n.person for n in asked}):
        messages = tuple((n.channel, n.state) for n in asked if n.person == person)
        entry = said.get(person)
        found.append(
            Participant(person, messages)
            if entry is None
            else Participant(person, messages, entry.reason, entry.at - alert.detected_at)
        )
    return found
