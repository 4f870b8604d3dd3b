"""Clock jumps of an hour both ways, through the whole app: no step moves by them, and ops are told at once.

The wall clock and the clock that measures are moved by hand; the app takes them for the real ones.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.app import Siaga, open_siaga
from engine.bootstrap import clock_of
from engine.clock import FORWARD_JUMP_PATIENCE_MS, LONGEST_LEAD_MS, WallClock
from engine.core.judging.instant import HOUR, MINUTE, SECOND, parse_instant
from engine.escalation.internal_alerts import OWN
from engine.people.tokens import Scope
from engine.settings import Settings
from engine.store.memory import MemoryStore

ROOT = Path(__file__).parents[2]
START, _ = parse_instant("2024-11-27T12:00:00+09:00")
ALL = Scope(desks=("*",), rights=frozenset({"submit"}), region="00", token_id="t")
CLASH = (
    b'{"id": "E1", "kind": "conflict.clash", "severity": 4, "region": "94.02", '
    b'"occurred_at": "2024-11-27T12:00:00+09:00", "source": {"desk": "94.02", "channel": "polri"}, '
    b'"metrics": {"injured": 94}}'
)
TURNS_AT_MOST = 200


class Times:
    """The two clocks of a machine, in nanoseconds."""

    def __init__(self) -> None:
        self.measured, self.ahead = 0, 0

    def wall_ns(self) -> int:
        return (START + self.ahead) * 1_000_000 + self.measured

    def monotonic_ns(self) -> int:
        return self.measured


class Machine:
    """The app on a machine whose clocks are moved by hand; its loops turn until nothing is left to do."""

    def __init__(self, siaga: Siaga, times: Times) -> None:
        self.siaga, self.times = siaga, times

    async def passes(self, length: int) -> None:
        """Let so much time pass, in steps of five seconds as the pulse beats."""
        for _ in range(length // (5 * SECOND)):
            self.times.measured += 5 * SECOND * 1_000_000
            await self.settle()

    def jump(self, length: int) -> None:
        """Move the wall clock alone."""
        self.times.ahead += length

    async def settle(self) -> None:
        siaga = self.siaga
        turns = (
            siaga.upkeep.pulse.beat,
            siaga._evaluate,
            siaga._escalator.turn,
            siaga.upkeep.own_alerts.turn,
            siaga.dispatcher.turn,
        )
        for _ in range(TURNS_AT_MOST):
            if not any([await turn() for turn in turns]):
                return
        raise AssertionError("the loops do not come to rest")

    @property
    def now(self) -> int:
        return self.siaga.clock.now()

    async def open(self) -> str:
        await self.siaga.intake.submit(CLASH, "application/json", ALL)
        await self.settle()
        return next(alert.id for alert in await self.siaga.desk.alerts() if alert.region == "94.02")

    async def steps(self, alert: str) -> list[int]:
        """Return when steps of an alert started, in minutes since the start, by the clock that the app believes."""
        history = await self.siaga.desk.history(alert)
        return [round((entry.at - START) / MINUTE) for entry in history if entry.name == "step_started"]

    async def own(self) -> list[str]:
        return sorted(a.rule.id for a in await self.siaga.desk.alerts() if a.rule.id.startswith("siaga."))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"paths": {"var": str(tmp_path)}}, context={"home": ROOT})


@pytest.fixture
async def machine(settings: Settings) -> AsyncIterator[Machine]:
    times = Times()
    clock = WallClock(wall_ns=times.wall_ns, monotonic_ns=times.monotonic_ns)
    async with AsyncExitStack() as stack:
        yield Machine(await open_siaga(settings, stack, store=MemoryStore(), clock=clock), times)


async def undisturbed(machine: Machine, minutes: int) -> list[int]:
    alert = await machine.open()
    await machine.passes(minutes * MINUTE)
    return await machine.steps(alert)


async def test_without_a_jump_the_steps_come_by_their_policy(machine):
    assert (await undisturbed(machine, 30))[:3] == [0, 10, 20]
    assert await machine.own() == []


async def test_an_hour_forward_is_told_at_once_and_followed_after_ten_minutes(machine):
    """Law: docs/specification/escalation.md#clock."""
    alert = await machine.open()
    await machine.passes(2 * MINUTE)
    machine.jump(HOUR)
    await machine.passes(5 * SECOND)
    assert "siaga.clock" in await machine.own()
    assert machine.now - START < 3 * MINUTE
    await machine.passes(FORWARD_JUMP_PATIENCE_MS - 10 * SECOND)
    assert machine.now - START < 13 * MINUTE
    assert (await machine.steps(alert)) == [0, 10]
    await machine.passes(MINUTE)
    assert machine.now - START > HOUR + 12 * MINUTE
    # what the jump made overdue runs once, and the next wait counts from then
    jumped = await machine.steps(alert)
    assert jumped[:2] == [0, 10]
    assert len(jumped) == 3
    assert jumped[2] >= 60
    assert (await machine.own()).count("siaga.clock") == 1


async def test_an_hour_back_changes_no_step_and_is_told(machine):
    alert = await machine.open()
    await machine.passes(2 * MINUTE)
    before = machine.now
    machine.jump(-HOUR)
    await machine.passes(5 * SECOND)
    assert machine.now == before + 5 * SECOND
    assert "siaga.clock" in await machine.own()
    await machine.passes(28 * MINUTE)
    assert (await machine.steps(alert))[:3] == [0, 10, 20]
    assert OWN not in await machine.siaga.store.planned(OWN)


async def test_a_start_after_a_jump_back_goes_on_from_where_the_store_was(machine, settings):
    await machine.passes(2 * MINUTE)
    store = machine.siaga.store
    ahead = WallClock().now()
    assert (await clock_of(settings, store)).now() - ahead < MINUTE  # that life was years ago
    for lead, believed in ((HOUR, True), (2 * LONGEST_LEAD_MS, False)):
        times = Times()
        times.ahead = -lead
        clock = WallClock(START, wall_ns=times.wall_ns, monotonic_ns=times.monotonic_ns)
        assert (clock.now() >= START) is believed
        assert (clock.jump_ms == -lead) is believed
