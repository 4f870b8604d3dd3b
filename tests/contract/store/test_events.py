"""The stream: de-duplication, positions, entries, requests."""

import hashlib

import pytest

from engine.store.port import ENTRY_BYTES, ENTRY_EVENTS, START, Arrival


def arrival(name: str, content: str = "", size: int = 2) -> Arrival:
    """An event of so many bytes, told apart by its name."""
    identity = hashlib.sha256(name.encode()).digest()[:12]
    return Arrival(identity, hashlib.sha256(content.encode()).digest()[:8], name.encode().ljust(size, b"."))


async def shape(store, after: str = START) -> list[tuple[int, bool]]:
    return [(len(entry.values), entry.last) for entry in await store.read(after, 1_000)]


async def test_the_same_event_is_a_duplicate_with_other_content_a_conflict(store):
    """Only the first of an identity is appended, in one request as over several."""
    first = await store.append([arrival("a"), arrival("b"), arrival("a"), arrival("a", "other")], 5, 1)
    assert first.results == ("accepted", "accepted", "duplicate", "id_conflict")
    second = await store.append([arrival("b", "other"), arrival("c"), arrival("a")], 6, 2)
    assert second.results == ("id_conflict", "accepted", "duplicate")
    assert [entry.values for entry in await store.read(START, 10)] == [(b"a.", b"b."), (b"c.",)]
    assert await store.counters() == {"events_accepted": 3, "events_duplicate": 2}


async def test_what_is_remembered_of_an_identity_is_its_content(store):
    one, other = arrival("a", "content"), arrival("b")
    await store.append([one], 5, 1)
    assert await store.known([other.identity, one.identity]) == [None, one.content]


async def test_a_request_of_known_events_appends_nothing(store):
    """A repeat leaves the stream as it is."""
    await store.append([arrival("a")], 5, 1)
    newest = await store.last_position()
    assert (await store.append([arrival("a")], 9, 1)).results == ("duplicate",)
    assert (await store.append([], 9, 1)).results == ()
    assert (await store.last_position(), await store.read(newest, 10)) == (newest, [])


async def test_received_at_never_falls(store):
    """The store stamps the later of what it is told and the entry before; that one is in the entry.

    Law: docs/specification/rules.md#received-at.
    """
    stamped = []
    for name, told in (("a", 100), ("b", 90), ("c", 100), ("d", 101), ("e", 5)):
        stamped.append((await store.append([arrival(name)], told, 0)).received_at)
    await store.append_entry("gap", b"{}", 50)
    assert stamped == [100, 100, 100, 101, 101]
    assert [entry.received_at for entry in await store.read(START, 10)] == [*stamped, 101]


async def test_a_repeat_does_not_hold_back_time(store):
    """What was not appended stamps nothing on what comes after."""
    await store.append([arrival("a")], 100, 0)
    await store.append([arrival("a")], 900, 0)
    assert (await store.append([arrival("b")], 200, 0)).received_at == 200


async def test_the_first_instant_of_1970_has_positions_too(store):
    """Entries at instant 0 lie after START."""
    await store.append([arrival("a")], 0, 0)
    await store.append_entry("rules", b"x", 0)
    assert [entry.type for entry in await store.read(START, 10)] == ["events", "rules"]


async def test_an_entry_holds_so_many_events(store):
    """A request is cut by number, and only its last entry is marked."""
    await store.append([arrival(f"a{n}") for n in range(2 * ENTRY_EVENTS)], 1, 0)
    await store.append([arrival(f"b{n}") for n in range(ENTRY_EVENTS + 1)], 1, 0)
    assert await shape(store) == [
        (ENTRY_EVENTS, False),
        (ENTRY_EVENTS, True),
        (ENTRY_EVENTS, False),
        (1, True),
    ]


async def test_an_entry_holds_so_many_bytes(store):
    """A request is cut by bytes; an event that is larger than an entry stands alone."""
    half = ENTRY_BYTES // 2
    sizes = [half, half, half, half + 1, ENTRY_BYTES + 1, 10, 10]
    await store.append([arrival(f"e{n}", size=size) for n, size in enumerate(sizes)], 1, 0)
    entries = await store.read(START, 10)
    assert [[len(value) for value in entry.values] for entry in entries] == [
        [half, half],
        [half],
        [half + 1],
        [ENTRY_BYTES + 1],
        [10, 10],
    ]
    assert [entry.last for entry in entries] == [False] * 4 + [True]


async def test_only_new_events_count_for_the_size_of_an_entry(store):
    """Entries are packed from what was accepted."""
    known = [arrival(f"k{n}") for n in range(ENTRY_EVENTS)]
    await store.append(known, 1, 0)
    after = await store.last_position()
    await store.append([*known, *[arrival(f"n{n}") for n in range(ENTRY_EVENTS)], *known], 1, 0)
    assert await shape(store, after) == [(ENTRY_EVENTS, True)]


