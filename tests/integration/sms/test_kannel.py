"""SMS through a real Kannel: it takes our message, reports that it arrived, and carries the answer that counts."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from engine.app import Siaga, open_siaga
from engine.documents.adapters import load_adapter
from engine.store.memory import MemoryStore
from engine.texts.reply_code import valid
from engine.web.server import serving
from notifiers.base import DeliveryError
from notifiers.registry import build_one
from tests.contract.notifiers.test_notifier import (  # noqa: F401 -- the tests run here on the fixture of this module
    ADAPTERS,
    SMS,
    Gateway,
    test_a_gateway_out_of_order_is_a_transient_failure,
    test_a_message_arrives_whole_and_is_receipted,
    test_a_notifier_that_was_closed_can_be_closed_again_and_used,
    test_a_repeat_is_the_same_bytes,
    test_messages_sent_at_once_all_arrive,
)
from tests.integration.mail.office import START, office, report
from tests.integration.namespace import needs, until
from tests.integration.sms.kannel import FAKESMSC, PASSWORD, UNREACHABLE, USER, Kannel, kannel

PORT, SECRET = 8080, "rahasia-panggilan"
SEKDA = "+628110000001"
GATEWAYS = f"""version: 1
gateways:
  - id: kannel
    channel: sms
    adapter: kannel.yaml
    url: {Kannel.url}
    user: {USER}
    password_env: UJI_KANNEL_PASSWORD
    callback_env: UJI_KANNEL_CALLBACK
    callback_url: http://127.0.0.1:{PORT}
    profile: {{two_way: true, dlr_trust: low, sender_id: "{Kannel.number}"}}
