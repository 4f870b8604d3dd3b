"""Group states in the store: a head and pages, written only where they were touched, read back as they were."""

from collections.abc import Collection

import pytest
from msgspec.structs import replace

from engine.core.judging.condition import Count
from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_key import GroupKey
from engine.core.judging.group_state import EMPTY, UNKNOWN, GroupState
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.points import PAGE
from engine.core.judging.rule import Rule
from engine.errors import StoreError
from engine.evaluation import groups as groups_module
from engine.evaluation.groups import GROUPS, POINTS, Groups, Judged, read
from engine.store.memory import MemoryStore
from engine.store.port import Committed, Drop, Write

START = 1_732_500_000_000 // DAY * DAY
KEY = GroupKey("real", "uji", "73.15")
RULE = Rule(
    id="uji",
    title="Uji",
    short_title="Uji",
    owner="tests",
    why="",
    guide="",
    condition=Count(at_least=3, within=2 * HOUR),
    late_horizon=HOUR,
)
LONG = replace(RULE, late_horizon=DAY)


def event(minute: int) -> Event:
    at = START + minute * MINUTE
    return Event(
        desk="d", id=f"e{minute}", kind="a.b", region="73.15", severity=2, occurred_at=at, received_at=at
    )


async def commit(
    store: MemoryStore, groups: Groups, *minutes: int, rule: Rule = RULE, told: Collection[str] = ()
) -> Write:
    """Judge events, one request each, and store what came of it; return the write."""
    await groups.fetch([KEY])
    group = await groups.working_copy(KEY, rule, UNKNOWN)
    for minute in minutes:
        group.apply([event(minute)], received_at=START + minute * MINUTE)
    judged = Judged(group, group.head())
    puts, drops = groups.changes(KEY, judged)
    write = Write(name="evaluate", puts=tuple(puts), drops=tuple(drops))
    await store.write(write)
    groups.committed({KEY: judged}, START, told=told)
    return write


async def long_group(*, told: Collection[str] = ()) -> tuple[MemoryStore, Groups, Group]:
    """A group of five pages, an event in each second minute."""
    store = MemoryStore()
    groups = Groups(store)
    for minute in range(0, 10 * PAGE, 2):
        await commit(store, groups, minute, rule=LONG, told=told)
    return store, groups, await groups.working_copy(KEY, LONG, UNKNOWN)


def pages(write: Write) -> list[int]:
    return sorted(int(put.id.partition("#")[2]) for put in write.puts if put.table == POINTS)


async def test_what_was_stored_is_read_back_as_it_was():
    """Head and pages together are the state, whoever reads them."""
    store, groups = MemoryStore(), Groups(MemoryStore())
    groups = Groups(store)
    await commit(store, groups, 0, 5, 15, 40, 90)
    stored = (await read(store, [KEY]))[KEY]
    assert (
        stored.state == (await groups.state(KEY)) == (await groups.working_copy(KEY, RULE, UNKNOWN)).frozen()
    )
    assert [point.evidence.id for point in stored.state.points] == ["e0", "e5", "e15", "e40", "e90"]


async def test_a_small_group_is_one_record():
    """Its points lie in the head; what is full becomes a page, and that is left alone from then on."""
    store = MemoryStore()
    groups = Groups(store)
    first = await commit(store, groups, *range(PAGE))
    assert [put.table for put in first.puts] == [GROUPS]
    second = await commit(store, groups, PAGE)
    assert pages(second) == [1]
    third = await commit(store, groups, PAGE + 1)
    assert pages(third) == []
    assert [put.expected for put in third.puts] == [2]


async def test_a_late_event_costs_the_page_of_its_time():
    """However many points there are."""
    store = MemoryStore()
    groups = Groups(store)
    await commit(store, groups, *range(0, 4 * PAGE, 2))
    assert pages(await commit(store, groups, 7)) == [1, 2]  # a full page gives half of itself to another one
    assert pages(await commit(store, groups, 9)) == [1]
    assert (await read(store, [KEY]))[KEY].state == (await groups.working_copy(KEY, RULE, UNKNOWN)).frozen()


async def test_pages_of_points_that_are_forgotten_are_dropped():
    """Nothing of what no window needs any more stays behind in the store."""
    store = MemoryStore()
    groups = Groups(store)
    held = set()
    for minute in range(0, 300 * 61, 61):
        await commit(store, groups, minute)
        held |= (await store.scan(POINTS)).keys()
    state = await groups.state(KEY)
    assert 0 < len(state.points) <= 2 * PAGE
    assert state.points[0].evidence.id != "e0"
    assert held
    assert await store.scan(POINTS) == {}
    assert (await read(store, [KEY]))[KEY].state == state


async def test_a_copy_whose_commit_failed_is_made_again_from_what_is_stored():
    """What was judged in vain leaves no trace."""
    store = MemoryStore()
    groups = Groups(store)
    await commit(store, groups, 0)
    (await groups.working_copy(KEY, RULE, UNKNOWN)).apply([event(10)], received_at=START + 10 * MINUTE)
    groups.spoil(KEY)
    fresh = await groups.working_copy(KEY, RULE, UNKNOWN)
    assert fresh.frozen() == Group(RULE, (await groups.state(KEY))).frozen() == (await groups.state(KEY))


