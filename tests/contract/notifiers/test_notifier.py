"""What every notifier promises, whichever gateway it speaks to."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from engine.documents.adapters import load_adapter
from notifiers.base import DeliveryError, Message, Notifier
from notifiers.collecting import Collecting, CollectingSettings
from notifiers.registry import build_one
from tests.contract.notifiers.aggregator import Aggregator
from tests.contract.notifiers.mailbox import Mailbox

MESSAGE = Message(
    id="pemberitahuan2345",
    channel="email",
    to="sekda@pinrang.example",
    text="SIAGA: dugaan …\nhttps://siaga.example/a/abc\n",
    subject="[SIAGA] Kab. Pinrang: dugaan – netralitas",
    html="<p>SIAGA: dugaan …</p>",
    date="Wed, 27 Nov 2024 10:15:00 +0800",
    reference="<pemberitahuan2345@siaga.example>",
    headers={
        "From": "Siaga <siaga@desk.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "id",
    },
)
SMS = msgspec.structs.replace(
    MESSAGE, channel="sms", to="+6281100000000", subject="", html="", reference="", headers={}
)


ADAPTERS = Path(__file__).parents[3] / "config/adapters"


class Gateway:
    """A notifier, a message for it, what arrived so far, and a notifier like it whose gateway is out of order."""

    def __init__(self, notifier: Notifier, message: Message, arrived, broken: Notifier) -> None:
        self.notifier = notifier
        self.message = message
        self.arrived = arrived
        self.broken = broken


@asynccontextmanager
async def outbox(folder, message: Message):
    (folder / "berkas").write_text("")
    settings = {"adapter": "outbox", "channel": message.channel}
    yield Gateway(
        build_one({**settings, "directory": str(folder / "keluar")}),
        message,
        lambda: [path.read_bytes() for path in sorted((folder / "keluar").iterdir())],
        build_one({**settings, "directory": str(folder / "berkas")}),
    )


@asynccontextmanager
async def smtp():
    settings = {"adapter": "smtp", "host": "127.0.0.1", "tls": "none", "timeout": 20}
    async with Mailbox().open() as mailbox:
        async with Mailbox().open() as closed:  # while the other is open: their ports differ
            nobody_there = closed.port
        yield Gateway(
            build_one({**settings, "port": mailbox.port}),
            MESSAGE,
            lambda: [content for _, content in mailbox.kept],
            build_one({**settings, "port": nobody_there}),
        )


@asynccontextmanager
async def collecting():
    settings = CollectingSettings(channel="sms")
    notifier, broken = Collecting(settings), Collecting(settings)
    broken.become("down")
    yield Gateway(notifier, SMS, lambda: [f"{m.to}\n{m.text}".encode() for m in notifier.accepted], broken)


@asynccontextmanager
async def sms_http(adapter: str):
    described = load_adapter(ADAPTERS / adapter).expect()
    settings = {"adapter": "sms_http", "name": "sms", "password": "rahasia", "send": described.send}
    async with Aggregator().open() as aggregator:
        async with Aggregator().open() as closed:
            nobody_there = closed.url
        yield Gateway(
            build_one({**settings, "url": aggregator.url}),
            SMS,
            lambda: [" ".join(r.message.values()).encode() for r in aggregator.requests],
            build_one({**settings, "url": nobody_there}),
        )


class Elsewhere:
    """A webhook whose receiver is not there: the gateway is the address."""

    def __init__(self, notifier: Notifier, address: str) -> None:
        self._notifier, self._address = notifier, address
        self.close, self.probe = notifier.close, notifier.probe

    async def send(self, message: Message):
        return await self._notifier.send(msgspec.structs.replace(message, to=self._address))


@asynccontextmanager
async def webhook():
    settings = {"adapter": "webhook", "key": "kunci", "private_addresses": True}
    async with Aggregator().open() as receiver:
        async with Aggregator().open() as closed:
            nobody_there = closed.url
        address = f"{receiver.url}/siaga"
        yield Gateway(
            build_one(settings),
            msgspec.structs.replace(MESSAGE, channel="webhook", to=address, html="", headers={}),
            lambda: [f"{receiver.url}{r.path} ".encode() + r.body for r in receiver.requests],
            Elsewhere(build_one(settings), nobody_there),
        )


@pytest.fixture(
    params=[
        "outbox of e-mail",
        "outbox of SMS",
        "smtp",
        "Kannel's HTTP",
        "JSON over HTTP",
        "webhook",
        "collecting",
    ]
)
async def gateway(request, tmp_path):
    opened = {
        "outbox of e-mail": lambda: outbox(tmp_path, MESSAGE),
        "outbox of SMS": lambda: outbox(tmp_path, SMS),
        "smtp": smtp,
        "Kannel's HTTP": lambda: sms_http("kannel.yaml"),
        "JSON over HTTP": lambda: sms_http("json.yaml"),
        "webhook": webhook,
        "collecting": collecting,
    }[request.param]()
    async with opened as gateway:
        yield gateway
        await gateway.notifier.close()
        await gateway.broken.close()


async def test_a_message_arrives_whole_and_is_receipted(gateway: Gateway):
    """With the address and every word of the text."""
    receipt = await gateway.notifier.send(gateway.message)
    assert receipt.gateway == gateway.notifier.name
    assert receipt.reference
    (content,) = gateway.arrived()
    assert gateway.message.to.encode() in content
    assert b"https://siaga.example/a/abc" in content


async def test_a_probe_sends_nothing_and_finds_what_is_out_of_order(gateway: Gateway):
    """A message can be sent after it as before. The receiver of a webhook is an address, so there is nobody to try."""
    await gateway.notifier.probe()
    await gateway.notifier.send(gateway.message)
    assert len(gateway.arrived()) == 1
    if gateway.message.channel != "webhook":
        with pytest.raises(DeliveryError) as failed:
            await gateway.broken.probe()
        assert failed.value.reason in {"refused_connection", "server_error"}


async def test_a_repeat_is_the_same_bytes(gateway: Gateway):
    """An attempt after a crash sends exactly what was sent before."""
    for _ in range(2):
        await gateway.notifier.send(gateway.message)
    assert len(set(gateway.arrived())) == 1


async def test_messages_sent_at_once_all_arrive(gateway: Gateway):
    """More of them than there are connections."""
    messages = [
        msgspec.structs.replace(gateway.message, id=f"pesan{n}", text=f"pesan ke-{n}.") for n in range(20)
    ]
    await asyncio.gather(*(gateway.notifier.send(message) for message in messages))
    arrived = gateway.arrived()
    assert len(arrived) == 20
    assert all(any(message.text.encode() in content for content in arrived) for message in messages)


async def test_a_gateway_out_of_order_is_a_transient_failure(gateway: Gateway):
    """The same message may be taken later; its reason is one of the closed list and names no address."""
    with pytest.raises(DeliveryError) as failed:
        await gateway.broken.send(gateway.message)
    assert failed.value.transient
    assert failed.value.reason in {"refused_connection", "server_error"}
    assert gateway.message.to not in str(failed.value)


async def test_a_header_with_a_line_break_is_refused_for_good(gateway: Gateway):
    """No name and no address can add a header of its own; nothing but e-mail has headers for people."""
    if gateway.message.channel != "email":
        return
    for hostile in ({"subject": "a\r\nBcc: semua@desk.example"}, {"to": "a@b.example\nBcc: x@y.example"}):
        with pytest.raises(DeliveryError) as refused:
            await gateway.notifier.send(msgspec.structs.replace(gateway.message, **hostile))
        assert (refused.value.reason, refused.value.transient) == ("content_refused", False)
    await gateway.notifier.send(gateway.message)
    assert len(gateway.arrived()) == 1


async def test_a_notifier_that_was_closed_can_be_closed_again_and_used(gateway: Gateway):
    """Closing lets go of connections, nothing else."""
    await gateway.notifier.send(gateway.message)
    await gateway.notifier.close()
    await gateway.notifier.close()
    await gateway.notifier.send(gateway.message)
    assert len(set(gateway.arrived())) == 1
