"""Closings by hand that are withdrawn, over the whole evaluator: any arrival order gives the openings of no closing."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.alerting.command import Answer
from engine.core.judging.event import Event
from engine.core.judging.instant import MINUTE
from engine.escalation.alert_commands import AlertCommands
from engine.metrics import Metrics
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.bench import REGIONS, RULES, Bench
from tests.acceptance.corrections.test_order import events, true_events
from tests.credentials import OPERATOR


@st.composite
def acts(draw: st.DrawFn) -> tuple[list[Event], list[tuple[int, int]]]:
    """Events in the order in which they come, and after which of them which open alert is closed for how many more."""
    reported = draw(st.permutations(draw(events())))
    places = st.tuples(st.integers(0, len(reported) - 1), st.integers(0, 2))
    return list(reported), draw(st.lists(places, min_size=1, max_size=3))


def says(word: str) -> Answer:
    return Answer(person="petugas", says=word, via="api", is_operator=True, confirmed=True, note_digest="00")


@settings(max_examples=60)
@given(play=acts())
def test_in_the_end_nobody_could_tell_that_an_alert_was_closed_and_reopened(
    play: tuple[list[Event], list[tuple[int, int]]],
) -> None:
    """Up to another alert of its group: then the old one stays closed, which the policy tests show."""
    reported, closings = play

    async def run() -> None:
        store = MemoryStore()
        plain, one = Bench(MemoryStore()), Bench(store)
        books = RuntimeConfig(
            store,
            namespace="bench",
            regions=REGIONS,
            kinds={},
            rule_set=RuleSet({r.id: r for r in RULES}, {}),
        )
        desk = AlertCommands(store, one.clock, books, Metrics())
        await plain.play([[event] for event in true_events(reported)])
        shut: dict[str, int] = {}
        for place, event in enumerate(reported):
            now = max(one.clock.now() + 1, event.occurred_at)
            await one.wait(now - 1)
            await one.receive([event], now)
            await one.judge()
            for id_ in [id_ for id_, until in shut.items() if until <= place]:
                one.clock.set(one.clock.now() + 1)
                done = await desk.answer(id_, says("reopened"), by=OPERATOR)
                if done.refusal:
                    return
                del shut[id_]
                await one.judge()
            for at, length in closings:
                open_now = [alert.id for alert in await one.alerts() if alert.unresolved]
                if at == place and open_now:
                    await desk.answer(open_now[0], says("resolved"), by=OPERATOR)
                    shut[open_now[0]] = place + length
                    await one.judge()
        for id_ in shut:
            one.clock.set(one.clock.now() + MINUTE)
            if (await desk.answer(id_, says("reopened"), by=OPERATOR)).refusal:
                return
            await one.judge()
        await one.wait()
        assert await one.openings() == await plain.openings()

    asyncio.run(run())