@pytest.mark.parametrize("every", [2, 3, 7])
async def test_new_events_between_known_ones_come_whole_and_in_order(store, every):
    """Also where an entry is full in the middle of some that stand side by side, or just before known ones."""
    all_ = [arrival(f"e{n}", size=2 + n % 5) for n in range(every * ENTRY_EVENTS)]
    known, new = all_[::every], [one for n, one in enumerate(all_) if n % every]
    await store.append(known, 1, 0)
    after = await store.last_position()
    await store.append([*all_, *new[:3]], 1, 0)
    entries = await store.read(after, 1_000)
    assert [value for entry in entries for value in entry.values] == [one.value for one in new]


async def test_other_entries_keep_their_place_and_bytes(store):
    """A gap or a change of rules is an entry of its own between requests."""
    await store.append([arrival("a")], 1, 0)
    position = await store.append_entry("gap", b'{"from": 1,\n"until": 2}', 2)
    await store.append([arrival("b")], 3, 0)
    entries = await store.read(START, 10)
    assert [(entry.type, entry.values, entry.last) for entry in entries] == [
        ("events", (b"a.",), True),
        ("gap", (b'{"from": 1,\n"until": 2}',), True),
        ("events", (b"b.",), True),
    ]
    assert entries[1].position == position
    assert await store.last_position() == entries[-1].position


async def test_reading_goes_on_from_any_position(store):
    """Every position is a cursor; nothing is read twice or left out."""
    for number in range(7):
        await store.append([arrival(f"a{number}")], number // 3, 0)
    positions = [entry.position for entry in await store.read(START, 100)]
    assert len(set(positions)) == 7
    for index, position in enumerate(positions):
        assert [entry.position for entry in await store.read(position, 3)] == positions[index + 1 : index + 4]


@pytest.mark.parametrize(
    ("limit", "read"),
    [(1, [1]), (2, [1]), (3, [1]), (4, [1, 3]), (5, [1, 3]), (6, [1, 3]), (7, [1, 3, 3]), (8, [1, 3, 3, 1])],
)
async def test_reading_stops_between_requests(store, limit, read):
    """An unfinished request at the end of what is read is left for the next reading."""
    for name, events in (("a", 1), ("b", 3), ("c", 3), ("d", 1)):
        await store.append([arrival(f"{name}{n}", size=ENTRY_BYTES) for n in range(events)], 1, 0)
    entries = await store.read(START, limit)
    assert [entry.last for entry in entries] == [
        flag for size in read for flag in [False] * (size - 1) + [True]
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_a_request_longer_than_the_limit_is_read_to_its_end(store, limit):
    """The only request is never cut, however few entries were asked for."""
    await store.append([arrival(f"a{n}", size=ENTRY_BYTES) for n in range(5)], 1, 0)
    await store.append([arrival("b")], 1, 0)
    assert await store.read(START, limit) == (await store.read(START, 6))[:5]


@pytest.mark.parametrize(
    ("mistaken", "received_at", "day"),
    [
        (Arrival(b"x" * 11, b"c" * 8, b"{}"), 1, 0),
        (Arrival(b"x" * 12, b"c" * 9, b"{}"), 1, 0),
        (Arrival(b"x" * 12, b"c" * 8, b"{\n}"), 1, 0),
        (Arrival(b"x" * 12, b"c" * 8, b""), 1, 0),
        (arrival("b"), -1, 0),
        (arrival("b"), 2**53, 0),
        (arrival("b"), 1, -1),
        (arrival("b"), 1, 2**16),
    ],
)
async def test_a_mistaken_request_is_refused_whole(store, mistaken, received_at, day):
    """Arguments are checked before anything is remembered."""
    with pytest.raises(ValueError, match=r"."):
        await store.append([arrival("a"), mistaken], received_at, day)
    assert (await store.append([arrival("a")], 1, 0)).results == ("accepted",)


@pytest.mark.parametrize(("type_", "received_at"), [("events", 1), ("", 1), ("gap", -1)])
async def test_a_mistaken_entry_is_refused(store, type_, received_at):
    """Events do not get past the de-duplication as an entry."""
    with pytest.raises(ValueError, match=r"."):
        await store.append_entry(type_, b"{}", received_at)
    assert await store.last_position() == START


async def test_who_bears_an_id_is_found_by_its_digest(store):
    """The positions of the entries, in order: over several requests, entries and instants, not of repeats."""
    same = b"same"

    def named(number: int, size: int = 2) -> Arrival:
        digest = hashlib.sha256(str(number).encode()).digest()
        return Arrival(same + digest[:8], digest[:8], b"{}".ljust(size))

    await store.append([arrival("x"), named(0), arrival("y", size=ENTRY_BYTES), named(1)], 5, 0)
    await store.append([named(0), named(2), named(3)], 5, 0)
    await store.append_entry("gap", b"{}", 5)
    await store.append([named(4)], 2**41 + 7, 0)
    await store.append([arrival("z")], 2**41 + 7, 0)
    positions = [entry.position for entry in await store.read(START, 100)]
    found, none = await store.bearers([same, b"none"])
    assert none == []
    assert [positions.index(position) for position in found] == [0, 2, 3, 5]
    assert await store.bearers([]) == []


async def test_the_first_instant_has_bearers_too(store):
    await store.append([arrival("a")], 0, 0)
    (entry,) = await store.read(START, 10)
    assert await store.bearers([arrival("a").identity[:4]]) == [[entry.position]]
