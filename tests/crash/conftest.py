"""The world of the crash tests: once for all of them, gone through undisturbed."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.crash.world import World


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        async with World(Path(folder)) as world:
            await world.go_through()
            yield world
