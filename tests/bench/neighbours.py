"""What one may cost the others: an awas event beside a token that floods at its bound, and list pages of a full store.

The rates of tokens are those that ship. The flood is events of another region that open no alert; the neighbour's
events open an awas alert each, and count from the instant at which they ought to have been sent to their webhook. They
come at irregular intervals, so that they fall into step with nothing. A burst takes well under a second: several tokens
flood, one after the other, until enough events were sent during bursts. Each is measured right after a while alone.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple

import msgspec

from engine.clock import WallClock
from engine.core.alerting.ids import alert_id
from engine.core.judging.instant import SECOND, format_instant
from tests.bench.figure import Figure
from tests.bench.installation import EVERY_INCIDENT, Client, Installation, receiving
from tests.bench.latency import PATIENCE, Arrivals
from tests.bench.peers import Terms
from tests.integration.mail.certificate import Certificate

AWAS = EVERY_INCIDENT.replace("level: waspada", "level: awas")
RULE = "ukur-kejadian"
BURST, SUSTAINED = 6_000, 600
"""Events that a token may send at once, and a minute: what `intake.events_per_minute` allows by default."""
AT_ONCE = 500
"""Events of one request of the flood."""
APART = 0.05
"""Seconds between two events of the neighbour on average: from half of it to one and a half."""
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


class _Latencies(NamedTuple):
    """Milliseconds of the neighbour's events: alone, sent during a burst, and beside the flood as a whole."""

    alone: list[float]
    burst: list[float]
    flood: list[float]


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield how much slower the neighbour is told under the flood, and the time of a list page."""
    scale, _, step = terms
    runs: list[_Latencies] = []
    for _ in range(scale.runs):
        step("neighbours")
        runs.append(await _run(tokens=scale.of(16, 6), seconds=2))
    alone = [_p99(run.alone) for run in runs]
    for when, of in (
        (f"sent during a burst of {BURST:,}", [run.burst for run in runs]),
        (f"beside a burst of {BURST:,} and {SUSTAINED} a minute", [run.flood for run in runs]),
    ):
        p99 = [_p99(one) for one in of]
        yield Figure(
            what=f"neighbours: p99 of an awas event {when}, times that alone",
            unit="times",
            runs=tuple(beside / quiet for quiet, beside in zip(alone, p99, strict=True)),
            better="lower",
            target=LIMIT,
            note=f"{when}: alone {_listed(alone)} ms, beside {_listed(p99)} ms; half of all within "
            f"{_listed([median(run.alone) for run in runs])} and {_listed(list(map(median, of)))} ms; "
            f"{len(runs[0].alone)} and {len(of[0])} events in the first run",
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


async def _run(*, tokens: int, seconds: int) -> _Latencies:
    """Let several tokens flood one installation, one after the other, each for so many seconds after so many alone."""
    came, found = Arrivals(), _Latencies([], [], [])

    def told(body: bytes, at: float) -> None:
        came.note([msgspec.json.decode(body)["facts"]["alert"]], at)

    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        context = Certificate(Path(folder)).context
        async with receiving(told, context) as port:
            installation = Installation(Path(folder), rules=AWAS, receiver=port, overrides=BOUNDS)
            installation.start()
            try:
                made = [_token(installation) for _ in range(tokens)]
                await _neighbour(installation, came, "hangat", 3)
                for place, token in enumerate(made):
                    bodies = _bodies(f"banjir-{place}")
                    quiet = await _neighbour(installation, came, f"sendiri-{place}", seconds)
                    flood = asyncio.create_task(_flood(installation.port, token, bodies, place, seconds))
                    beside = await _neighbour(installation, came, f"bersama-{place}", seconds)
                    began, ended = await flood
                    found.alone.extend(quiet.values())
                    found.burst.extend(took for at, took in beside.items() if began <= at <= ended)
                    found.flood.extend(beside.values())
                return found
            finally:
                installation.stop()


def _token(installation: Installation) -> str:
    made = installation.siaga("token", "create", "--right", "submit", "--region", "94", "--desk", "94.02")
    return next(word for word in made.split() if word.startswith("siaga_"))


async def _neighbour(
    installation: Installation, came: Arrivals, name: str, seconds: int
) -> dict[float, float]:
    """Send an awas event every so often whatever comes back.

    Returns the milliseconds of each to its webhook, by when it ought to have been sent.
    """
    client = await Client(installation.port, installation.token).open()
    meant: dict[str, float] = {}
    irregular, began, after = random.Random(name), perf_counter(), 0.0
    while after < seconds:
        id_ = f"{name}-{len(meant)}"
        meant[id_] = began + after
        after += APART * irregular.uniform(0.5, 1.5)
        await asyncio.sleep(max(0.0, meant[id_] - perf_counter()))
        await client.post(msgspec.json.encode(_event(id_, "conflict.clash", "73.15", 4)))
    await client.close()
    names = {id_: alert_id("siaga", "real", RULE, id_, 1) for id_ in meant}
    await came.wait_for(names.values())
    return {at: 1_000 * (came.at.get(names[id_], at + PATIENCE) - at) for id_, at in meant.items()}


def _bodies(name: str) -> list[bytes]:
    """Return the requests of a burst: made before, so that whoever measures is not busy with them meanwhile."""
    return [
        b"\n".join(
            msgspec.json.encode(_event(f"{name}-{first + n}", "desk.heartbeat", "94.02", 1))
            for n in range(AT_ONCE)
        )
        for first in range(0, BURST, AT_ONCE)
    ]


async def _flood(port: int, token: str, bodies: list[bytes], place: int, seconds: int) -> tuple[float, float]:
    """Send the burst as fast as it is taken, and then on at the bound; return from when to when the burst took.

    Raises `RuntimeError` where the burst is not taken as a whole: then there is no flood.
    """
    client = await Client(port, token).open()
    began = perf_counter()
    for body in bodies:
        if msgspec.json.decode(await client.post(body))["accepted"] != AT_ONCE:
            raise RuntimeError("the flood is not taken in: it is none")
    ended, sent = perf_counter(), 0
    while perf_counter() - began < seconds - 1:
        await asyncio.sleep(1.0)
        lines = [
            _event(f"lanjut-{place}-{sent + n}", "desk.heartbeat", "94.02", 1) for n in range(SUSTAINED // 60)
        ]
        await client.post(b"\n".join(map(msgspec.json.encode, lines)))
        sent += len(lines)
    await client.close()
    return began, ended


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
