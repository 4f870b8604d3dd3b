"""Installations and servers for the tests of the main job."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.demo.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Make installations; what runs at the end is stopped."""
    made: list[Installation] = []

    def make(name: str, *overrides: str) -> Installation:
        folder = tmp_path / name
        folder.mkdir()
        made.append(Installation(folder, *overrides))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a redis-server that this test has for itself, started as an operator would."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed"
    socket = tmp_path / "foreign.sock"
    words = ["--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--save", ""]
    words += ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
    server = subprocess.Popen([program, *words], stdout=subprocess.PIPE)
    assert server.stdout is not None
    next(line for line in server.stdout if b"Ready to accept" in line)
    yield f"unix://{socket}"
    server.terminate()
    server.communicate(timeout=10)
