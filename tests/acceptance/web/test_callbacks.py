"""Gateways of the file through the whole app: SMS go out over HTTP, reports and texts come back, each proved."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from engine.app import open_siaga
from engine.core.alerting.alert import Notification
from engine.errors import ConfigurationError
from engine.settings import Settings
from engine.store.memory import MemoryStore
from engine.texts.reply_code import valid
from engine.web.app import build
from tests.acceptance.web.conftest import ROOT, Api
from tests.contract.notifiers.aggregator import Aggregator

SECRET = "rahasia-panggilan"
GATEWAYS = """version: 1
gateways:
  - {{id: kannel, channel: sms, adapter: kannel.yaml, url: "{url}", user: siaga, password_env: UJI_PASSWORD,
     callback_env: UJI_CALLBACK, profile: {{two_way: true, dlr_trust: low}}}}
  - {{id: agregator, channel: sms, order: 2, adapter: json.yaml, url: "{url}", password_env: UJI_PASSWORD,
     callback_env: UJI_CALLBACK, profile: {{dlr_trust: low}}}}
  - {{id: acuan, channel: sms, order: 3, adapter: acuan.yaml, url: "{url}", password_env: UJI_PASSWORD,
     callback_env: UJI_CALLBACK, profile: {{dlr_trust: low}}}}
