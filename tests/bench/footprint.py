"""The footprint: how much memory the states of many rules take in a server.

Here: synthetic rules and events, the real states that judging makes of them, stored by the real code in a server of its
own. Not here: how fast that is (`evaluation`), printing (`__main__`).
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec

from engine.core.judging.condition import (
    Aggregate,
    Compare,
    Condition,
    Count,
    Distinct,
    FirstTime,
    PreviousWindow,
)
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_key import GroupKey
from engine.core.judging.group_state import UNKNOWN
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, Millis
from engine.core.judging.rule import Clear, Rule
from engine.evaluation.groups import Groups, Judged
from engine.store.port import Write
from engine.store.redis.client import RedisClient
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.bench.figure import Figure
from tests.bench.peers import Terms

RULES, STATES, EVENTS = 1_000, 100_000, 20
"""The size for which the promise of 1 GB is made: rules, group states of all together, events in each."""
BATCH = 100
"""Groups in one write."""
BEGIN: Instant = 1_732_000_000_000
CONDITIONS: tuple[Condition, ...] = (
    Count(at_least=10_000, within=7 * DAY),
    Count(at_least=10_000, within=DAY, weight="metrics.count"),
    Distinct(of=("incident",), limit=Limit("at_least", 10_000), within=7 * DAY),
    Aggregate(function="average", of="metrics.tps", limit=Limit("above", 10_000), within=6 * HOUR),
    FirstTime(of=("subject.unit",), memory=30 * DAY),
    Compare(figure="count", reference=PreviousWindow(), relation="rises_to", number=9_999, within=HOUR),
)
"""One of each kind of window, none of which opens an alert of its own accord but `first_time`."""


class Footprint(msgspec.Struct, frozen=True):
    """So many rules with so many group states of so many points, and the bytes that a server needs for them."""

    rules: int
    states: int
    points: int
    bytes: int
    server: str

    @property
    def bytes_a_point(self) -> float:
        """Bytes for one event in one window, with its share of everything else."""
        return self.bytes / self.points


def rules(number: int) -> list[Rule]:
    """Return so many synthetic rules."""
    return [
        Rule(
            id=f"aturan-sintetis-{place:04}",
            title="Uji ukuran (sintetis)",
            short_title="Uji ukuran",
            owner="-",
            why="-",
            guide="-",
            condition=CONDITIONS[place % len(CONDITIONS)],
            watch=Test("kind", "prefix", "conflict."),
            per=("regency",),
            clear=Clear("quiet", quiet_for=DAY),
            version=f"{place:012x}",
        )
        for place in range(number)
    ]


async def footprint(
    folder: Path,
    *,
    rules_: int,
    states: int,
    events: int,
    step: Callable[[int], None] = lambda _states: None,
) -> Footprint:
    """Store `states` groups of `events` events each, shared out evenly to the rules; `step` hears of progress."""
    server = EmbeddedServer(folder)
    where = await server.start()
    try:
        async with aclosing(RedisClient(where, timeout=30.0, wait_replicas=0)) as link:
            before = await link.command("INFO")
            points = 0
            for rule in rules(rules_):
                points += await _store(where, rule, states // rules_, events, step)
            after = await link.command("INFO", "memory")
        product = f"{before.get('server_name', 'redis')} {before['redis_version']}"
        return Footprint(
            rules_, states, points, int(after["used_memory"]) - int(before["used_memory"]), product
        )
    finally:
        await server.stop()


async def _store(where: str, rule: Rule, states: int, events: int, step: Callable[[int], None]) -> int:
    """Store the states of one rule as the evaluator does; return how many points they hold."""
    store, points = RedisStore(where, "bench", timeout=30.0), 0
    await store.open()
    groups = Groups(store)
    for first in range(0, states, BATCH):
        keys = [
            GroupKey("real", rule.id, f"{11 + place // 60}.{place % 60 + 1:02}")
            for place in range(first, min(first + BATCH, states))
        ]
        await groups.fetch(keys)
        puts, judged = [], {}
        for key in keys:
            group = await groups.working_copy(key, rule, UNKNOWN)
            for report in _reports(rule, key.group, events):
                group.apply([report], received_at=report.received_at)
            judged[key] = Judged(group, group.head())
            puts += groups.changes(key, judged[key])[0]
            points += len(group.points)
        await store.write(Write(name="bench", puts=tuple(puts)))
        groups.committed(judged, 0)
        step(len(keys))
    await store.close()
    return points


def _reports(rule: Rule, region: str, events: int) -> Iterator[Event]:
    """Yield events all of which are in the window at the end, spread over most of it."""
    within: Millis = getattr(rule.condition, "within", 0) or getattr(rule.condition, "memory", 0)
    for number in range(events):
        at = BEGIN + number * (within - MINUTE) // events
        yield Event(
            desk=region,
            id=f"{rule.id[-4:]}{region.replace('.', '')}{number:018}",
            kind="conflict.unrest",
            region=region,
            severity=2,
            occurred_at=at,
            received_at=at + 5 * MINUTE,
            fields={
                "incident": f"{region}-{number // 2}",
                "source.channel": "desk",
                "subject.unit": f"unit-{number}",
                "metrics.tps": number,
                "metrics.count": 1,
                "verification": "unverified",
            },
        )


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield what the states of 1,000 rules take; a quick run stores a fiftieth and says what all would."""
    part = 50 if terms.scale.quick else 1
    terms.step(f"{STATES // part:,} group states")
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        found = await footprint(Path(folder), rules_=RULES // part, states=STATES // part, events=EVENTS)
    yield Figure(
        what=f"{RULES:,} rules, {STATES:,} group states of {EVENTS} events, in the server",
        unit="GB",
        runs=(found.bytes * part / 1e9,),
        better="lower",
        target=1.0,
        note=f"{found.bytes / found.states:,.0f} bytes a group state, {found.bytes_a_point:,.0f} an event in one",
    )
