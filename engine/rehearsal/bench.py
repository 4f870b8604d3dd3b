"""Benchmarks: how fast the service takes events in and judges them, on this machine.

Here: the measured runs. Not here: printing them (`cli.bench`). Every run uses the real code on a real server with
fsync always, in a folder of its own, with synthetic events; a rate means little by itself, so each comes with the same
work on the memory store, whose ratio holds when the machine's speed changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import msgspec

from engine.clock import monotonic
from engine.judging.instant import SECOND, format_instant
from engine.service.app import Siaga, open_siaga
from engine.service.tokens import Scope
from engine.settings import Settings
from engine.store.memory import MemoryStore

LINES = 500
"""Events in one request."""
MATCHING = 100
"""One event in so many matches rules of the shipped set (1 %)."""
DRAIN_SECONDS = 0.005


class Measured(msgspec.Struct, frozen=True):
    """One line of the bench: what was done, the median rate of its runs, and of the peer in the same runs."""

    name: str
    unit: str
    rates: tuple[float, ...]
    peer: str
    peer_rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The median rate."""
        return median(self.rates)

    @property
    def ratio(self) -> float:
        """The median of the ratios, run by run."""
        return median(rate / peer for rate, peer in zip(self.rates, self.peer_rates, strict=True))


async def ingest_to_commit(
    settings: Settings, folder: Path, *, events: int, runs: int, step: Callable[[], None] = lambda: None
) -> Measured:
    """Measure events/s from the body of a request to the commit that judged it; the peer is the memory store."""
    served, in_memory = [], []
    for run in range(runs):
        served.append(await _run(settings, folder / f"run-{run}", events, memory=False))
        step()
        in_memory.append(await _run(settings, folder / f"memory-{run}", events, memory=True))
        step()
    name = f"ingest to commit, NDJSON of {LINES}, {100 // MATCHING} % matching, fsync always"
    return Measured(name, "events/s", tuple(served), "memory store", tuple(in_memory))


async def _run(settings: Settings, folder: Path, events: int, *, memory: bool) -> float:
    paths = settings.paths.model_copy(update={"var": folder})
    own = settings.model_copy(update={"paths": paths, "namespace": "bench"})
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(own, stack, store=MemoryStore() if memory else None)
        loops = asyncio.create_task(siaga.run())
        await asyncio.sleep(0)
        now = format_instant(siaga.clock.now() - 60 * SECOND, "Asia/Makassar")
        bodies = list(_bodies(events, now))
        began = monotonic()
        scope = Scope(rights=frozenset(("submit",)), region="00", token_id="")
        for body in bodies:
            await siaga.intake.submit(body, "application/x-ndjson", scope)
        await _drained(siaga)
        took = monotonic() - began
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)
    return events / took


async def _drained(siaga: Siaga) -> None:
    """Wait until the evaluator's cursor stands at the end of the stream."""
    last = await siaga.store.last_position()
    while await siaga.store.cursor() != last:
        await siaga.store.wait((), DRAIN_SECONDS)


def _bodies(events: int, now: str) -> Iterator[bytes]:
    """Yield requests of synthetic events of 200 desks; one in `MATCHING` is of a kind that rules watch."""
    for start in range(0, events, LINES):
        yield b"\n".join(
            msgspec.json.encode(
                {
                    "id": f"bench-{number}",
                    "kind": "conflict.unrest" if number % MATCHING == 0 else "turnout.reading",
                    "severity": 1 if number % MATCHING else 2,
                    "region": f"73.{number % 15 + 1:02}",
                    "occurred_at": now,
                    "source": {"desk": f"synthetic-{number % 200}", "channel": "desk"},
                    "summary": "Kejadian sintetis untuk pengukuran",
                    "metrics": {"turnout_pct": number % 100},
                }
            )
            for number in range(start, min(start + LINES, events))
        )
