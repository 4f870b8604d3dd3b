"""Admission: a long request gives way to a grave event for a bounded while; nothing else waits."""

import json

import pytest

from engine.clock import ManualClock
from engine.intake.backpressure import HOLD_SECONDS, LONG, Admission
from engine.intake.submission import Intake
from engine.metrics import Metrics
from engine.people.tokens import Scope
from engine.settings import Settings
from engine.store.memory import MemoryStore
from tests.unit.support.country import KINDS, NOW, REGIONS


class Time:
    """A clock that whoever sleeps moves on; while one sleeps, something may happen."""

    def __init__(self):
        self.now = 0.0
        self.meanwhile = []

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        if self.meanwhile:
            after, act = self.meanwhile.pop(0)
            self.now += after
            act()
        else:
            self.now += seconds


def of(time):
    return Admission(monotonic=time.monotonic, sleep=time.sleep)


async def test_a_long_request_waits_while_a_grave_event_is_on_its_way():
    time = Time()
    admission = of(time)
    admission.grave_comes()
    time.now = 0.02
    await admission.enter(LONG)
    assert time.now == pytest.approx(HOLD_SECONDS)


async def test_a_grave_event_that_was_judged_has_as_long_again_for_its_messages():
    time = Time()
    admission = of(time)
    admission.grave_comes()
    time.now = 0.01
    admission.judged(admission.came)
    await admission.enter(LONG)
    assert time.now == pytest.approx(0.02)


async def test_a_turn_that_began_before_the_newest_grave_event_says_nothing_of_it():
    time = Time()
    admission = of(time)
    admission.grave_comes()
    before = admission.came
    time.now = 0.01
    admission.grave_comes()
    admission.judged(before)
    await admission.enter(LONG)
    assert time.now == pytest.approx(0.01 + HOLD_SECONDS)


async def test_grave_events_without_end_hold_a_long_request_for_a_bounded_while():
    time = Time()
    admission = of(time)
    admission.grave_comes()
    time.meanwhile = [(HOLD_SECONDS / 4, admission.grave_comes)] * 100
    await admission.enter(500)
    assert HOLD_SECONDS <= time.now < 2 * HOLD_SECONDS


async def test_a_long_request_without_a_grave_event_before_it_does_not_wait():
    time = Time()
    admission = of(time)
    await admission.enter(500)
    admission.grave_comes()
    time.now = HOLD_SECONDS
    await admission.enter(500)
    assert time.now == HOLD_SECONDS


async def test_a_short_request_does_not_wait():
    time = Time()
    admission = of(time)
    admission.grave_comes()
    await admission.enter(LONG - 1)
    assert time.now == 0.0


async def test_a_request_that_waited_is_received_when_it_is_appended():
    """A timer that was judged meanwhile is not passed by events from before it."""
    time, clock, store = Time(), ManualClock(NOW), MemoryStore()
    admission = of(time)
    intake = Intake(store, clock, REGIONS, KINDS, Settings(), Metrics(), admission=admission)
    scope = Scope(rights=frozenset(("submit",)), region="73.15", token_id="t0")

    async def send(severity, number):
        lines = (
            json.dumps(
                {
                    "id": f"{severity}-{place}",
                    "kind": "conflict.clash",
                    "severity": severity,
                    "region": "73.15",
                    "occurred_at": "2024-11-27T09:30:00+08:00",
                    "source": {"desk": "73.15", "channel": "desk"},
                }
            )
            for place in range(number)
        )
        await intake.submit("\n".join(lines).encode(), "application/x-ndjson", scope)

    await send(4, LONG)
    assert time.now == 0.0, "a grave event waits for nothing"
    time.meanwhile = [(HOLD_SECONDS, lambda: clock.set(NOW + 30))]
    await send(1, LONG)
    assert time.now == HOLD_SECONDS
    assert [entry.received_at for entry in await store.read("0-0", 10)] == [NOW, NOW + 30]
