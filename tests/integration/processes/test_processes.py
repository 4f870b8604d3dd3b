"""Several processes around one server: roles apart, a standby that takes over, nobody who sends twice."""

import asyncio
import itertools
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from engine.clock import WallClock
from engine.judging.instant import format_instant
from engine.store.embedded import EmbeddedServer
from tests.contract.notifiers.mailbox import Mailbox
from tests.crash.installation import installation
from tests.integration.processes.desk import Desk, Service

pytestmark = [
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
    pytest.mark.timeout(300),
]


class Place:
    """A server, a mail server that counts, and an installation around both."""

    def __init__(self, folder: Path, mailbox: Mailbox, where: str) -> None:
        self.mailbox = mailbox
        settings = installation(folder / "home", smtp=mailbox.port, sms=1)
        (folder / "home/gateways.yaml").write_text("version: 1\ngateways: []\n")
        self.desk = Desk(settings, f"unix://{where}", "budgets.person.email=1000/1h")
        self._numbers = itertools.count(1)
        self._token = ""

    async def report(self, service: Service, many: int = 1) -> int:
        """Report so many clashes, each of which opens an alert; return the status of the answer."""
        self._token = self._token or await self.desk.token()
        now = format_instant(WallClock().now())
        events = [
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
        async with httpx.AsyncClient(base_url=service.url) as client:
            headers = {"Authorization": f"Bearer {self._token}"}
            return (await client.post("/v1/events", json=events, headers=headers)).status_code

    async def mails(self, many: int) -> Counter[tuple[str, bytes]]:
        """Return the mails once there are so many different ones."""
        async with asyncio.timeout(120):
            while len(set(self.mailbox.kept)) < many:
                await self.mailbox.more.wait()
                self.mailbox.more.clear()
        return Counter(self.mailbox.kept)


class Counting(Mailbox):
    """A mailbox that says when a mail came."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        answer = await super().handle_DATA(server, session, envelope)
        self.more.set()
        return answer


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        server = EmbeddedServer(Path(folder) / "redis")
        where = await server.start()
        async with Counting().open() as mailbox:
            place = Place(Path(folder), mailbox, where)
            yield place
            await place.desk.stop()
        await server.stop()


async def test_roles_apart_do_the_work_of_one(place: Place) -> None:
    """Events come in at one process, are judged in another, and told by a third."""
    door = await place.desk.start("intake")
    await place.desk.start("evaluator")
    await place.desk.start("escalator", "dispatcher", "auditor")
    assert await place.report(door) == 202
    mails = await place.mails(1)
    assert mails.total() == 1


async def test_a_standby_takes_over_from_a_killed_leader(place: Place) -> None:
    """The standby says that it stands by, leads by itself, and what came in meanwhile is judged once."""
    leader = await place.desk.start()
    await leader.says("evaluator_leads")
    standby = await place.desk.start()
    await standby.says("evaluator_stands_by")
    assert await place.report(standby) == 202
    await place.mails(1)
    await leader.kill()
    assert await place.report(standby) == 202
    await standby.says("evaluator_leads")
    mails = await place.mails(2)
    assert mails.total() == 2
    assert await standby.metric("siaga_evaluator_epoch") == 2


@pytest.mark.long
async def test_a_leader_that_slept_leads_no_more_when_it_wakes(place: Place) -> None:
    """Stopped as a whole; when it goes on the other leads, and it stands by."""
    leader = await place.desk.start()
    await leader.says("evaluator_leads")
    standby = await place.desk.start()
    await standby.says("evaluator_stands_by")
    pids = leader.pids
    for pid in pids:
        leader.signal(pid, signal.SIGSTOP)
    await standby.says("evaluator_leads")
    assert await place.report(standby) == 202
    await place.mails(1)
    for pid in pids:
        leader.signal(pid, signal.SIGCONT)
    await leader.says("evaluator_stands_by")
    assert await place.report(leader) == 202
    mails = await place.mails(2)
    assert mails.total() == 2
    assert (await leader.metric("siaga_evaluator_epoch"), await standby.metric("siaga_evaluator_epoch")) == (
        0,
        2,
    )


@pytest.mark.long
async def test_two_escalators_and_two_dispatchers_never_send_twice(place: Place) -> None:
    """A burst of alerts, of which each process takes what it can get."""
    many = 150
    door = await place.desk.start("intake", "evaluator", "auditor")
    for _ in range(2):
        await place.desk.start("escalator")
        await place.desk.start("dispatcher")
    for _ in range(3):
        assert await place.report(door, many // 3) == 202
    mails = await place.mails(many)
    assert mails.total() == many
