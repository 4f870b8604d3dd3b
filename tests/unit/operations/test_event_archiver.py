"""The archivist: what is archived and trimmed when, and that no crash and no other process loses an entry."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from engine.clock import ManualClock
from engine.core.judging.condition import Count
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.metrics import Metrics
from engine.operations.event_archiver import ARCHIVE, WAITS, EventArchiver, horizon, told_link
from engine.store.archive.day_file import ChainPosition
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.codec import encode
from engine.store.memory import MemoryStore
from engine.store.port import START, Arrival, Fence, Put, Write
from tests.acceptance.corrections.bench import RULES

BEGIN = 1_732_665_600_000
KEEPS = 3 * DAY


class Killed(Exception):
    """The process ends at a named write."""


class Office:
    """A store with a stream that is applied at once, a clock, and archivists around one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kill_at: tuple[str, str] | None = None
        self.store = MemoryStore(crash_point=self._cross)
        self.clock = ManualClock(BEGIN)
        self.metrics = Metrics()
        self.positions: list[str] = []

    def _cross(self, name: str, side: str) -> None:
        if (name, side) == self.kill_at:
            self.kill_at = None
            raise Killed

    def archivist(self, folder: Path | None = None) -> EventArchiver:
        archive = Archive(folder or self.folder, "uji")
        return EventArchiver(self.store, self.clock, self.metrics, archive, lambda: KEEPS)

    async def receive(self, at: int, *, applied: bool = True) -> None:
        self.clock.set(at)
        number = len(self.positions)
        identity = hashlib.sha256(str(number).encode()).digest()
        arrival = Arrival(identity[:12], identity[:8], b'{"id":"%d"}' % number)
        await self.store.append([arrival], at, 0)
        self.positions.append(await self.store.last_position())
        if applied:
            lease = await self.store.lease("uji", 60)
            fence = Fence(lease.epoch, await self.store.cursor(), self.positions[-1])
            await self.store.write(Write(name="evaluate", fence=fence))

    async def streamed(self) -> list[str]:
        return [entry.position for entry in await self.store.read(START, 10_000)]

    def archived(self) -> list[str]:
        return [entry.position for entry in Archive(self.folder, "uji").entries()]

    async def history(self) -> list[str]:
        history = EventHistory(self.store, Archive(self.folder, "uji"))
        return [entry.position async for entry in history.entries()]

    def gauge(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path / "archive")


async def run(archivist: EventArchiver) -> None:
    while await archivist.turn():
        pass


def test_the_horizon_is_the_longest_window_and_its_late_horizon():
    longest = msgspec.structs.replace(RULES[1], condition=Count(2, 9 * DAY))
    assert horizon([*RULES, longest]) == 9 * DAY + longest.late_horizon
    assert horizon([]) == 72 * HOUR


async def test_what_was_applied_is_archived_once_its_oldest_waited(office):
    """All that waits goes in one block."""
    archivist = office.archivist()
    await office.receive(BEGIN)
    await office.receive(BEGIN + WAITS - 1)
    await run(archivist)
    assert office.archived() == []
    office.clock.set(BEGIN + WAITS)
    await run(archivist)
    assert office.archived() == office.positions
    assert office.gauge("siaga_archived_events_total") == 2
    assert await told_link(office.store) == Archive(office.folder, "uji").span()[1]


async def test_what_was_not_applied_is_not_archived(office):
    await office.receive(BEGIN)
    await office.receive(BEGIN + 1, applied=False)
    office.clock.set(BEGIN + 9 * DAY)
    await run(office.archivist())
    assert office.archived() == office.positions[:1]
    assert await office.streamed() == office.positions[1:]


async def test_the_stream_keeps_the_horizon(office):
    """To the millisecond: an entry leaves when it is older than the horizon."""
    archivist = office.archivist()
    for minute in range(5):
        await office.receive(BEGIN + minute * MINUTE)
    office.clock.set(BEGIN + 2 * MINUTE + KEEPS)
    await run(archivist)
    assert await office.streamed() == office.positions[2:]
    office.clock.set(BEGIN + 2 * MINUTE + KEEPS + 1)
    await run(archivist)
    assert await office.streamed() == office.positions[3:]
    assert await office.history() == office.positions


