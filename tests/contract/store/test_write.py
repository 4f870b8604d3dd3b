"""Writes: all or nothing, versions, fences, schedules, logs, counters, and the names of writes."""

import pytest

from engine.store.port import (
    START,
    Append,
    Committed,
    Conflict,
    Drop,
    Expect,
    Fence,
    Fenced,
    Plan,
    Put,
    Record,
    Write,
)


async def test_versions_begin_at_one_and_grow_by_one(store):
    """A put sets the next version, whatever was expected."""
    for expected, version in ((0, 1), (1, 2), (None, 3)):
        written = await store.write(Write(name="put", puts=(Put("alerts", "a", bytes([version]), expected),)))
        assert (written, await store.get("alerts", ["a"])) == (
            Committed(),
            [Record(version, bytes([version]))],
        )


async def test_get_keeps_the_order_asked_for_and_says_what_is_missing(store):
    """One answer for each id, None where there is nothing."""
    await store.write(Write(name="put", puts=(Put("t", "a", b"A"), Put("t", "b", b""), Put("u", "c", b"C"))))
    assert await store.get("t", ["b", "c", "a", "b"]) == [
        Record(1, b""),
        None,
        Record(1, b"A"),
        Record(1, b""),
    ]
    assert await store.get("t", []) == []
    assert await store.scan("t") == {"a": Record(1, b"A"), "b": Record(1, b"")}
    assert await store.scan("nothing") == {}


async def test_records_of_several_tables_come_in_the_order_asked_for(store):
    await store.write(Write(name="put", puts=(Put("t", "a", b"A"), Put("u", "a", b"U"), Put("u", "c", b"C"))))
    assert await store.collect([("u", ["c", "b"]), ("t", []), ("t", ["a"]), ("u", ["a"])]) == [
        [Record(1, b"C"), None],
        [],
        [Record(1, b"A")],
        [Record(1, b"U")],
    ]
    assert await store.collect([("t", [])]) == [[]]


async def test_a_table_that_is_walked_through_comes_whole_in_pieces_while_it_grows(store):
    names = [f"a{number}" for number in range(2_000)]
    await store.write(Write(name="put", puts=tuple(Put("t", name, b"A") for name in names)))
    came, pieces = [], 0
    async for piece in store.walk("t"):
        came += piece
        pieces += 1
        if pieces <= 20:
            more = tuple(Put("t", f"b{pieces}-{number}", b"B") for number in range(100))
            await store.write(Write(name="put", puts=more))
        if pieces == 1:
            await store.write(
                Write(name="put", drops=tuple(Drop("t", name) for name in names if name not in came))
            )
            names = list(came)
        assert len(piece) < 1_000
    assert len(came) == len(set(came))
    assert set(names) <= set(came)
    assert [piece async for piece in store.walk("nothing") if piece] == []


async def test_instants_of_members_come_in_the_order_asked_for(store):
    await store.write(Write(name="plan", plans=(Plan("s", "a", 1_732_500_000_123), Plan("s", "b", 0))))
    assert await store.planned_at("s", ["b", "none", "a"]) == [0, None, 1_732_500_000_123]
    assert await store.planned_at("s", []) == []


async def test_values_may_be_any_bytes(store):
    """Neither newlines nor zeros nor what is no UTF-8 is changed."""
    value = bytes(range(256)) * 3
    await store.write(Write(name="put", puts=(Put("t", "ä/{}\n", value),), appends=(Append("l", (value,)),)))
    assert await store.scan("t") == {"ä/{}\n": Record(1, value)}
    assert await store.log("l") == [value]


