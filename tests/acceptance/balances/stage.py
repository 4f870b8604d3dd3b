"""The stage on which a timeline is played: the whole service on a store and gateways that let things happen between.

Here: playing, and looking at every message at the instant it is handed to a gateway. Not here: what is drawn
(`timelines`) and what a message's reason is (`matter`).
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import get_args

import msgspec

from engine.core.alerting.alert import ALONE, Alert, Notification, NotificationState
from engine.core.alerting.directory import HolderSpan
from engine.core.alerting.gateway_route import Route
from engine.core.alerting.silence import Silence
from engine.core.judging.event import Event
from engine.core.judging.instant import DAY
from engine.core.judging.region import lies_in
from engine.delivery.gateways import gateway_of
from engine.delivery.send_budgets import budgets_of
from engine.documents.gateways import RouteProfile
from engine.documents.silences import Silencing, Unsilencing
from engine.documents.test_files.policy_tests import Scene, load_policy_tests
from engine.documents.test_files.steps import Answering
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, NOTIFICATIONS
from engine.records.statistics import take
from engine.settings import Settings
from engine.simulation.recorder import Recorder
from engine.simulation.run_steps import StepRunner
from engine.simulation.simulator import Outgoing, Simulator
from engine.store.codec import decode
from engine.store.memory import MemoryStore
from engine.store.port import Write, WriteOutcome
from notifiers.base import Message, Receipt
from notifiers.collecting import Collecting, CollectingSettings
from tests.acceptance.balances.matter import QUIET_KINDS, Matter, accused
from tests.acceptance.balances.timelines import (
    CHANNELS,
    START,
    Answer,
    Happening,
    Hush,
    Leave,
    Meanwhile,
    Speak,
    Timeline,
)
from tests.acceptance.shipped import PREMISES

TIGHT = {"budgets.person.sms": "1/30m", "budgets.gateway.sms": "3/1m"}
TEXTS = {
    "seen": "baca",
    "taken": "terima",
    "resolved": "selesai",
    "declined": "bukan",
    "delegated": "teruskan",
}
CLAIMS = ("claim", "claim_digest")
Hook = Callable[[], Awaitable[None]]


@cache
def scene() -> Scene:
    tests = (
        load_policy_tests(Path(__file__).with_name("scene.policy-test.yaml"), PREMISES.regions).expect().tests
    )
    assert tests[0].scene.unusable == ()
    return tests[0].scene


@cache
def premises(*, tight: bool) -> Settings:
    return PREMISES.overridden(TIGHT if tight else {})


class Between(MemoryStore):
    """A store that lets something happen after the claim of a message."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: Hook | None = None

    async def write(self, write: Write) -> WriteOutcome:
        outcome = await super().write(write)
        if write.name in CLAIMS and self.claimed is not None:
            hook, self.claimed = self.claimed, None
            await hook()
        return outcome


class Watched(Collecting):
    """A gateway that lets each message be looked at as it is handed over, and something happen while it takes it."""

    def __init__(self, channel: str, handed: Callable[[Message], Awaitable[None]]) -> None:
        super().__init__(CollectingSettings(channel=channel))
        self._handed = handed

    async def send(self, message: Message) -> Receipt:
        await self._handed(message)
        return await super().send(message)


