"""Forgetting: the beginning of a log, and identities of events that came in long ago."""

import pytest

from engine.store.port import (
    IDENTITY_PARTS,
    MARK_LENGTH,
    Append,
    Arrival,
    Committed,
    Conflict,
    Cut,
    Put,
    Write,
    chain_mark,
)


async def test_the_beginning_of_a_log_is_cut_where_it_ends_as_expected(store):
    await store.write(Write(name="put", appends=(Append("log", (b"a", b"b", b"c")),)))
    refused = await store.write(Write(name="put", puts=(Put("t", "x", b"X"),), cuts=(Cut("log", 2, b"a"),)))
    assert refused == Conflict((), (), ("log",))
    assert await store.get("t", ["x"]) == [None]
    cut = Write(name="put", cuts=(Cut("log", 2, b"b"),), appends=(Append("log", (b"d",)),))
    assert await store.write(cut) == Committed()
    assert await store.log("log") == [b"c", b"d"]
    assert await store.write(cut) == Conflict((), (), ("log",))
    beyond = Write(name="put", cuts=(Cut("log", 3, b"d"), Cut("none", 1, b"d")))
    assert await store.write(beyond) == Conflict((), (), ("log", "none"))
    assert await store.write(Write(name="put", cuts=(Cut("log", 2, b"d"),))) == Committed()
    assert await store.log("log") == []


async def test_a_chained_log_goes_on_behind_what_was_cut(store):
    await store.write(Write(name="put", appends=(Append("log", (b"a", b"b"), chained=True),)))
    first, second = await store.log("log")
    assert await store.write(Write(name="put", cuts=(Cut("log", 2, second),))) == Committed()
    assert await store.mark("log") == second[:MARK_LENGTH]
    await store.write(Write(name="put", appends=(Append("log", (b"c",), chained=True),)))
    mark = chain_mark(second[:MARK_LENGTH], b"c")
    assert (await store.log("log"), await store.mark("log")) == ([mark + b"c"], mark)
    assert first != second


@pytest.mark.parametrize("cut", [Cut("", 1, b""), Cut("log", 0, b"a"), Cut("log", -1, b"a")])
async def test_a_cut_of_nothing_is_refused(store, cut):
    with pytest.raises(ValueError, match="cannot be cut"):
        await store.write(Write(name="put", cuts=(cut,)))


def arrival(first: int, number: int) -> Arrival:
    return Arrival(bytes([first, 7, *number.to_bytes(10, "big")]), bytes(8), b"{}")


async def test_identities_of_days_before_are_forgotten_part_by_part(store):
    old, young, other = arrival(3, 1), arrival(3, 2), arrival(4, 3)
    await store.append([old, other], 1_000, 10)
    await store.append([young], 2_000, 11)
    assert await store.forget_identities(11, 3) == 1
    known = await store.known([old.identity, young.identity, other.identity])
    assert known == [None, bytes(8), bytes(8)]
    assert await store.bearers([old.identity[:4]]) == [["2000-0"]]
    assert (await store.append([old], 3_000, 12)).results == ("accepted",)
    assert await store.forget_identities(11, 3) == 0
    assert await store.forget_identities(13, 4) == 1
    for before, part in ((-1, 0), (2**16, 0), (1, -1), (1, IDENTITY_PARTS)):
        with pytest.raises(ValueError, match="nothing is forgotten"):
            await store.forget_identities(before, part)
