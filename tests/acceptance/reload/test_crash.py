"""A reload that is killed at any of its writes ends as one that is not.

The evaluator is thrown away at the write, before or after it is in the store, and another one goes on from the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec
import pytest

from engine.alerting.policy import Policy, Step
from engine.clock import ManualClock
from engine.judging.event import Event
from engine.judging.instant import DAY, HOUR
from engine.judging.rule import Clear, Count, EveryEvent, Limit, Rule, Value
from engine.matching.checked import native_alone
from engine.metrics import Metrics
from engine.service.apply import Desk
from engine.service.books import Books
from engine.service.evaluator import Evaluator
from engine.service.event_schema import identity_of
from engine.service.rule_sets import InForce, Proposal, RuleSet, after_the_past, at_once
from engine.store.memory import MemoryStore
from engine.store.port import Arrival
from tests.acceptance.corrections.bench import REGIONS

START = 1_700_000_000_000
POLICIES = {"p": Policy(id="p", steps=(Step(to=(), wait=HOUR),))}
NAMES = ("switch_announced", "rebuild_progress", "evaluate")


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

    def __init__(self) -> None:
        self.kill: tuple[str, str] | None = None
        self.killed = 0
        self.store = MemoryStore(crash_point=self._crash)
        self.clock = ManualClock(START)
        self.rule_set = RuleSet({one.id: one for one in OLD}, POLICIES)
        self.begin()

    def _crash(self, name: str, side: str) -> None:
        if self.kill == (name, side):
            self.kill = None
            self.killed += 1
            raise Killed(f"{side} {name}")

    def begin(self) -> None:
        self.books = Books(self.store, namespace="uji", regions=REGIONS, kinds={}, rule_set=self.rule_set)
        self.metrics = Metrics()
        self.evaluator = Evaluator(
            self.store, self.clock, self.books, self.metrics, native_alone, holder="uji", watched_since=START
        )

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

    async def story(self) -> list[tuple[object, ...]]:
        desk = Desk(self.store, self.clock, self.books, self.metrics)
        found = []
        for alert in await desk.alerts():
            history = [(entry.name, entry.reason) for entry in await desk.history(alert.id)]
            found.append(
                (alert.id, alert.rule.version, alert.status, alert.hidden, alert.happened_at, history)
            )
        return sorted(found)


async def run(kill: tuple[str, str] | None, *, waits: bool) -> tuple[Service, list[tuple[object, ...]]]:
    """Two events for one region and one for another, a reload at 3 h, an event after it."""
    service = Service()
    for hour, number, region in ((0, 1, "73.15"), (1, 2, "73.15"), (2, 3, "73.16")):
        service.clock.set(START + hour * HOUR)
        await service.receive(event(number, START + hour * HOUR, region))
        await service.judge()
    service.clock.set(START + 3 * HOUR)
    new = RuleSet({one.id: one for one in NEW}, POLICIES)
    proposal = Proposal(rule_set=new.id, author="a", approved_by="b")
    write = after_the_past(new, proposal) if waits else at_once(new, proposal, service.clock.now())
    await service.store.write(write)
    service.kill = kill
    await service.judge()
    service.clock.set(START + 4 * HOUR)
    await service.receive(event(4, START + 4 * HOUR, "73.16"))
    await service.judge()
    return service, await service.story()


def kills() -> Iterator[tuple[str, str]]:
    for name in NAMES:
        for side in ("before", "after"):
            yield name, side


@pytest.mark.parametrize("waits", [True, False], ids=["after the past", "at once"])
@pytest.mark.parametrize("kill", list(kills()), ids=" ".join)
async def test_a_kill_at_any_write_of_a_reload_changes_nothing(kill: tuple[str, str], waits: bool) -> None:
    _, undisturbed = await run(None, waits=True)
    service, story = await run(kill, waits=waits)
    assert service.killed == (0 if kill[0] == "switch_announced" and not waits else 1)
    assert story == undisturbed
    in_force: InForce = await service.books.follow()
    assert (in_force.author, in_force.tenures["ubah"].before) == ("a", START + 3 * HOUR)
    assert {
        one.rule.id
        for one in await Desk(service.store, service.clock, service.books, service.metrics).alerts()
    } == {
        "sama",
        "ubah",
        "hapus",
        "baru",
    }