class Stage:
    """One play. `findings` are the messages that were handed over though nobody wanted them any more."""

    def __init__(self, timeline: Timeline) -> None:
        one, two = timeline.policies
        profile = RouteProfile(two_way=timeline.two_way, dlr_trust=timeline.trust)
        gateways = {channel: Watched(channel, self._handed) for channel in CHANNELS}
        settings = premises(tight=timeline.tight)
        policies = {"satu": one, "dua": two}
        self._store = Between()
        self.rig = Simulator(
            rules=scene().rules,
            policies=policies,
            start=START,
            regions=scene().regions,
            metrics=Metrics(),
            outgoing=Outgoing(
                PREMISES.renderer(scene().regions, settings),
                PREMISES.responses(scene().regions),
                gateways,
                tuple(gateway_of(Route(gateway=channel, channel=channel), profile) for channel in CHANNELS),
                budgets_of(settings.budgets),
            ),
            store=self._store,
        )
        self._witness = Recorder(self.rig)
        self._deeds = StepRunner(self.rig, self._witness, gateways, policies)
        self._timeline = timeline
        self._events: list[Event] = []
        self._silences: list[Silence] = []
        self._taken_over: Hook | None = None
        self.findings: list[str] = []
        self.handed = 0

    def statuses(self) -> list[str]:
        """Return in which status each alert is."""
        return [alert.status for alert in self._witness.alerts.values()]

    async def play(self) -> None:
        await self.rig.replace_directory(self._timeline.directory)
        for pause, act in self._timeline.acts:
            await self._reach(self.rig.clock.now() + pause)
            await self._do(act)
            await self._look()
            await self.rig.settle()
            await self._look()
        await self._reach(self.rig.clock.now() + DAY)

    async def _reach(self, instant: int) -> None:
        while (due := await self.rig.next_due()) is not None and due < instant:
            await self.rig.reach(max(due, self.rig.clock.now()))
            await self.rig.settle()
            await self._look()
        await self.rig.reach(instant)

    # --- acts ---

    async def _do(self, act: object) -> None:
        now = self.rig.clock.now()
        match act:
            case Happening():
                await self.rig.receive([self._event(act)], now)
            case Answer():
                await self._answer(act)
            case Hush(match=match, after=after, length=length, include_awas=include_awas):
                silencing = Silencing(
                    match=match,
                    since=now + after - START,
                    until=now + after + length - START,
                    reason="uji",
                    author="operator",
                    include_awas=include_awas,
                )
                made = Silence(
                    id="",
                    match=match,
                    since=now + after,
                    until=now + after + length,
                    reason="uji",
                    author="operator",
                    include_awas=include_awas,
                )
                self._silences.append(made)
                await self._deeds.do(silencing)
            case Speak(place=place):
                if place < len(self._silences):
                    match = self._silences[-1 - place].match
                    self._silences = [self._cut(s) if s.match == match else s for s in self._silences]
                    await self._deeds.do(Unsilencing(match=match))
            case Leave(person=person, length=length):
                await self._leave(person, HolderSpan(now, now + length))
            case Meanwhile(when="claimed"):
                self._store.claimed = partial(self._do, act.act)
            case Meanwhile():
                self._taken_over = partial(self._do, act.act)
            case _:
                await self._deeds.do(act)

    def _cut(self, silence: Silence) -> Silence:
        now = self.rig.clock.now()
        return (
            msgspec.structs.replace(silence, until=max(now, silence.since))
            if silence.until > now
            else silence
        )

    def _event(self, act: Happening) -> Event:
        fields = {"incident": act.incident}
        if act.role:
            fields["subject.role"] = act.role
        kind, region = f"uji.{act.kind}", act.region
        if 0 < act.names <= len(self._events):
            named = self._events[-act.names]
            kind, region = named.kind, named.region
            fields |= {"corrects": named.id} | ({"verification": "refuted"} if act.refuted else {})
        event = Event(
            desk=region,
            id=f"e{len(self._events)}",
            kind=kind,
            region=region,
            severity=act.severity,
            occurred_at=self.rig.clock.now() - act.late,
            fields=fields,
            exercise=act.exercise,
        )
        self._events.append(event)
        return event

    async def _answer(self, act: Answer) -> None:
        await self._witness.look()
        sent = [n for n in self._witness.messages() if n.alert]
        about = sent[-1 - act.place] if act.place < len(sent) else None
        person = act.person or (about.person if about else "operator")
        alert = self._witness.alerts[about.alert] if about else None
        named = {"rule": alert.rule.id, "group": alert.group} if alert else {}
        to = {"to": act.to} if act.says == "delegated" else {}
        text = {}
        if act.via == "text":
            told = f" {act.to}" if act.says == "delegated" else ""
            text = {"text": f"{TEXTS[act.says]}{told}" + (" {code}" if self._timeline.two_way else "")}
        via = "sms" if text else act.via
        await self._deeds.do(Answering(who=person, says=act.says, via=via, **text, **to, **named))

    async def _leave(self, who: str, span: HolderSpan) -> None:
        contents = (await self.rig.books.directory()).contents
        people = tuple(
            msgspec.structs.replace(p, away=(*p.away, span)) if p.id == who else p for p in contents.people
        )
        await self.rig.replace_directory(msgspec.structs.replace(contents, people=people))

    # --- what must hold ---

    async def _look(self) -> None:
        """Take the census twice, as the auditor does; every notification ever planned is in one of its states."""
        await self._witness.look()
        first, second = await take(self.rig.store), await take(self.rig.store)
        assert first.lost_alerts & second.lost_alerts == set()
        assert first.lost_notifications & second.lost_notifications == set()
        planned = [id_ for alert in second.alerts for id_ in alert.notifications]
        found = [n for n in second.notifications if n.kind not in ("digest", *ALONE)]
        assert sorted(planned) == sorted(n.id for n in found)
        states = Counter(n.state for n in found)
        assert len(planned) == sum(states[state] for state in get_args(NotificationState))
        assert self.findings == []

    async def _handed(self, message: Message) -> None:
        """Hold a message against its reason at the instant it is handed to a gateway."""
        self.handed += 1
        one = await self._notification(message.id)
        for id_ in [item.notification for item in one.items] or [message.id]:
            item = await self._notification(id_)
            why = await self._gone(item) or await self._lost(item)
            if why:
                at = (self.rig.clock.now() - START) / 60_000
                self.findings.append(
                    f"{at:.2f} {one.kind}:{item.kind} to {item.person} step {item.step}: {why}"
                )
        if self._taken_over is not None:
            hook, self._taken_over = self._taken_over, None
            await hook()

    async def _notification(self, id_: str) -> Notification:
        (record,) = await self.rig.store.get(NOTIFICATIONS, [id_])
        return decode(record.value, Notification)

    async def _gone(self, message: Notification) -> str:
        contents = (await self.rig.books.directory()).contents
        contacts = [c for person in contents.people for c in person.contacts if c.verified]
        return "" if message.contact in {c.id for c in contacts} or message.kind in ALONE else "contact gone"

    async def _lost(self, message: Notification) -> str:
        if message.kind in ALONE:
            return ""
        now = self.rig.clock.now()
        (record,) = await self.rig.store.get(ALERTS, [message.alert])
        alert = decode(record.value, Alert)
        matter = Matter(await self.rig.desk.history(alert.id))
        contents = (await self.rig.books.directory()).contents
        if message.person in accused(alert, contents, now):
            return "accused"
        if message.kind in QUIET_KINDS and any(self._covers(s, alert, matter, now) for s in self._silences):
            return "silenced"
        origin = message
        while origin.instead_of:
            origin = await self._notification(origin.instead_of)
        return matter.lost_reason(message, origin.entry, alert)

    @staticmethod
    def _covers(silence: Silence, alert: Alert, matter: Matter, now: int) -> bool:
        match = silence.match
        return (
            silence.since <= now < silence.until
            and (silence.include_awas or matter.level < 4)
            and (not match.region or lies_in(alert.region, match.region[0]))
            and (not match.rule or alert.rule.id in match.rule)
            and (not match.level or matter.level in match.level)
        )
