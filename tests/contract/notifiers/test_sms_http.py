"""SMS gateways over HTTP: the shipped descriptions, and what every kind of answer and fault counts as."""

import json
from contextlib import asynccontextmanager

import msgspec
import pytest

from engine.documents.adapters import load_adapter
from notifiers.base import DeliveryError
from notifiers.registry import build_one, prepaid
from notifiers.sms_http import SmsHttp
from tests.contract.notifiers.aggregator import CLOSE, HANG, Aggregator
from tests.contract.notifiers.test_notifier import ADAPTERS, SMS

KANNEL, JSON = "kannel.yaml", "json.yaml"


def gateway(url: str, adapter: str, **more) -> SmsHttp:
    """A notifier as the service builds it from a shipped description."""
    described = load_adapter(ADAPTERS / adapter).expect()
    settings = {
        "adapter": "sms_http",
        "name": "uji",
        "url": url,
        "user": "siaga",
        "password": "rahasia",
        "report_url": "http://siaga.example/v1/gateways/uji/reports",
        "callback_secret": "rahasia-panggilan",
        "send": described.send,
        "balance": described.balance,
    }
    return build_one(settings | more)


@asynccontextmanager
async def opened(adapter: str, **more):
    async with Aggregator().open() as aggregator:
        notifier = gateway(aggregator.url, adapter, **more)
        yield aggregator, notifier
        await notifier.close()


async def test_kannel_is_asked_as_its_manual_says():
    async with opened(KANNEL, sender_id="1500") as (aggregator, notifier):
        receipt = await notifier.send(SMS)
    (request,) = aggregator.requests
    assert (request.method, request.path) == ("GET", "/cgi-bin/sendsms")
    assert request.query == {
        "username": "siaga",
        "password": "rahasia",
        "to": SMS.to,
        "from": "1500",
        "text": SMS.text,
        "charset": "UTF-8",
        "coding": "0",
        "dlr-mask": "19",
        "dlr-url": "http://siaga.example/v1/gateways/uji/reports?id=pemberitahuan2345&state=%d&secret=rahasia-panggilan",
    }
    assert (receipt.gateway, receipt.reference) == ("uji", SMS.id)


async def test_json_goes_as_json_and_its_reference_comes_back():
    async with opened(JSON) as (aggregator, notifier):
        receipt = await notifier.send(SMS)
    (request,) = aggregator.requests
    assert request.headers["authorization"] == "Bearer rahasia"
    assert json.loads(request.body) == {
        "to": SMS.to,
        "text": SMS.text,
        "client_ref": SMS.id,
        "callback_url": "http://siaga.example/v1/gateways/uji/reports",
    }
    assert receipt.reference == "m1"


HOSTILE = 'baris\r\nX-Jahat: 1\n{password} {to} &to=+62 "}], "to": "x" \u202e \U0001f600 %00'


@pytest.mark.parametrize("adapter", [KANNEL, JSON])
async def test_a_text_is_only_ever_a_text(adapter):
    async with opened(adapter) as (aggregator, notifier):
        await notifier.send(msgspec.structs.replace(SMS, text=HOSTILE))
    (request,) = aggregator.requests
    assert request.message == {"to": SMS.to, "text": HOSTILE, "id": SMS.id}
    assert "x-jahat" not in request.headers


DOCUMENTED = json.dumps({"error": "invalid_number"}).encode()


@pytest.mark.parametrize(
    ("adapter", "answer", "reason", "transient", "after"),
    [
        (JSON, (200, {}, DOCUMENTED), "recipient_refused", False, None),
        (JSON, (200, {}, b'{"status": "queue'), "invalid_answer", True, None),
        (JSON, (200, {}, b"[" * 100_000), "invalid_answer", True, None),
        (JSON, (200, {}, b""), "invalid_answer", True, None),
        (JSON, (429, {"Retry-After": "17"}, b"{}"), "throttled", True, 17.0),
        (JSON, (429, {"Retry-After": "9999999"}, b"{}"), "throttled", True, 3600.0),
        (
            JSON,
            (
                503,
                {"Retry-After": "Wed, 27 Nov 2024 02:16:30 GMT", "Date": "Wed, 27 Nov 2024 02:15:00 GMT"},
                b"",
            ),
            "server_error",
            True,
            90.0,
        ),
        (JSON, (503, {"Retry-After": "besok"}, b""), "server_error", True, None),
        (JSON, (401, {}, b"{}"), "authentication", True, None),
        (JSON, (302, {"Location": "http://lain.example/"}, b""), "misconfigured", True, None),
        (JSON, (418, {}, b"{}"), "invalid_answer", True, None),
        (JSON, HANG, "timeout", True, None),
        (JSON, CLOSE, "disconnected", True, None),
        (KANNEL, (403, {}, b"Authorization failed for sendsms"), "authentication", True, None),
        (KANNEL, (403, {}, b"Not routable. Do not try again."), "recipient_refused", False, None),
        (KANNEL, (400, {}, b"Empty text not allowed, rejected"), "content_refused", False, None),
        (KANNEL, (503, {}, b"Temporal failure, try again later."), "server_error", True, None),
        (KANNEL, (200, {}, b"<html>selamat datang</html>"), "invalid_answer", True, None),
    ],
)
async def test_each_answer_has_its_reason_and_may_pass_or_not(adapter, answer, reason, transient, after):
    """And the next message goes through as if nothing had been."""
    async with opened(adapter, timeout=0.5 if answer == HANG else 20) as (aggregator, notifier):
        aggregator.answers = [answer]
        with pytest.raises(DeliveryError) as failed:
            await notifier.send(SMS)
        assert (failed.value.reason, failed.value.transient) == (reason, transient)
        assert failed.value.retry_after == after
        assert SMS.to not in str(failed.value)
        assert "rahasia" not in str(failed.value)
        await notifier.send(SMS)
    assert len(aggregator.requests) == 1


async def test_connections_are_kept():
    async with opened(JSON) as (aggregator, notifier):
        for _ in range(5):
            await notifier.send(SMS)
        assert aggregator.connections == 1


async def test_an_unknown_certificate_is_not_trusted_and_a_named_authority_is(certificate):
    async with Aggregator().open(certificate.context) as aggregator:
        url = f"https://127.0.0.1:{aggregator.port}"
        stranger = gateway(url, JSON)
        with pytest.raises(DeliveryError) as failed:
            await stranger.send(SMS)
        assert (failed.value.reason, failed.value.transient) == ("tls", True)
        known = gateway(url, JSON, ca_file=certificate.file)
        await known.send(SMS)
        await stranger.close()
        await known.close()


async def test_a_prepaid_gateway_says_what_is_left():
    async with opened(JSON) as (aggregator, notifier):
        assert await notifier.balance() == 1250.5
        aggregator.answers = [(200, {}, b'{"balance": "banyak"}')]
        assert await notifier.balance() == "invalid_answer"
        aggregator.answers = [(503, {}, b"")]
        assert await notifier.balance() == "server_error"
        assert list(prepaid({"uji": notifier})) == ["uji"]
    async with opened(KANNEL) as (_, notifier):
        assert prepaid({"uji": notifier}) == {}


def test_settings_never_show_a_secret():
    shown = repr(gateway("http://sms.example", KANNEL)._settings)
    assert "rahasia" not in shown


def test_an_unknown_placeholder_shows_itself_at_the_start():
    with pytest.raises(ValueError, match=r"no placeholder \{nomor\}"):
        gateway("http://sms.example", KANNEL, send={"url": "{url}/{nomor}"})
