"""A memory store and a Redis server for the tests of corrections; each example of a property has its own namespace."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from engine.core.judging import fold, points, retention
from engine.store.memory import MemoryStore
from engine.store.port import Store
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore

_numbers = itertools.count()
Opened = Callable[[], AbstractAsyncContextManager[Store]]
"""Opens an empty store."""


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Groups of random plays are small: let pages be so, folds remember often, and few points be at hand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "PAGE", 3)
        patch.setattr(fold, "REMEMBERED_EVERY", 2)
        patch.setattr(retention, "AT_HAND", 5)
        patch.setattr(retention, "NEWEST", 2)
        yield


@pytest.fixture(scope="session")
def socket() -> Iterator[str]:
    """The socket of a redis-server of these tests."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed"
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        server = EmbeddedServer(Path(folder), program=program)
        yield asyncio.run(server.start())
        asyncio.run(server.stop())


@pytest.fixture(scope="session")
def redis(socket: str) -> Opened:
    """Open an empty namespace of the server."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        store = RedisStore(socket, f"corrections-{next(_numbers)}")
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opened


@asynccontextmanager
async def _memory() -> AsyncIterator[Store]:
    yield MemoryStore()


@pytest.fixture(params=["memory", "redis"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Open an empty store, of either kind."""
    return _memory if request.param == "memory" else request.getfixturevalue("redis")


@pytest.fixture
async def store(opened: Opened) -> AsyncIterator[Store]:
    """An empty store."""
    async with opened() as one:
        yield one
