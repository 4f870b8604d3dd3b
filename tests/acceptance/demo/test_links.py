"""Every link in the demo's messages: opened by GET and HEAD as scanners do, and pressed by a person."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from engine.app import open_siaga
from engine.people.tokens import Scope
from engine.settings import load
from engine.simulation.replay import read_events
from engine.simulation.respondents import Mailbox
from engine.store.memory import MemoryStore
from engine.web.app import build
from tests.acceptance.demo.installation import ROOT, SCENARIO

NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_SMS = re.compile(r"\S+/a/[a-z2-7]+")

pytestmark = pytest.mark.timeout(240)


async def test_opening_every_link_acknowledges_nothing_and_pressing_does(tmp_path: Path) -> None:
    """Right after it was sent each link is fetched twice, and nothing changes. Then somebody presses."""
    overrides = ["clock.mode=lock_step", "namespace=demo", f"paths.var={tmp_path}"]
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(
            load(ROOT / "config/siaga.yaml", overrides=overrides), stack, store=MemoryStore()
        )
        app = build(siaga)
        mailbox, outbox = Mailbox(siaga.settings.outbox_directory), siaga.settings.outbox_directory
        seen: set[str] = set()
        opened, newest = 0, None
        for recorded in read_events(SCENARIO):
            await siaga.advance(recorded.at)
            await siaga.intake.submit(recorded.event, "application/json", NATION)
            await siaga.advance(recorded.at)
            links = [letter.link for letter in mailbox.new_letters() if letter.link]
            for file in {path.name for path in outbox.glob("*.sms")} - seen:
                seen.add(file)
                links += [f"http://{found}" for found in _SMS.findall((outbox / file).read_text())]
            # Messages of steps long past, sent while the clock moved to this event, may have links that have ended.
            before = await everything(siaga)
            for number, link in enumerate(links):
                client = scanner(app, siaga.settings.base_url, number)
                for method in ("HEAD", "GET"):
                    status = (await client.request(method, link)).status_code
                    assert status in (200, 404)
                    opened += status == 200
                    newest = link if status == 200 else newest
            assert await everything(siaga) == before
        assert opened > 500
        assert newest is not None
        client = scanner(app, siaga.settings.base_url, 0)
        pressed = await client.post(newest, data={"says": "taken"}, headers=FORM)
        again = await client.post(newest, data={"says": "taken"}, headers=FORM)
        assert (pressed.status_code, again.status_code) == (200, 200)
        assert "sudah tercatat sebelumnya" in again.text
        assert sum(alert.status == "acknowledged" for alert in await siaga.desk.alerts()) == 1


def scanner(app: FastAPI, base_url: str, number: int) -> httpx.AsyncClient:
    """Return a client with an address of its own: months pass in seconds here, and one alone would be slowed down."""
    transport = httpx.ASGITransport(app, client=(f"10.0.{number // 250}.{number % 250}", 1))
    return httpx.AsyncClient(transport=transport, base_url=base_url)


async def everything(siaga) -> tuple:
    """Return all that an answer could change."""
    return await siaga.desk.alerts(), await siaga.store.counters()