"""


@pytest.fixture(scope="module")
def server(own_network, tmp_path_factory):
    needs("bearerbox", "smsbox", str(FAKESMSC))
    with kannel(tmp_path_factory.mktemp("kannel")) as server:
        server.start(PORT, SECRET)
        yield server


def notifier_of(password: str = PASSWORD, sender_id: str = Kannel.number, **more: str):
    settings = {
        "adapter": "sms_http",
        "name": "kannel",
        "url": Kannel.url,
        "user": USER,
        "password": password,
        "sender_id": sender_id,
        "report_url": f"http://127.0.0.1:{PORT}/v1/gateways/kannel/reports",
        "callback_secret": SECRET,
    }
    return build_one({**settings, "send": load_adapter(ADAPTERS / "kannel.yaml").expect().send} | more)


# --- the contract of all notifiers, imported above, on the real one --------------------------------------------------


ONE_LINE = msgspec.structs.replace(SMS, text=" ".join(SMS.text.split()))
"""The simulator of the centre says each line of a text as a message of its own."""


class Counting:
    """The notifier, and how many messages Kannel took from it."""

    def __init__(self) -> None:
        self._notifier = notifier_of()
        self.name, self.close, self.taken = self._notifier.name, self._notifier.close, 0

    async def send(self, message):
        receipt = await self._notifier.send(message)
        self.taken += 1
        return receipt


@pytest.fixture
async def gateway(server: Kannel):
    """What the contract asks of: a notifier, a message, what the centre got, and one whose Kannel is not there."""
    counting, broken = Counting(), notifier_of(url="http://127.0.0.1:9")
    with server.centre() as log:

        def arrived() -> list[bytes]:
            until(lambda: len(got(log)) >= counting.taken)
            return got(log)

        yield Gateway(counting, ONE_LINE, arrived, broken)
        await counting.close()
        await broken.close()


def got(log: Path) -> list[bytes]:
    """Return the messages that a centre says it got."""
    found = _GOT.findall(log.read_text(errors="replace"))
    return [message.encode() for message in found]


_GOT = re.compile(r"Got message \d+: <(.*?)>\n", re.DOTALL)


# --- what only Kannel has ---------------------------------------------------------------------------------------------


async def test_the_centre_gets_the_text_as_it_was_written(server: Kannel):
    """Also signs that take two places in GSM-7, and line breaks."""
    notifier = notifier_of()
    message = msgspec.structs.replace(
        SMS, to=SEKDA, text="SIAGA: dugaan {a} [b] ~ 5% & 'c'\nBalas TERIMA K7QR"
    )
    with server.centre() as log:
        receipt = await notifier.send(message)
        until(lambda: "Balas TERIMA K7QR" in log.read_text(errors="replace"))
    await notifier.close()
    assert receipt.reference == message.id
    got = log.read_text(errors="replace")
    assert SEKDA in got
    for part in ("{a} [b] ~ 5% & 'c'", "SIAGA: dugaan"):
        assert part in got


async def test_a_missing_sender_may_be_mended_while_messages_wait(server: Kannel):
    notifier = notifier_of(sender_id="")
    with pytest.raises(DeliveryError) as refused:
        await notifier.send(SMS)
    await notifier.close()
    assert (refused.value.reason, refused.value.transient) == ("misconfigured", True)


@pytest.mark.parametrize(
    ("to", "password", "reason", "transient"),
    [
        (SEKDA, "salah", "authentication", True),
        (f"{UNREACHABLE}1234567", PASSWORD, "recipient_refused", False),
    ],
)
async def test_what_kannel_refuses_has_its_reason(
    server: Kannel, to: str, password: str, reason: str, transient
):
    notifier = notifier_of(password)
    with server.centre(), pytest.raises(DeliveryError) as refused:
        await notifier.send(msgspec.structs.replace(SMS, to=to))
    await notifier.close()
    assert (refused.value.reason, refused.value.transient) == (reason, transient)


# --- the whole service ------------------------------------------------------------------------------------------------


@pytest.fixture
async def siaga(server: Kannel, tmp_path: Path, monkeypatch):
    """A service whose official has a phone, listening where Kannel brings reports and texts."""
    monkeypatch.setenv("UJI_KANNEL_PASSWORD", PASSWORD)
    monkeypatch.setenv("UJI_KANNEL_CALLBACK", SECRET)
    (tmp_path / "adapters").symlink_to(ADAPTERS)
    (tmp_path / "gateways.yaml").write_text(GATEWAYS)
    settings = office(tmp_path, {}, sms=SEKDA)
    paths = settings.paths.model_copy(update={"gateways": tmp_path / "gateways.yaml"})
    settings = settings.model_copy(
        update={"paths": paths, "http": settings.http.model_copy(update={"port": PORT})}
    )
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        await stack.enter_async_context(serving(siaga))
        yield siaga


def counted(siaga: Siaga, metric: str, **labels: str) -> Callable[[], bool]:
    """Return the question whether a metric has counted something."""
    return lambda: bool(siaga.metrics.registry.get_sample_value(metric, labels))


async def waited(condition: Callable[[], object]) -> None:
    """Wait for what Kannel does, while its calls are served."""
    await asyncio.to_thread(until, condition)


async def test_kannel_takes_reports_and_brings_the_answer(siaga: Siaga, server: Kannel):
    """Message out, `delivered` back, TERIMA with the code in: the alert is taken, and the person gets the reply."""
    with server.centre() as log:
        await report(siaga)
        (alert,) = await siaga.desk.alerts()
        (notice,) = (await siaga.desk.case(alert.id)).notifications.values()
        assert (notice.gateway, notice.state) in {("kannel", "sent"), ("kannel", "delivered")}
        code = notice.rendered.text.split()[-1]
        assert valid(code)
        until(lambda: code in log.read_text(errors="replace"))
        await waited(counted(siaga, "siaga_gateway_messages_total", gateway="kannel", result="delivered"))
    (notice,) = (await siaga.desk.case(alert.id)).notifications.values()
    assert notice.state == "delivered"
    (alert,) = await siaga.desk.alerts()
    assert alert.status == "open"
    with server.centre((SEKDA, f"Terima, {code}")) as log:
        await waited(counted(siaga, "siaga_inbound_texts_total", result="recorded"))
        (alert,) = await siaga.desk.alerts()
        assert (alert.status, alert.acknowledged_by) == ("acknowledged", "sekda-7315")
        assert alert.takings[0].via == "sms"
        await siaga.advance(START + 1_000)
        await waited(lambda: f"Tercatat {code}" in log.read_text(errors="replace"))


async def test_a_centre_that_is_away_gets_the_message_when_it_is_back(siaga: Siaga, server: Kannel):
    """Without an SMS centre Kannel keeps the message; that is accepted, and delivered when the centre is back."""
    await report(siaga)
    (alert,) = await siaga.desk.alerts()
    (notice,) = (await siaga.desk.case(alert.id)).notifications.values()
    assert notice.gateway == "kannel"
    assert notice.state in ("sent", "pending")
    with server.centre() as log:
        await siaga.advance(START + 20_000)
        code = (await siaga.desk.case(alert.id)).notifications[notice.id].rendered.text.split()[-1]
        await waited(lambda: code in log.read_text(errors="replace"))
        await waited(counted(siaga, "siaga_gateway_messages_total", gateway="kannel", result="delivered"))
    assert (await siaga.desk.case(alert.id)).notifications[notice.id].state == "delivered"