@pytest.mark.parametrize(
    "kill_at", [(name, side) for name in ("archived", "trim") for side in ("before", "after")]
)
async def test_a_crash_at_any_write_loses_and_doubles_nothing(office, kill_at):
    """Between the disk and the store, and between the store and the trimming."""
    for hour in range(300):
        await office.receive(BEGIN + hour * HOUR)
    office.clock.set(BEGIN + 30 * DAY)
    archivist = office.archivist()
    office.kill_at = kill_at
    with pytest.raises(Killed):
        await run(archivist)
    archivist.release()
    assert await office.history() == office.positions
    await run(office.archivist())
    assert (office.archived(), await office.streamed()) == (office.positions, [])
    assert Archive(office.folder, "uji").verify(await told_link(office.store)).damages == ()


async def test_a_second_process_stands_by_until_the_first_is_gone(office):
    first, second = office.archivist(), office.archivist()
    await office.receive(BEGIN)
    office.clock.set(BEGIN + DAY)
    await run(first)
    await office.receive(BEGIN + DAY)
    office.clock.set(BEGIN + 2 * DAY)
    await run(second)
    assert office.archived() == office.positions[:1]
    first.release()
    await run(second)
    assert office.archived() == office.positions


async def test_an_archive_on_another_machine_is_noticed(office, tmp_path):
    """The second folder lacks what only the first one holds: it is not written to, and nothing is trimmed for it."""
    here, there = office.archivist(), office.archivist(tmp_path / "elsewhere")
    await office.receive(BEGIN)
    office.clock.set(BEGIN + DAY)
    await run(here)
    await run(there)
    assert office.gauge("siaga_archive_damaged") == 1
    assert not list((tmp_path / "elsewhere").glob("*.gz"))
    await run(here)
    assert office.gauge("siaga_archive_damaged") == 0


async def test_of_two_machines_one_goes_on_and_holds_everything(office, tmp_path):
    """The other one stops, and trims nothing that it lacks."""
    one, other = office.archivist(), office.archivist(tmp_path / "elsewhere")
    await office.receive(BEGIN)
    office.clock.set(BEGIN + HOUR)
    await run(one)
    await office.receive(BEGIN + HOUR)
    office.clock.set(BEGIN + 2 * HOUR)
    await run(one)
    await run(other)
    office.clock.set(BEGIN + 30 * DAY)
    await run(other)
    await run(one)
    assert await office.streamed() == []
    assert office.archived() == office.positions


async def test_a_damaged_archive_stops_the_trimming_and_nothing_else(office):
    """What is not archived stays in the stream, and the turn ends as any other."""
    await office.receive(BEGIN)
    office.clock.set(BEGIN + DAY)
    first = office.archivist()
    await run(first)
    first.release()
    (path,) = office.folder.glob("*.gz")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    await office.receive(BEGIN + DAY)
    office.clock.set(BEGIN + 30 * DAY)
    assert await office.archivist().turn() == 0
    assert office.gauge("siaga_archive_damaged") == 1
    assert await office.streamed() == office.positions


async def test_a_store_put_back_to_an_earlier_state_does_not_overwrite_the_archive(office):
    """The archive goes on differently than the stream does: that is for people to decide."""
    await office.receive(BEGIN)
    office.clock.set(BEGIN + DAY)
    first = office.archivist()
    await run(first)
    first.release()
    (entry,) = await office.store.read(START, 10)
    other = Archive(office.folder, "uji")
    assert other.take(ChainPosition())
    changed = entry.__class__(f"{BEGIN + DAY}-0", "events", BEGIN + DAY, (b'{"id":"x"}',), True)
    other.append([changed])
    other.release()
    await office.receive(BEGIN + DAY)
    assert office.positions[-1] == changed.position
    assert await office.archivist().turn() == 0
    assert office.gauge("siaga_archive_damaged") == 1


async def test_an_archive_without_its_store_goes_on(office):
    """A new store in the place of a lost one: the archive keeps what it has."""
    await office.receive(BEGIN)
    office.clock.set(BEGIN + DAY)
    first = office.archivist()
    await run(first)
    first.release()
    anew = Office(office.folder)
    await anew.receive(BEGIN + 2 * DAY)
    anew.clock.set(BEGIN + 3 * DAY)
    await run(anew.archivist())
    assert anew.archived() == [*office.positions, *anew.positions]


async def test_the_store_is_told_before_anything_is_trimmed(office):
    """What the store was told is never behind what was trimmed."""
    await office.receive(BEGIN)
    await office.store.write(Write(name="other", puts=(Put(ARCHIVE, "link", encode(ChainPosition()), 0),)))
    office.clock.set(BEGIN + 30 * DAY)
    office.kill_at = ("archived", "before")
    with pytest.raises(Killed):
        await office.archivist().turn()
    assert await office.streamed() == office.positions
