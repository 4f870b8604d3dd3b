"""The law of arrival over the whole evaluator for the whole language: the same openings in every order."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from engine.core.judging.event import Event
from engine.core.judging.instant import MINUTE
from engine.evaluation.groups import GROUPS, POINTS
from engine.evaluation.poll import WINDOWS
from engine.intake.event_families import FAMILIES
from engine.records.alert_repository import ALERTS
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.bench import START, Bench
from tests.acceptance.corrections.conftest import Opened
from tests.acceptance.corrections.sentences import WORDS, Document, Vocabulary, load, rule_sets
from tests.acceptance.corrections.test_order import plays, true_events

pytestmark = pytest.mark.timeout(1_800)  # 2,000 examples with `--all`, beside other work

VOCABULARY = Vocabulary(kind="a.a", end="a.end", number="metrics.n", start=START)


@given(found=rule_sets(VOCABULARY, 3), play=plays())
def test_every_order_opens_the_same(found: list[Document], play):
    """Late, repeated, corrected and refuted events: the openings not undone are those of the events that count."""
    reported, requests, batches = play
    rule_set = load(found)

    async def run() -> None:
        plain, one = Bench(MemoryStore(), rule_set), Bench(MemoryStore(), rule_set)
        await plain.play([[event] for event in true_events(reported)])
        await one.play(requests, batches)
        assert await one.openings() == await plain.openings()

    asyncio.run(run())


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(found=rule_sets(VOCABULARY, 3), play=plays())
def test_memory_and_redis_hold_the_same_bytes(redis: Opened, found: list[Document], play):
    """Alerts, heads, pages, families and due instants."""
    _, requests, batches = play
    rule_set = load(found)

    async def run() -> None:
        memory = Bench(MemoryStore(), rule_set)
        await memory.play(requests, batches)
        async with redis() as store:
            other = Bench(store, rule_set)
            await other.play(requests, batches)
            for table in (ALERTS, GROUPS, POINTS, FAMILIES):
                assert await other.store.scan(table) == await memory.store.scan(table)
            assert await other.store.planned(WINDOWS) == await memory.store.planned(WINDOWS)

    asyncio.run(run())


HIGH: Document = {
    "id": "r0-value",
    "per": "regency",
    "watch": {"kind": "*"},
    "alert_when": {"value": {"field": "metrics.n", "at_least": 1}},
    "escalate": "p",
}


@example(found=[HIGH], seed=1)  # a request needs points that are away since an earlier one of its batch
@given(found=rule_sets(VOCABULARY, 3), seed=st.integers(0, 2**32))
def test_batches_of_any_size_tell_the_same(found: list[Document], seed: int):
    """Levels, figures, evidence and reasons do not depend on whether an instant was judged alone or with later ones."""
    chance, rule_set = Random(seed), load(found)
    late = [(event.occurred_at + chance.choice([0, 0, 7, 20]) * MINUTE, event) for event in crowd(chance)]
    requests = [[event] for _, event in sorted(late, key=lambda pair: (pair[0], pair[1].id))]
    sizes = [chance.randint(1, 6) for _ in range(20)]

    async def run() -> None:
        one_by_one, batched = Bench(MemoryStore(), rule_set), Bench(MemoryStore(), rule_set)
        await one_by_one.play(requests)
        await batched.play(requests, sizes)
        assert await batched.story() == await one_by_one.story()

    asyncio.run(run())


_opened: Counter[str] = Counter()
_undone: Counter[str] = Counter()


def crowd(chance: Random) -> list[Event]:
    """Many events of three desks within the hour, some of which refute an earlier one."""
    found = []
    for number in range(40):
        fields: dict[str, Any] = {"metrics.n": chance.randrange(5), "incident": chance.choice("ABC")}
        if number and chance.random() < 0.2:
            fields |= {"corrects": f"e{chance.randrange(number):02}", "verification": "refuted"}
        desk = chance.choice(["73.15", "73.16"])
        kind = chance.choice(["a.a", "a.a", "a.end"])
        at = START + chance.randrange(45) * MINUTE
        found.append(
            Event(
                desk=desk,
                id=f"e{number:02}",
                kind=kind,
                region=desk,
                severity=2,
                occurred_at=at,
                fields=fields,
                by_verifier=True,
            )
        )
    return found


@settings(derandomize=True, max_examples=30, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(found=rule_sets(VOCABULARY), seed=st.integers(0, 2**32))
def _count(found: list[Document], seed: int) -> None:
    words = {one["id"]: one["id"].split("-", 1)[1].replace("-", "_") for one in found}
    rule_set, chance = load(found), Random(seed)

    async def run() -> None:
        bench = Bench(MemoryStore(), rule_set)
        late = [(event.occurred_at + chance.choice([0, 0, 7, 20]) * MINUTE, event) for event in crowd(chance)]
        await bench.play([[event] for _, event in sorted(late, key=lambda pair: (pair[0], pair[1].id))])
        for alert in await bench.alerts():
            _opened[words[alert.rule.id]] += 1
            _undone[words[alert.rule.id]] += alert.resolved_reason in ("late_report", "corrected", "refuted")

    asyncio.run(run())


def test_every_condition_opens_and_is_undone():
    """Guards the properties above against rules under which nothing happens: all 17 conditions are made."""
    _count()
    assert len(WORDS) == 17
    assert {word: _opened[word] for word in WORDS if _opened[word] < 5} == {}
    assert sum(count > 0 for count in _undone.values()) >= 5
