"""Whatever a notifier raises or returns is an attempt that failed with a reason: breaker, retry, fallback."""

import asyncio
import math
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine import metric_labels
from engine.core.alerting.directory import Contact
from engine.core.alerting.gateway_route import FAILURES_TO_OPEN, Route
from engine.core.judging.instant import MINUTE
from engine.delivery.gateways import Gateway, Gateways
from engine.documents.adapters import load_adapter
from engine.texts.render import Renderer
from notifiers.base import DeliveryError, Message, Reason, Receipt
from notifiers.collecting import Collecting, CollectingSettings
from notifiers.registry import build_one
from tests.contract.notifiers.test_notifier import ADAPTERS, MESSAGE, SMS
from tests.unit.delivery.test_digests import digests, held, later, notices
from tests.unit.support.country import REGIONS
from tests.unit.support.switchboard import GATEWAY, PEOPLE, SEKDA, Switchboard
from tests.unit.texts.sample import CATALOGUE, TEMPLATES

# --- real notifiers, hostile servers ----------------------------------------------------------------------------------

UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello"
)
HTTP = {
    "101": UPGRADE,
    "101 without a header": b"HTTP/1.1 101 x\r\n\r\n",
    "only interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    "an unknown interim answer": b"HTTP/1.1 199 x\r\n\r\n",
    "status 0": b"HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n",
    "status 999": b"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
    "garbage": bytes(range(256)) * 20,
    "nothing": b"",
    "another protocol": b"220 mail.example ESMTP\r\n",
    "half a head": b"HTTP/1.1 500 Int",
    "half a body of an error": b"HTTP/1.1 500 x\r\nContent-Length: 99\r\n\r\nhalf",
    "a chunk that is none": b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    "a length that is none": b"HTTP/1.1 500 x\r\nContent-Length: -1\r\n\r\n",
    "a retry that is none": b"HTTP/1.1 503 x\r\nRetry-After: \xff\xfe 99999999999\r\nContent-Length: 0\r\n\r\n",
    "a head without an end": b"HTTP/1.1 500 x\r\nX: " + b"a" * 100_000,
}
SMTP = {
    "garbage": bytes(range(256)) * 20,
    "nothing": b"",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a code that is none": b"999999 x\r\n",
    "half a line": b"220 mail",
    "a line without an end": b"220-" + b"a" * 100_000,
    "closing at once": b"421 4.3.2 closing\r\n",
    "a greeting of letters": "220 \u2603\r\n".encode() + b"\xff\xfe\r\n",
    "a greeting and no more": b"220 mail.example ESMTP\r\n",
}