async def test_a_conflict_names_every_moved_record_and_writes_nothing(store):
    """One wrong version refuses everything, and all wrong ones are named in order."""
    await store.write(Write(name="put", puts=(Put("t", "a", b"1"), Put("t", "b", b"1"), Put("s", "c", b"1"))))
    refused = await store.write(
        Write(
            name="put",
            puts=(Put("t", "b", b"2", 1), Put("t", "a", b"2", 7), Put("t", "new", b"2", 0)),
            drops=(Drop("s", "c", 2), Drop("s", "gone", 0)),
            plans=(Plan("due", "a", 5),),
            appends=(Append("log", (b"x",)),),
            counts={"n": 1},
        )
    )
    assert refused == Conflict((("s", "c"), ("t", "a")))
    assert await store.scan("t") == {"a": Record(1, b"1"), "b": Record(1, b"1")}
    assert await store.scan("s") == {"c": Record(1, b"1")}
    assert (await store.planned("due"), await store.log("log"), await store.counters()) == ({}, [], {})


async def test_an_expected_record_is_only_looked_at(store):
    """A write holds only while every expected record has its version; 0 means that there is none."""
    await store.write(Write(name="put", puts=(Put("t", "a", b"1"), Put("t", "a2", b"1"))))
    await store.write(Write(name="put", puts=(Put("t", "a", b"2"),)))
    expects = (Expect("t", "a", 2), Expect("t", "none", 0), Expect("t", "a", 2), Expect("u", "none", 0))
    assert await store.write(Write(name="w", expects=expects, plans=(Plan("s", "m", 1),))) == Committed()
    assert await store.scan("t") == {"a": Record(2, b"2"), "a2": Record(1, b"1")}
    refused = await store.write(
        Write(
            name="w",
            puts=(Put("t", "a2", b"2", 7), Put("t", "b", b"1", 0)),
            expects=(Expect("t", "none", 1), Expect("t", "a", 1), Expect("t", "a2", 0), Expect("u", "x", 0)),
            plans=(Plan("s", "m", 2),),
        )
    )
    assert refused == Conflict((("t", "a"), ("t", "a2"), ("t", "none")))
    assert await store.planned("s") == {"m": 1}
    assert await store.scan("t") == {"a": Record(2, b"2"), "a2": Record(1, b"1")}


async def test_a_record_may_be_changed_and_expected_in_one_write(store):
    """The expectation is of what was there before the write."""
    write = Write(name="w", puts=(Put("t", "a", b"1"),), expects=(Expect("t", "a", 0),))
    assert await store.write(write) == Committed()
    assert await store.write(write) == Conflict((("t", "a"),))


@pytest.mark.parametrize("present", [None, 0, 7, 2**53 - 1])
@pytest.mark.parametrize("at", [None, 5])
async def test_a_plan_holds_only_on_the_instant_that_it_expects(store, present, at):
    """None expects no instant at all, and the zeroth millisecond is one."""
    await store.write(Write(name="w", plans=(Plan("s", "m", present), Plan("s", "other", 3))))
    for wrong in (instant for instant in (None, 0, 7, 8, 2**53 - 1) if instant != present):
        write = Write(name="w", puts=(Put("t", "a", b""),), plans=(Plan("s", "m", at, wrong),))
        assert await store.write(write) == Conflict((), (("s", "m"),))
    assert (await store.planned_at("s", ["m"]), await store.scan("t")) == ([present], {})
    assert await store.write(Write(name="w", plans=(Plan("s", "m", at, present),))) == Committed()
    assert await store.planned_at("s", ["m", "other"]) == [at, 3]


async def test_all_expectations_of_a_member_hold_for_what_was_there_before(store):
    """Of two plans for one member the last sets the instant, whichever has an expectation; conflicts are named once."""
    await store.write(Write(name="w", plans=(Plan("s", "m", 1),)))
    both = Write(name="w", plans=(Plan("s", "m", 2, 1), Plan("s", "m", 3, 1), Plan("s", "m", 4)))
    assert await store.write(both) == Committed()
    assert await store.planned("s") == {"m": 4}
    assert await store.write(both) == Conflict((), (("s", "m"),))
    together = Write(name="w", plans=(Plan("z", "q", 1, 2), *both.plans), expects=(Expect("t", "a", 1),))
    assert await store.write(together) == Conflict((("t", "a"),), (("s", "m"), ("z", "q")))


