"""The heartbeat: given while nothing is lost, to the gauge at every pass and to its address once a minute."""

import asyncio

import msgspec

from engine.clock import ManualClock
from engine.core.alerting.directory import HolderSpan
from engine.core.judging.instant import MINUTE
from engine.escalation.internal_alerts import OWN
from engine.metrics import Metrics
from engine.operations.auditor import Auditor
from engine.operations.heartbeat import Heartbeat
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, places_of
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.records.statistics import take
from engine.store.codec import encode
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Put, Write
from tests.unit.alerting.cases import Course, policy, step
from tests.unit.alerting.test_budget import message
from tests.unit.support.country import REGIONS
from tests.unit.support.switchboard import Switchboard

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
    books = RuntimeConfig(store, namespace="test", regions=REGIONS, kinds={}, rule_set=RuleSet({}, {}))
    auditor = Auditor(store, clock, books, metrics, Heartbeat(None, clock, metrics))
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


async def test_what_the_auditor_finds_is_what_the_census_finds_though_it_walks_through_pieces():
    """More alerts than a piece holds; called are those whose message that nobody answered lies somewhere else."""
    store, clock, metrics = MemoryStore(), ManualClock(NOW), Metrics()
    books = RuntimeConfig(store, namespace="test", regions=REGIONS, kinds={}, rule_set=RuleSet({}, {}))
    auditor = Auditor(store, clock, books, metrics, Heartbeat(None, clock, metrics))
    exhausted = Course(policy(step())).until(1)
    notices = {one.kind: one for one in exhausted.notifications.values()}
    puts, plans = [], []
    for number in range(250):
        alert = msgspec.structs.replace(exhausted.alert, id=f"a{number:03}")
        puts.append(Put(ALERTS, alert.id, encode(alert)))
        plans += places_of(alert)
        kind = "unreachable" if number % 50 else "first"
        notice = msgspec.structs.replace(
            notices["unreachable"],
            id=f"n{249 - number:03}",
            alert=alert.id,
            kind=kind,
            state="sent",
            due_at=None,
        )
        puts.append(Put(NOTIFICATIONS, notice.id, encode(notice)))
    await store.write(Write(name="t", puts=tuple(puts), plans=tuple(plans)))
    for _ in range(2):
        await auditor.turn()
    census = await take(store)
    assert census.lost_alerts == {f"a{number:03}" for number in range(0, 250, 50)}
    assert metrics.registry.get_sample_value("siaga_alerts_unaccounted") == 5
    assert metrics.registry.get_sample_value("siaga_notifications_unaccounted") == 0


async def test_whose_time_in_office_ends_while_nobody_else_is_left_is_told_to_ops_once():
    board = Switchboard()
    ends = board.clock.now() + MINUTE
    posts = [msgspec.structs.replace(one, valid=HolderSpan(None, ends)) for one in board.contents.assignments]
    board.contents = msgspec.structs.replace(board.contents, assignments=tuple(posts))
    await board.open()
    metrics = Metrics()
    heartbeat = Heartbeat(None, board.clock, metrics)
    auditor = Auditor(board.store, board.clock, board.books, metrics, heartbeat)
    await auditor.turn()
    assert await board.store.planned(OWN) == {}
    board.clock.set(ends)
    await auditor.turn()
    assert list(await board.store.planned(OWN)) == ["vacancy|73.15|3"]
    await board.store.write(Write(name="t", plans=(Plan(OWN, "vacancy|73.15|3", None),)))
    await auditor.turn()
    assert await board.store.planned(OWN) == {}