@asynccontextmanager
async def server(answer: bytes, *, first: bool):
    """Listen on a port of its own; say that to whoever connects, `first` or as soon as they speak, and close."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not first:
            await reader.read(10)
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(say, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def kannel(port: int):
    described = load_adapter(ADAPTERS / "kannel.yaml").expect()
    settings = {"adapter": "sms_http", "name": "sms", "password": "rahasia", "send": described.send}
    return build_one({**settings, "url": f"http://127.0.0.1:{port}", "timeout": 20.0}), SMS


def webhook(port: int):
    hook = build_one({"adapter": "webhook", "key": "kunci", "private_addresses": True, "timeout": 20.0})
    return hook, msgspec.structs.replace(
        MESSAGE, channel="webhook", to=f"http://127.0.0.1:{port}/siaga", html="", headers={}
    )


def smtp(port: int):
    settings = {"adapter": "smtp", "host": "127.0.0.1", "tls": "none", "timeout": 20.0}
    return build_one({**settings, "port": port}), MESSAGE


HOSTILE = [
    *(
        pytest.param(make, answer, id=f"{make.__name__}: {name}")
        for make in (kannel, webhook)
        for name, answer in HTTP.items()
    ),
    *(pytest.param(smtp, answer, id=f"smtp: {name}") for name, answer in SMTP.items()),
]


async def refusal(notifier, message: Message) -> DeliveryError:
    """Send, and return why it was not accepted."""
    try:
        with pytest.raises(DeliveryError) as failed:
            await notifier.send(message)
    finally:
        await notifier.close()
    return failed.value


@pytest.mark.parametrize(("make", "answer"), HOSTILE)
async def test_each_surprise_of_a_server_has_a_reason(make, answer):
    async with server(answer, first=make is smtp) as port:
        notifier, message = make(port)
        refused = await refusal(notifier, message)
    assert refused.reason in get_args(Reason)
    assert refused.transient
    assert message.to not in str(refused)


@pytest.mark.parametrize("make", [kannel, webhook])
async def test_101_is_an_answer_that_makes_no_sense(make):
    async with server(UPGRADE, first=False) as port:
        refused = await refusal(*make(port))
    assert (refused.reason, refused.transient) == ("invalid_answer", True)


UNWRITABLE = [
    {"text": "lone \ud800 surrogate"},
    {"date": "yesterday"},
    {"to": "a\r\nBcc: b"},
    {"id": "\ud800"},
    {"subject": "\ud800", "headers": {"X-A": "\ud800"}},
]


def outbox(channel: str):
    def made(folder: Path):
        message = MESSAGE if channel == "email" else SMS
        return build_one({"adapter": "outbox", "channel": channel, "directory": str(folder)}), message

    return made


@pytest.mark.parametrize("fields", UNWRITABLE, ids="+".join)
@pytest.mark.parametrize(
    "make",
    [outbox("email"), outbox("sms"), kannel, webhook, smtp],
    ids=["email", "sms", "kannel", "webhook", "smtp"],
)
async def test_what_cannot_be_written_is_refused_and_nothing_else_is_raised(make, fields, tmp_path):
    """Where a field means nothing to a gateway the message may go; nothing is ever raised but `DeliveryError`."""
    async with server(b"", first=make is smtp) as port:
        notifier, message = make(tmp_path if make.__name__ == "made" else port)
        changed = {name: value for name, value in fields.items() if getattr(message, name)}
        reasons = [*get_args(Reason)]
        try:
            await notifier.send(msgspec.structs.replace(message, **changed))
        except DeliveryError as error:
            reasons.remove(error.reason)  # it is one of them
        finally:
            await notifier.close()


# --- the dispatcher ---------------------------------------------------------------------------------------------------


class Odd(BaseException):
    """Nobody expects this one."""


class Surprising:
    """A notifier that raises, or returns, whatever it is given."""

    channel = "sms"

    def __init__(self, name: str, surprise: object) -> None:
        self.name, self.surprise, self.tried = name, surprise, 0

    async def send(self, message: Message) -> Receipt:
        self.tried += 1
        if isinstance(self.surprise, BaseException):
            raise self.surprise
        return self.surprise

    async def close(self) -> None:
        raise RuntimeError("not even this")


SURPRISES = [
    RuntimeError(f"to {SEKDA}"),
    KeyError("x"),
    AssertionError(),
    RecursionError(),
    MemoryError(),
    OSError("unmapped"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"),
    ExceptionGroup("several", [ValueError(), OSError()]),
    BaseExceptionGroup("several", [Odd()]),
    StopIteration(),
    asyncio.CancelledError(),
    asyncio.InvalidStateError(),
    TimeoutError(),
    SystemExit(3),
    Odd(),
    None,
    "queued",
    DeliveryError("a reason of its own", transient=True),
]


def surprised(surprise: object, spare: bool) -> tuple[Switchboard, Surprising, Collecting]:
    """A desk whose official is told by webhooks' stand-in first: a second phone, by another gateway, is their spare."""
    second = Contact(id="sekda-7315/sms/2", channel="sms", value="+62899000000")
    sekda = PEOPLE[0]
    if spare:
        sekda = msgspec.structs.replace(sekda, contacts=(*sekda.contacts, second))
    board = Switchboard(people=(sekda, *PEOPLE[1:]))
    other = Gateway(route=Route(gateway="lain", channel="sms", prefixes=("+62899",)))
    board.gateways = Gateways(board.store, board.clock, board.metrics, [GATEWAY, other])
    board.books.routes = board.gateways.routes
    notifier = Surprising("sms", surprise)
    lain = Collecting(CollectingSettings(channel="sms", name="lain"))
    board.dispatcher = board.dispatcher_of(sms=notifier, lain=lain)
    return board, notifier, lain