async def test_a_dropped_record_is_gone_and_begins_anew(store):
    """A drop takes the version with it; dropping what is not there is no error."""
    await store.write(Write(name="put", puts=(Put("t", "a", b"1"), Put("t", "b", b"1"))))
    assert await store.write(Write(name="drop", drops=(Drop("t", "a", 1), Drop("t", "never")))) == Committed()
    assert await store.get("t", ["a", "b"]) == [None, Record(1, b"1")]
    await store.write(Write(name="put", puts=(Put("t", "a", b"2", 0),)))
    assert await store.get("t", ["a"]) == [Record(1, b"2")]


async def test_due_is_earliest_first_and_by_member_where_equal(store):
    """The order is total, so that every process sees the same one."""
    plans = [("d", 30), ("b", 20), ("ä", 20), ("a", 20), ("B", 20), ("c", 10), ("later", 2**53 - 1)]
    await store.write(Write(name="plan", plans=tuple(Plan("due", member, at) for member, at in plans)))
    assert await store.due("due", 20, 10) == [("c", 10), ("B", 20), ("a", 20), ("b", 20), ("ä", 20)]
    assert await store.due("due", 20, 2) == [("c", 10), ("B", 20)]
    assert await store.due("due", 9, 10) == []
    assert await store.next_due("due") == 10
    assert await store.planned("due") == dict(plans)


async def test_a_plan_is_moved_and_taken_off(store):
    """The last plan of a member holds, within a write too."""
    await store.write(Write(name="plan", plans=(Plan("due", "a", 10), Plan("due", "b", 20))))
    await store.write(Write(name="plan", plans=(Plan("due", "a", 30), Plan("due", "b", None))))
    assert await store.due("due", 100, 10) == [("a", 30)]
    await store.write(
        Write(
            name="plan",
            plans=(
                Plan("due", "a", None),
                Plan("due", "c", None),
                Plan("due", "c", 5),
                Plan("due", "x", None),
            ),
        )
    )
    assert await store.planned("due") == {"c": 5}
    await store.write(Write(name="plan", plans=(Plan("due", "c", None),)))
    assert (await store.next_due("due"), await store.planned("due")) == (None, {})


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        (0, None, "abcde"),
        (0, 2, "ab"),
        (3, 9, "de"),
        (5, None, ""),
        (-2, None, "de"),
        (-9, 2, "ab"),
        (-3, 2, "cd"),
        (1, 0, ""),
    ],
)
async def test_a_log_is_read_from_either_end(store, start, limit, expected):
    """Entries lie in the order in which they were added; a negative start counts from the end."""
    await store.write(Write(name="log", appends=(Append("l", (b"a", b"b")), Append("other", (b"z",)))))
    await store.write(
        Write(name="log", appends=(Append("l", (b"c",)), Append("l", ()), Append("l", (b"d", b"e"))))
    )
    assert b"".join(await store.log("l", start, limit)).decode() == expected


async def test_counters_add(store):
    """Counters are sums over all writes that were done."""
    for counts in ({"a": 1, "b": 2**31}, {"a": 41}, {"b": 2**31, "never": 0}):
        await store.write(Write(name="count", counts=counts))
    counted = await store.counters()
    assert (counted["a"], counted["b"], counted.get("never", 0)) == (42, 2**32, 0)


async def test_a_fenced_write_moves_the_cursor(store):
    """A commit that finds its epoch and its cursor writes and moves the cursor with it."""
    assert await store.cursor() == START
    lease = await store.lease("one", 60)
    fence = Fence(lease.epoch, START, "7-0")
    assert await store.write(Write(name="commit", puts=(Put("t", "a", b""),), fence=fence)) == Committed()
    assert await store.cursor() == "7-0"


async def test_a_stale_epoch_and_a_moved_cursor_are_refused(store):
    """Whoever lost the lease, or read from elsewhere, writes nothing."""
    old = await store.lease("old", 60)
    await store.release("old")
    new = await store.lease("new", 60)
    for fence, reason in (
        (Fence(old.epoch, START, "1-0"), "stale_epoch"),
        (Fence(new.epoch + 1, START, "1-0"), "stale_epoch"),
        (Fence(new.epoch, "1-0", "2-0"), "cursor_moved"),
    ):
        refused = await store.write(
            Write(name="commit", puts=(Put("t", "a", b""),), plans=(Plan("s", "a", 1),), fence=fence)
        )
        assert refused == Fenced(reason)
    assert (await store.cursor(), await store.scan("t"), await store.planned("s")) == (START, {}, {})


