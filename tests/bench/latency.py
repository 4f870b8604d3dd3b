"""From an event at the door to its webhook: at a steady rate, and 2,000 at once; Alertmanager on the same work beside.

Here: one event, one alert, one message each, over HTTP, with the instant at which the receiver had the whole request.
Not here: the service's process (`installation`) and the peer's (`alertmanager`). The rate is kept whatever comes back
(an open loop): an event counts from the instant at which it ought to have been sent.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import msgspec

from engine.clock import WallClock
from engine.core.alerting.ids import alert_id
from engine.core.judging.instant import SECOND, format_instant
from tests.bench import alertmanager, workload
from tests.bench.figure import Figure, Scale
from tests.bench.installation import Client, Installation, receiving
from tests.bench.peers import Terms
from tests.integration.mail.certificate import Certificate

RATES = {100: 15.0, 500: 60.0}
"""Events/s, and the milliseconds within which 99 of 100 webhooks must have come."""
BURST = 2_000
PATIENCE = 180.0
"""Seconds after which a webhook that did not come counts as one that took so long."""
CONNECTIONS = 8

RULE = "ukur-kejadian"

Send = Callable[[int, list[str]], Awaitable[object]]
"""Sends the events of these ids by the connection of this place."""


class Arrivals:
    """When each id came first."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def note(self, ids: Iterable[str], at: float) -> None:
        """Note that ids came."""
        for id_ in ids:
            self.at.setdefault(id_, at)

    async def wait_for(self, ids: Iterable[str]) -> None:
        """Wait until all of these came, at most `PATIENCE` seconds."""
        missing, until = set(ids), perf_counter() + PATIENCE
        while missing and perf_counter() < until:
            missing = {id_ for id_ in missing if id_ not in self.at}
            await asyncio.sleep(0.01)


async def measure(terms: Terms) -> AsyncIterator[Figure]:
    """Yield the 99th percentiles of the latency at each rate, and the rate of the burst."""
    scale, peers, step = terms
    seconds = scale.of(20, 5)
    theirs: dict[str, list[list[float]]] = {}
    why = alertmanager.why_not() if peers.wanted else "Alertmanager: not asked for (--no-peers)"
    if not why:
        step("Alertmanager")
        theirs = await _runs(scale, lambda: _of_alertmanager(seconds))
    step("event to webhook")
    ours = await _runs(scale, lambda: _of_siaga(seconds))
    for rate, target in RATES.items():
        yield Figure(
            what=f"event to webhook, p99 at {rate}/s for {seconds} s",
            unit="ms",
            runs=tuple(_p99(run) for run in ours[str(rate)]),
            better="lower",
            target=target,
            peer="Alertmanager, alert to webhook",
            peer_runs=tuple(_p99(run) for run in theirs.get(str(rate), ())),
            note=why,
        )
    yield Figure(
        what=f"{BURST:,} events at once to {BURST:,} webhooks",
        unit="messages/s",
        runs=tuple(BURST / max(run) * 1_000 for run in ours["burst"]),
        target=1_000,
        peer="Alertmanager",
        peer_runs=tuple(BURST / max(run) * 1_000 for run in theirs.get("burst", ())),
        note=why,
    )


async def _runs(
    scale: Scale, once: Callable[[], Awaitable[dict[str, list[float]]]]
) -> dict[str, list[list[float]]]:
    """Measure several times, each time on programs that were started for it: no run finds the alerts of another."""
    found: dict[str, list[list[float]]] = {}
    for _ in range(scale.runs):
        for name, run in (await once()).items():
            found.setdefault(name, []).append(run)
    return found


