"""`siaga status` on an installation by a clock moved by hand: each reason to wait, and a good moment."""

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from engine import cli
from engine.app import Siaga, open_siaga
from engine.core.alerting.alert import Notification
from engine.core.judging.instant import HOUR, MINUTE, parse_instant
from engine.people.tokens import Scope
from engine.records.alert_repository import CLAIM, NOTIFICATIONS, OUTBOX
from engine.settings import load
from engine.store.codec import decode, encode
from engine.store.port import Note, Plan, Put, Write
from tests.integration.cli.few_people import few_people

ROOT = Path(__file__).parents[3]
NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")
START, _ = parse_instant("2024-10-01T08:00:00+08:00")
EVENT = {
    "id": "e",
    "kind": "conflict.death",
    "severity": 4,
    "region": "73.15",
    "occurred_at": "2024-10-01T08:00:00+08:00",
    "source": {"desk": "73.15", "channel": "desk"},
    "metrics": {"dead": 1},
}


class Running:
    """An installation that is open while `siaga status` looks at it."""

    def __init__(self, home: Path, capsys) -> None:
        self.overrides = [
            f"paths.var={home / 'var'}",
            f"paths.directory={few_people(home, '73.15')}",
            "clock.mode=lock_step",
            "clock.start=2024-10-01T07:00:00+08:00",
            "log.level=error",
        ]
        self._capsys = capsys

    def status(self, *arguments: str) -> tuple[int, str]:
        options = [part for one in self.overrides for part in ("--set", one)]
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["status", "--config", str(ROOT / "config/siaga.yaml"), *options, *arguments])
        printed = self._capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    def while_open(self, work) -> object:
        async def run() -> object:
            async with AsyncExitStack() as stack:
                siaga = await open_siaga(load(ROOT / "config/siaga.yaml", overrides=self.overrides), stack)
                return await work(siaga)

        return asyncio.run(run())


@pytest.fixture
def running(capsys):
    with tempfile.TemporaryDirectory(prefix="siaga-test-") as home:
        yield Running(Path(home), capsys)


async def settled(siaga: Siaga) -> None:
    await siaga.advance(START)


async def with_a_death(siaga: Siaga) -> None:
    await siaga.advance(START)
    await siaga.intake.submit(json.dumps(EVENT).encode(), "application/json", NATION)
    await siaga.advance(START + MINUTE // 2)


def test_a_quiet_moment_is_safe(running):
    async def work(siaga):
        await settled(siaga)
        return await asyncio.to_thread(running.status)

    code, said = running.while_open(work)
    assert (code, said.splitlines()[-1]) == (0, "safe to restart now")
    assert "unresolved alerts: none" in said


def test_an_awas_alert_that_nobody_took_is_a_reason_to_wait(running):
    """It is named with its next step; when that falls due within the time asked for, that is a second reason.

    Law: docs/specification/trust.md#safe-to-restart.
    """

    async def work(siaga):
        await with_a_death(siaga)
        soon = await asyncio.to_thread(running.status)
        return soon, await asyncio.to_thread(running.status, "--within", "12h", "--format", "json")

    (code, said), (_, later) = running.while_open(work)
    assert code == 1
    assert "73.15: NOBODY HAS TAKEN IT, next step 2024-10-01" in said
    assert said.splitlines()[-2:] == [
        "better wait:",
        "  an awas alert is open and nobody has taken it: each second of a restart is a second of silence",
    ]
    found = json.loads(later)
    assert (found["safe"], found["wait"]) == (False, ["awas_open", "due_soon"])
    assert found["due"]["steps"] >= 1


def test_what_is_under_way_or_behind_is_a_reason_to_wait(running):
    """A message that a process claimed, entries that nobody judged, and a replica that is not there."""

    async def work(siaga):
        await with_a_death(siaga)
        ids = await siaga.store.scan(NOTIFICATIONS)
        id_, record = next(iter(ids.items()))
        due_at = siaga.clock.now() + CLAIM
        claimed = msgspec.structs.replace(decode(record.value, Notification), state="sending", due_at=due_at)
        note = Note("gap", b'{"since":1,"until":2}', siaga.clock.now() - HOUR)
        put, plan = Put(NOTIFICATIONS, id_, encode(claimed)), Plan(OUTBOX, id_, due_at)
        await siaga.store.write(Write(name="w", puts=(put,), plans=(plan,), note=note))
        siaga.clock.set(siaga.clock.now() + MINUTE)
        running.overrides.append("redis.wait_replicas=1")
        return await asyncio.to_thread(running.status, "--format", "json")

    code, said = running.while_open(work)
    found = json.loads(said)
    assert code == 1
    assert found["in_flight"] == 1
    assert found["backlog"]["entries"] == 1
    assert found["wait"][:3] == ["replicas", "awas_open", "in_flight"]


def test_where_nothing_runs_it_says_so_and_starts_nothing(running):
    code, said = running.status()
    assert (code, said.startswith("siaga: Siaga does not run")) == (cli.FAILED, True)
    assert not (Path(running.overrides[0].partition("=")[2]) / "redis" / "server.pid").exists()
