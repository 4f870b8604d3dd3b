"""A Siaga that runs by itself for a browser: `siaga run` as a child, with an embedded server, on a free port.

Here: starting and ending it, and what tests and screenshots let happen to it. Not here: the browser (`browser`).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import httpx
import msgspec
from argon2 import PasswordHasher

from engine.cli.common.storage import storage
from engine.cli.policy_staff.reload import inbox_of
from engine.clock import WallClock
from engine.core.alerting.credential import Credential
from engine.core.judging.condition import Distinct
from engine.core.judging.filter import Limit
from engine.core.judging.instant import Instant, format_instant
from engine.people.tokens import RIGHTS, Right, Tokens
from engine.people.users import Users
from engine.settings import Settings, load
from tests.credentials import OPERATOR

ROOT = Path(__file__).parents[2]
PASSWORD = "tiga ekor kambing biru"
CHEAP = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
DUTY_DESK = "Posko Nasional, telepon 021-000-000"
GATEWAYS = """\
version: 1
gateways:
  - {{id: kannel, channel: sms, adapter: kannel.yaml, url: "http://127.0.0.1:{port}", callback_env: CALLBACK}}
"""
"""Letters become files; the one gateway of SMS does not answer."""
UNREACHED = "53.71"
"""A region in which no message reaches anybody, so that they stand on the phone list."""
_numbers = count(1)


class Installation:
    """A running installation; `client` has a token that may everything."""

    def __init__(self, address: str, settings: Settings, client: httpx.AsyncClient) -> None:
        self.address = address
        self.settings = settings
        self.client = client
        self.clock = WallClock()

    async def user(self, id_: str, *rights: Right, region: str = "00") -> None:
        """Add a user with `PASSWORD`, of a digest that is cheap to make; one that is there already stays."""
        async with storage(self.settings) as store:
            users = Users(store, self.clock, CHEAP)
            if await users.get(id_) is None:
                await users.add(id_, PASSWORD, rights or RIGHTS, region, by=OPERATOR)

    async def cookie(self, id_: str) -> dict[str, str]:
        """Sign a user in and return the session's cookie for a browser."""
        async with httpx.AsyncClient(base_url=self.address) as client:
            signed = await client.post("/console/sign-in", data={"user": id_, "password": PASSWORD})
            assert signed.status_code == 303, signed.text
            return {"name": "siaga", "value": client.cookies["siaga"], "url": self.address}

    async def report(self, kind: str, region: str, *, minutes_ago: float = 0, **more: object) -> str:
        """Report an event that is valid, and return its id."""
        id_ = f"uji-{next(_numbers)}"
        event = {
            "id": id_,
            "kind": kind,
            "severity": 3,
            "region": region,
            "occurred_at": format_instant(self.clock.now() - round(minutes_ago * 60_000)),
            "source": {"desk": region[:5], "channel": "desk"},
        } | more
        answer = await self.client.post("/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        return id_

    async def alert(self, region: str) -> str:
        """Return the id of the newest alert in a region, as soon as there is one."""
        while True:
            found = (await self.client.get("/v1/alerts", params={"region": region})).json()["alerts"]
            if found:
                return str(found[0]["id"])

    async def told(self, alert: str) -> list[str]:
        """Return the ids of those whom an alert was sent to so that they act, as soon as there is one."""
        while True:
            detail = (await self.client.get(f"/v1/alerts/{alert}")).json()
            people = [
                one["person"]
                for one in detail["notifications"]
                if one["state"] == "sent" and not one["informing"]
            ]
            if people:
                return people

    async def answer(self, alert: str, says: str, *, person: str = "", note: str = "") -> None:
        """Enter an answer for somebody who was told, as an operator."""
        body = {
            "person": person or (await self.told(alert))[0],
            "says": says,
            "via": "proxy",
            "note": note,
            "confirm": True,
        }
        answered = await self.client.post(f"/v1/alerts/{alert}/answers", json=body)
        assert answered.status_code == 200, answered.text

    async def propose(self, by: str) -> str:
        """Propose, as a user, a rule that opens earlier and tells by another policy; return the proposal's id."""
        async with storage(self.settings) as store:
            inbox = await inbox_of(self.settings, store, "")
            rule_set = inbox.books.rule_set
            rule = rule_set.rules["netralitas-berulang"]
            assert isinstance(rule.condition, Distinct)
            other = next(id_ for id_ in sorted(rule_set.policies) if id_ != rule.escalate)
            sooner = msgspec.structs.replace(rule.condition, limit=Limit("at_least", 2.0))
            changed = msgspec.structs.replace(rule, condition=sooner, escalate=other, version="usulan")
            after = msgspec.structs.replace(rule_set, rules=rule_set.rules | {rule.id: changed})
            made = await inbox.proposals.propose_rules(after, Credential("user", by))
            assert made.proposal is not None
            return made.proposal.id

    def now(self) -> Instant:
        """Return the present instant."""
        return self.clock.now()


@asynccontextmanager
async def running(var: Path) -> AsyncIterator[Installation]:
    """Run an installation in a folder while the context lasts."""
    directory, gateways = var / "directory.csv", var / "gateways.yaml"
    directory.write_text(without_mail((ROOT / "config/directory.csv").read_text()))
    gateways.write_text(GATEWAYS.format(port=closed_port()))
    shutil.copytree(ROOT / "config/adapters", var / "adapters")
    overrides = (
        f"paths.var={var}",
        f"paths.directory={directory}",
        f"paths.gateways={gateways}",
        "http.port=0",
        "log.format=json",
        f"messages.duty_desk={DUTY_DESK}",
        "archive.enabled=false",
    )
    given = [part for one in overrides for part in ("--set", one)]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.cli", "run", "--config", str(ROOT / "config/siaga.yaml"), *given),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "CALLBACK": "rahasia"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr is not None
    try:
        address = await listening(child.stderr)
        draining = asyncio.create_task(drained(child.stderr))
        settings = load(ROOT / "config/siaga.yaml", overrides=overrides)
        async with storage(settings) as store:
            token = (await Tokens(store, WallClock()).create(RIGHTS, desks=("*",), by=OPERATOR)).text
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
            yield Installation(address, settings, client)
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
            await child.wait()
    await draining


def without_mail(directory: str) -> str:
    """Return the directory with nobody of Kota Kupang reachable by letter: as no SMS gateway answers, by nothing."""
    rows = [line.split(",") for line in directory.splitlines()]
    return (
        "\n".join(",".join([*row[:6], "", *row[7:]] if row[0] == UNREACHED else row) for row in rows) + "\n"
    )


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def listening(log: asyncio.StreamReader) -> str:
    """Return the address at which the service says that it listens."""
    lines = []
    async for line in log:
        lines.append(line.decode())
        said = json.loads(line) if line.startswith(b"{") else {}
        if said.get("event") == "listening":
            return str(said["address"])
    raise AssertionError("siaga run did not start:\n" + "".join(lines))


async def drained(log: asyncio.StreamReader) -> None:
    """Read the log to its end, so that the child never waits for a reader."""
    async for _ in log:
        pass
