"""A judges' bench: the evaluator alone on any store, given requests in any order and cut into any batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from engine.clock import ManualClock
from engine.core.alerting.alert import Alert
from engine.core.alerting.policy import Policy, PolicyStep
from engine.core.judging.condition import Count, Distinct, Value
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_key import key_of
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant
from engine.core.judging.region import Region, RegionTable
from engine.core.judging.rule import Clear, Rule
from engine.evaluation.evaluator import Evaluator
from engine.evaluation.groups import GROUPS, read
from engine.evaluation.poll import WINDOWS
from engine.intake.event_families import FAMILIES
from engine.intake.event_schema import identity_of
from engine.matching.checked import native_alone
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.codec import decode
from engine.store.port import Arrival, Store

START: Instant = 1_700_000_000_000
FAR = 30 * DAY


def _rule(id_: str, **over: Any) -> Rule:
    texts = dict.fromkeys(("title", "short_title", "owner", "why", "guide"), "uji")
    return Rule(id=id_, **{**texts, "escalate": "p", **over})


WATCHED = Test("kind", "equals", "a.a")
RULES = (
    _rule("each", watch=WATCHED, per=("source.desk", "id")),
    _rule("pair", watch=WATCHED, condition=Count(2, 10 * MINUTE), clear=Clear("no_longer_true")),
    _rule(
        "weight",
        watch=WATCHED,
        condition=Count(5, 10 * MINUTE, "metrics.n"),
        clear=Clear("quiet", quiet_for=HOUR),
    ),
    _rule(
        "places",
        watch=WATCHED,
        condition=Distinct(("incident",), Limit("at_least", 2), 20 * MINUTE),
        clear=Clear("event", event=Test("kind", "equals", "a.end")),
    ),
    _rule(
        "much",
        watch=WATCHED,
        condition=Value("metrics.n", Limit("at_least", 3)),
        clear=Clear("no_longer_true"),
        wait_for_late=5 * MINUTE,
    ),
)
REGIONS = RegionTable(
    Region(
        code=code, parent=parent, level="", name=code, short_name=code, zone="WITA", timezone="Asia/Makassar"
    )
    for code, parent in (("00", ""), ("73", "00"), ("73.15", "73"), ("73.16", "73"))
)


class Bench:
    """One evaluator on one store. A clock that stands still until it is told."""

    def __init__(self, store: Store, rules: Iterable[Rule] = RULES, archive: Archive | None = None) -> None:
        self.store = store
        self.clock = ManualClock(START)
        self.metrics = Metrics()
        policy = Policy(id="p", steps=(PolicyStep(to=(), wait=HOUR),))
        rule_set = RuleSet({rule.id: rule for rule in rules}, {"p": policy})
        books = RuntimeConfig(store, namespace="bench", regions=REGIONS, kinds={}, rule_set=rule_set)
        history = EventHistory(store, archive)
        self.evaluator = Evaluator(
            store, self.clock, books, self.metrics, native_alone, holder="bench", history=history
        )

    async def receive(self, events: Sequence[Event], at: Instant) -> None:
        """Let events come in as one request; nothing is judged yet."""
        self.clock.set(at)
        arrivals = []
        for event in events:
            value = msgspec.json.encode(event)
            digest = blake2b(value, digest_size=8).digest()
            arrivals.append(Arrival(identity_of(event.desk, event.id), digest, value))
        await self.store.append(arrivals, at, at // DAY)

    async def judge(self) -> None:
        """Judge all that came in and is due by now."""
        while await self.evaluator.turn():
            pass

    async def wait(self, until: Instant = START + FAR) -> None:
        """Judge whatever falls due until then."""
        await self.judge()
        while (due := await self.store.next_due(WINDOWS)) is not None and due <= until:
            self.clock.set(due)
            await self.judge()
        self.clock.set(until)

    async def play(self, requests: Sequence[Sequence[Event]], batches: Sequence[int] = ()) -> None:
        """Let requests come in one after the other and judge them in batches of so many, then one by one."""
        sizes, waiting = list(batches), 0
        for request in requests:
            now = max(self.clock.now() + 1, *(event.occurred_at for event in request))
            if not waiting:
                await self.wait(now - 1)
            await self.receive(request, now)
            waiting += 1
            if not sizes or waiting >= sizes[0]:
                sizes, waiting = sizes[1:], 0
                await self.judge()
        await self.wait()

    async def openings(self) -> set[tuple[str, Instant]]:
        """Return the openings that were not undone: group and `happened_at`."""
        keys = [key_of(member) for member in await self.store.scan(GROUPS)]
        return {
            (str(key), opening.happened_at)
            for key, kept in (await read(self.store, keys)).items()
            for opening in kept.state.openings
        }

    async def alerts(self) -> list[Alert]:
        """Return all alerts ever opened, by rule, group and order of opening."""
        found = [decode(record.value, Alert) for record in (await self.store.scan(ALERTS)).values()]
        return sorted(found, key=lambda alert: (alert.rule.id, alert.group, alert.ordinal))

    async def families(self) -> dict[str, bytes]:
        """Return what is stored of families."""
        return {id_: record.value for id_, record in (await self.store.scan(FAMILIES)).items()}

    async def story(self) -> list[tuple[Any, ...]]:
        """Return what the alerts say, without when the clock said that it was noticed."""
        return [
            (
                alert.rule.id,
                alert.group,
                alert.ordinal,
                alert.happened_at,
                alert.level,
                alert.figure,
                alert.resolved_reason,
                [(e.desk, e.id) for e in alert.evidence],
            )
            for alert in await self.alerts()
        ]
