"""A process of an installation whose store others share: all roles, on one rule set and one clock that stands still."""

import json
from typing import Any

import msgspec

from engine.core.alerting.directory import Contents
from engine.core.alerting.policy import Digest, Policy, PolicyStep, StepTarget
from engine.core.judging.condition import EveryEvent
from engine.core.judging.event import Event
from engine.core.judging.filter import Test
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant
from engine.core.judging.rule import LevelStep, Rule
from engine.escalation.internal_alerts import InternalAlerts
from engine.escalation.item_retry import ItemRetry
from engine.escalation.silences import Silences
from engine.escalation.timers import AlertTimers
from engine.evaluation.evaluator import Evaluator
from engine.intake.disowning import Disowning
from engine.intake.event_schema import identity_of
from engine.intake.submission import Intake
from engine.matching.checked import native_alone
from engine.people.tokens import Scope, Tokens
from engine.records.rule_sets import RuleSet
from engine.rule_sets.proposals import Proposals
from engine.rule_sets.rollout import RuleSetRollout
from engine.runtime.keys import Keys
from engine.settings import Settings
from engine.store.archive.history import EventHistory
from engine.store.memory import MemoryStore
from engine.store.port import Arrival
from tests.interleaving.gate import Seat
from tests.unit.support.country import KINDS, NOW, REGIONS
from tests.unit.support.switchboard import KEY, OFFICES, PEOPLE, Switchboard, person

TEXTS = dict.fromkeys(("title", "short_title", "owner", "why", "guide"), "Uji")
ROLES = tuple(StepTarget(role=role) for role in ("sekda", "bpbd"))
POLICY = Policy(
    id="p",
    steps=(
        PolicyStep(to=ROLES, wait=30 * MINUTE),
        PolicyStep(to=(StepTarget(role="posko_nasional", at="nation"),), wait=30 * MINUTE),
    ),
)


DIGEST = Policy(
    id="ringkas",
    steps=(PolicyStep(to=ROLES, wait=12 * HOUR),),
    digest=Digest(levels=(2,), at=("18:00",)),
)


def rule(id_: str, kind: str, *, level: int = 3, policy: str = "p", **more: Any) -> Rule:
    """Return a rule that every event of a kind opens an alert of, one for each region."""
    return Rule(
        id=id_,
        watch=Test("kind", "equals", kind),
        condition=EveryEvent(),
        levels=(LevelStep(level),),
        escalate=policy,
        version="1",
        **TEXTS,
        **more,
    )


RULES = {
    one.id: one
    for one in (
        rule("besar", "conflict.clash"),
        rule("kecil", "neutrality.asn", hide_while=("besar",)),
        rule("ringkas-1", "logistics.damaged", level=2, policy="ringkas"),
        rule("ringkas-2", "logistics.damaged", level=2, policy="ringkas"),
    )
}
NATION = Scope(desks=("*",), rights=frozenset(("submit", "operate")), region="00", token_id="t0")
DIRECTORY = Contents(people=PEOPLE, assignments=OFFICES)


class Process(Switchboard):
    """All parts of one process; `number` tells it from the others."""

    def __init__(self, store: MemoryStore | Seat, now: Instant = NOW, number: int = 0) -> None:
        super().__init__(store=store)  # type: ignore[arg-type] -- a seat is a store
        self.number = number
        self.clock.set(now)
        self.books.rule_set = RuleSet(RULES, {"p": POLICY, "ringkas": DIGEST})
        self.escalator = AlertTimers(self.store, self.clock, self.desk, self.metrics)
        self.silences = Silences(self.store, self.clock, self.books, self.desk)
        self.own_alerts = InternalAlerts(self.store, self.clock, self.books, self.metrics)
        self.setbacks = ItemRetry(
            "escalator", "alerts", store=self.store, clock=self.clock, metrics=self.metrics
        )
        history = EventHistory(self.store)
        approval = RuleSetRollout(
            self.store, self.clock, self.books, self.metrics, max_told=1_000, history=history
        )
        self.proposals = Proposals(
            self.store, self.clock, self.books, approval, self.silences, keys=Keys(KEY)
        )
        self.disowning = Disowning(self.store, history, self.clock, piece=1)
        self.tokens = Tokens(self.store, self.clock, lambda: 0.0)
        self.intake = Intake(self.store, self.clock, REGIONS, KINDS, Settings(), self.metrics)
        self.evaluator = Evaluator(
            self.store, self.clock, self.books, self.metrics, native_alone, holder=f"process {number}"
        )

    async def receive(self, *events: tuple[str, str], token: str = "", **fields: Any) -> None:
        """Let events come in, each an id and a kind, in 73.15; nothing is judged yet."""
        now = self.clock.now()
        arrivals = []
        for id_, kind in events:
            event = Event(
                desk="73.15",
                id=id_,
                kind=kind,
                region="73.15",
                severity=3,
                occurred_at=now,
                received_at=now,
                token=token,
                fields=fields,
                by_verifier=bool(fields),
            )
            value = msgspec.json.encode(event)
            arrivals.append(Arrival(identity_of("73.15", id_), value[-8:], value))
        await self.store.append(arrivals, now, now // DAY)

    async def judge(self) -> None:
        """Judge what came in, if no other process leads, and let another lead after that."""
        while await self.evaluator.turn():
            pass
        await self.evaluator.stand_down()

    async def settle(self) -> None:
        """Do all that is due at this instant."""
        turns = (
            self.escalator.lift,
            self.evaluator.turn,
            self.own_alerts.turn,
            self.escalator.turn,
            self.proposals.turn,
            self.dispatcher.turn,
        )
        for _ in range(200):
            if not any([await turn() for turn in turns]):
                await self.evaluator.stand_down()
                return
        raise AssertionError("what is due does not come to rest")

    async def submit(self, **changes: Any) -> None:
        """Submit a report over the intake."""
        await self.intake.submit(document(**changes), "application/json", NATION)


def document(**changes: Any) -> bytes:
    """Return a report as a desk sends it."""
    report = {
        "id": "Q1",
        "kind": "desk.heartbeat",
        "severity": 1,
        "region": "73.15",
        "occurred_at": "2024-11-27T09:30:00+08:00",
        "source": {"desk": "73.15", "channel": "desk"},
    }
    return json.dumps(report | changes).encode()


def newcomer(number: int):
    """Return a person whom nobody knew yet."""
    return person(f"baru-{number}", f"+62811000010{number}")
