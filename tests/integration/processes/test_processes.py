"""Several processes around one server: roles apart, a standby that takes over, nobody who sends twice."""

import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.store.redis.embedded import EmbeddedServer
from tests.integration.processes.place import Counting, Place

pytestmark = [
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
    pytest.mark.timeout(300),
]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as folder:
        server = EmbeddedServer(Path(folder) / "redis")
        where = await server.start()
        async with Counting().open() as mailbox:
            place = Place(Path(folder), mailbox, f"unix://{where}")
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


async def test_an_embedded_server_that_dies_is_started_anew(tmp_path: Path) -> None:
    """Its service does that by itself; what was taken before is not told again, what is sent later is told."""
    async with Counting().open() as mailbox:
        place = Place(tmp_path, mailbox, "")
        service = await place.desk.start()
        assert await place.report(service) == 202
        await place.mails(1)
        server = int((tmp_path / "home/var/redis/server.pid").read_text())
        service.signal(server, signal.SIGKILL)
        (event,) = place.clashes(1)
        await place.insist(service, event)
        await service.says("embedded_server_started_anew")
        mails = await place.mails(2)
        assert mails.total() == 2
        await place.desk.stop()
