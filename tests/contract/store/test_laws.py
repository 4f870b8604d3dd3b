"""Laws of writes on random ones: all or nothing, and every store equals the memory store."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from engine.store.memory import MemoryStore
from engine.store.port import (
    START,
    Append,
    Arrival,
    Committed,
    Drop,
    Expect,
    Fence,
    Plan,
    Put,
    Record,
    Write,
)

TABLES, IDS, SCHEDULES, LOGS, COUNTERS = ("t", "u"), ("a", "b", "c"), ("s", "z"), ("l", "m"), ("x", "y")

versions = st.one_of(st.none(), st.integers(0, 3))
values = st.binary(max_size=4)
puts = st.builds(Put, st.sampled_from(TABLES), st.sampled_from(IDS), values, versions)
drops = st.builds(Drop, st.sampled_from(TABLES), st.sampled_from(IDS), versions)
instants = st.one_of(st.none(), st.integers(0, 3))
plans = st.builds(
    Plan,
    st.sampled_from(SCHEDULES),
    st.sampled_from(IDS),
    instants,
    st.one_of(st.just(UNSET), st.just(UNSET), instants),
)
expects = st.builds(Expect, st.sampled_from(TABLES), st.sampled_from(IDS), st.integers(0, 2))
appends = st.builds(Append, st.sampled_from(LOGS), st.lists(values, max_size=2).map(tuple))
fences = st.builds(Fence, st.integers(0, 2), st.sampled_from((START, "1-0")), st.sampled_from((START, "1-0")))
changes = st.lists(st.one_of(puts, drops), max_size=4, unique_by=lambda change: (change.table, change.id))
writes = st.builds(
    lambda changes, **rest: Write(
        name="law",
        puts=tuple(change for change in changes if isinstance(change, Put)),
        drops=tuple(change for change in changes if isinstance(change, Drop)),
        **rest,
    ),
    changes,
    plans=st.lists(plans, max_size=3).map(tuple),
    expects=st.lists(expects, max_size=1).map(tuple),
    appends=st.lists(appends, max_size=2).map(tuple),
    counts=st.dictionaries(st.sampled_from(COUNTERS), st.integers(1, 3), max_size=2),
    fence=st.one_of(st.none(), fences),
)
arrivals = st.builds(
    lambda identity, content, value: Arrival(bytes([identity]) * 12, bytes([content]) * 8, value),
    st.integers(0, 5),
    st.integers(0, 1),
    st.binary(min_size=1, max_size=3).filter(lambda value: b"\n" not in value),
)
deeds = st.one_of(
    writes.map(lambda write: lambda store: store.write(write)),
    st.tuples(st.lists(arrivals, max_size=4), st.integers(0, 3)).map(
        lambda drawn: lambda store: store.append(drawn[0], drawn[1], 1)
    ),
    st.tuples(st.sampled_from(("gap", "rules")), values, st.integers(0, 3)).map(
        lambda drawn: lambda store: store.append_entry(*drawn)
    ),
    st.sampled_from(("one", "two")).map(lambda holder: lambda store: store.lease(holder, 600)),
    st.sampled_from(("one", "two")).map(lambda holder: lambda store: store.release(holder)),
)


async def contents(store):
    """Everything a store holds, by its own answers."""
    return {
        "tables": {table: await store.scan(table) for table in TABLES},
        "schedules": {schedule: await store.planned(schedule) for schedule in SCHEDULES},
        "due": [await store.due(schedule, 2, 2) for schedule in SCHEDULES],
        "next": [await store.next_due(schedule) for schedule in SCHEDULES],
        "count": [await store.count_due(schedule, 10) for schedule in SCHEDULES],
        "logs": {log: await store.log(log) for log in LOGS},
        "counters": {name: number for name, number in (await store.counters()).items() if number},
        "cursor": await store.cursor(),
        "entries": await store.read(START, 1_000),
        "newest": await store.last_position(),
    }


def after(before, write: Write):
    """What a store must hold once it has done the write: the meaning of the port, said a second time."""
    tables = {table: dict(records) for table, records in before["tables"].items()}
    for put in write.puts:
        old = tables[put.table].get(put.id, Record(0, b""))
        tables[put.table][put.id] = Record(old.version + 1, put.value)
    for drop in write.drops:
        tables[drop.table].pop(drop.id, None)
    schedules = {schedule: dict(plans) for schedule, plans in before["schedules"].items()}
    for plan in write.plans:
        schedules[plan.schedule].pop(plan.member, None)
        if plan.at is not None:
            schedules[plan.schedule][plan.member] = plan.at
    logs = {log: list(entries) for log, entries in before["logs"].items()}
    for append in write.appends:
        logs[append.log] += append.entries
    return tables, schedules, logs, Counter(before["counters"]) + Counter(write.counts)


@given(first=st.lists(writes, max_size=3), write=writes)
def test_a_write_is_done_whole_or_not_at_all(namespaces, first, write):
    """Committed means that all of it is there, any other answer that nothing changed."""

    async def law() -> None:
        async with namespaces().store() as store:
            await store.lease("one", 600)
            for earlier in first:
                await store.write(earlier)
            before = await contents(store)
            outcome = await store.write(write)
            found = await contents(store)
            if outcome != Committed():
                assert found == before
                return
            tables, schedules, logs, counters = after(before, write)
            assert found["tables"] == tables
            assert found["schedules"] == schedules
            assert found["logs"] == logs
            assert found["counters"] == counters
            assert found["cursor"] == (write.fence.next_cursor if write.fence else before["cursor"])

    asyncio.run(law())


@pytest.mark.parametrize("place", ["redis", "valkey"], indirect=True, scope="session")
@given(sequence=st.lists(deeds, max_size=12))
def test_every_store_equals_the_memory_store(place, namespaces, sequence):
    """The same deeds in the same order give the same answers and leave the same contents."""

    async def law() -> None:
        model = MemoryStore()
        async with namespaces().store() as store:
            for deed in sequence:
                assert await deed(store) == await deed(model)
            assert await contents(store) == await contents(model)

    asyncio.run(law())
