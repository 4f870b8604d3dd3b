"""`./run bench soak`: a polling day at 120 times its speed, then five minutes of the worst burst, on two servers.

Here: the load of a model (docs/benchmarks.md), sent over HTTP to the service with the rules and people that ship; what
was accepted is counted against what was sent, and memory is sampled. Not here: what the counts mean
(`records.statistics`). One connection sends; some events come behind newer ones of their groups, as `LATE` says. What
grows by design: the server keeps all that came in. The growth of the others must end: that of the second half is told
by the minute and by the event. All of it is synthetic: the number of reports and their hours are a model of polling
day, no report is anybody's. The soak ends by itself: the day after `SECONDS`, the burst after `BURST_SECONDS`, waiting
for the end of the backlog after `DRAIN_SECONDS`; messages go to files of a folder that is removed.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import msgspec

from engine.clock import WallClock
from engine.core.judging.instant import HOUR, MINUTE, SECOND, Millis, format_instant
from engine.documents.regions import load_regions
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore
from tests.bench.figure import Figure, Scale
from tests.bench.installation import ROOT, Client, Installation
from tests.bench.machine import resident
from tests.bench.peers import Terms

REPORTS = 115_728
"""7,233 districts, one report in each of 16 hours."""
INCIDENTS = 20_135
HOURS = range(6, 22)
"""Each hour's reports come within it, half of them in its first five minutes."""
SHARES = {5: 0.07, 7: 0.27, 8: 0.18, 9: 0.09, 10: 0.12, 12: 0.06, 13: 0.07, 14: 0.07, 17: 0.05, 21: 0.02}
"""Which share of the incidents falls into the hours from this one on."""
SPEED = 120
DAY_SECONDS = 19 * 3_600
BURST_RATE, BURST_SECONDS = 2_900, 300
DRAIN_SECONDS = 900.0
REPEATED = 0.01
"""This share of requests is sent twice, as a sender does whose answer was lost."""
LATE = ((0.03, 5 * SECOND), (0.005, MINUTE), (0.002, 30 * MINUTE), (0.0005, 6 * HOUR))
"""These shares of the events occurred up to so long before those beside which they come in; the others in order."""
LINES = 500
TABLE = load_regions(ROOT / "config/regions.csv")
REGENCIES = tuple(region.code for region in TABLE if region.code.count(".") == 1)
"""All regencies and cities; each report is of one of 14 districts there."""
KINDS = ("conflict.clash", "conflict.unrest", "logistics.late", "voting.halted", "attack.logistics")


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield what was lost and how much memory grew, on an embedded server and on one beside."""
    scale, _, step = terms
    for own in (True, False):
        if not own and shutil.which("redis-server") is None:
            continue
        name = "embedded server" if own else "redis-server beside"
        with tempfile.TemporaryDirectory(prefix="siaga-soak-") as folder:
            async for figure in _soak(Path(folder), name, scale, step, own=own):
                yield figure


async def _soak(
    home: Path, name: str, scale: Scale, step: Callable[[str], None], *, own: bool
) -> AsyncIterator[Figure]:
    server = None if own else EmbeddedServer(home / "server", program=shutil.which("redis-server"))
    where = str(home / "i/var/redis/r.sock") if server is None else await server.start()
    overrides = () if own else (f"redis.url=unix://{where}",)
    installation = Installation(home / "i", rules=None, overrides=overrides)
    installation.start()
    if own:
        where = _socket(home / "i/var")
    store = RedisStore(where, "siaga", timeout=30.0)
    await store.open()
    try:
        part = 20 if scale.quick else 1
        day = sorted(_day(random.Random(2024), REPORTS // part, INCIDENTS // part))
        for what, schedule in (
            (f"polling day at {SPEED} times its speed", [at / SPEED / part for at in day]),
            (f"burst of {BURST_RATE:,}/s", _burst(BURST_SECONDS // part)),
        ):
            step(f"{name}: {what}, {len(schedule):,} events")
            async for figure in _play(installation, store, schedule, f"{what}, {name}"):
                yield figure
    finally:
        await store.close()
        # The loop goes on meanwhile, so that our connection closes: it would keep the server alive.
        await asyncio.to_thread(installation.stop)
        if server is not None:
            await server.stop()


async def _play(
    installation: Installation, store: RedisStore, schedule: list[float], what: str
) -> AsyncIterator[Figure]:
    """Send the events of a schedule (seconds from now) as they fall due; yield what became of them."""
    before = (await store.counters()).get("events_accepted", 0)
    client = await Client(installation.port, installation.token).open()
    samples: list[Sample] = []
    watching = asyncio.create_task(_watch(installation, store, samples))
    used = installation.cpu()
    queue: asyncio.Queue[list[int]] = asyncio.Queue()
    began = perf_counter()
    sender = asyncio.create_task(_send(client, queue, what))
    place = 0
    while place < len(schedule):
        until = perf_counter() - began
        due = place
        while due < len(schedule) and due - place < LINES and schedule[due] <= until:
            due += 1
        if due > place:
            queue.put_nowait(list(range(place, due)))
            place = due
        else:
            await asyncio.sleep(max(0.001, min(0.05, schedule[place] - until)))
    await queue.join()
    sent = perf_counter() - began
    sender.cancel()
    last, drained = await store.last_position(), perf_counter() + DRAIN_SECONDS
    while await store.cursor() != last and perf_counter() < drained:
        await store.wait((), 0.05)
    judged = await store.cursor() == last
    behind = perf_counter() - began - sent
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    counters, after = await store.counters(), installation.cpu()
    lost = len(schedule) - (counters.get("events_accepted", 0) - before)
    await client.close()  # the service may have closed it: nothing was sent while the backlog was judged
    client = await Client(installation.port, installation.token).open()
    metrics = (await client.get("/metrics")).decode()
    await client.close()
    yield _none(f"{what}: events lost of {len(schedule):,}", lost)
    yield _none(f"{what}: alerts and messages unaccounted for", _unaccounted(metrics))
    yield _none(f"{what}: judged to the end within {DRAIN_SECONDS:.0f} s (0: yes)", 0 if judged else 1)
    yield Figure(what=f"{what}: accepted", unit="events/s", runs=(len(schedule) / sent,))
    yield Figure(what=f"{what}: judged after the last was accepted", unit="s", runs=(behind,), better="lower")
    for process in after:
        spent = 1e6 * (after[process] - used.get(process, 0.0)) / len(schedule)
        yield Figure(what=f"{what}: {process}, CPU for an event", unit="us", runs=(spent,), better="lower")
        seen = [(one.at, one.judged, float(one.sizes[process])) for one in samples if process in one.sizes]
        quarter, late = seen[len(seen) // 4][2] / 1e6, seen[len(seen) // 2 :]
        for name, unit, number in (
            (f"memory at the end ({quarter:.0f} MB after a quarter)", "MB", seen[-1][2] / 1e6),
            (
                "growth in the second half",
                "MB a minute",
                60e-6 * _slope([(at, size) for at, _, size in late]),
            ),
            (
                "growth in the second half, by events judged",
                "bytes",
                _slope([(n, size) for _, n, size in late]),
            ),
        ):
            yield Figure(what=f"{what}: {process}, {name}", unit=unit, runs=(number,), better="lower")


def _none(what: str, number: int) -> Figure:
    return Figure(what=what, unit="", runs=(float(number),), better="lower", target=0)


async def _send(client: Client, queue: asyncio.Queue[list[int]], what: str) -> None:
    chance = random.Random(1)
    while True:
        places = await queue.get()
        while len(places) < LINES and not queue.empty():  # what fell due while the last request was answered
            places += queue.get_nowait()
            queue.task_done()
        body = b"\n".join(msgspec.json.encode(_event(what, place, _behind(chance))) for place in places)
        await client.post(body)
        if chance.random() < REPEATED:
            await client.post(body)
        queue.task_done()


class Sample(NamedTuple):
    """Seconds, how many events were judged by then, and the resident bytes of each process."""

    at: float
    judged: float
    sizes: dict[str, int]


async def _watch(installation: Installation, store: RedisStore, samples: list[Sample]) -> None:
    while True:
        judged = (await store.counters()).get("events_evaluated", 0)
        sizes = {name: resident(pid) for name, pid in installation.pids.items()}
        samples.append(Sample(perf_counter(), float(judged), sizes))
        await asyncio.sleep(1.0)


def _slope(sizes: list[tuple[float, float]]) -> float:
    """Return by how much the second number grows with the first: the line of least squares."""
    if len(sizes) < 2:
        return 0.0
    middle = sum(at for at, _ in sizes) / len(sizes)
    mean = sum(size for _, size in sizes) / len(sizes)
    above = sum((at - middle) * (size - mean) for at, size in sizes)
    return above / (sum((at - middle) ** 2 for at, _ in sizes) or 1.0)


def _day(chance: random.Random, reports: int, incidents: int) -> Iterator[float]:
    """Yield the seconds after 05.00 of each event of the day."""
    for place in range(reports):
        hour = HOURS[place % len(HOURS)]
        yield (hour - 5) * 3_600 + (
            chance.uniform(0, 300) if chance.random() < 0.5 else chance.uniform(0, 3_600)
        )
    starts = list(SHARES)
    for place in range(incidents):
        start = chance.choices(starts, SHARES.values())[0]
        end = next((hour for hour in starts if hour > start), 24)
        yield chance.uniform((start - 5) * 3_600, (end - 5) * 3_600) + place * 0


def _burst(seconds: int) -> list[float]:
    return [place / BURST_RATE for place in range(BURST_RATE * seconds)]


def _behind(chance: random.Random) -> Millis:
    """Return how long an event comes behind others of its instant."""
    drawn = chance.random()
    for share, most in LATE:
        if drawn < share:
            return int(chance.random() * most)
        drawn -= share
    return 0


def _event(what: str, place: int, behind: Millis = 0) -> dict[str, object]:
    incident, region = place % 7 == 0, REGENCIES[place % len(REGENCIES)]
    return {
        "id": f"soak-{len(what)}-{place}",
        "kind": KINDS[place // 7 % len(KINDS)] if incident else "turnout.reading",
        "severity": 2 if incident else 1,
        "region": f"{region}.{place // len(REGENCIES) % 14 + 1:02}",
        "occurred_at": format_instant(WallClock().now() - SECOND - behind, TABLE.timezone(region)),
        "source": {"desk": f"synthetic-{place % 7_233}", "channel": "desk"},
        "incident": f"soak-{place // 70 % 2_000}",
        "summary": "Sintetis, untuk pengukuran",
        "metrics": {"turnout_pct": place % 100},
    }


def _unaccounted(metrics: str) -> int:
    """Return what the two gauges say that must be 0."""
    return sum(
        int(float(line.split()[-1]))
        for line in metrics.splitlines()
        if line.startswith(("siaga_alerts_unaccounted", "siaga_notifications_unaccounted"))
    )


def _socket(var: Path) -> str:
    return str(next(var.rglob("*.sock")))
