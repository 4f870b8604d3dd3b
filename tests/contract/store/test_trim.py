"""Trimming, and the history that reads archive and stream as one."""

import hashlib

import pytest

from engine.core.judging.instant import DAY
from engine.errors import StoreError
from engine.store.archive.day_file import ChainPosition
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.port import START, Arrival, Fence, Write

NOON = 1_732_708_800_000


async def fill(store, requests: int = 6, *, cursor: int | None = None) -> list[str]:
    """Append one event a request, two requests a day; let the evaluator's cursor stand behind so many of them."""
    for number in range(requests):
        identity = hashlib.sha256(str(number).encode()).digest()
        arrival = Arrival(identity[:12], identity[:8], b'{"id":"%d"}' % number)
        await store.append([arrival], NOON + number * DAY // 2, 0)
    positions = [entry.position for entry in await store.read(START, 1_000)]
    await move(store, positions[(requests if cursor is None else cursor) - 1])
    return positions


async def move(store, cursor: str) -> None:
    lease = await store.lease("test", 60)
    fence = Fence(lease.epoch, await store.cursor(), cursor)
    await store.write(Write(name="evaluate", fence=fence))


async def left(store) -> list[str]:
    return [entry.position for entry in await store.read(START, 100)]


async def test_what_is_trimmed_is_gone_and_the_rest_is_as_it_was(store):
    positions = await fill(store)
    assert await store.trimmed() == START
    await store.trim(positions[1])
    assert (await left(store), await store.trimmed()) == (positions[2:], positions[1])
    assert await store.last_position() == positions[-1]
    found = await store.entries([positions[1], positions[2]])
    assert [entry and entry.position for entry in found] == [None, positions[2]]
    assert [entry.position for entry in await store.read(positions[0], 2)] == positions[2:4]


async def test_what_was_not_applied_is_never_trimmed(store):
    """Trimming stops at the evaluator's cursor, wherever it is asked to go."""
    positions = await fill(store, cursor=3)
    await store.trim(positions[-1])
    assert (await left(store), await store.trimmed()) == (positions[3:], positions[2])


async def test_nothing_is_trimmed_before_anything_was_applied(store):
    await store.append_entry("gap", b"{}", 5)
    await store.trim(await store.last_position())
    assert (len(await left(store)), await store.trimmed()) == (1, START)


async def test_trimming_again_or_less_changes_nothing(store):
    positions = await fill(store)
    await store.trim(positions[2])
    await store.trim(positions[2])
    await store.trim(positions[0])
    await store.trim(START)
    assert (await left(store), await store.trimmed()) == (positions[3:], positions[2])


async def test_a_position_between_two_entries_trims_what_lies_before_it(store):
    positions = await fill(store)
    await store.trim(f"{NOON + DAY // 2 + 1}-0")
    assert await left(store) == positions[2:]


async def test_a_stream_that_was_trimmed_empty_goes_on_behind_it(store):
    """The newest position stays known, and `received_at` does not fall behind it."""
    positions = await fill(store)
    await store.trim(positions[-1])
    assert await left(store) == []
    assert await store.last_position() == positions[-1]
    position = await store.append_entry("gap", b"{}", 0)
    (entry,) = await store.read(START, 10)
    assert (entry.position, entry.received_at) == (position, NOON + 5 * DAY // 2)
    assert [e.position for e in await store.read(positions[-1], 10)] == [position]


async def test_trimming_has_a_name(namespace):
    async with namespace.store() as store:
        await store.trim(START)
    assert namespace.crossed == [("trim", "before"), ("trim", "after")]


# --- history ---


@pytest.fixture
def archive(tmp_path):
    made = Archive(tmp_path / "archive", "uji")
    made.take(ChainPosition())
    yield made
    made.release()


async def read(history: EventHistory, *span: int) -> list[str]:
    return [entry.position async for entry in history.entries(*span)]


@pytest.mark.parametrize(("archived", "trimmed"), [(0, 0), (3, 0), (3, 2), (3, 3), (6, 4), (6, 6)])
async def test_each_entry_is_read_once_wherever_it_lies(store, archive, archived, trimmed):
    """Archived and still in the stream, only in one of them, or in both."""
    positions = await fill(store)
    entries = await store.read(START, 100)
    archive.append(entries[:archived])
    if trimmed:
        await store.trim(positions[trimmed - 1])
    history = EventHistory(store, archive)
    assert await read(history) == positions
    assert await history.whole_since() == 0
    assert await read(history, NOON + DAY) == positions[2:]
    assert await read(history, NOON + DAY + 1) == positions[3:]
    assert await read(history, NOON + DAY // 2, NOON + 2 * DAY) == positions[1:4]
    assert await history.at([positions[5], positions[0], "9-9"]) == [entries[5], entries[0], None]


async def test_without_an_archive_the_history_begins_where_the_stream_does(store):
    positions = await fill(store)
    await store.trim(positions[1])
    history = EventHistory(store)
    assert await read(history) == positions[2:]
    assert await history.whole_since() == NOON + DAY // 2
    assert await history.at(positions[1:3]) == [None, (await store.read(START, 1))[0]]


async def test_an_archive_elsewhere_is_as_good_as_none(store, archive):
    """Its folder here lacks what was trimmed."""
    positions = await fill(store)
    await store.trim(positions[1])
    history = EventHistory(store, archive)
    assert await read(history) == positions[2:]
    assert await history.whole_since() == NOON + DAY // 2


async def test_entries_that_move_while_they_are_read_are_read_once(store, archive):
    """The archive takes them over and the stream loses them between two steps of the reader."""
    positions = await fill(store, 300)
    entries = await store.read(START, 1_000)
    found = []
    async for entry in EventHistory(store, archive).entries():
        found.append(entry.position)
        if len(found) == 100:
            archive.append(entries[:250])
            await store.trim(positions[240])
    assert found == positions


async def test_entries_that_vanish_while_they_are_read_are_an_error(store):
    """Nobody takes half a history for a whole one."""
    positions = await fill(store, 300)
    entries = EventHistory(store).entries()
    for _ in range(100):
        await anext(entries)
    await store.trim(positions[250])
    with pytest.raises(StoreError, match="no archive"):
        await anext(entries)
