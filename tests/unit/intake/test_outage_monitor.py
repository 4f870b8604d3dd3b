"""The pulse of the intake: a gap is told exactly once, whoever notices and whatever dies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.clock import ManualClock
from engine.core.judging.group_state import Gap
from engine.core.judging.instant import MINUTE, SECOND
from engine.intake.outage_monitor import OutageMonitor
from engine.metrics import Metrics
from engine.records.outages import LONGEST_PAUSE, append_gap, gaps_of
from engine.store.memory import MemoryStore
from engine.store.port import START, Record, Write

BEGIN = 1_000_000


class Killed(Exception):
    """The process ends at a named write."""


class Distant(MemoryStore):
    """A store whose answers take a while: whoever asks at the same time gets the same answer."""

    async def get(self, table: str, ids: Sequence[str]) -> list[Record | None]:
        found = await super().get(table, ids)
        await asyncio.sleep(0)
        return found


class Station:
    """Processes with a pulse each, on one store and one clock."""

    def __init__(self) -> None:
        self.kill_at: tuple[str, str] | None = None
        self.store = Distant(crash_point=self._cross)
        self.clock = ManualClock(BEGIN)
        self.metrics = Metrics()

    def _cross(self, name: str, side: str) -> None:
        if (name, side) == self.kill_at:
            raise Killed

    def pulse(self) -> OutageMonitor:
        return OutageMonitor(self.store, self.clock, self.metrics)

    def wait(self, millis: int) -> None:
        self.clock.set(self.clock.now() + millis)

    async def gaps(self) -> list[Gap]:
        return gaps_of(await self.store.read(START, 1_000))

    def counted(self) -> tuple[float | None, float | None]:
        value = self.metrics.registry.get_sample_value
        return value("siaga_intake_gaps_total"), value("siaga_intake_gap_seconds_total")


@pytest.fixture
def station() -> Station:
    return Station()


async def test_regular_beats_leave_no_gap(station: Station) -> None:
    pulse = station.pulse()
    for _ in range(5):
        await pulse.beat()
        station.wait(LONGEST_PAUSE)
    await pulse.look()
    assert await station.gaps() == []


async def test_a_longer_pause_is_a_gap_told_once(station: Station) -> None:
    """One millisecond more than the longest pause, with its metric; the next beats tell nothing more.

    Law: docs/specification/rules.md#outages.
    """
    await station.pulse().beat()
    station.wait(LONGEST_PAUSE + 1)
    again = station.pulse()
    await again.beat()
    await again.beat()
    assert await station.gaps() == [Gap(since=BEGIN, until=BEGIN + LONGEST_PAUSE + 1)]
    assert station.counted() == (1, 30.001)


async def test_of_racing_processes_one_tells_it(station: Station) -> None:
    """All have read the old instant before one writes: the version decides."""
    await station.pulse().beat()
    station.wait(5 * MINUTE)
    await asyncio.gather(station.pulse().beat(), station.pulse().look(), station.pulse().beat())
    assert await station.gaps() == [Gap(since=BEGIN, until=BEGIN + 5 * MINUTE)]
    assert station.counted()[0] == 1


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_crash_at_the_write_tells_it_once_and_whole(station: Station, side: str) -> None:
    """Before the write the next process tells the whole gap; after it only what came on top, here too short."""
    await station.pulse().beat()
    station.wait(MINUTE)
    station.kill_at = ("intake_gap", side)
    with pytest.raises(Killed):
        await station.pulse().beat()
    station.kill_at = None
    station.wait(10 * SECOND)
    await station.pulse().beat()
    until = BEGIN + MINUTE + (10 * SECOND if side == "before" else 0)
    assert await station.gaps() == [Gap(since=BEGIN, until=until)]


async def test_who_looks_does_not_keep_the_intake_alive(station: Station) -> None:
    """An evaluator without intake notices that the intake elsewhere is down, again and again."""
    looking = station.pulse()
    await looking.look()
    station.wait(MINUTE)
    await looking.look()
    assert await station.gaps() == []
    await station.pulse().beat()
    for _ in range(3):
        station.wait(20 * SECOND)
        await looking.look()
    assert [gap.until - gap.since for gap in await station.gaps()] == [40 * SECOND]


async def test_looks_soon_after_each_other_are_one(station: Station) -> None:
    """A loop that turns often asks the store rarely."""
    looking = station.pulse()
    await looking.look()
    await OutageMonitor(station.store, ManualClock(BEGIN - MINUTE), station.metrics).beat()
    station.wait(4 * SECOND)
    await looking.look()
    assert await station.gaps() == []
    station.wait(1 * SECOND)
    await looking.look()
    assert len(await station.gaps()) == 1


async def test_a_machine_whose_clock_is_behind_takes_nothing_back(station: Station) -> None:
    await station.pulse().beat()
    behind = OutageMonitor(station.store, ManualClock(BEGIN - MINUTE), station.metrics)
    await behind.beat()
    station.wait(LONGEST_PAUSE)
    await station.pulse().look()
    assert await station.gaps() == []


async def test_a_rehearsal_tells_its_own_gaps(station: Station) -> None:
    """A pause as short as a living intake may make is none there either."""
    short = Gap(since=BEGIN, until=BEGIN + LONGEST_PAUSE)
    long = Gap(since=BEGIN, until=BEGIN + LONGEST_PAUSE + 1)
    await append_gap(station.store, short)
    await append_gap(station.store, long)
    assert await station.gaps() == [long]


async def test_the_backlog_is_told_though_no_request_comes_any_more():
    """A gauge that only requests moved would stay where the last one left it."""
    station = Station()
    waiting = station.metrics.trouble.events_waiting
    for counts, left in (({"events_accepted": 500}, 500), ({"events_evaluated": 480}, 20)):
        await station.store.write(Write(name="evaluate", counts=counts))
        await station.pulse().beat()
        assert waiting._value.get() == left
