"""Servers that a test may kill, starve and misconfigure: each test has its own, in a folder of its own."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from engine.store.redis.client import RedisClient
from engine.store.redis.embedded import EmbeddedServer


class Grounds:
    """A directory for servers; whatever was started in it is stopped at the end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._directories: list[Path] = []

    def server(self, name: str = "redis", **options) -> EmbeddedServer:
        """Name a server of redis-server in a directory; start it yourself."""
        directory = self.root / name
        self._directories.append(directory)
        options.setdefault("program", shutil.which("redis-server"))
        return EmbeddedServer(directory, **options)

    def signal(self, number: int) -> None:
        """Kill, stop or continue the server named `redis`."""
        os.kill(int((self.root / "redis" / "server.pid").read_text()), number)

    async def clear(self) -> None:
        for directory in self._directories:
            if directory.is_dir():
                await EmbeddedServer(directory).stop()


@pytest.fixture
def grounds():
    # A short path: a socket's may have 107 bytes, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as root:
        ground = Grounds(Path(root))
        yield ground
        asyncio.run(ground.clear())


@pytest.fixture
def ask():
    """Send one command past the store, as an operator would."""

    async def command(socket: str, *words):
        link = RedisClient(socket, timeout=10, wait_replicas=0)
        try:
            return await link.command(*words)
        finally:
            await link.aclose()

    return command
