"""Silence over the whole evaluator: those of whom nothing was ever heard, restarts, outages, every order of arrival."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.judging.condition import Deadline, ExpectedMember, ExpectedReporters, SilenceCondition
from engine.core.judging.event import Event
from engine.core.judging.filter import Limit, Test
from engine.core.judging.group_state import Gap
from engine.core.judging.instant import HOUR, MINUTE, Instant
from engine.core.judging.rule import Clear, LevelStep, Rule
from engine.errors import StoreError
from engine.evaluation.groups import GROUPS, POINTS
from engine.evaluation.poll import WINDOWS
from engine.intake.event_families import FAMILIES
from engine.records.alert_repository import ALERTS
from engine.records.outages import append_gap
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.bench import START, WATCHED, Bench, _rule
from tests.acceptance.corrections.conftest import Opened
from tests.acceptance.corrections.test_order import plays, true_events

BOTH = ExpectedReporters(members=(ExpectedMember("73.15"), ExpectedMember("73.16")))
WAIT = 10 * MINUTE
SILENCE = _rule(
    "diam",
    watch=WATCHED,
    per=("regency",),
    condition=SilenceCondition(length=2 * HOUR, expected=BOTH),
    levels=(LevelStep(2), LevelStep(3, Limit("at_least", 4 * HOUR))),
    clear=Clear("no_longer_true"),
    wait_for_late=WAIT,
    effective_from=START,
)


def report(at: Instant, region: str = "73.15") -> Event:
    return Event(desk=region, id=f"e{at}", kind="a.a", region=region, severity=2, occurred_at=at)


async def test_whoever_must_report_falls_due_though_nothing_was_heard(opened: Opened):
    async with opened() as store:
        await Bench(store, [SILENCE]).judge()
        planned = await store.planned(WINDOWS)
        assert planned == dict.fromkeys(("real|diam|73.15", "real|diam|73.16"), START + 2 * HOUR + WAIT)


async def test_a_restart_changes_no_plan(opened: Opened):
    async with opened() as store:
        bench = Bench(store, [SILENCE])
        await bench.wait(START + 5 * HOUR)
        await bench.receive([report(START + 5 * HOUR)], START + 5 * HOUR)
        await bench.judge()
        planned, alerts = await store.planned(WINDOWS), await bench.alerts()
        await bench.evaluator.stand_down()
        again = Bench(store, [SILENCE])
        again.clock.set(START + 5 * HOUR)
        await again.judge()
        assert await store.planned(WINDOWS) == planned == {"real|diam|73.15": START + 5 * HOUR + WAIT}
        assert await again.alerts() == alerts


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", ["seed", "evaluate"])
async def test_no_timer_is_lost_where_the_process_dies(name: str, side: Literal["before", "after"]):
    """At whatever write it dies: each region has one alert in the end, of the same instant and level."""
    for number in range(4):
        left = number

        def die(written: str, when: str) -> None:
            nonlocal left
            if (written, when) == (name, side):
                left -= 1
                if left == -1:
                    raise StoreError("killed")

        store = MemoryStore(crash_point=die)
        bench = Bench(store, [SILENCE])
        for _ in range(3):
            try:
                await bench.wait(START + 6 * HOUR)
            except StoreError:
                await bench.evaluator.stand_down()
                stopped = bench.clock.now()
                bench = Bench(store, [SILENCE])
                bench.clock.set(stopped)
        found = [(alert.group, alert.happened_at, alert.level) for alert in await bench.alerts()]
        assert found == [("73.15", START + 2 * HOUR, 3), ("73.16", START + 2 * HOUR, 3)]


async def test_missed_instants_open_once_and_at_the_level_of_now(opened: Opened):
    async with opened() as store:
        bench = Bench(store, [SILENCE])
        await bench.judge()
        bench.clock.set(START + 9 * HOUR)
        await bench.judge()
        found = [(a.group, a.ordinal, a.happened_at, a.level, a.figure) for a in await bench.alerts()]
        assert found == [(group, 1, START + 2 * HOUR, 3, float(4 * HOUR)) for group in ("73.15", "73.16")]


async def test_an_outage_that_is_told_late_takes_the_alert_back(opened: Opened):
    """Whoever was told gets a RALAT, and the silence opens when it is really long enough."""
    async with opened() as store:
        bench = Bench(store, [SILENCE])
        await bench.receive([report(START + HOUR, "73.16")], START + HOUR)
        await bench.wait(START + 2 * HOUR + WAIT)
        assert [a.status for a in await bench.alerts()] == ["open"]
        await append_gap(store, Gap(since=START + HOUR, until=START + HOUR + 30 * MINUTE))
        await bench.judge()
        assert [a.resolved_reason for a in await bench.alerts()] == ["late_report"]
        await bench.wait(START + 4 * HOUR)
        found = [(a.group, a.happened_at) for a in await bench.alerts() if not a.resolved_reason]
        assert found == [
            ("73.15", START + 2 * HOUR + 30 * MINUTE),
            ("73.16", START + 3 * HOUR + 30 * MINUTE),
        ]


async def test_in_an_exercise_nobody_is_expected():
    bench = Bench(MemoryStore(), [SILENCE])
    await bench.receive([msgspec.structs.replace(report(START), exercise=True)], START)
    await bench.wait(START + 5 * HOUR)
    assert {alert.space for alert in await bench.alerts()} == {"real"}


@st.composite
def absences(draw: st.DrawFn) -> list[Rule]:
    """A rule of silence and one of a deadline."""
    how: Any = draw(st.sampled_from(["by_hand", "no_longer_true", "event", "quiet"]))
    length = draw(st.integers(1, 12)) * MINUTE
    seen = draw(st.none() | st.just(length + 7 * MINUTE))
    clear = Clear(
        how, quiet_for=4 * MINUTE, event=Test("kind", "equals", "a.end") if how == "event" else None
    )
    common: dict[str, Any] = {
        "watch": WATCHED,
        "per": ("regency",),
        "clear": clear,
        "wait_for_late": draw(st.sampled_from([0, 5])) * MINUTE,
        "effective_from": START + draw(st.integers(0, 9)) * MINUTE,
    }
    expected = BOTH if seen is None else ExpectedReporters(seen=seen)
    below = draw(st.sampled_from([1, 1, 2]))
    silence = SilenceCondition(length=length, below=below, expected=expected)
    late = _rule(
        "tenggat",
        condition=Deadline(by=START + draw(st.integers(10, 25)) * MINUTE, expected=BOTH),
        **common | {"clear": Clear("by_hand") if how == "no_longer_true" else clear},
    )
    return [_rule("diam", condition=silence, **common), late]


@given(rule_set=absences(), play=plays())
def test_every_arrival_order_opens_the_same(rule_set: list[Rule], play: Any):
    """Late, repeated, corrected and refuted reports: the openings not undone are those of the events that count."""
    reported, requests, batches = play

    async def run() -> None:
        plain, one = Bench(MemoryStore(), rule_set), Bench(MemoryStore(), rule_set)
        await plain.play([[event] for event in true_events(reported)])
        await one.play(requests, batches)
        assert await one.openings() == await plain.openings()

    asyncio.run(run())


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=30)
@given(rule_set=absences(), play=plays())
def test_memory_and_redis_hold_the_same_bytes(redis: Opened, rule_set: list[Rule], play: Any):
    """Alerts, heads, pages, families and due instants."""
    _, requests, batches = play

    async def run() -> None:
        memory = Bench(MemoryStore(), rule_set)
        await memory.play(requests, batches)
        async with redis() as store:
            other = Bench(store, rule_set)
            await other.play(requests, batches)
            for table in (ALERTS, GROUPS, POINTS, FAMILIES):
                assert await other.store.scan(table) == await memory.store.scan(table)
            assert await other.store.planned(WINDOWS) == await memory.store.planned(WINDOWS)

    asyncio.run(run())
