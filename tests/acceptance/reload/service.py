"""A reload without files: an evaluator on a store in memory, an old and a new rule set, people who can be told."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec

from engine.clock import ManualClock
from engine.core.alerting.alert import Alert
from engine.core.alerting.policy import Policy, PolicyStep, StepTarget
from engine.core.judging.condition import Count, EveryEvent, Value
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit
from engine.core.judging.instant import DAY, HOUR
from engine.core.judging.rule import Clear, Rule
from engine.escalation.alert_commands import AlertCommands
from engine.evaluation.evaluator import Evaluator
from engine.intake.event_schema import identity_of
from engine.matching.checked import native_alone
from engine.metrics import Metrics
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.memory import MemoryStore
from engine.store.port import Arrival
from tests.unit.alerting.cases import REGIONS

START = 1_700_000_000_000
POLICIES = {"p": Policy(id="p", steps=(PolicyStep(to=(StepTarget(role="sekda"),), wait=HOUR),))}


class Killed(BaseException):
    """The process ended here."""


def rule(id_: str, condition: object, **over: object) -> Rule:
    words = {"title": id_, "short_title": id_, "owner": "o", "why": "w", "guide": "g"}
    return Rule(
        id=id_, condition=condition, per=("region",), escalate="p", version=repr(condition), **words, **over
    )


HOLDS = Value("n", Limit("at_least", 2))
OLD = (rule("sama", Count(2, DAY)), rule("ubah", Count(3, DAY)), rule("hapus", EveryEvent()))
NEW = (
    rule("sama", Count(2, DAY)),
    rule("ubah", Count(2, DAY)),
    rule("baru", HOLDS, clear=Clear("no_longer_true")),
)


def event(number: int, at: int, region: str = "73.15") -> Event:
    return Event(
        id=f"e{number}",
        desk="uji",
        kind="a.b",
        region=region,
        severity=2,
        occurred_at=at,
        received_at=at,
        fields={"n": number},
    )


class Service:
    """An evaluator after the other on one store; `kill` is the write at which the next one ends."""

    def __init__(self, archive: Path | None = None) -> None:
        self.kill: tuple[str, str] | None = None
        self.killed = 0
        self.store = MemoryStore(crash_point=self._crash)
        self.clock = ManualClock(START)
        self.history = EventHistory(self.store, None if archive is None else Archive(archive, "uji"))
        self.rule_set = RuleSet({one.id: one for one in OLD}, POLICIES)
        self.begin()

    def _crash(self, name: str, side: str) -> None:
        if self.kill == (name, side):
            self.kill = None
            self.killed += 1
            raise Killed(f"{side} {name}")

    def begin(self) -> None:
        self.books = RuntimeConfig(
            self.store, namespace="uji", regions=REGIONS, kinds={}, rule_set=self.rule_set
        )
        self.metrics = Metrics()
        self.evaluator = Evaluator(
            self.store,
            self.clock,
            self.books,
            self.metrics,
            native_alone,
            holder="uji",
            watched_since=START,
            history=self.history,
        )

    async def report(self, hour: int, number: int, region: str = "73.15") -> None:
        """Let an event come in at an hour, and judge it."""
        self.clock.set(START + hour * HOUR)
        await self.receive(event(number, self.clock.now(), region))
        await self.judge()

    async def receive(self, *events: Event) -> None:
        arrivals = []
        for one in events:
            value = msgspec.json.encode(one)
            arrivals.append(
                Arrival(identity_of(one.desk, one.id), blake2b(value, digest_size=8).digest(), value)
            )
        await self.store.append(arrivals, self.clock.now(), self.clock.now() // DAY)

    async def judge(self) -> None:
        while True:
            try:
                if not await self.evaluator.turn():
                    return
            except Killed:
                self.begin()

    async def alerts(self) -> list[Alert]:
        return await AlertCommands(self.store, self.clock, self.books, self.metrics).alerts()

    async def story(self) -> list[tuple[object, ...]]:
        desk = AlertCommands(self.store, self.clock, self.books, self.metrics)
        found = []
        for alert in await desk.alerts():
            history = [(entry.name, entry.reason) for entry in await desk.history(alert.id)]
            found.append(
                (alert.id, alert.rule.version, alert.status, alert.hidden, alert.happened_at, history)
            )
        return sorted(found)
