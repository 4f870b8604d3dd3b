"""Ingest over HTTP: requests of 500 lines on four kept connections, each line new, until all are answered 202.

Here: the door alone (a process with the role `intake`) on a server with fsync always; client, door and server share the
machine. Not here: judging (`evaluation`).
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

from engine.clock import WallClock
from engine.store.redis.embedded import EmbeddedServer
from tests.bench import workload
from tests.bench.figure import Figure
from tests.bench.installation import Client, Installation
from tests.bench.machine import cpu_seconds
from tests.bench.peers import Terms

CONNECTIONS = 4


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield events/s at the door."""
    scale, _, step = terms
    rates, cpu = [], []
    for run in range(scale.runs):
        step(f"ingest, run {run + 1}")
        rate, spent = await _run(scale.of(200_000, 50_000))
        rates.append(rate)
        cpu.append(spent)
    yield Figure(
        what=f"ingest, NDJSON of {workload.LINES}, {CONNECTIONS} connections, dedup on, fsync always",
        unit="events/s",
        runs=tuple(rates),
        cpu=min(cpu),
        target=60_000,
    )


async def _run(events: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        home = Path(folder)
        server = EmbeddedServer(home / "server")
        where = await server.start()
        installation = Installation(
            home / "installation", overrides=(f"redis.url=unix://{where}", "roles=intake")
        )
        try:
            installation.start()
            documents = workload.events(events, 0.01, at=WallClock().now(), rules=0)
            bodies = workload.bodies(documents)
            clients = [await Client(installation.port, installation.token).open() for _ in range(CONNECTIONS)]
            pid = int((home / "server" / "server.pid").read_text())

            def used() -> float:
                return sum(installation.cpu().values()) + cpu_seconds(pid)

            before, began = used(), perf_counter()

            async def post(client: Client, mine: list[bytes]) -> None:
                for body in mine:
                    answer = await client.post(body)
                    if b'"accepted":500' not in answer and events % workload.LINES == 0:
                        raise RuntimeError(f"not all were accepted: {answer[:300]!r}")

            async with asyncio.TaskGroup() as group:
                for place, client in enumerate(clients):
                    group.create_task(post(client, bodies[place::CONNECTIONS]))
            took = perf_counter() - began
            spent = used() - before
            for client in clients:
                await client.close()
            return events / took, 1e6 * spent / events
        finally:
            installation.stop()
            await server.stop()
