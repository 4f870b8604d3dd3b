"""Where processes meet: a mail server that counts, and an installation that opens an alert for each event.

Here: reporting, and waiting for mails. Not here: the processes (`desk`) and the server between them.
"""

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from engine.clock import WallClock
from engine.core.judging.instant import format_instant
from tests.contract.notifiers.mailbox import Mailbox
from tests.crash.installation import installation
from tests.integration.processes.desk import Desk, Service


class Counting(Mailbox):
    """A mailbox that says when a mail came."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        answer = await super().handle_DATA(server, session, envelope)
        self.more.set()
        return answer


class Place:
    """A server, a mail server that counts, and an installation around both."""

    def __init__(self, folder: Path, mailbox: Counting, url: str, *overrides: str) -> None:
        self.mailbox = mailbox
        settings = installation(folder / "home", smtp=mailbox.port, sms=1)
        (folder / "home/gateways.yaml").write_text("version: 1\ngateways: []\n")
        bounds = ("budgets.person.email=1000/1h", "intake.awas_per_ten_minutes=1000000")
        self.desk = Desk(settings, url, *bounds, *overrides)
        self._numbers = itertools.count(1)
        self._token = ""

    async def report(self, service: Service, many: int = 1) -> int:
        """Report so many new clashes, each of which opens an alert; return the status of the answer."""
        return (await self.send(service, self.clashes(many))).status_code

    def clashes(self, many: int) -> list[dict[str, Any]]:
        """Return so many new events."""
        now = format_instant(WallClock().now())
        return [
            {
                "id": f"E{number}",
                "kind": "conflict.clash",
                "severity": 4,
                "region": "73.15",
                "incident": f"E{number}",
                "occurred_at": now,
                "source": {"desk": "73.15", "channel": "desk"},
            }
            for number in itertools.islice(self._numbers, many)
        ]

    async def send(self, service: Service, events: list[dict[str, Any]]) -> httpx.Response:
        """Send events to a process, once."""
        self._token = self._token or await self.desk.token()
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
            headers = {"Authorization": f"Bearer {self._token}"}
            return await client.post("/v1/events", json=events, headers=headers)

    async def insist(self, service: Service, event: dict[str, Any]) -> int:
        """Send an event until it is taken, as `siaga send` does; return how often the answer was 503."""
        refusals = 0
        while (answer := await self.send(service, [event])).status_code != 202:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            refusals += 1
        return refusals

    async def mails(self, many: int) -> Counter[tuple[str, bytes]]:
        """Return the mails once there are so many different ones."""
        async with asyncio.timeout(120):
            while len(set(self.mailbox.kept)) < many:
                await self.mailbox.more.wait()
                self.mailbox.more.clear()
        return Counter(self.mailbox.kept)
