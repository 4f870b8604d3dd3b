"""Entries of other types that belong to a write, and entries found again by their position."""

import pytest

from engine.store.port import START, Committed, Conflict, Fence, Note, Put, Write
from tests.contract.store.test_events import arrival


async def test_a_note_goes_to_the_stream_with_its_write(store):
    """The entry stands behind the others, stamped no earlier than they, and is a request of its own."""
    await store.append([arrival("a")], 100, 0)
    write = Write(name="gap", puts=(Put("t", "k", b"v"),), note=Note("gap", b'{"n": 1}', 50))
    assert await store.write(write) == Committed()
    events, note = await store.read(START, 10)
    assert (events.type, note.type, note.received_at, note.values, note.last) == (
        "events",
        "gap",
        100,
        (b'{"n": 1}',),
        True,
    )
    assert await store.last_position() == note.position
    assert (await store.append([arrival("b")], 90, 0)).received_at == 100


async def test_a_refused_write_leaves_no_note(store):
    """Neither on a conflict nor when the evaluator was fenced off."""
    note = Note("gap", b"{}", 5)
    refused = await store.write(Write(name="gap", puts=(Put("t", "k", b"v", expected=1),), note=note))
    assert refused == Conflict((("t", "k"),))
    await store.write(Write(name="gap", fence=Fence(7, START, "1-0"), note=note))
    assert await store.read(START, 10) == []


async def test_a_note_is_never_of_events(store):
    """Those pass the de-duplication."""
    with pytest.raises(ValueError, match="events"):
        await store.write(Write(name="gap", note=Note("events", b"{}", 5)))


async def test_values_of_a_write_and_its_note_do_not_get_mixed_up(store):
    puts = tuple(Put("t", f"k{number}", f"v{number}".encode()) for number in range(3))
    await store.write(Write(name="gap", puts=puts, note=Note("rules", b"\x00\xff", 5)))
    assert [record.value for record in await store.get("t", ["k0", "k1", "k2"])] == [b"v0", b"v1", b"v2"]
    assert [entry.values for entry in await store.read(START, 10)] == [(b"\x00\xff",)]


async def test_entries_are_found_by_their_positions(store):
    """In the order that was asked for, whole, and None for what is not there."""
    await store.append([arrival("a"), arrival("b")], 5, 0)
    await store.append([arrival("c")], 5, 0)
    await store.append_entry("gap", b"{}", 6)
    first, second, third = await store.read(START, 10)
    wanted = [third.position, "4-0", first.position, "5-9", second.position, "99-0"]
    assert await store.entries(wanted) == [third, None, first, None, second, None]
    assert await store.entries([]) == []
