"""Recovery: a service that starts with 100,000 events waiting, and the memory that its processes take meanwhile.

Here: from the start of the process to the commit of the last waiting event, and the resident memory at its end. Not
here: what states of rules take in the server (`footprint`).
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

from engine.clock import WallClock
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.bench import workload
from tests.bench.figure import Figure
from tests.bench.installation import Client, Installation
from tests.bench.machine import resident
from tests.bench.peers import Terms


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield the seconds until all waiting events are judged, and the memory of each process after it."""
    scale, _, step = terms
    events = scale.of(100_000, 20_000)
    seconds: list[float] = []
    memory: dict[str, list[float]] = {}
    for run in range(1 if scale.quick else 2):
        step(f"recovery, run {run + 1}")
        took, sizes = await _run(events)
        seconds.append(took)
        for name, size in sizes.items():
            memory.setdefault(name, []).append(size / 1e6)
    yield Figure(
        what=f"start with {events:,} events waiting, until all are judged",
        unit="s",
        runs=tuple(seconds),
        better="lower",
    )
    for name, sizes_ in memory.items():
        yield Figure(
            what=f"resident memory of the {name} after it", unit="MB", runs=tuple(sizes_), better="lower"
        )


async def _run(events: int) -> tuple[float, dict[str, int]]:
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        home = Path(folder)
        server = EmbeddedServer(home / "server")
        where = await server.start()
        address = f"redis.url=unix://{where}"
        door = Installation(home / "installation", overrides=(address, "roles=intake"))
        whole = Installation(home / "installation", overrides=(address,))
        store = RedisStore(where, "siaga", timeout=30.0)
        await store.open()
        try:
            door.start()
            client = await Client(door.port, door.token).open()
            for body in workload.bodies(workload.events(events, 0, at=WallClock().now(), rules=0)):
                await client.post(body)
            door.stop()
            last = await store.last_position()
            whole.token, began = door.token, perf_counter()
            whole.start()
            while await store.cursor() != last:
                await store.wait((), 0.02)
            took = perf_counter() - began
            pids = {**whole.pids, "server": int((home / "server/server.pid").read_text())}
            return took, {name: resident(pid) for name, pid in pids.items()}
        finally:
            door.stop()
            whole.stop()
            await store.close()
            await server.stop()
