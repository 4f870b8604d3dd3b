"""The whole service while its server is killed, hangs, is full or only reads: 503 meanwhile, and nothing is lost."""

import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from engine.app import Siaga, open_siaga
from engine.core.alerting.alert import Alert
from engine.core.judging.instant import DAY, HOUR, MINUTE, Instant, format_instant
from engine.records.audit_log import AUDIT
from engine.store.port import MARK_LENGTH
from engine.store.redis.store import RedisStore
from engine.web.app import build
from tests.crash.installation import ENVIRONMENT, START, installation
from tests.credentials import OPERATOR
from tests.integration.redis.conftest import Grounds

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")

FAILURES = {
    "killed": None,
    "hanging": None,
    "full": (("CONFIG SET", "maxmemory", "1"), ("CONFIG SET", "maxmemory", "0")),
    "read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "without replicas": (
        ("CONFIG SET", "min-replicas-to-write", "1"),
        ("CONFIG SET", "min-replicas-to-write", "0"),
    ),
}
"""How a server fails, and what an operator says to make it so and to mend it."""


class Service:
    """A service over HTTP, its server, and both ways of failing."""

    def __init__(self, siaga: Siaga, client: httpx.AsyncClient, grounds: Grounds, socket: str, ask) -> None:
        self.siaga = siaga
        self._client = client
        self._grounds = grounds
        self._socket = socket
        self._ask = ask

    async def fail(self, how: str) -> None:
        if how == "killed":
            self._grounds.signal(signal.SIGKILL)
        elif how == "hanging":
            self._grounds.signal(signal.SIGSTOP)
        else:
            await self._ask(self._socket, *FAILURES[how][0])

    async def mend(self, how: str) -> None:
        if how == "killed":
            await self._grounds.server().start()
        elif how == "hanging":
            self._grounds.signal(signal.SIGCONT)
        else:
            await self._ask(self._socket, *FAILURES[how][1])

    async def report(
        self, id_: str, kind: str = "conflict.clash", region: str = "73.15", at: Instant = START
    ):
        """Report an event and return the answer."""
        event = {
            "id": id_,
            "kind": kind,
            "severity": 3,
            "region": region,
            "incident": id_,
            "occurred_at": format_instant(at),
            "source": {"desk": region, "channel": "desk"},
        }
        return await self._client.post("/v1/events", json=event)

    async def alerts(self, rule: str) -> list[Alert]:
        return [alert for alert in await self.siaga.desk.alerts() if alert.rule.id == rule]


@pytest.fixture
async def service(grounds, ask, monkeypatch) -> AsyncIterator[Service]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setitem(os.environ, name, value)
    settings = installation(grounds.root / "home", smtp=1, sms=1)
    nothing = settings.model_copy(update={"gateways": type(settings.gateways)()})
    (grounds.root / "home/gateways.yaml").write_text("version: 1\ngateways: []\n")
    socket = await grounds.server().start()
    async with AsyncExitStack() as stack:
        store = RedisStore(socket, settings.namespace, timeout=0.5)
        await store.open()
        stack.push_async_callback(store.close)
        siaga = await open_siaga(nothing, stack, store=store)
        token = (await siaga.tokens.create(["submit"], desks=("*",), by=OPERATOR)).text
        transport = httpx.ASGITransport(build(siaga), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://siaga.test", headers=headers)
        await stack.enter_async_context(client)
        await siaga.advance(START)
        yield Service(siaga, client, grounds, socket, ask)


@pytest.mark.parametrize("how", list(FAILURES))
async def test_what_was_answered_202_is_judged_once_and_all_else_is_told_to_come_again(
    service: Service, how: str
) -> None:
    """One event before, one that is refused meanwhile with the time to come again, and the same one afterwards."""
    assert (await service.report("dulu")).status_code == 202
    await service.fail(how)
    refused = await service.report("nanti")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:siaga:problem:store_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    await service.mend(how)
    taken = await service.report("nanti")
    assert taken.status_code == 202
    assert taken.json()["accepted"] + taken.json()["duplicate"] == 1
    await service.siaga.advance(START + MINUTE)
    assert sorted(alert.group for alert in await service.alerts("bentrok")) == [
        "73.15|dulu",
        "73.15|nanti",
    ]
    summary = await service.siaga.desk.summary()
    assert (summary.unaccounted.alerts, summary.unaccounted.notifications) == (0, 0)


async def test_what_fell_due_meanwhile_is_judged_behind_what_came_in_before(service: Service) -> None:
    """Two regions must report within 24 h; one did just before the server died, and nobody had judged it yet."""
    await service.siaga.advance(START + DAY - 10 * MINUTE)
    assert (await service.report("N1", "desk.heartbeat", at=START + DAY - 10 * MINUTE)).status_code == 202
    await service.fail("killed")
    service.siaga.clock.set(START + DAY + HOUR)
    await service.mend("killed")
    await service.siaga.advance(service.siaga.clock.now())
    (silent,) = await service.alerts("diam")
    assert (silent.group, silent.happened_at, silent.detected_at) == (
        "73.16",
        START + DAY,
        START + DAY + HOUR,
    )


async def test_steps_that_fell_due_meanwhile_are_taken_at_once_and_in_order(service: Service) -> None:
    """The step of the first alert came 10 minutes before that of the second, and both while the server was away."""
    await service.report("A1")
    await service.siaga.advance(START + 10 * MINUTE)
    await service.report("A2", at=START + 10 * MINUTE)
    await service.siaga.advance(START + 11 * MINUTE)
    await service.fail("killed")
    service.siaga.clock.set(START + 45 * MINUTE)
    await service.mend("killed")
    await service.siaga.advance(START + 45 * MINUTE)
    alerts = {alert.group: alert for alert in await service.alerts("bentrok")}
    second = {group: alert.runs[1].started_at for group, alert in alerts.items()}
    assert second == dict.fromkeys(("73.15|A1", "73.15|A2"), START + 45 * MINUTE)
    entries = [json.loads(entry[MARK_LENGTH:])[2] for entry in await service.siaga.store.log(AUDIT)]
    places = []
    for group in ("73.15|A1", "73.15|A2"):
        history = await service.siaga.desk.history(alerts[group].id)
        (began,) = [e.id for e in history if e.name == "step_started" and e.details["step"] == 2]
        places.append(entries.index(began))
    assert places == sorted(places)
