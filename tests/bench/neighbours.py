"""What one may cost the others: an awas event beside a token that floods at its bound, and list pages of a full store.

The rates of tokens are those that ship. The flood is events of another region that open no alert; the neighbour's
events open an awas alert each, and count from the instant at which they ought to have been sent to their webhook.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import msgspec

from engine.alerting.identity import alert_id
from engine.clock import WallClock
from engine.judging.instant import SECOND, format_instant
from tests.bench.figure import Figure
from tests.bench.installation import EVERY_INCIDENT, Client, Installation, receiving
from tests.bench.latency import Arrivals
from tests.bench.peers import Terms
from tests.integration.mail.certificate import Certificate

AWAS = EVERY_INCIDENT.replace("level: waspada", "level: awas")
RULE = "ukur-kejadian"
BURST, SUSTAINED = 6_000, 600
"""Events that a token may send at once, and a minute: what `intake.events_per_minute` allows by default."""
AT_ONCE = 500
"""Events of one request of the flood."""
APART = 0.25
"""Seconds between two events of the neighbour."""
LIMIT = 2.0
"""Times that the neighbour's p99 may grow."""
ALERTS = 50_000
PAGE_MS = 20.0
BOUNDS = (f"intake.events_per_minute={SUSTAINED}", "intake.bytes_per_minute=1048576")
QUERIES = (
    "limit=1",
    "limit=100",
    "limit=100&region=73",
    "limit=100&status=open",
    "limit=1&rule=ukur-kejadian",
)


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield how much slower the neighbour is told under the flood, and the time of a list page."""
    scale, _, step = terms
    seconds = scale.of(40, 15)
    alone, beside = [], []
    for _ in range(scale.runs):
        step("neighbours")
        quiet, flooded = await _pair(seconds)
        alone.append(quiet)
        beside.append(flooded)
    ratios = tuple(flooded / quiet for quiet, flooded in zip(alone, beside, strict=True))
    yield Figure(
        what=f"neighbours: p99 of an awas event beside a flood of {BURST:,}, times that alone",
        unit="times",
        runs=ratios,
        better="lower",
        target=LIMIT,
        note=f"alone {_listed(alone)} ms, beside the flood {_listed(beside)} ms",
    )
    step("list pages")
    number = scale.of(ALERTS, 5_000)
    slowest, worst, cpu = await pages(number)
    yield Figure(
        what=f"list pages: GET /v1/alerts at {number:,} alerts, the slowest of {len(QUERIES)} questions",
        unit="ms",
        runs=(slowest,),
        better="lower",
        target=PAGE_MS,
        cpu=cpu,
        note=f"p99 of all {worst:.1f} ms; CPU of one page",
    )


def _listed(milliseconds: list[float]) -> str:
    return ", ".join(f"{one:.0f}" for one in milliseconds)


async def _pair(seconds: int) -> tuple[float, float]:
    """Return the p99 of the neighbour alone and beside the flood, in one installation, in milliseconds."""
    came = Arrivals()

    def told(body: bytes, at: float) -> None:
        came.note([msgspec.json.decode(body)["facts"]["alert"]], at)

    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        context = Certificate(Path(folder)).context
        async with receiving(told, context) as port:
            installation = Installation(Path(folder), rules=AWAS, receiver=port, overrides=BOUNDS)
            installation.start()
            try:
                other = _token(installation)
                await _neighbour(installation, came, "hangat", 3)
                quiet = await _neighbour(installation, came, "sendiri", seconds)
                flood = asyncio.create_task(_flood(installation.port, other, seconds))
                beside = await _neighbour(installation, came, "bersama", seconds)
                sent = await flood
                if sent < BURST:
                    raise RuntimeError(f"the flood got {sent} events in: it is none")
                return _p99(quiet), _p99(beside)
            finally:
                installation.stop()


def _token(installation: Installation) -> str:
    made = installation.siaga("token", "create", "--right", "submit", "--region", "94")
    return next(word for word in made.split() if word.startswith("siaga_"))


async def _neighbour(installation: Installation, came: Arrivals, name: str, seconds: int) -> list[float]:
    """Send an awas event every so often whatever comes back; return the milliseconds of each to its webhook."""
    client = await Client(installation.port, installation.token).open()
    meant: dict[str, float] = {}
    began = perf_counter()
    for place in range(int(seconds / APART)):
        id_ = f"{name}-{place}"
        meant[id_] = began + place * APART
        await asyncio.sleep(max(0.0, meant[id_] - perf_counter()))
        await client.post(msgspec.json.encode(_event(id_, "conflict.clash", "73.15", 4)))
    await client.close()
    names = {id_: alert_id("siaga", "real", RULE, id_, 1) for id_ in meant}
    await came.wait_for(names.values())
    return [1_000 * (came.at.get(names[id_], at + seconds) - at) for id_, at in meant.items()]


async def _flood(port: int, token: str, seconds: int) -> int:
    """Send the burst as fast as it is taken, and then on at the bound, each event a new one; return how many."""
    client = await Client(port, token).open()
    began, sent = perf_counter(), 0
    while perf_counter() - began < seconds:
        number = AT_ONCE if sent < BURST else SUSTAINED // 60
        lines = [
            msgspec.json.encode(_event(f"banjir-{sent + n}", "desk.heartbeat", "94.02", 1))
            for n in range(number)
        ]
        try:
            await client.post(b"\n".join(lines))
            sent += number
        except RuntimeError:  # its bound: it comes again, as a client that obeys no Retry-After
            await asyncio.sleep(0.2)
            continue
        if sent >= BURST:
            await asyncio.sleep(1.0)
    await client.close()
    return sent


def _event(id_: str, kind: str, region: str, severity: int) -> dict[str, object]:
    return {
        "id": id_,
        "kind": kind,
        "severity": severity,
        "region": region,
        "occurred_at": format_instant(WallClock().now() - SECOND, "Asia/Makassar"),
        "source": {"desk": "synthetic-1" if region != "94.02" else "94.02", "channel": "desk"},
        "incident": id_,
    }


def _p99(milliseconds: list[float]) -> float:
    return quantiles(milliseconds, n=100, method="inclusive")[98]


async def pages(alerts: int) -> tuple[float, float, float]:
    """Ask a service with so many alerts for pages.

    Returns the median of the slowest question and the p99 of all, in milliseconds, and the CPU time of one page in
    microseconds.
    """
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        installation = Installation(Path(folder))
        installation.start()
        try:
            client = await Client(installation.port, installation.token).open()
            for first in range(0, alerts, AT_ONCE):
                some = [
                    _event(f"isi-{first + n}", "conflict.clash", ("73.15", "94.02")[n % 2], 3)
                    for n in range(AT_ONCE)
                ]
                await client.post(b"\n".join(map(msgspec.json.encode, some)))
            while True:
                summary = msgspec.json.decode(await client.get("/v1/summary"))
                if summary["alerts"]["opened"] >= alerts:
                    break
                await asyncio.sleep(1.0)
            took: dict[str, list[float]] = {query: [] for query in QUERIES}
            before = sum(installation.cpu().values())
            for _ in range(40):
                for query, found in took.items():
                    began = perf_counter()
                    await client.get(f"/v1/alerts?{query}")
                    found.append(1_000 * (perf_counter() - began))
            every = [one for found in took.values() for one in found]
            cpu = 1e6 * (sum(installation.cpu().values()) - before) / len(every)
            return max(map(median, took.values())), _p99(every), cpu
        finally:
            installation.stop()