@pytest.mark.parametrize("surprise", SURPRISES, ids=repr)
async def test_whatever_a_notifier_raises_is_tried_again_and_falls_back(surprise):
    board, notifier, spare = surprised(surprise, spare=True)
    alert = await board.open()
    for seconds in (1, 20, 60, 1):
        await board.send(seconds)
    first, second = (await board.desk.case(alert)).notifications.values()
    assert (first.state, first.attempts, notifier.tried) == ("failed", 3, 3)
    assert first.reason in metric_labels.STATES["failed"]
    assert (second.state, second.instead_of) == ("sent", first.id)
    assert len(spare.accepted) == 1


async def test_surprises_open_the_breaker():
    board, notifier, _ = surprised(RuntimeError(), spare=False)
    for ordinal in range(1, FAILURES_TO_OPEN + 3):
        await board.open(ordinal)
    await board.send()
    assert notifier.tried == FAILURES_TO_OPEN
    assert (await board.gateways.breakers())["sms"].is_open(board.clock.now())


async def test_a_message_that_has_no_other_contact_goes_on_being_tried_and_its_person_is_to_be_called():
    board, notifier, _ = surprised(RuntimeError(), spare=False)
    alert = await board.open()
    for seconds in (1, 20, 60, 300):
        await board.send(seconds)
    message, *_ = (await board.desk.case(alert)).notifications.values()
    assert (message.state, message.reason) == ("pending", "retrying")
    notifier.surprise = Receipt(gateway="sms", reference="r")
    await board.send(300)
    message, *_ = (await board.desk.case(alert)).notifications.values()
    assert (message.state, message.reference) == ("sent", "r")


@pytest.mark.parametrize("after", [math.nan, math.inf, -1.0, 1e300])
async def test_a_wait_that_nobody_can_keep_to_is_bounded(after):
    board, _, _ = surprised(DeliveryError("throttled", transient=True, retry_after=after), spare=False)
    alert = await board.open()
    await board.send()
    (message,) = (await board.desk.case(alert)).notifications.values()
    assert (message.state, message.reason) == ("pending", "throttled")
    assert message.due_at <= board.clock.now() + 60 * MINUTE


@pytest.mark.parametrize("reference", ["\ud800", "r" * 100_000, None, 7])
async def test_a_reference_that_cannot_be_kept_does_not_send_the_message_again(reference):
    board, notifier, _ = surprised(Receipt(gateway="sms", reference=reference), spare=False)
    alert = await board.open()
    for _ in range(3):
        await board.send(300)
    (message,) = (await board.desk.case(alert)).notifications.values()
    assert (message.state, message.reference, notifier.tried) == ("sent", "", 1)


@pytest.mark.parametrize("what", ["reply", "digest", "trial"])
async def test_it_is_so_of_messages_of_every_kind(what):
    board, notifier, _ = surprised(RuntimeError(), spare=False)
    if what == "trial":
        await board.publish()
        surprising, rendered = board.dispatcher, (await rendered_of(board)).rendered
        contact = (await board.books.directory()).contact("sekda-7315/sms/1")
        tried = await surprising.try_contact(contact, rendered, "uji")
        assert (tried.outcome, tried.reason) == ("transient", "unexpected")
        return
    if what == "digest":
        alerts = await held(with_route(board))
        board.dispatcher = board.dispatcher_of(sms=notifier)
        await later(board, 10)
        (digest,) = await digests(board)
        assert (digest.state, digest.reason, digest.attempts) == ("pending", "unexpected", 1)
        for minutes in (0.5, 1.0, 0.5):
            await later(board, minutes)
        assert [n.reason for n in await notices(board, alerts)] == ["retrying"] * 2
        return
    await board.publish()
    await board.inbound.hear(SEKDA, "apa")
    for seconds in (1, 20, 60, 300, 300):
        await board.send(seconds)
    (reply,) = await board.replies()
    assert (reply.state, reply.reason, notifier.tried) == ("failed", "unexpected", 3)


def with_route(board: Switchboard) -> Switchboard:
    board.dispatcher = board.dispatcher_of(sms=board.route)
    return board


async def rendered_of(board: Switchboard):
    """A message as it was worded for the gateway."""
    alert = await board.open()
    await with_route(board).send()
    (message,) = (await board.desk.case(alert)).notifications.values()
    return message