async def test_without_a_lease_nothing_fenced_is_written(store):
    """Epoch 0 is nobody's."""
    refused = await store.write(Write(name="commit", fence=Fence(1, START, "1-0")))
    assert refused == Fenced("stale_epoch")


async def test_a_large_write_is_one_write(store):
    """Thousands of records, plans and entries go in one piece, and out again."""
    ids = [f"w{number}" for number in range(9_001)]
    write = Write(
        name="large",
        puts=tuple(Put("t", id_, id_.encode(), 0) for id_ in ids),
        plans=tuple(Plan("s", id_, number) for number, id_ in enumerate(ids)),
        appends=(Append("l", tuple(id_.encode() for id_ in ids)),),
    )
    assert await store.write(write) == Committed()
    assert await store.write(write) == Conflict(tuple(("t", id_) for id_ in sorted(ids)))
    assert await store.scan("t") == {id_: Record(1, id_.encode()) for id_ in ids}
    assert [member for member, _ in await store.due("s", 10**6, 10**6)] == ids
    assert await store.log("l") == [id_.encode() for id_ in ids]
    off = Write(
        name="off",
        drops=tuple(Drop("t", id_, 1) for id_ in ids),
        plans=tuple(Plan("s", id_, None) for id_ in ids),
    )
    assert await store.write(off) == Committed()
    assert (await store.scan("t"), await store.planned("s")) == ({}, {})


@pytest.mark.parametrize(
    "write",
    [
        Write(name=""),
        Write(name="w", puts=(Put("", "a", b""),)),
        Write(name="w", puts=(Put("t", "", b""),)),
        Write(name="w", puts=(Put("t", "a", b"", -1),)),
        Write(name="w", puts=(Put("t", "a", b""), Put("t", "a", b""))),
        Write(name="w", puts=(Put("t", "a", b""),), drops=(Drop("t", "a"),)),
        Write(name="w", plans=(Plan("s", "a", -1),)),
        Write(name="w", plans=(Plan("s", "a", 2**53),)),
        Write(name="w", plans=(Plan("s", "", 1),)),
        Write(name="w", plans=(Plan("s", "a", 1, -1),)),
        Write(name="w", plans=(Plan("s", "a", None, 2**53),)),
        Write(name="w", expects=(Expect("", "a", 0),)),
        Write(name="w", expects=(Expect("t", "", 0),)),
        Write(name="w", expects=(Expect("t", "a", -1),)),
        Write(name="w", appends=(Append("", (b"x",)),)),
        Write(name="w", counts={"a": -1}),
        Write(name="w", counts={"a": 2**32}),
        Write(name="w", fence=Fence(1, START, "")),
    ],
)
async def test_a_mistaken_write_is_refused_whole(store, write):
    """Arguments are checked before anything is changed."""
    puts = (*write.puts, Put("t", "good", b""))
    mistaken = Write(
        name=write.name,
        puts=puts,
        drops=write.drops,
        expects=write.expects,
        plans=write.plans,
        appends=write.appends,
        counts=write.counts,
        fence=write.fence,
    )
    with pytest.raises(ValueError, match=r"."):
        await store.write(mistaken)
    assert await store.scan("t") == {}


async def test_every_write_crosses_its_crash_points(namespace, store):
    """Each write tells its name before and after, and reads tell nothing."""
    await store.lease("me", 60)
    await store.append([], 0, 0)
    await store.append_entry("gap", b"{}", 0)
    await store.write(Write(name="commit"))
    await store.release("me")
    await store.get("t", ["a"])
    await store.read(START, 1)
    assert namespace.crossed == [
        (name, side)
        for name in ("lease", "append_events", "append_entry", "commit", "release")
        for side in ("before", "after")
    ]
