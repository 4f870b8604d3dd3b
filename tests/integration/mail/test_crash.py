"""Killed between the mail server's yes and our record of it: at most one repeat a kill, byte for byte the same."""

import asyncio
import os
import signal
import sys
import tempfile
from email import message_from_bytes
from pathlib import Path

import pytest

from engine.records.alert_repository import CLAIM
from engine.settings import Settings
from engine.store.redis.embedded import EmbeddedServer
from tests.contract.notifiers.mailbox import Mailbox
from tests.integration.mail.office import ROOT, office

AGAIN = CLAIM // 1_000 + 1
"""Seconds after which a claim that came to nothing is attempted again."""
KILLED = -signal.SIGKILL


class Lives:
    """A service that dies and is started again on the same store, and the mail server that it writes to."""

    def __init__(self, folder: Path, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.server = EmbeddedServer(folder / "redis")
        smtp = {"port": mailbox.port, "tls": "none"}
        self.settings: Settings = office(folder, smtp, email="sekda@pinrang.example")

    async def start(self) -> None:
        self.where = await self.server.start()

    async def live(self, seconds: int, *death: str) -> int:
        """Let one process live, and return how it ended."""
        settings = self.settings.model_dump_json()
        running = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "tests.integration.mail.mortal",
                settings,
                self.where,
                str(seconds),
                *death,
            ),
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await running.wait()


@pytest.fixture
async def lives():
    # A short path: a socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        async with Mailbox().open() as mailbox:
            lives = Lives(Path(folder), mailbox)
            await lives.start()
            yield lives
            await lives.server.stop()


@pytest.mark.parametrize(
    ("write", "side", "mails"),
    [("claim", "before", 1), ("claim", "after", 1), ("attempted", "before", 2), ("attempted", "after", 1)],
)
async def test_a_kill_repeats_at_most_what_was_in_flight(lives: Lives, write: str, side: str, mails: int):
    """Only where the server had said yes and we had not written it down; the repeat is the same mail.

    Law: docs/specification/trust.md#messages-go-at-least-once.
    """
    assert await lives.live(0, write, side) == KILLED
    assert await lives.live(AGAIN) == 0
    assert await lives.live(2 * AGAIN) == 0
    assert len(lives.mailbox.kept) == mails
    assert len(set(lives.mailbox.kept)) == 1


async def test_each_kill_repeats_once_under_the_same_name(lives: Lives):
    """Two deaths at the worst moment: three copies, of which a mailbox that knows Message-IDs shows one."""
    for life in range(2):
        assert await lives.live(life * AGAIN, "attempted", "before") == KILLED
    assert await lives.live(2 * AGAIN) == 0
    assert len(lives.mailbox.kept) == 3
    ((recipient, content),) = set(lives.mailbox.kept)
    assert recipient == "sekda@pinrang.example"
    assert message_from_bytes(content)["Message-ID"].endswith("@127.0.0.1>")
