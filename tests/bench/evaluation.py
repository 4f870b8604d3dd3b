"""Evaluation to commit: events that wait in the stream are read, matched, judged and committed until none is left.

Here: the evaluator with its matchers over a real server, fsync always, as its own process runs it. Not here: the door
(`ingest`), alerts and messages (`latency`).
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter, process_time

import msgspec

from engine.clock import WallClock
from engine.documents.regions import load_regions
from engine.evaluation.evaluator import Evaluator
from engine.evaluation.evaluator_child import tidy
from engine.intake.submission import Intake
from engine.matching.checked import choose, open_shards
from engine.metrics import Metrics
from engine.people.tokens import Scope
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.settings import Settings
from engine.store.memory import MemoryStore
from engine.store.port import Store
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.bench import workload
from tests.bench.figure import Figure
from tests.bench.machine import cpu_seconds
from tests.bench.peers import Terms

KINDS = dict.fromkeys([*(f"bench.k{number}" for number in range(workload.KINDS)), "turnout.reading"])


class Work(msgspec.Struct, frozen=True):
    """One measured piece of work."""

    rules: int
    matching: float
    events: int
    groups: int = 545
    matcher: str = "checked"
    store: str = "server"
    target: float | None = None


WORKS = (
    Work(10, 0.01, 60_000),
    Work(10, 0.5, 30_000),
    Work(100, 0.01, 60_000, target=40_000),
    Work(100, 0.5, 30_000, target=10_000),
    Work(1_000, 0.01, 30_000),
    Work(1_000, 0.5, 12_000, target=3_000),
    Work(100, 0.01, 60_000, groups=80_000),
    Work(100, 0.5, 30_000, groups=80_000),
    Work(100, 0.01, 60_000, matcher="native"),
    Work(100, 0.5, 30_000, matcher="native"),
    Work(100, 0.01, 60_000, store="memory"),
    Work(100, 0.5, 30_000, store="memory"),
)


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield events/s of each piece of work."""
    scale, _, step = terms
    for work in WORKS:
        name = f"{work.rules:,} rules, {work.matching:.0%} matching, {work.groups:,} keys, {work.matcher}, {work.store}"
        step(name)
        found = [
            await run(work, max(2_000, scale.of(work.events, work.events // 5))) for _ in range(scale.runs)
        ]
        yield Figure(
            what=f"evaluation to commit: {name}",
            unit="events/s",
            runs=tuple(rate for rate, _ in found),
            cpu=min(used for _, used in found),
            target=work.target,
        )


async def run(work: Work, events: int) -> tuple[float, float]:
    """Return events/s, and microseconds of CPU for an event (evaluator and server)."""
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        server = EmbeddedServer(Path(folder)) if work.store == "server" else None
        store: Store = (
            MemoryStore() if server is None else RedisStore(await server.start(), "bench", timeout=60.0)
        )
        await store.open()
        try:
            pid = int((Path(folder) / "server.pid").read_text()) if server is not None else None
            return await _evaluated(work, events, store, pid)
        finally:
            await store.close()
            if server is not None:
                await server.stop()


async def _evaluated(work: Work, events: int, store: Store, server: int | None) -> tuple[float, float]:
    settings, clock, metrics = Settings(), WallClock(), Metrics()
    regions = load_regions(settings.paths.regions)
    rules = workload.rules(work.rules, groups=work.groups)
    books = RuntimeConfig(
        store,
        namespace="bench",
        regions=regions,
        kinds={},
        rule_set=RuleSet({rule.id: rule for rule in rules}, {}),
    )
    intake = Intake(store, clock, regions, KINDS, settings, metrics)
    scope = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="")
    documents = workload.events(events, work.matching, at=clock.now(), rules=work.rules, groups=work.groups)
    for body in workload.bodies(documents):
        await intake.submit(body, "application/x-ndjson", scope)
    shards, why = open_shards() if work.matcher == "checked" else (None, "")
    wrong: list[object] = []
    choice = choose(rules, shards, wrong.append, why=why)
    evaluator = Evaluator(store, clock, books, metrics, lambda _: choice, holder="bench")
    await evaluator.lead()
    last = await store.last_position()
    gc.collect()
    gc.disable()  # as in the evaluator's own process
    try:
        before = cpu_seconds(server) if server is not None else 0.0
        began, used = perf_counter(), process_time()
        while await store.cursor() != last:
            await evaluator.turn()
            tidy()
        took, used = perf_counter() - began, process_time() - used
        used += cpu_seconds(server) - before if server is not None else 0.0
    finally:
        gc.enable()
        gc.unfreeze()
    if wrong:
        raise RuntimeError(f"the matchers disagree: {wrong[0]}")
    return events / took, 1e6 * used / events
