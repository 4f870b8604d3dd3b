"""The law of arrival over the whole evaluator: events, corrections, refutations, repeats and late ones in any order."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.judging.correction import FamilyMember, member_of, verdict
from engine.core.judging.event import Event
from engine.core.judging.instant import MINUTE
from engine.evaluation.groups import GROUPS, POINTS
from engine.intake.event_families import FAMILIES
from engine.records.alert_repository import ALERTS
from engine.store.memory import MemoryStore
from tests.acceptance.corrections.bench import START, Bench
from tests.acceptance.corrections.conftest import Opened

pytestmark = pytest.mark.timeout(900)  # 2,000 examples with `--all`, on a server, beside other work

DESKS = ["73.15", "73.15", "73.15", "73.16", "73"]


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Up to nine events of three desks within the hour, many of which name another one, mostly one before."""
    count = draw(st.sampled_from([2, 3, 3, 4, 4, 5, 6, 9]))
    ids = [f"e{number}" for number in range(count)]
    found = []
    for id_ in ids:
        desk = draw(st.sampled_from(DESKS))
        fields: dict[str, Any] = {
            "metrics.n": draw(st.integers(0, 4)),
            "incident": draw(st.sampled_from(["A", "B"])),
        }
        acts = draw(st.integers(0, 2)) > 0
        if acts:
            fields["corrects"] = draw(st.sampled_from(ids[: len(found)] or ids) | st.sampled_from(ids))
            fields["reported_at"] = START + draw(st.integers(0, 3)) * MINUTE
        if not draw(st.integers(0, 1 if acts else 7)):
            fields["verification"] = "refuted"
        if not draw(st.integers(0, 5)):
            fields["subject.role"] = "asn"
        found.append(
            Event(
                desk=desk,
                id=id_,
                kind=draw(st.sampled_from(["a.a", "a.a", "a.a", "a.end"])),
                region=draw(st.sampled_from(["73.15", "73.16"])) if desk == "73" else desk,
                severity=2,
                occurred_at=START + draw(st.integers(0, 30)) * MINUTE,
                fields=fields,
                by_verifier=not draw(st.integers(0, 4)),
            )
        )
    return found


def true_events(reported: list[Event]) -> list[Event]:
    """Return the events that count in the end, without what they say of others, in event order."""
    out = verdict(member_of(event) for event in reported).withdrawn
    plain = []
    for event in sorted(reported, key=lambda event: event.key):
        if (event.desk, event.id) not in out:
            fields = {name: value for name, value in event.fields.items() if name != "corrects"}
            plain.append(msgspec.structs.replace(event, fields=fields))
    return plain


@st.composite
def plays(draw: st.DrawFn) -> tuple[list[Event], list[list[Event]], list[int]]:
    """Events; a way in which they come in, some of them twice; and sizes of batches."""
    reported = draw(events())
    again = draw(st.lists(st.sampled_from(reported), max_size=3))
    rest = [*reported, *again] if draw(st.booleans()) else draw(st.permutations([*reported, *again]))
    requests = []
    while rest:
        size = draw(st.integers(1, min(4, len(rest))))
        requests.append(rest[:size])
        rest = rest[size:]
    return reported, requests, draw(st.lists(st.integers(1, 5), max_size=8))


@given(play=plays())
def test_every_arrival_order_gives_the_openings_of_the_events_that_count(
    play: tuple[list[Event], list[list[Event]], list[int]],
) -> None:
    """The openings not undone are those of a run in which only the events that count in the end ever came in."""
    reported, requests, batches = play

    async def run() -> None:
        plain, one = Bench(MemoryStore()), Bench(MemoryStore())
        await plain.play([[event] for event in true_events(reported)])
        await one.play(requests, batches)
        assert await one.openings() == await plain.openings()
        assert bool(await one.openings()) == any(event.kind == "a.a" for event in true_events(reported))
        unresolved = {(a.rule.id, a.group, a.happened_at) for a in await one.alerts() if a.unresolved}
        assert unresolved == {
            (a.rule.id, a.group, a.happened_at) for a in await plain.alerts() if a.unresolved
        }

    asyncio.run(run())


@given(play=plays())
def test_batches_of_any_size_give_the_same_alerts(
    play: tuple[list[Event], list[list[Event]], list[int]],
) -> None:
    """What alerts say, also those undone, and what is stored of families does not depend on how entries were read."""
    _, requests, batches = play

    async def run() -> None:
        one_by_one, batched, at_once = Bench(MemoryStore()), Bench(MemoryStore()), Bench(MemoryStore())
        await one_by_one.play(requests)
        await batched.play(requests, batches)
        await at_once.play(requests, [len(requests)])
        for other in (batched, at_once):
            assert await other.openings() == await one_by_one.openings()
            assert await other.story() == await one_by_one.story()
            assert await other.families() == await one_by_one.families()

    asyncio.run(run())


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(play=plays())
def test_the_memory_store_equals_redis(
    redis: Opened, play: tuple[list[Event], list[list[Event]], list[int]]
) -> None:
    """Alerts, group states and families are the same to the byte."""
    _, requests, batches = play

    async def run() -> None:
        memory = Bench(MemoryStore())
        await memory.play(requests, batches)
        async with redis() as store:
            other = Bench(store)
            await other.play(requests, batches)
            for table in (ALERTS, GROUPS, POINTS, FAMILIES):
                assert await other.store.scan(table) == await memory.store.scan(table)

    asyncio.run(run())


def test_the_strategy_makes_families_of_every_sort() -> None:
    """Guards the properties above: some examples must withdraw, refuse and give back."""
    seen: set[str] = set()

    @settings(database=None, max_examples=300, suppress_health_check=list(HealthCheck))
    @given(reported=events())
    def look(reported: list[Event]) -> None:
        members = [member_of(event) for event in reported]
        found = verdict(members)
        seen.update(found.withdrawn.values(), found.refused.values())
        if any(given_back(members, taken) for taken in members):
            seen.add("given back")

    look()
    assert {"refuted", "corrected", "given back", "not_its_source", "parent_must_confirm", "circular"} <= seen


def given_back(members: list[FamilyMember], taken: FamilyMember) -> bool:
    """Say whether some event counts only because of this one."""
    without = verdict(member for member in members if member is not taken).withdrawn
    return bool(without.keys() - verdict(members).withdrawn.keys() - {taken.name})
