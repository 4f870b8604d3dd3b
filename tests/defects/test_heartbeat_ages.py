"""The dead-man heartbeat is given only while events are judged, steps taken and messages sent in time.

The ages are read from the store, so that they hold whichever process judges or sends: here nobody does.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from engine.app import Siaga, open_siaga
from engine.clock import ManualClock
from engine.core.judging.instant import MINUTE, SECOND
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, OUTBOX
from engine.store.port import Plan, Write
from tests.acceptance.web.conftest import START, Api

BEYOND = 121
"""Seconds, one more than each of the bounds."""


def shown(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


class Watched:
    """An installation whose evaluator, escalator and dispatcher are dead, and the auditor in another process."""

    def __init__(self, api: Api, other: Siaga, clock: ManualClock) -> None:
        self.api = api
        self.clock = clock
        self.upkeep, self.metrics = other.upkeep, other.metrics

    async def report(self) -> None:
        headers = await self.api.bearer("submit")
        sent = await self.api.client.post("/v1/events", json=self.api.event(), headers=headers)
        assert sent.status_code == 202, sent.text

    async def plan(self, schedule: str, member: str, seconds: int) -> None:
        """Let something fall due so many seconds after the start."""
        plan = Plan(schedule, member, START + seconds * SECOND)
        await self.api.siaga.store.write(Write(name="t", plans=(plan,)))

    async def beats(self, seconds: int) -> bool:
        """Say whether the heartbeat is given so many seconds after the start."""
        self.clock.set(START + seconds * SECOND)
        await self.upkeep._auditor.turn()
        return shown(self.metrics, "siaga_heartbeat_timestamp_seconds") == self.clock.now() / SECOND


@pytest.fixture
async def watched(api: Api) -> AsyncIterator[Watched]:
    await api.advance(minutes=0)  # the rules are in force
    async with AsyncExitStack() as stack:
        clock = ManualClock(START)
        other = await open_siaga(api.siaga.settings, stack, store=api.siaga.store, clock=clock)
        yield Watched(api, other, clock)


async def test_while_an_event_waits_too_long_to_be_judged_there_is_no_heartbeat(watched: Watched):
    await watched.report()
    assert await watched.beats(119)
    assert not await watched.beats(BEYOND)
    assert shown(watched.metrics, "siaga_events_oldest_unjudged_seconds") == BEYOND
    await watched.api.siaga.advance(START)
    assert await watched.beats(BEYOND + 1)
    assert shown(watched.metrics, "siaga_events_oldest_unjudged_seconds") == 0


@pytest.mark.parametrize(
    ("schedule", "gauge"),
    [(OUTBOX, "siaga_messages_due_oldest_seconds"), (ALERTS, "siaga_steps_due_oldest_seconds")],
)
async def test_while_a_message_or_a_step_is_due_too_long_there_is_no_heartbeat(
    watched: Watched, schedule: str, gauge: str
):
    await watched.plan(schedule, "a", 0)
    assert await watched.beats(119)
    assert not await watched.beats(BEYOND)
    assert shown(watched.metrics, gauge) == BEYOND
    await watched.plan(schedule, "a", BEYOND + 600)
    assert await watched.beats(BEYOND + 1)
    assert shown(watched.metrics, gauge) == 0


async def test_due_messages_are_counted_and_those_of_later_are_not(watched: Watched):
    for number in range(5):
        await watched.plan(OUTBOX, f"n{number}", number)
    await watched.beats(3)
    assert shown(watched.metrics, "siaga_messages_due") == 4
    assert shown(watched.metrics, "siaga_messages_due_oldest_seconds") == 3


async def test_the_gauges_are_set_between_the_passes_of_the_auditor(watched: Watched):
    """A pass over many alerts takes longer than a message may be late."""
    from engine.runtime.loop_runner import LoopRunner

    rota = LoopRunner(
        ["auditor"], store=watched.api.siaga.store, clock=watched.clock, metrics=watched.metrics
    )
    watched.upkeep.join(rota, real=True)
    assert "backlog" in rota
    await watched.plan(OUTBOX, "n", 0)
    watched.clock.set(START + MINUTE)
    await watched.upkeep.backlog.turn()
    assert shown(watched.metrics, "siaga_messages_due_oldest_seconds") == 60


async def test_health_says_failing_while_events_are_not_judged_and_ready_stays(watched: Watched):
    """Whoever asks this process hears it, though another one should judge; desks may go on sending.

    Law: docs/specification/trust.md#health-checks.
    """
    api = watched.api
    await watched.report()
    fine = await api.client.get("/healthz")
    assert (fine.status_code, fine.json()["status"]) == (200, "ok")
    api.siaga.clock.set(START + BEYOND * SECOND)
    failing = await api.client.get("/healthz")
    assert (failing.status_code, failing.json()["status"]) == (503, "failing")
    assert failing.json()["judging"] == {"oldest_event_seconds": 121.0, "bound_seconds": 120, "late": True}
    assert (await api.client.get("/readyz")).status_code == 200
    await api.siaga.advance(START + BEYOND * SECOND)
    assert (await api.client.get("/healthz")).status_code == 200


async def test_the_bounds_are_settings(api: Api):
    ops = api.siaga.settings.ops
    bounds = (ops.max_event_age_seconds, ops.max_message_age_seconds, ops.max_step_age_seconds)
    assert bounds == (120, 120, 120)
