"""Pressure: while too much waits or the store is nearly full nothing is taken in, and somebody is told once."""

import pytest

from engine.clock import ManualClock
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.escalation.internal_alerts import OWN
from engine.intake.backpressure import FULL, LOOK_SECONDS, BusyError, Pressure
from engine.metrics import Metrics
from engine.store.memory import MemoryStore
from engine.store.port import Write
from tests.unit.support.country import NOW


class Filling(MemoryStore):
    """A store that says how full it is."""

    share = 0.0

    async def fill(self) -> float:
        return self.share


class Door:
    def __init__(self) -> None:
        self.store, self.metrics, self.seconds = Filling(), Metrics(), 0.0
        self.pressure = Pressure(
            self.store, ManualClock(NOW), self.metrics, most_waiting=10, monotonic=lambda: self.seconds
        )

    async def count(self, **counts: int) -> None:
        await self.store.write(Write(name="t", counts=counts))
        self.seconds += LOOK_SECONDS

    async def is_open(self) -> bool:
        try:
            await self.pressure.check()
        except BusyError:
            return False
        return True


@pytest.fixture
def door() -> Door:
    return Door()


async def test_it_is_shut_while_too_many_wait(door):
    assert await door.is_open()
    await door.count(events_accepted=9)
    assert await door.is_open()
    await door.count(events_accepted=1)
    assert not await door.is_open()
    await door.count(events_evaluated=1)
    assert await door.is_open()
    assert door.metrics.registry.get_sample_value("siaga_events_waiting") == 9


async def test_it_is_shut_while_the_store_is_nearly_full_and_says_so_once(door):
    door.store.share = FULL
    for _ in range(3):
        assert not await door.is_open()
        door.seconds += LOOK_SECONDS
    assert list(await door.store.planned(OWN)) == [InternalAlertRequest("pressure").member]
    assert (
        door.metrics.registry.get_sample_value("siaga_requests_refused_total", {"reason": "store_full"}) == 3
    )
    door.store.share = FULL - 0.01
    assert await door.is_open()


async def test_the_store_is_looked_at_once_a_second(door):
    assert await door.is_open()
    door.store.share = 1.0
    assert await door.is_open()
    door.seconds += LOOK_SECONDS
    assert not await door.is_open()
