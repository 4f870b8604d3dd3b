"""Whole processes over Sentinel: three primaries die in a row, and every report that was taken is told once."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes.place import Counting, Place
from tests.integration.redis.watched import Watched

pytestmark = [
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
    pytest.mark.timeout(600),
]
ROUNDS = 3
EACH = 5
"""Reports before, while and after each primary dies."""


@pytest.fixture
def watched() -> Iterator[Watched]:
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        servers = Watched(Path(folder))
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


@pytest.mark.long
async def test_three_failovers_in_a_row_lose_and_repeat_nothing(watched: Watched, tmp_path: Path) -> None:
    """Two processes; each dead primary comes back as a replica before the next one dies."""
    refusals = 0
    async with Counting().open() as mailbox:
        place = Place(tmp_path, mailbox, watched.url, "redis.wait_replicas=1")
        door = await place.desk.start("intake", "evaluator")
        await place.desk.start("escalator", "dispatcher", "auditor")
        for round_ in range(1, ROUNDS + 1):
            assert await place.report(door, EACH) == 202
            dead = watched.primary()
            watched.signal(dead, signal.SIGKILL)
            for event in place.clashes(EACH):
                refusals += await place.insist(door, event)
            mails = await place.mails(2 * EACH * round_)
            assert watched.primary() != dead
            watched.start_server(dead, f"replicaof 127.0.0.1 {watched.primary()}")
            watched.settle()
        await place.desk.stop()
    assert refusals > 0
    # A mail that was under way when the primary died may come once more, byte for byte the same.
    assert len(mails) == 2 * EACH * ROUNDS
    assert max(mails.values()) <= 2
