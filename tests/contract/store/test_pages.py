"""Pages of schedules: both directions, equal instants, places that nobody holds any more."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.port import Place, Plan, Write

MEMBERS = st.text(st.sampled_from("aZ|0é☃"), min_size=1, max_size=3)
PLACES = st.builds(Place, st.integers(0, 4), st.one_of(MEMBERS, st.just("")))


async def planned(store, members):
    """Put members into the schedule `s`."""
    await store.write(Write(name="law", plans=tuple(Plan("s", member, at) for member, at in members.items())))


async def test_pages_follow_each_other_in_both_directions(store):
    """Five at one instant and one on each side of it."""
    await planned(store, {"first": 1, "last": 9} | {f"m{number}": 5 for number in range(5)})
    whole = [("first", 1), *((f"m{number}", 5) for number in range(5)), ("last", 9)]
    for latest_first in (False, True):
        came, after = [], None
        while page := await store.page("s", 2, after, latest_first=latest_first):
            assert len(page) <= 2
            came += page
            after = Place(page[-1][1], page[-1][0])
        assert came == (whole[::-1] if latest_first else whole)


async def test_a_page_goes_on_where_the_member_of_its_place_left_or_moved(store):
    await planned(store, {"a": 5, "b": 5, "c": 5, "d": 7})
    await planned(store, {"b": 9})
    assert await store.page("s", 9, Place(5, "b")) == [("c", 5), ("d", 7), ("b", 9)]
    assert await store.page("s", 9, Place(5, "b"), latest_first=True) == [("a", 5)]
    await store.write(Write(name="law", plans=(Plan("s", "b", None), Plan("s", "c", None))))
    assert await store.page("s", 9, Place(5, "c")) == [("d", 7)]
    assert await store.page("s", 9, Place(5, "c"), latest_first=True) == [("a", 5)]


async def test_a_schedule_of_nobody_has_no_pages_and_the_size_0(store):
    assert await store.page("nothing", 5) == []
    assert await store.page("nothing", 5, Place(3, "a")) == []
    assert await store.page("nothing", 5, Place(3, "a"), latest_first=True) == []
    await planned(store, {"a": 5, "b": 5})
    assert await store.sizes(["s", "nothing", "s"]) == [2, 0, 2]
    assert await store.sizes([]) == []


async def test_a_page_of_nothing_and_a_place_of_no_instant_are_mistakes(store):
    with pytest.raises(ValueError, match="page"):
        await store.page("s", 0)
    with pytest.raises(ValueError, match="instant"):
        await store.page("s", 1, Place(-1, "a"))


@given(
    members=st.dictionaries(MEMBERS, st.integers(0, 4)),
    after=st.one_of(st.none(), PLACES),
    limit=st.integers(1, 5),
    latest_first=st.booleans(),
)
def test_a_page_is_what_sorting_everything_gives(namespaces, members, after, limit, latest_first):
    async def check():
        async with namespaces().store() as store:
            await planned(store, members)
            order = sorted(((at, member) for member, at in members.items()), reverse=latest_first)
            if after is not None:
                place = tuple(after)
                order = [one for one in order if (one < place if latest_first else one > place)]
            expected = [(member, at) for at, member in order[:limit]]
            assert await store.page("s", limit, after, latest_first=latest_first) == expected

    asyncio.run(check())