"""
BY_REFERENCE = "reports: {each: reports, notification: client_ref, reference: message_id,"


class Desk(Api):
    """The app with two gateways, and the server that both speak to."""

    aggregator: Aggregator

    async def sms(self, *kinds: str) -> list[Notification]:
        """Return the SMS of the only alert that asked to act (or of these kinds), oldest first."""
        (alert,) = await self.siaga.desk.alerts()
        case = await self.siaga.desk.case(alert.id)
        found = [
            n for n in case.notifications.values() if n.channel == "sms" and n.kind in (kinds or ("first",))
        ]
        return sorted((n for n in found if not n.informing), key=lambda n: (n.planned_at, n.id))

    async def state(self, id_: str) -> tuple[str, str]:
        (alert,) = await self.siaga.desk.alerts()
        found = (await self.siaga.desk.case(alert.id)).notifications[id_]
        return found.state, found.reason

    async def call(self, path: str, **fields: str) -> int:
        """Let Kannel call."""
        answer = await self.client.get(f"/v1/gateways/{path}", params={"secret": SECRET, **fields})
        assert answer.status_code != 204 or answer.content == b""
        return answer.status_code

    async def signed(self, path: str, body: object, *, seconds: int = 0, key: str = SECRET) -> int:
        """Let the aggregator call, by a signature of so many seconds from now."""
        content = json.dumps(body).encode()
        stamp = str(self.siaga.clock.now() // 1_000 + seconds)
        mark = hmac.new(key.encode(), stamp.encode() + b"." + content, hashlib.sha256).hexdigest()
        headers = {"x-timestamp": stamp, "x-signature": mark, "content-type": "application/json"}
        answer = await self.client.post(f"/v1/gateways/{path}", content=content, headers=headers)
        return answer.status_code


def installation(settings: Settings, folder: Path, url: str) -> Settings:
    """Return the settings with gateways; `acuan` reports by its own reference alone."""
    (folder / "adapters").mkdir()
    for name in ("kannel", "json"):
        text = (ROOT / f"config/adapters/{name}.yaml").read_text(encoding="utf-8")
        (folder / f"adapters/{name}.yaml").write_text(text)
        if name == "json":
            assert BY_REFERENCE in text
            changed = text.replace(BY_REFERENCE, "reports: {each: reports, reference: message_id,")
            (folder / "adapters/acuan.yaml").write_text(changed)
    (folder / "gateways.yaml").write_text(GATEWAYS.format(url=url))
    paths = settings.paths.model_copy(update={"gateways": folder / "gateways.yaml"})
    return settings.model_copy(update={"paths": paths})


@pytest.fixture
async def desk(settings: Settings, tmp_path: Path, monkeypatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("UJI_PASSWORD", "rahasia")
    monkeypatch.setenv("UJI_CALLBACK", SECRET)
    async with AsyncExitStack() as stack:
        aggregator = await stack.enter_async_context(Aggregator().open())
        siaga = await open_siaga(installation(settings, tmp_path, aggregator.url), stack, store=MemoryStore())
        app = build(siaga)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://siaga.test")
        await stack.enter_async_context(client)
        found = Desk(siaga, app, client, b"")
        found.aggregator = aggregator
        yield found


async def through(desk: Desk, gateway: str) -> Notification:
    """Open an alert whose SMS go through a gateway, since those before it are out of order; return its first."""
    for id_ in ("kannel", "agregator", "acuan")[: ("kannel", "agregator", "acuan").index(gateway)]:
        for _ in range(5):
            await desk.siaga.dispatcher.gateways.settle(id_, well=False)
    await desk.open_alert()
    first = (await desk.sms())[0]
    assert (first.state, first.gateway) == ("sent", gateway)
    return first


async def test_kannel_takes_the_message_reports_and_brings_the_answer(desk: Desk):
    first = await through(desk, "kannel")
    request = next(r for r in desk.aggregator.requests if r.message["id"] == first.id)
    code = request.message["text"].split()[-1]
    assert valid(code)
    assert request.query["dlr-url"] == (
        f"http://127.0.0.1:8080/v1/gateways/kannel/reports?id={first.id}&state=%d&secret={SECRET}"
    )
    assert await desk.call("kannel/reports", id=first.id, state="8") == 204
    assert await desk.state(first.id) == ("sent", "")
    assert await desk.call("kannel/reports", id=first.id, state="1") == 204
    assert await desk.state(first.id) == ("delivered", "")
    text = {"from": request.message["to"], "text": f"TERIMA {code}", "id": "k-1"}
    assert [await desk.call("kannel/inbound", **text) for _ in range(2)] == [204, 204]
    (alert,) = await desk.siaga.desk.alerts()
    assert (alert.status, alert.acknowledged_by) == ("acknowledged", first.person)
    await desk.siaga.advance(desk.siaga.clock.now() + 60_000)
    replies = [r for r in desk.aggregator.requests if r.message["text"].startswith(f"Tercatat {code}")]
    assert [r.message["to"] for r in replies] == [request.message["to"]]


async def test_a_failed_report_fails_the_message_and_counts(desk: Desk):
    first = await through(desk, "kannel")
    assert await desk.call("kannel/reports", id=first.id, state="2") == 204
    assert await desk.state(first.id) == ("failed", "undelivered")
    exposition = (await desk.siaga.exposition()).decode()
    assert 'siaga_gateway_messages_total{gateway="kannel",result="failed"} 1.0' in exposition
    assert (
        f'siaga_gateway_messages_total{{gateway="kannel",result="accepted"}} {len(desk.aggregator.requests)}'
        in exposition
    )


async def test_signed_reports_come_many_at_once(desk: Desk):
    first = await through(desk, "agregator")
    reports = [
        {"client_ref": "tidakada", "status": "failed"},
        {"client_ref": first.id, "status": "delivered"},
        {"client_ref": first.id, "status": "failed"},
        {"aneh": [1, 2]},
    ]
    assert await desk.signed("agregator/reports", {"reports": reports}) == 204
    assert await desk.state(first.id) == ("delivered", "")


async def test_a_gateway_that_names_only_its_own_reference_is_understood(desk: Desk):
    first = await through(desk, "acuan")
    assert first.reference.startswith("m")
    body = {"reports": [{"message_id": first.reference, "status": "failed"}]}
    assert await desk.signed("acuan/reports", body) == 204
    assert await desk.state(first.id) == ("failed", "undelivered")


async def test_a_report_by_reference_that_comes_before_the_message_was_recorded_is_not_lost(desk: Desk):
    for reference in ("m1", "m2", "m3"):
        body = {"reports": [{"message_id": reference, "status": "delivered"}]}
        assert await desk.signed("acuan/reports", body) == 204
    first = await through_reported(desk)
    assert await desk.state(first.id) == ("delivered", "")


async def through_reported(desk: Desk) -> Notification:
    for id_ in ("kannel", "agregator"):
        for _ in range(5):
            await desk.siaga.dispatcher.gateways.settle(id_, well=False)
    await desk.open_alert()
    return next(n for n in await desk.sms() if n.reference in ("m1", "m2", "m3"))


async def test_the_secret_of_one_gateway_has_no_say_over_the_messages_of_another(desk: Desk):
    first = await through(desk, "kannel")
    body = {"reports": [{"client_ref": first.id, "status": "failed"}]}
    assert await desk.signed("agregator/reports", body) == 204
    assert await desk.state(first.id) == ("sent", "")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("kannel/reports", {"secret": "salah"}),
        ("kannel/reports", {"secret": ""}),
        ("kannel/inbound", {"secret": "salah"}),
        ("tidakada/reports", {}),
        ("agregator/reports", {}),
        ("smtp/reports", {}),
    ],
)
async def test_who_does_not_prove_itself_is_refused_and_changes_nothing(desk: Desk, path: str, fields):
    first = await through(desk, "kannel")
    fields = {"id": first.id, "state": "2", "client_ref": first.id, "status": "failed"} | fields
    assert await desk.call(path, **fields) == 401
    assert await desk.state(first.id) == ("sent", "")


@pytest.mark.parametrize(("seconds", "key"), [(-301, SECRET), (301, SECRET), (0, "salah")])
async def test_an_old_or_foreign_signature_is_refused(desk: Desk, seconds: int, key: str):
    first = await through(desk, "agregator")
    body = {"reports": [{"client_ref": first.id, "status": "failed"}]}
    assert await desk.signed("agregator/reports", body, seconds=seconds, key=key) == 401
    assert await desk.state(first.id) == ("sent", "")


@pytest.mark.parametrize("body", [{}, {"reports": {}}, {"reports": [{}] * 1_001}, []])
async def test_what_is_not_in_the_shape_of_the_description_is_refused(desk: Desk, body):
    assert await desk.signed("agregator/reports", body) == 422


async def test_a_text_of_an_unknown_phone_is_answered_like_any_other(desk: Desk):
    assert await desk.call("kannel/inbound", **{"from": "+628999999999", "text": "terima"}) == 204
    assert await desk.call("kannel/inbound", text="terima") == 422


async def test_without_its_secret_the_start_is_refused(settings: Settings, tmp_path: Path, monkeypatch):
    monkeypatch.delenv("UJI_PASSWORD", raising=False)
    monkeypatch.setenv("UJI_CALLBACK", SECRET)
    broken = installation(settings, tmp_path, "http://127.0.0.1:1")
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigurationError, match="UJI_PASSWORD is not set"):
            await open_siaga(broken, stack, store=MemoryStore())
    monkeypatch.setenv("UJI_PASSWORD", "a")
    monkeypatch.setenv("UJI_CALLBACK", "a&b")
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigurationError, match="UJI_CALLBACK may hold"):
            await open_siaga(broken, stack, store=MemoryStore())