async def _of_siaga(seconds: int) -> dict[str, list[float]]:
    came = Arrivals()

    def told(body: bytes, at: float) -> None:
        came.note([msgspec.json.decode(body)["facts"]["alert"]], at)

    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        context = Certificate(Path(folder)).context
        async with receiving(told, context) as port:
            installation = Installation(Path(folder), receiver=port)
            installation.start()
            clients = [await Client(installation.port, installation.token).open() for _ in range(CONNECTIONS)]

            async def send(place: int, ids: list[str]) -> None:
                body = b"\n".join(msgspec.json.encode(_event(id_)) for id_ in ids)
                await clients[place].post(body)

            try:
                return await _measured(
                    seconds, came, send, lambda id_: alert_id("siaga", "real", RULE, id_, 1)
                )
            finally:
                installation.stop()


async def _of_alertmanager(seconds: int) -> dict[str, list[float]]:
    came = Arrivals()
    with tempfile.TemporaryDirectory(prefix="siaga-bench-") as folder:
        async with receiving(lambda body, at: came.note(alertmanager.ids_of(body), at)) as receiver:
            with alertmanager.alertmanager(Path(folder), receiver) as port:
                clients = [await alertmanager.connected(port) for _ in range(CONNECTIONS)]

                async def send(place: int, ids: list[str]) -> None:
                    body = alertmanager.alerts(ids)
                    await clients[place].post(body, "/api/v2/alerts", "application/json")

                return await _measured(seconds, came, send, lambda id_: id_)


async def _measured(
    seconds: int, came: Arrivals, send: Send, known_as: Callable[[str], str]
) -> dict[str, list[float]]:
    """Return the milliseconds of each event at each rate and of the burst, on what was started just now."""
    found: dict[str, list[float]] = {}
    await _steady(came, send, known_as, [f"hangat-{place}" for place in range(50)], 50)
    for rate in RATES:
        ids = [f"ukur-{rate}-{place}" for place in range(rate * seconds)]
        found[str(rate)] = await _steady(came, send, known_as, ids, rate)
    found["burst"] = await _burst(came, send, known_as, [f"ukur-serentak-{place}" for place in range(BURST)])
    return found


async def _steady(
    came: Arrivals, send: Send, known_as: Callable[[str], str], ids: list[str], rate: float
) -> list[float]:
    """Send an event every so often, whatever came back; several wait for the connections where these are slow."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    meant: dict[str, float] = {}

    async def sender(place: int) -> None:
        while True:
            await send(place, [await queue.get()])
            queue.task_done()

    senders = [asyncio.create_task(sender(place)) for place in range(CONNECTIONS)]
    began = perf_counter()
    for place, id_ in enumerate(ids):
        meant[id_] = began + place / rate
        await asyncio.sleep(max(0.0, meant[id_] - perf_counter()))
        queue.put_nowait(id_)
    await queue.join()
    for task in senders:
        task.cancel()
    return await _took(came, known_as, meant)


async def _burst(came: Arrivals, send: Send, known_as: Callable[[str], str], ids: list[str]) -> list[float]:
    meant = dict.fromkeys(ids, perf_counter())
    few = [ids[first : first + 250] for first in range(0, len(ids), 250)]
    await asyncio.gather(*(send(place % CONNECTIONS, some) for place, some in enumerate(few)))
    return await _took(came, known_as, meant)


async def _took(came: Arrivals, known_as: Callable[[str], str], meant: dict[str, float]) -> list[float]:
    names = {id_: known_as(id_) for id_ in meant}
    await came.wait_for(names.values())
    return [1_000 * (came.at.get(names[id_], at + PATIENCE) - at) for id_, at in meant.items()]


def _event(id_: str) -> dict[str, object]:
    return {
        "id": id_,
        "kind": "conflict.clash",
        "severity": 2,
        "region": workload.REGENCIES[hash(id_) % len(workload.REGENCIES)],
        "occurred_at": format_instant(WallClock().now() - SECOND, "Asia/Makassar"),
        "source": {"desk": "synthetic-1", "channel": "desk"},
        "incident": id_,
        "summary": "Kejadian sintetis untuk pengukuran",
    }


def _p99(milliseconds: list[float]) -> float:
    return quantiles(milliseconds, n=100)[98]
