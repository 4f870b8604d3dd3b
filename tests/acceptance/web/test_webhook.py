"""A contact of channel webhook through the whole app: what a machine gets, and that it goes on to the next contact."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from engine.app import open_siaga
from engine.settings import Settings
from engine.store.memory import MemoryStore
from engine.web.app import build
from notifiers.webhook import SIGNATURE, TIMESTAMP, signature
from tests.acceptance.web.conftest import Api
from tests.contract.notifiers.aggregator import Aggregator
from tests.integration.mail.certificate import Certificate

KEY = "kunci-kait"
OFFICES = ("sekda", "kepala_daerah", "kesbangpol", "satpolpp")


class Receiver(Aggregator):
    """A system that takes over."""

    def _accept(self, request):
        self.requests.append(request)
        return 200, {}, b""


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(tmp_path)


@pytest.fixture
async def receiver(certificate: Certificate) -> AsyncIterator[Receiver]:
    async with Receiver().open(certificate.context) as receiver:
        yield receiver


@pytest.fixture
async def api(
    settings: Settings, tmp_path: Path, receiver: Receiver, certificate, monkeypatch
) -> AsyncIterator[Api]:
    """The app with one official who is reached by webhook, and by e-mail after it."""
    monkeypatch.setenv("UJI_KAIT", KEY)
    (tmp_path / "gateways.yaml").write_text(
        "version: 1\ngateways: [{id: kait, channel: webhook, password_env: UJI_KAIT, private_addresses: true, "
        f"ca_file: {certificate.path.name}}}]\n"
    )
    held = "\n".join(f'  - {{position: {{region: "94.02", role: {o}}}, person: p}}' for o in OFFICES)
    (tmp_path / "directory.yaml").write_text(
        "version: 1\npeople:\n  - {id: p, contacts: ["
        f'{{channel: webhook, value: "https://127.0.0.1:{receiver.port}/siaga"}}, '
        "{channel: email, value: p@siaga.example}]}\n"
        f"assignments:\n{held}\n"
    )
    paths = settings.paths.model_copy(
        update={"gateways": tmp_path / "gateways.yaml", "directory": tmp_path / "directory.yaml"}
    )
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings.model_copy(update={"paths": paths}), stack, store=MemoryStore())
        app = build(siaga)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
        await stack.enter_async_context(client)
        yield Api(siaga, app, client, b"")


async def test_a_machine_gets_the_words_what_they_are_about_and_the_link(api: Api, receiver: Receiver):
    alert_id = await api.open_alert()
    (request,) = receiver.requests
    body = json.loads(request.body)
    assert request.headers[SIGNATURE] == signature(KEY, request.headers[TIMESTAMP], request.body)
    assert body["facts"] == {
        "kind": "first",
        "alert": alert_id,
        "level": "awas",
        "region": "94.02",
        "space": "real",
        "language": "id",
    }
    assert "AWAS" in body["subject"]
    link = next(word for word in body["text"].split() if "/a/" in word)
    page = await api.client.get(link[link.index("/a/") :])
    assert page.status_code == 200
    case = await api.siaga.desk.case(alert_id)
    sent = {n.channel: (n.state, n.gateway) for n in case.notifications.values()}
    assert sent == {"webhook": ("sent", "kait"), "email": ("sent", "outbox-email")}


async def test_a_receiver_that_is_gone_for_good_fails_its_message_alone(api: Api, receiver: Receiver):
    receiver.answers = [(410, {}, b"")]
    alert_id = await api.open_alert()
    case = await api.siaga.desk.case(alert_id)
    sent = {n.channel: (n.state, n.reason) for n in case.notifications.values()}
    assert sent == {"webhook": ("failed", "recipient_refused"), "email": ("sent", "")}
