"""The law of arrival over the whole evaluator for random rules: one result in every order, on every store."""

from __future__ import annotations

import asyncio

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.judging.correction import member_of, verdict
from engine.judging.event import Event
from engine.judging.rule import Rule
from engine.service.casebook import ALERTS
from engine.service.families import FAMILIES
from engine.service.groups import GROUPS, POINTS
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.bench import Bench
from tests.acceptance.corrections.conftest import Opened
from tests.acceptance.corrections.test_order import plays, true_events
from tests.unit.judging.test_order import rules

Play = tuple[list[Event], list[list[Event]], list[int]]


def random_rules() -> st.SearchStrategy[list[Rule]]:
    """Up to three rules of the conditions and clearings that there are."""
    return st.lists(rules(), min_size=1, max_size=3).map(
        lambda found: [
            msgspec.structs.replace(rule, id=f"r{n}", escalate="p") for n, rule in enumerate(found)
        ]
    )


@given(rule_set=random_rules(), play=plays())
def test_random_rules_open_the_same_in_every_arrival_order(rule_set: list[Rule], play: Play) -> None:
    """Late, repeated, corrected and refuted events: the openings not undone are those of the events that count."""
    reported, requests, batches = play

    async def run() -> None:
        plain, one = Bench(MemoryStore(), rule_set), Bench(MemoryStore(), rule_set)
        await plain.play([[event] for event in true_events(reported)])
        await one.play(requests, batches)
        assert await one.openings() == await plain.openings()

    asyncio.run(run())


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(rule_set=random_rules(), play=plays())
def test_random_rules_leave_the_same_bytes_on_memory_and_redis(
    redis: Opened, rule_set: list[Rule], play: Play
) -> None:
    """Alerts, heads, pages and families."""
    _, requests, batches = play

    async def run() -> None:
        memory = Bench(MemoryStore(), rule_set)
        await memory.play(requests, batches)
        async with redis() as store:
            other = Bench(store, rule_set)
            await other.play(requests, batches)
            for table in (ALERTS, GROUPS, POINTS, FAMILIES):
                assert await other.store.scan(table) == await memory.store.scan(table)

    asyncio.run(run())


@settings(database=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(rule_set=random_rules(), play=plays())
def _look(rule_set: list[Rule], play: Play) -> None:
    reported, requests, batches = play

    async def run() -> None:
        bench = Bench(MemoryStore(), rule_set)
        await bench.play(requests, batches)
        _seen["openings"] += len(await bench.openings())
        _seen["withdrawn"] += len(verdict(member_of(event) for event in reported).withdrawn)

    asyncio.run(run())


_seen = {"openings": 0, "withdrawn": 0}


def test_the_random_plays_open_alerts_and_withdraw_events() -> None:
    """Guards the properties above against strategies under which nothing happens."""
    _look()
    assert min(_seen.values()) > 10
