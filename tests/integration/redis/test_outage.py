"""A foreign server: what it must promise, and what happens when it is away, full, read-only or slow."""

import asyncio
import signal
import socket as sockets

import pytest

from engine.errors import ConfigurationError, StoreUnavailableError, WeakDurabilityError
from engine.store.port import Append, Arrival, Committed, Plan, Put, Record, Write
from engine.store.redis.store import RedisStore

EVENT = Arrival(b"i" * 12, b"c" * 8, b"{}")
WRITE = Write(
    name="put", puts=(Put("t", "a", b"1", 0),), plans=(Plan("s", "a", 1),), appends=(Append("l", (b"x",)),)
)


@pytest.fixture
async def socket(grounds):
    return await grounds.server().start()


@pytest.fixture
async def store(socket):
    opened = RedisStore(socket, "outage", timeout=0.5)
    await opened.open()
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("setting", "weak"),
    [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")],
)
async def test_weak_durability_is_refused_or_said(socket, ask, setting, weak):
    """A server that may lose what it accepted is refused; where the setting allows it, its promise says so.

    Law: docs/specification/trust.md#no-event-is-lost.
    """
    await ask(socket, "CONFIG SET", setting, weak)
    store = RedisStore(socket, "weak")
    with pytest.raises(WeakDurabilityError, match=f"{setting} is '{weak}'.*CONFIG SET {setting}"):
        await store.open()
    await store.close()
    allowed = RedisStore(socket, "weak", accept_weaker_durability=True)
    await allowed.open()
    assert setting in allowed.promise()
    await allowed.close()


async def test_a_server_that_hides_its_settings_is_refused(socket, ask):
    """What cannot be checked is not promised."""
    await ask(socket, "ACL", "SETUSER", "default", "-config")
    store = RedisStore(socket, "hidden")
    with pytest.raises(WeakDurabilityError, match="appendonly cannot be read"):
        await store.open()
    await store.close()


async def test_a_server_that_keeps_everything_says_so(store):
    """The promise is a sentence for the log."""
    assert store.promise() == "An accepted event is on the server's disk before it is answered."


@pytest.mark.parametrize("namespace", ["", "a b", "a}b", "a*"])
def test_a_namespace_is_a_plain_word(namespace):
    """It stands in every key and in no pattern."""
    with pytest.raises(ConfigurationError, match="namespace"):
        RedisStore("/nowhere", namespace)


@pytest.mark.parametrize("address", ["http://127.0.0.1", "redis://:secret@127.0.0.1:many/0"])
def test_an_address_of_no_server_is_refused_without_its_password(address):
    """The setting is named, and what may be secret in it is not repeated."""
    with pytest.raises(ConfigurationError, match=r"redis\.url") as refusal:
        RedisStore(address, "n")
    assert "secret" not in str(refusal.value)


async def test_namespaces_do_not_see_each_other(socket):
    """One server may serve several installations."""
    one, other = RedisStore(socket, "one"), RedisStore(socket, "other")
    await one.write(WRITE)
    await one.append([EVENT], 5, 0)
    assert await other.scan("t") == {}
    assert (await other.append([EVENT], 1, 0)).received_at == 1
    await one.close()
    await other.close()


async def test_a_server_that_is_away_is_said_and_found_again(grounds, store):
    """Reads and writes say that the store is unavailable; once it is back they work by themselves."""
    await store.write(WRITE)
    grounds.signal(signal.SIGKILL)
    for call in (
        store.get("t", ["a"]),
        store.write(WRITE),
        store.append([EVENT], 1, 0),
        store.lease("one", 1),
    ):
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            await call
    await grounds.server().start()
    assert await store.get("t", ["a"]) == [Record(1, b"1")]
    assert (await store.append([EVENT], 1, 0)).results == ("accepted",)


async def test_a_read_waits_for_a_server_that_comes_back_soon(grounds, store):
    """A restart of the server is not an error of whoever reads."""
    await store.write(WRITE)
    grounds.signal(signal.SIGKILL)
    reading = asyncio.create_task(store.scan("t"))
    await grounds.server().start()
    assert await reading == {"a": Record(1, b"1")}