async def test_who_ends_the_delivery_ends_it():
    """A delivery that is cancelled records nothing: its claim ends by itself."""
    board, _, _ = surprised(None, spare=False)
    began = asyncio.Event()

    class Waiting(Surprising):
        async def send(self, message: Message) -> Receipt:
            began.set()
            await asyncio.get_running_loop().create_future()

    board.dispatcher = board.dispatcher_of(in_order=False, sms=Waiting("sms", None))
    alert = await board.open()
    await board.dispatcher.turn()
    await began.wait()
    (task,) = board.dispatcher.deliveries._under_way
    task.cancel()
    await board.dispatcher.deliveries.settled()
    (message,) = (await board.desk.case(alert)).notifications.values()
    assert (message.state, message.attempts) == ("sending", 0)
    assert await board.gateways.breakers() == {}


async def test_closing_lets_go_of_all_gateways_though_one_raises():
    board, _, lain = surprised(None, spare=True)
    closed = []

    class Closed(Collecting):
        async def close(self) -> None:
            closed.append(self.name)

    board.dispatcher = board.dispatcher_of(
        sms=Surprising("sms", None), lain=Closed(CollectingSettings(channel="sms", name="lain"))
    )
    await board.dispatcher.close()
    assert closed == ["lain"]
    assert lain.accepted == []


# --- words that cannot be made ----------------------------------------------------------------------------------------


class Broken(Renderer):
    """A renderer whose template for one alert, or one contact, raises."""

    def __init__(self, *, alert: str = "", contact: str = "") -> None:
        super().__init__(
            CATALOGUE,
            {},
            REGIONS,
            base_url="https://siaga.example",
            sender="siaga@desk.example",
            templates=TEMPLATES,
        )
        self.alert, self.contact = alert, contact

    def render(self, notification, alert, notifications, **more):
        if alert.id == self.alert or notification.contact == self.contact:
            raise ZeroDivisionError("in the template")
        return super().render(notification, alert, notifications, **more)

    def digest(self, digest, cases, **more):
        if any(alert.id == self.alert for _, alert, _ in cases):
            raise ZeroDivisionError("in the template")
        return super().digest(digest, cases, **more)


def with_renderer(board: Switchboard, renderer: Renderer, **notifiers) -> None:
    """Let the desk's dispatcher word messages by another renderer."""
    dispatcher = board.dispatcher_of(**notifiers)
    parts = dispatcher.claims._parts._replace(renderer=renderer)
    dispatcher.claims._parts = dispatcher.digests._parts = parts
    board.dispatcher = dispatcher


async def test_a_template_that_raises_is_a_failed_attempt_and_the_next_contact_serves():
    board, _, spare = surprised(None, spare=True)
    with_renderer(board, Broken(contact="sekda-7315/sms/1"), sms=board.route, lain=spare)
    alert = await board.open()
    for seconds in (1, 20, 60, 1):
        await board.send(seconds)
    first, second = (await board.desk.case(alert)).notifications.values()
    assert (first.state, first.reason, board.route.tried) == ("failed", "not_rendered", 0)
    assert (second.state, second.instead_of, len(spare.accepted)) == ("sent", first.id, 1)
    assert await board.gateways.breakers() == {}  # it is no fault of the gateway


async def test_a_message_that_cannot_be_worded_does_not_hold_up_the_others_nor_end():
    board = Switchboard()
    alerts = [await board.open(ordinal) for ordinal in (1, 2, 3)]
    renderer = Broken(alert=alerts[1])
    with_renderer(board, renderer, sms=board.route)
    for seconds in (1, 20, 60, 300):
        await board.send(seconds)
    found = [next(iter((await board.desk.case(alert)).notifications.values())) for alert in alerts]
    assert [n.state for n in found] == ["sent", "pending", "sent"]
    assert found[1].reason == "retrying"  # to be called: no message reaches them
    renderer.alert = ""
    await board.send(300)
    mended, *_ = (await board.desk.case(alerts[1])).notifications.values()
    assert mended.state == "sent"


async def test_an_item_of_a_digest_that_cannot_be_worded_leaves_it_and_the_others_go():
    board = Switchboard()
    alerts = await held(board, 4)
    with_renderer(board, Broken(alert=alerts[0]), sms=board.route)
    await later(board, 10)
    await later(board, 1)
    states = [(n.state, n.reason) for n in await notices(board, alerts)]
    assert states[0][0] == "pending"
    assert states[0][1] in ("not_rendered", "retrying")
    assert states[1:] == [("sent", "")] * 2


def test_every_reason_is_a_label():
    assert set(get_args(Reason)) <= set(metric_labels.STATES["failed"])
