"""The whole app in lock-step on the memory store, asked over HTTP without a socket."""

import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import msgspec
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from engine.app import Siaga, open_siaga
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import format_instant, parse_instant
from engine.people.tokens import RIGHTS, Right
from engine.people.users import Users
from engine.runtime.keys import secret_keys
from engine.settings import Settings
from engine.store.memory import MemoryStore
from engine.texts.answer_link_token import token_for
from engine.web.app import build
from tests.credentials import OPERATOR

ROOT = Path(__file__).parents[3]
PASSWORD = "tiga ekor kambing biru"
CHEAP = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
START, _ = parse_instant("2024-11-27T12:00:00+09:00")
REGIONS = {"00", "94", "94.02", "73", "73.15"}
CLASH = {
    "id": "E1",
    "kind": "conflict.clash",
    "severity": 4,
    "region": "94.02",
    "occurred_at": "2024-11-27T12:00:00+09:00",
    "source": {"desk": "94.02", "channel": "polri"},
    "metrics": {"injured": 94},
    "summary": "Bentrok antarpendukung; saksi Yohanes Tabuni 081234567890",
}
"""An event that alone opens an alert of level awas in Kab. Puncak Jaya; its summary holds personal data."""


class Api:
    """The app, its installation, and a client that nobody has logged in."""

    def __init__(self, siaga: Siaga, app: FastAPI, client: httpx.AsyncClient, key: bytes) -> None:
        self.siaga = siaga
        self.app = app
        self.client = client
        self._key = key

    async def bearer(
        self, *rights: Right, region: str = "00", person: str = "", desks: Iterable[str] = ()
    ) -> dict[str, str]:
        """Return the header of a new token with these rights (none: all) in a region, bound to a person if named.

        It speaks for `desks`; of none, one of the nation for any, another one for that of its region.
        """
        desks = desks or (("*",) if region == "00" else ())
        created = await self.siaga.tokens.create(
            rights or RIGHTS, region, person=person, desks=desks, by=OPERATOR
        )
        return {"Authorization": f"Bearer {created.text}"}

    def event(self, **changes: object) -> dict[str, object]:
        """Return the clash, or another event that differs from it in some fields."""
        return CLASH | changes

    async def advance(self, minutes: int) -> None:
        """Move the clock this far behind the start of the day."""
        await self.siaga.advance(START + minutes * 60_000)

    async def user(self, id_: str, *rights: Right, region: str = "00") -> None:
        """Add a user with `PASSWORD`, of a digest that is cheap to make."""
        await Users(self.siaga.store, self.siaga.clock, CHEAP).add(id_, PASSWORD, rights, region, by=OPERATOR)

    async def sign_in(self, *rights: Right, region: str = "00") -> None:
        """Sign the client in as a new user with these rights."""
        await self.user("piket-uji", *rights, region=region)
        signed = await self.client.post("/console/sign-in", data={"user": "piket-uji", "password": PASSWORD})
        assert signed.status_code == 303, signed.text

    async def send(self, page: str, path: str, **fields: str) -> httpx.Response:
        """Send a form to `path` with the token that stands on `page`."""
        shown = await self.client.get(page)
        token = re.search(r'name="form_token" value="(\w{64})"', shown.text).group(1)
        return await self.client.post(path, data={"form_token": token} | fields)

    async def propose(self, by: Credential = OPERATOR, **changes: object) -> str:
        """Propose the rules in force without one of them; return the id of the proposal."""
        await self.siaga.books.follow()
        rule_set = self.siaga.books.rule_set
        left = dict(rule_set.rules)
        left.pop(min(left))
        after = msgspec.structs.replace(rule_set, rules=left, **changes)
        made = await self.siaga.proposals.propose_rules(after, by)
        return made.proposal.id

    async def open_alert(self, **changes: object) -> str:
        """Submit the clash, let the first messages go out, return the id of the alert."""
        sent = await self.client.post(
            "/v1/events", json=self.event(**changes), headers=await self.bearer("submit")
        )
        assert sent.status_code == 202, sent.text
        await self.siaga.advance(max(START, self.siaga.clock.now()) + 60_000)
        return (await self.siaga.desk.alerts())[0].id

    async def links(self, alert_id: str) -> list[tuple[str, str]]:
        """Return person and path of every link that went out for an alert, acting people first."""
        case = await self.siaga.desk.case(alert_id)
        out = [n for n in case.notifications.values() if n.state == "sent"]
        return [
            (n.person, f"/a/{token_for(self._key, n.id, n.channel)}")
            for n in sorted(out, key=lambda n: (n.informing, n.id))
        ]


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The offices of the shipped directory in the regions of these tests; the whole one takes half a second to read."""
    lines = (ROOT / "config/directory.csv").read_text().splitlines(keepends=True)
    wanted = [line for line in lines if line.split(",")[0] in REGIONS or not line[0].isdigit()]
    file = tmp_path_factory.mktemp("directory") / "directory.csv"
    file.write_text("".join(wanted))
    return file


@pytest.fixture
def settings(tmp_path: Path, directory: Path) -> Settings:
    """Settings of an installation in lock-step that keeps its own files in a folder of the test."""
    return Settings.model_validate(
        {
            "clock": {"mode": "lock_step", "start": format_instant(START)},
            "paths": {"var": str(tmp_path), "directory": str(directory)},
            "http": {"max_body_bytes": 100_000, "max_events": 50},
        },
        context={"home": ROOT},
    )


@pytest.fixture
def kept_in() -> MemoryStore:
    """The store under the app; a test may put another kind in its place."""
    return MemoryStore()


@pytest.fixture
async def api(settings: Settings, kept_in: MemoryStore) -> AsyncIterator[Api]:
    """The app, opened on an empty store."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=kept_in)
        app = build(siaga)
        stack.push_async_callback(app.state.asked.close)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
        await stack.enter_async_context(client)
        yield Api(siaga, app, client, secret_keys(settings.key_file, os.environ).current)