async def test_a_waiter_hears_again_after_an_outage(grounds, store):
    """The subscription is renewed by itself, and what was missed meanwhile is taken for a signal."""
    async with asyncio.timeout(60):
        await store.wait(["entries"], 1_000)
        waiting = asyncio.create_task(store.wait(["entries"], 1_000))
        grounds.signal(signal.SIGKILL)
        await grounds.server().start()
        await waiting
        waiting = asyncio.create_task(store.wait(["entries"], 1_000))
        await store.append([EVENT], 1, 0)
        await waiting


@pytest.mark.parametrize(
    ("starve", "feed"),
    [
        (("CONFIG SET", "maxmemory", "1"), ("CONFIG SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG SET", "min-replicas-to-write", "1"), ("CONFIG SET", "min-replicas-to-write", "0")),
    ],
    ids=["full", "read-only", "without replicas"],
)
async def test_a_server_that_takes_no_writes_changes_nothing(socket, ask, store, starve, feed):
    """Full, read-only or short of replicas: nothing is half written, reads go on, and later the same write works."""
    await ask(socket, *starve)
    for call in (store.write(WRITE), store.append([EVENT], 1, 0), store.append_entry("gap", b"x", 1)):
        with pytest.raises(StoreUnavailableError, match="now"):
            await call
    assert (await store.scan("t"), await store.planned("s"), await store.log("l")) == ({}, {}, [])
    await ask(socket, *feed)
    assert await store.write(WRITE) == Committed()
    assert (await store.append([EVENT], 1, 0)).results == ("accepted",)


async def test_a_server_that_hangs_is_not_waited_for(grounds, store):
    """Each command has its limit; given again with its version, the write is done once whatever became of it."""
    grounds.signal(signal.SIGSTOP)
    for call in (store.write(WRITE), store.get("t", ["a"])):
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            await call
    grounds.signal(signal.SIGCONT)
    await store.write(WRITE)
    assert (await store.scan("t"), await store.log("l")) == ({"a": Record(1, b"1")}, [b"x"])


async def test_with_replicas_a_write_waits_for_them(grounds, socket, ask):
    """What was answered is on the replica; without it the answer is that nothing can be promised."""
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await ask(socket, "CONFIG SET", "repl-diskless-sync-delay", "0")
    await ask(socket, "CONFIG SET", "bind", "127.0.0.1")
    await ask(socket, "CONFIG SET", "port", str(port))
    replica = await grounds.server("replica").start()
    store = RedisStore(socket, "copied", wait_replicas=1, timeout=0.5)
    await store.open()
    with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
        await store.write(WRITE)
    await ask(replica, "REPLICAOF", "127.0.0.1", str(port))
    async with asyncio.timeout(60):
        while (await ask(replica, "INFO", "replication"))["master_link_status"] != "up":
            await store.wait(["never"], 0.01)
    assert (await store.append([EVENT], 1, 0)).results == ("accepted",)
    copy = RedisStore(replica, "copied")
    assert await copy.counters() == {"events_accepted": 1}
    assert await copy.scan("t") == {"a": Record(1, b"1")}
    assert "1 replicas" in store.promise()
    await copy.close()
    await store.close()


async def test_who_waits_for_time_alone_opens_no_connection(store, socket, ask):
    """A loop without channels must not reconnect again and again."""
    before = (await ask(socket, "INFO", "stats"))["total_connections_received"]
    for _ in range(4):
        await store.wait((), 0.06)
    after = (await ask(socket, "INFO", "stats"))["total_connections_received"]
    assert after - before == 1  # the one that asks


async def test_how_full_the_server_is_is_told_against_its_bound(store, socket, ask):
    """Without a bound of its own the machine's memory is the bound."""
    used = (await ask(socket, "INFO", "memory"))["used_memory"]
    assert 0 < await store.fill() < 0.5
    await ask(socket, "CONFIG SET", "maxmemory", str(used * 2))
    assert 0.3 < await store.fill() < 0.9
