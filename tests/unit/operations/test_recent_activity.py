"""The last hour: what came in and what was done, read on from where it was, and forgotten after an hour."""

from hashlib import sha256

import msgspec
import pytest

from engine.clock import ManualClock
from engine.core.alerting.alert import HistoryEntry
from engine.core.judging.instant import HOUR, MINUTE
from engine.operations.recent_activity import RecentActivity
from engine.records.alert_repository import ALERTS, history_log
from engine.records.audit_log import append_histories
from engine.store.codec import encode
from engine.store.memory import MemoryStore
from engine.store.port import Append, Arrival, Put, Write
from tests.unit.support.country import NOW
from tests.unit.texts.sample import ALERT


class Desk:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        self.recent = RecentActivity(self.store, self.clock)
        self.numbers: dict[str, int] = {}

    async def report(self, region: str, at: int, **more) -> None:
        value = msgspec.json.encode({"region": region, "n": len(self.numbers)} | more)
        identity = sha256(value + at.to_bytes(8)).digest()[:12]
        await self.store.append([Arrival(identity, identity[:8], value)], at, at // (24 * HOUR))

    async def did(self, alert: str, name: str, at: int, region: str = "73.15", **more) -> None:
        number = self.numbers[alert] = self.numbers.get(alert, 0) + 1
        entry = HistoryEntry(alert=alert, number=number, name=name, at=at, digest=f"{alert}{number}", **more)
        kept = msgspec.structs.replace(ALERT, id=alert, region=region)
        appends = (Append(history_log(alert), (encode(entry),)), append_histories([entry]))
        await self.store.write(Write(name="x", puts=(Put(ALERTS, alert, encode(kept)),), appends=appends))

    async def deeds(self) -> list[tuple[str, str]]:
        return [(deed.alert.id, deed.entry.name) for deed in (await self.recent.look()).deeds]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_events_are_counted_by_minute_and_regency(desk):
    await desk.report("73.15.03", NOW - 61 * MINUTE)
    await desk.report("73.15.03", NOW - 59 * MINUTE)
    await desk.report("73.15", NOW - 59 * MINUTE)
    await desk.report("94", NOW)
    await desk.report("94", NOW, exercise=True)
    hour = await desk.recent.look()
    minute = NOW // MINUTE
    assert hour.events == {(minute - 59, "73.15"): 2, (minute, "94"): 1}
    assert hour.whole
    assert hour.of(lambda code: code.startswith("73")).events.total() == 2


async def test_a_look_goes_on_from_the_one_before_and_an_hour_is_forgotten(desk):
    await desk.report("73.15", NOW - 30 * MINUTE)
    await desk.recent.look()
    desk.clock.set(NOW + 20 * MINUTE)
    await desk.report("94.02", NOW + 20 * MINUTE)
    assert (await desk.recent.look()).events.total() == 2
    desk.clock.set(NOW + 40 * MINUTE)
    assert (await desk.recent.look()).events.total() == 1


async def test_a_flood_is_read_in_parts(desk):
    recent = RecentActivity(desk.store, desk.clock, entries=2, reads=3)
    for n in range(8):
        await desk.report(f"73.0{n}", NOW)
    first, second = await recent.look(), await recent.look()
    assert (first.events.total(), first.whole) == (6, False)
    assert (second.events.total(), second.whole) == (8, True)


async def test_deeds_are_told_newest_first_and_once(desk):
    await desk.did("a", "opened", NOW - 61 * MINUTE)
    await desk.did("a", "notified", NOW - MINUTE)
    await desk.did("a", "answered", NOW - MINUTE)
    await desk.did("b", "opened", NOW - 2)
    assert await desk.deeds() == [("b", "opened"), ("a", "answered")]
    await desk.did("b", "exhausted", NOW)
    assert await desk.deeds() == [("b", "exhausted"), ("b", "opened"), ("a", "answered")]
    assert await desk.deeds() == [("b", "exhausted"), ("b", "opened"), ("a", "answered")]
    desk.clock.set(NOW + HOUR - 1)
    assert await desk.deeds() == [("b", "exhausted")]


@pytest.mark.parametrize("first", [50, 150, 2_500])
async def test_however_much_was_done_meanwhile_nothing_is_told_twice(desk, first):
    """A look goes back as far as the one before; where that is too far, the newest are told."""
    await desk.did("a", "opened", NOW)
    await desk.recent.look()
    for _ in range(first):
        await desk.did("a", "joined", NOW)
    await desk.did("a", "resolved", NOW)
    assert await desk.deeds() == [("a", "resolved"), ("a", "opened")]
