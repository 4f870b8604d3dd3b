"""Webhooks: signed JSON, nowhere but where it may go."""

import hashlib
import hmac
import json
from contextlib import asynccontextmanager

import msgspec
import pytest

from notifiers.base import DeliveryError
from notifiers.webhook import SIGNATURE, TIMESTAMP, Webhook, WebhookSettings, is_public
from tests.contract.notifiers.aggregator import CLOSE, HANG, Aggregator
from tests.contract.notifiers.test_notifier import MESSAGE

KEY = "kunci-kait"


class Receiver(Aggregator):
    """A system that takes webhooks."""

    def _accept(self, request):
        self.requests.append(request)
        return 204, {}, b""


@asynccontextmanager
async def opened(certificate, **more):
    async with Receiver().open(certificate.context) as receiver:
        settings = WebhookSettings(
            key=KEY, **({"private_addresses": True, "ca_file": certificate.file} | more)
        )
        hook = Webhook(settings)
        yield receiver, hook, to(f"https://127.0.0.1:{receiver.port}/siaga?desk=1")
        await hook.close()


def to(address: str):
    """A message to an address."""
    return msgspec.structs.replace(
        MESSAGE, channel="webhook", to=address, headers={"kind": "first", "level": "siaga"}
    )


async def test_the_body_is_signed_with_the_time_of_the_message(certificate):
    async with opened(certificate) as (receiver, hook, message):
        assert (await hook.send(message)).reference == message.id
    (request,) = receiver.requests
    assert json.loads(request.body) == {
        "id": message.id,
        "date": message.date,
        "facts": {"kind": "first", "level": "siaga"},
        "subject": message.subject,
        "text": message.text,
    }
    stamp = request.headers[TIMESTAMP]
    assert stamp == "1732673700"
    expected = hmac.new(KEY.encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers[SIGNATURE] == f"sha256={expected}"
    assert (request.path, request.query) == ("/siaga", {"desk": "1"})


@pytest.mark.parametrize(
    ("answer", "reason", "transient"),
    [
        ((500, {}, b""), "server_error", True),
        ((429, {"Retry-After": "5"}, b""), "throttled", True),
        ((410, {}, b""), "recipient_refused", False),
        ((400, {}, b""), "content_refused", False),
        ((401, {}, b""), "authentication", True),
        ((307, {"Location": "https://lain.example/"}, b""), "misconfigured", True),
        (CLOSE, "disconnected", True),
        (HANG, "timeout", True),
    ],
)
async def test_each_answer_has_its_reason(certificate, answer, reason, transient):
    more = {"timeout": 0.5} if answer == HANG else {}
    async with opened(certificate, **more) as (receiver, hook, message):
        receiver.answers = [answer]
        with pytest.raises(DeliveryError) as failed:
            await hook.send(message)
        assert (failed.value.reason, failed.value.transient) == (reason, transient)
        assert "127.0" not in str(failed.value)
        assert receiver.requests == []


async def test_a_certificate_nobody_vouches_for_is_refused(certificate):
    async with opened(certificate, ca_file="") as (receiver, hook, message):
        with pytest.raises(DeliveryError) as failed:
            await hook.send(message)
        assert failed.value.reason == "tls"
        assert receiver.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "https://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "https://[::1]:{port}/",
        "http://localhost:{port}/",
    ],
)
async def test_private_addresses_and_plain_http_are_refused_before_anything_is_sent(certificate, address):
    async with opened(certificate, private_addresses=False) as (receiver, hook, _):
        with pytest.raises(DeliveryError) as failed:
            await hook.send(to(address.format(port=receiver.port)))
        assert (failed.value.reason, failed.value.transient) == ("recipient_refused", False)
        assert receiver.connections == 0


@pytest.mark.parametrize(
    "address", ["ftp://localhost/", "https://", "file:///etc/passwd", "https://a\r\nb.example/"]
)
async def test_what_is_no_address_of_the_web_is_refused(certificate, address):
    async with opened(certificate) as (_, hook, _):
        with pytest.raises(DeliveryError) as failed:
            await hook.send(to(address))
        assert failed.value.reason in ("recipient_refused", "refused_connection", "disconnected")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.1", False),
        ("224.0.0.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::8.8.8.8", True),
        ("2002:0a00:0001::1", False),
        ("2001:db8::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool):
    """Also where a private one is written inside another kind."""
    assert is_public(address) is public
