"""Nothing grows without end: two months after a busy day the store holds what it held before, and everything is found.

The service with the rules and people that ship, in lock-step, on a server of its own.
"""

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from engine.app import open_siaga
from engine.core.alerting.command import Answer
from engine.core.alerting.credential import Credential
from engine.core.alerting.invariants import broken_link
from engine.core.judging.instant import DAY, HOUR, MINUTE, format_instant, parse_instant
from engine.people.tokens import Scope
from engine.records.alert_repository import UNRESOLVED, history_log
from engine.settings import load
from engine.store.backup.copy import Namespace
from engine.store.redis.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]
START, _ = parse_instant("2025-01-01T08:00:00+07:00")
REGIONS = ("73.15", "32.01")
ENDS = (
    "seen",
    "table:alerts",
    "table:notifications",
    "log:history",
    "table:links",
    "table:accounts",
    "log:audit",
)
"""What must be gone, and each of it grew without end."""


class Turns:
    """Takes the loops of upkeep as they are entered, to turn them when the clock says so."""

    def __init__(self):
        self.turns = {}

    def add(self, name, turn, **_when):
        self.turns[name] = turn

    def __contains__(self, name):
        return name in self.turns

    async def turn(self):
        for name in ("archivist", "case_archivist", "retention"):
            while name in self.turns and await self.turns[name]():
                pass


def events(day: int) -> bytes:
    """Some that open alerts, one that corrects, and some that open nothing."""
    at = START + day * DAY
    found = [
        {
            "id": f"{kind}-{region}-{day}",
            "kind": kind,
            "severity": 3,
            "region": region,
            "incident": f"{kind}-{region}-{day}",
            "occurred_at": format_instant(at - HOUR),
            "source": {"desk": region, "channel": "desk"},
        }
        for kind in ("attack.candidate", "turnout.reading")
        for region in REGIONS
    ]
    first = found[0]
    return msgspec.json.encode([*found, {**first, "id": f"ralat-{day}", "refutes": found[-1]["id"]}])


async def items(where: str) -> dict[str, int]:
    namespace = Namespace(where, "siaga")
    try:
        return (await namespace.size(await namespace.keys())).items
    finally:
        await namespace.aclose()


@pytest.fixture
async def place(tmp_path):
    """The service, its loops of upkeep, and the address of its server."""
    server = EmbeddedServer(tmp_path / "redis", program=shutil.which("redis-server"))
    where = await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        overrides = (
            f"redis.url=unix://{where}",
            "clock.mode=lock_step",
            f"clock.start={format_instant(START)}",
            f"paths.var={tmp_path / 'var'}",
        )
        siaga = await open_siaga(load(ROOT / "config/siaga.yaml", overrides=overrides), stack)
        turns = Turns()
        siaga.upkeep.join(turns, real=True)
        yield siaga, turns, where


async def a_day(siaga, day: int) -> list[str]:
    """Let events come in, and people resolve what they open; return the alerts."""
    scope = Scope(rights=frozenset({"submit"}), region="00", token_id="desk", desks=("*",))
    await siaga.advance(START + day * DAY)
    result = await siaga.intake.submit(events(day), "application/json", scope)
    assert result.accepted == 2 * len(REGIONS) + 1
    await siaga.advance(START + day * DAY + 20 * MINUTE)
    alerts = list(await siaga.store.planned(UNRESOLVED))
    for alert in alerts:
        answer = Answer(
            person="piket",
            says="resolved",
            via="api",
            is_operator=True,
            note_digest="0" * 32,
            confirmed=True,
        )
        await siaga.desk.answer(alert, answer, by=Credential("token", "desk"))
    return alerts


@pytest.mark.timeout(240)
async def test_what_a_busy_day_left_is_gone_after_two_months_and_found_in_the_archive(place):
    siaga, turns, where = place
    opened = await a_day(siaga, 0)
    assert len(opened) >= len(REGIONS)
    await siaga.advance(START + DAY)
    histories = {alert: await siaga.desk.history(alert) for alert in opened}
    before = await items(where)
    assert all(before[name] for name in ENDS)
    for day in (2, 35, 36, 70):
        await siaga.advance(START + day * DAY)
        await turns.turn()
    after = await items(where)
    assert {name: after[name] for name in ENDS if after.get(name)} == {}
    assert await siaga.store.log(history_log(opened[0])) == []
    for alert in opened:
        found = await siaga.desk.found(alert)
        assert found.archived
        assert await siaga.desk.history(alert) == histories[alert]
        assert broken_link(histories[alert], found.alert.head) is None
        assert len(found.notifications) == len(found.alert.notifications) > 0


@pytest.mark.timeout(240)
async def test_a_group_that_was_forgotten_opens_alerts_under_new_ids(place):
    siaga, turns, _ = place
    first = set(await a_day(siaga, 0))
    for day in (35, 70, 71):
        await siaga.advance(START + day * DAY)
        await turns.turn()
    second = set(await a_day(siaga, 72))
    assert len(second) == len(first)
    assert not first & second
