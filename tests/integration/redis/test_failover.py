"""The primary dies or hangs, Sentinel names another: Siaga goes on there, and nothing that was answered is lost.

The setting is that of docs/reliability.md: two replicas, `redis.wait_replicas: 1` and `min-replicas-to-write 1`.
"""

import asyncio
import itertools
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from engine.errors import StoreUnavailableError
from engine.store.port import START, Arrival
from engine.store.redis.sentinel import PrimaryPool
from engine.store.redis.sentinel import watched as address
from engine.store.redis.store import RedisStore
from tests.integration.redis.watched import Watched

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")

ENOUGH = 20
"""Events answered before and after each failover."""


@pytest.fixture
def watched() -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        servers = Watched(Path(folder))
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


@pytest.fixture
async def store(watched: Watched) -> AsyncIterator[RedisStore]:
    opened = RedisStore(watched.url, "failover", wait_replicas=1, timeout=1.0)
    await opened.open()
    yield opened
    await opened.close()


class Desk:
    """Reports without end; what is not answered is sent again, as every client does."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._numbers = itertools.count(1)
        self.answered: list[bytes] = []
        self.unanswered = 0

    async def report(self, many: int) -> None:
        """Report until so many more events were answered."""
        for number in itertools.islice(self._numbers, many):
            value = b"%d" % number
            while True:
                try:
                    await self._store.append([Arrival(number.to_bytes(12), b"c" * 8, value)], 0, 0)
                    break
                except StoreUnavailableError:
                    self.unanswered += 1
                    await self._store.wait(["never"], 0.1)
            self.answered.append(value)


async def kept(store: RedisStore) -> list[bytes]:
    return [value for entry in await store.read(START, 10**6) for value in entry.values]


async def fail_over(watched: Watched, store: RedisStore, desk: Desk, number: int) -> int:
    """Take the primary away by a signal while the desk reports; return its port once another serves."""
    before = watched.primary()
    watched.signal(before, number)
    await desk.report(ENOUGH)
    watched.succeed(before)
    found = await kept(store)
    assert len(found) == len(set(found))
    assert set(desk.answered) <= set(found)
    return before


async def test_a_killed_primary_is_followed_by_another_and_nothing_answered_is_lost(
    watched: Watched, store: RedisStore
) -> None:
    """Killed in the midst of reports; its epoch of the lease is known to the next."""
    desk = Desk(store)
    first = await store.lease("one", 60)
    assert first is not None
    await store.release("one")
    await desk.report(ENOUGH)
    await fail_over(watched, store, desk, signal.SIGKILL)
    second = await store.lease("two", 60)
    assert second is not None
    assert second.epoch > first.epoch


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_three_failovers_in_a_row(watched: Watched, store: RedisStore) -> None:
    """Each dead primary comes back as a replica, and is waited for again at the next."""
    desk = Desk(store)
    await desk.report(ENOUGH)
    for _ in range(3):
        dead = await fail_over(watched, store, desk, signal.SIGKILL)
        watched.start_server(dead, f"replicaof 127.0.0.1 {watched.primary()}")
        watched.settle()
    assert desk.unanswered > 0


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_paused_primary_loses_nothing_that_was_answered_when_it_wakes_up(
    watched: Watched, store: RedisStore
) -> None:
    """It still believes that it is the primary; what comes over connections to it is not answered."""
    desk = Desk(store)
    old = RedisStore(f"redis://127.0.0.1:{watched.primary()}", "failover", wait_replicas=1, timeout=1.0)
    await old.open()
    await desk.report(ENOUGH)
    paused = await fail_over(watched, store, desk, signal.SIGSTOP)
    watched.signal(paused, signal.SIGCONT)
    with pytest.raises(StoreUnavailableError):
        await old.append([Arrival(b"x" * 12, b"c" * 8, b"old")], 0, 0)
    await desk.report(ENOUGH)
    watched.settle()
    found = await kept(store)
    assert set(desk.answered) <= set(found)
    await old.close()


async def test_a_sentinel_that_was_slow_for_several_at_once_is_asked_again(watched: Watched) -> None:
    """It is the only one left in the end, and knows where the primary is."""
    slow, *others = watched.sentinels
    place = address(watched.url)
    assert place is not None
    client = Redis.from_pool(PrimaryPool(place, most=8, timeout=2.0))
    watched.signal(slow, signal.SIGSTOP)
    await asyncio.gather(*(client.ping() for _ in range(4)))
    watched.signal(slow, signal.SIGCONT)
    for other in others:
        watched.signal(other, signal.SIGKILL)
    await client.connection_pool.disconnect()
    assert await client.ping()
    await client.aclose()


async def test_sentinels_that_name_no_primary_are_an_unavailable_store(watched: Watched) -> None:
    """Without login in the message; a service that nobody watches is no reason to wait."""
    address = watched.url.replace("redis+sentinel://", "redis+sentinel://siaga:geheim@").replace(
        "/siaga", "/lain"
    )
    nobody = RedisStore(address, "failover", timeout=1.0)
    with pytest.raises(StoreUnavailableError, match=r"lain of 127\.0\.0\.1") as refusal:
        await nobody.open()
    assert "geheim" not in str(refusal.value)
    await nobody.close()