async def test_a_changed_rule_gets_a_new_copy():
    """The pages stay as they are."""
    store = MemoryStore()
    groups = Groups(store)
    await commit(store, groups, *range(PAGE + 1))
    longer = Rule(**{f: getattr(RULE, f) for f in RULE.__struct_fields__} | {"condition": Count(3, 90 * DAY)})
    group = await groups.working_copy(KEY, longer, UNKNOWN)
    assert group.rule is longer
    group.apply([event(60)], received_at=START + HOUR)
    judged = Judged(group, group.head())
    puts, drops = groups.changes(KEY, judged)
    assert ([put.table for put in puts], drops) == ([GROUPS], [])
    await store.write(Write(name="evaluate", puts=tuple(puts), drops=tuple(drops)))
    assert (await read(store, [KEY]))[KEY].state == group.frozen()


async def test_a_group_that_was_made_anew_is_written_whole():
    """Pages that it does not have are dropped."""
    store = MemoryStore()
    groups = Groups(store)
    await commit(store, groups, *range(3 * PAGE))
    state = await groups.state(KEY)
    anew = Group(RULE, GroupState(points=state.points[: PAGE + 5]))
    judged = groups.taken_over(KEY, anew)
    puts, drops = groups.changes(KEY, judged)
    await store.write(Write(name="evaluate", puts=tuple(puts), drops=tuple(drops)))
    assert (await read(store, [KEY]))[KEY].state == anew.frozen()
    assert len(await store.scan(POINTS)) == 1


async def test_what_was_not_asked_for_the_longest_is_forgotten(monkeypatch):
    """The cache holds so many groups, and always those that are asked for now."""
    monkeypatch.setattr(groups_module, "CACHED", 2)
    groups = Groups(MemoryStore())
    one, two, three, four = (GroupKey("real", "uji", f"73.{number}") for number in range(11, 15))
    await groups.fetch([one, two])
    copies = {key: await groups.working_copy(key, RULE, UNKNOWN) for key in (one, two)}
    await groups.fetch([one])
    await groups.fetch([three])
    assert (await groups.working_copy(one, RULE, UNKNOWN)) is copies[one]
    await groups.fetch([two])
    assert (await groups.working_copy(two, RULE, UNKNOWN)) is not copies[two]
    await groups.fetch([one, two, three, four])
    assert [groups.head(key) for key in (one, two, three, four)] == [EMPTY] * 4


async def test_older_pages_lie_in_the_store_only_until_they_are_needed():
    """Few points are at hand; a late event finds those beside which it occurred, and the store holds all of them."""
    store, groups, group = await long_group()
    assert len(group.points) == 5 * PAGE > len(group.points.rows)
    late = START + 41 * MINUTE
    await groups.bring(KEY, group, earliest=late, received_at=START + 10 * PAGE * MINUTE, whole=False)
    assert group.points.keys[0].occurred_at < late
    assert group.points.pages_away == []
    await commit(store, groups, 41, rule=LONG)
    assert len(group.points.rows) < len(group.points)
    stored = (await read(store, [KEY]))[KEY].state
    assert len(stored.points) == 5 * PAGE + 1
    assert Group(LONG, stored).head() == group.head()


async def test_who_tells_others_of_all_its_stretches_keeps_all_points_at_hand():
    """Their evidence is asked for at any time (`evaluation.dependencies`)."""
    _, _, group = await long_group(told=[LONG.id])
    assert len(group.points) == len(group.points.rows) == 5 * PAGE


async def test_of_what_was_not_asked_for_only_what_is_stored_is_kept(monkeypatch):
    """A working copy is made again of it; it need not be read where it is one record."""
    monkeypatch.setattr(groups_module, "LIVING", 1)
    store = MemoryStore()
    groups = Groups(store)
    await commit(store, groups, 0, 5)
    first = await groups.working_copy(KEY, RULE, UNKNOWN)
    other = GroupKey("real", "uji", "73.16")
    await groups.fetch([other])
    await groups.working_copy(other, RULE, UNKNOWN)
    await groups.fetch([other])
    again = await groups.working_copy(KEY, RULE, UNKNOWN)
    assert again is not first
    assert again.frozen() == first.frozen()


async def test_a_page_that_is_missing_is_said():
    """Rather than judged without."""
    store, groups, group = await long_group()
    await store.write(Write(name="evaluate", drops=(Drop(POINTS, f"{KEY}#{group.points.pages_away[0]}"),)))
    with pytest.raises(StoreError, match="missing"):
        await groups.bring(KEY, group, earliest=None, received_at=0, whole=True)


async def test_a_group_made_anew_goes_on_behind_the_highest_number_that_was_forgotten():
    """Also by another evaluator, which knows nothing of what was forgotten before."""
    store, other = MemoryStore(), GroupKey("real", "uji", "73.16")
    for key, opened in ((KEY, 4), (other, 6)):
        groups = Groups(store)
        await groups.fetch([key])
        before = groups.head(key)
        group = Group(RULE, GroupState(opened=opened))
        judged = {key: Judged(group, group.head())}
        puts, _ = groups.changes(key, judged[key])
        await store.write(Write(name="bench", puts=tuple(puts)))
        groups.committed(judged, START)
        await groups.fetch_floors([key])
        forgotten = {key: Judged(group, group.head(), forgotten=True)}
        puts, drops = groups.changes(key, forgotten[key])
        write = Write(name="bench", puts=(*puts, *groups.floors(forgotten)), drops=tuple(drops))
        assert await store.write(write) == Committed()
        groups.committed(forgotten, START)
        await groups.fetch([key])
        assert groups.head(key).opened == max(opened, before.opened)
    anew = Groups(store)
    await anew.fetch([KEY, other])
    assert [anew.head(key).opened for key in (KEY, other)] == [6, 6]
    assert (await store.get(GROUPS, [str(KEY), str(other)])) == [None, None]
