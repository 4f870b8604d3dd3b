"""Chained logs: each entry behind a mark that covers it and all before it, in the write that appends it."""

from engine.store.port import Append, Committed, Conflict, Put, Write, chain_mark


def chained(*entries: bytes) -> list[bytes]:
    """The entries as a chained log keeps them."""
    mark, kept = b"", []
    for entry in entries:
        mark = chain_mark(mark, entry)
        kept.append(mark + entry)
    return kept


async def test_every_entry_lies_behind_the_mark_of_all_up_to_it(store):
    """One chain over all writes, whatever else they change (docs/specification/trust.md#audit-marks)."""
    entries = (b"satu", b"", bytes(range(256)), b"\n")
    first = Write(name="t", appends=(Append("a", entries[:3], chained=True), Append("l", (b"x",))))
    assert await store.write(first) == Committed()
    assert (
        await store.write(Write(name="t", appends=(Append("a", entries[3:], chained=True),))) == Committed()
    )
    assert await store.log("a") == chained(*entries)
    assert await store.mark("a") == chained(*entries)[-1][:40]
    assert (await store.log("l"), await store.mark("l")) == ([b"x"], b"")


async def test_a_refused_write_leaves_the_chain_as_it_was(store):
    await store.write(Write(name="t", appends=(Append("a", (b"1",), chained=True),)))
    refused = Write(name="t", puts=(Put("t", "x", b"", 7),), appends=(Append("a", (b"2",), chained=True),))
    assert isinstance(await store.write(refused), Conflict)
    assert await store.log("a") == chained(b"1")


async def test_a_log_without_entries_has_no_mark(store):
    assert await store.mark("a") == b""
