"""The heartbeat: given while nothing is lost, to the gauge at every pass and to its address once a minute."""

import asyncio

import msgspec

from engine.clock import ManualClock
from engine.judging.instant import MINUTE
from engine.metrics import Metrics
from engine.service.auditor import Auditor
from engine.service.casebook import NOTIFICATIONS
from engine.service.heartbeat import Heartbeat
from engine.store.codec import encode
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Put, Write
from tests.unit.alerting.test_budget import message

NOW = 1_732_500_000_000


def shown(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("siaga_heartbeat_timestamp_seconds")


async def watcher(status: int = 200):
    """A server that counts what it is sent; returns its address, the counter and what closes it."""
    beats = []

    async def answer(reader, writer):
        beats.append((await reader.readuntil(b"\r\n")).decode().split()[0])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", beats, server


async def test_the_address_hears_once_a_minute_and_the_gauge_at_every_pass():
    url, beats, server = await watcher()
    clock, metrics = ManualClock(NOW), Metrics()
    heartbeat = Heartbeat(url, clock, metrics)
    for at in (0, 15, 59, 60, 75):
        clock.set(NOW + at * 1_000)
        await heartbeat.beat()
        assert shown(metrics) == NOW / 1_000 + at
    server.close()
    assert beats == ["POST", "POST"]


async def test_a_watcher_that_refuses_or_is_away_harms_nothing():
    url, beats, server = await watcher(status=500)
    clock, metrics = ManualClock(NOW), Metrics()
    heartbeat = Heartbeat(url, clock, metrics)
    await heartbeat.beat()
    server.close()
    await server.wait_closed()
    clock.set(NOW + MINUTE)
    await heartbeat.beat()
    assert beats == ["POST"]
    assert shown(metrics) == NOW / 1_000 + 60


async def test_while_something_is_lost_there_is_no_sign_of_life():
    """The auditor counts an id after two passes agree; then the heartbeat stops until it is found again."""
    store, clock, metrics = MemoryStore(), ManualClock(NOW), Metrics()
    auditor = Auditor(store, clock, metrics, Heartbeat(None, clock, metrics))
    lost = message(due_at=NOW)
    await store.write(Write(name="t", puts=(Put(NOTIFICATIONS, lost.id, encode(lost)),)))
    await auditor.turn()
    assert shown(metrics) == NOW / 1_000
    clock.set(NOW + MINUTE)
    await auditor.turn()
    assert shown(metrics) == NOW / 1_000
    found = msgspec.structs.replace(lost, state="cancelled", due_at=None)
    await store.write(
        Write(
            name="t",
            puts=(Put(NOTIFICATIONS, lost.id, encode(found)),),
            plans=(Plan("outbox", lost.id, None),),
        )
    )
    await auditor.turn()
    assert shown(metrics) == NOW / 1_000 + 60
