"""The lists of alerts: always what the alerts say, built once where a store is older, and read in pages."""

import asyncio
from collections import defaultdict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.case_editor import Decision
from engine.core.alerting.decide import open_alert
from engine.core.alerting.phone_list import callees, may_need_call
from engine.records import alert_lists
from engine.records.alert_lists import (
    LAYOUT,
    ListedNotification,
    WantedList,
    build,
    lists_of,
    page_of,
    recalled,
    relisted,
)
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, WriteBuilder, load
from engine.store.codec import encode
from engine.store.memory import MemoryStore
from engine.store.port import Put, Write
from tests.credentials import OPERATOR
from tests.unit.alerting.cases import START, around, opening, policy

OPENED = open_alert(opening(policy()), around(), START, by=OPERATOR)
OPEN = OPENED.alert
change = msgspec.structs.replace

states = st.fixed_dictionaries(
    {
        "status": st.sampled_from(("open", "acknowledged", "resolved")),
        "level": st.sampled_from((2, 3, 4)),
        "detected_at": st.integers(START, START + 3),
        "hidden": st.sampled_from(("", "before_rule", "rule")),
        "silenced": st.sampled_from(("", "silence")),
        "resolved_reason": st.sampled_from(("", "refuted", "corrected")),
        "exhausted_at": st.sampled_from((None, START)),
    }
)
messages = st.fixed_dictionaries(
    {
        "state": st.sampled_from(("pending", "sending", "sent", "failed", "cancelled")),
        "reason": st.sampled_from(("", "retrying", "breaker_open")),
    }
)
steps = st.lists(st.tuples(st.sampled_from("abc"), states, messages), max_size=12)
REGIONS = {"a": "73.15", "b": "00", "c": "94.02.03"}
SPACES = {"a": "real", "b": "exercise", "c": "real"}


def decision(name, state, message):
    """Return one alert of three in a state, with its notifications in another."""
    told = tuple(change(n, id=f"{name}-{n.id}", alert=name, **message) for n in OPENED.notifications)
    alert = change(
        OPEN,
        id=name,
        region=REGIONS[name],
        space=SPACES[name],
        notifications=tuple(n.id for n in told),
        resolved_at=START if state["status"] == "resolved" else None,
        **state,
    )
    return Decision(alert=alert, notifications=told, history=(), reason="opened")


async def write(store, done):
    before = (await load(store, [done.alert.id])).get(done.alert.id)
    changes = WriteBuilder()
    changes.add([done], before)
    await store.write(changes.write("evaluate"))


async def lists(store):
    """Return every list of the store that is not empty; the store in memory shows them all."""
    kinds = ("listed:", "ended:", "pressing:", "silent:", "to_call:")
    names = [name for name in store.schedules() if name.startswith(kinds)]
    found = {name: await store.planned(name) for name in names}
    return {name: members for name, members in found.items() if members}


async def expected(store):
    found = defaultdict(dict)
    for case in (await load(store, list(await store.scan(ALERTS)))).values():
        for plan in relisted(None, case.alert) + recalled(
            None, ListedNotification(case.alert, case.notifications.values())
        ):
            found[plan.schedule][case.alert.id] = plan.at
    return dict(found)


@given(steps)
def test_the_lists_are_what_the_alerts_say_whatever_happened(taken):
    async def check():
        store = MemoryStore()
        for step in taken:
            await write(store, decision(*step))
        assert await lists(store) == await expected(store)

    asyncio.run(check())


@given(states, st.lists(messages, min_size=len(OPENED.notifications), max_size=len(OPENED.notifications)))
def test_whoever_must_be_called_is_of_a_listed_alert(state, each):
    done = decision("a", state, {})
    told = [change(n, **one) for n, one in zip(done.notifications, each, strict=True)]
    if callees(done.alert, told, around(), START):
        assert may_need_call(done.alert, told)


def test_an_alert_stands_in_the_lists_of_its_regency_its_province_and_the_nation():
    found = lists_of(change(OPEN, region="94.02.03"))
    regions = {name.partition(":")[2].partition("|")[0] for name in found}
    assert regions == {"00", "94", "94.02"}


def test_an_alert_that_leaves_the_store_leaves_every_list():
    gone = relisted(OPEN, None)
    assert {plan.schedule for plan in gone} == set(lists_of(OPEN))
    assert all(plan.at is None for plan in gone)


def old_store(number=250):
    """Return a store of before there were lists."""
    store = MemoryStore()
    done = [decision("abc"[n % 3], {"status": "open"}, {"state": "failed"}) for n in range(number)]
    puts = []
    for n, one in enumerate(done):
        alert = change(one.alert, id=f"{n:03}", group=str(n), detected_at=START + n)
        puts.append(Put(ALERTS, alert.id, encode(alert)))
        puts += [Put(NOTIFICATIONS, told.id, encode(told)) for told in one.notifications]
    unique = {(put.table, put.id): put for put in puts}
    asyncio.run(store.write(Write(name="evaluate", puts=tuple(unique.values()))))
    return store


async def test_an_old_store_gets_its_lists_once():
    store = await asyncio.to_thread(old_store)
    assert await build(store) == 250
    assert await lists(store) == await expected(store)
    assert await build(store) == 0


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_start_that_was_interrupted_goes_on(after):
    """The process dies after so many writes; the next start lists the rest."""
    store = await asyncio.to_thread(old_store)

    class Dies(Exception):
        pass

    writes = 0
    write_ = store.write

    class Mortal:
        """The store as a process sees it that dies."""

        def __getattr__(self, name):
            return getattr(store, name)

        async def write(self, write):
            nonlocal writes
            if writes == after:
                raise Dies
            writes += 1
            return await write_(write)

    with pytest.raises(Dies):
        await build(Mortal())
    assert await store.get(LAYOUT, [alert_lists.NAME]) == [None]
    assert await build(store) == 250 - 100 * after
    assert await lists(store) == await expected(store)


async def test_an_alert_that_changes_while_the_lists_are_built_is_listed_as_it_became():
    store = await asyncio.to_thread(old_store)
    put = [False]

    class Busy:
        """A store in which somebody resolves an alert right before the first lists are written."""

        def __getattr__(self, name):
            return getattr(store, name)

        async def write(self, write):
            if not put[0]:
                put[0] = True
                case = (await load(store, ["007"]))["007"]
                done = change(case.alert, status="resolved", resolved_at=START)
                await store.write(
                    Write(name="answer", puts=(Put(ALERTS, "007", encode(done), case.version),))
                )
            return await store.write(write)

    assert await build(Busy()) == 250
    assert await lists(store) == await expected(store)


async def test_a_record_that_cannot_be_read_keeps_no_other_off_the_lists():
    store = await asyncio.to_thread(old_store)
    await store.write(Write(name="evaluate", puts=(Put(ALERTS, "100", b"\xff"),)))
    await build(store)
    page = await page_of(store, WantedList(), 500)
    assert len(page.alerts) == 249
