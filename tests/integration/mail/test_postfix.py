"""E-mail through a real Postfix: STARTTLS and AUTH into a maildir, refusals, bounces, and the fallback to SMS."""

from contextlib import AsyncExitStack, asynccontextmanager
from email import message_from_bytes, policy

import msgspec
import pytest

from engine.answers.bounces import read_bounce
from engine.app import open_siaga
from engine.store.memory import MemoryStore
from notifiers.base import DeliveryError
from notifiers.email import Email, EmailSettings
from tests.contract.notifiers.test_notifier import MESSAGE
from tests.integration.mail.office import START, office, report
from tests.integration.mail.postfix import (
    BOUNCES,
    GONE,
    GREYLISTED,
    PASSWORD,
    SUBMISSION,
    SUBMISSIONS,
    USER,
    WITHOUT_DSN,
    Postfix,
)
from tests.integration.namespace import until

SEKDA = "sekda@pinrang.example"


@asynccontextmanager
async def gateway(certificate, port: int = SUBMISSION, **settings):
    """The notifier with an account on the server."""
    defaults = {"host": "127.0.0.1", "port": port, "ca_file": certificate.file, "timeout": 20.0}
    account = {"user": USER, "password": PASSWORD, "sender": BOUNCES}
    notifier = Email(EmailSettings(**defaults | account | settings))
    try:
        yield notifier
    finally:
        await notifier.close()


@pytest.mark.parametrize(("port", "tls"), [(SUBMISSION, "starttls"), (SUBMISSIONS, "implicit")])
async def test_mail_lies_in_the_maildir_as_it_was_written(server: Postfix, certificate, port: int, tls: str):
    """Over TLS with login; the receipt is the name by which the server's log knows it."""
    before = server.mails("sekda")
    async with gateway(certificate, port, tls=tls) as notifier:
        receipt = await notifier.send(msgspec.structs.replace(MESSAGE, to=SEKDA))
    (content,) = server.arrived("sekda", before)
    mail = message_from_bytes(content, policy=policy.default)
    assert (mail["Message-ID"], mail["Date"]) == (MESSAGE.reference, MESSAGE.date)
    assert (mail["Subject"], mail["Auto-Submitted"]) == (MESSAGE.subject, "auto-generated")
    assert mail["Return-Path"] == f"<{BOUNCES}>"
    assert "with ESMTPSA" in mail["Received"]
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == MESSAGE.text
    assert f"{receipt.reference}: client=" in server.log()


async def test_a_repeat_is_the_same_bytes_in_the_maildir(server: Postfix, certificate):
    """But for what the server itself writes above them."""
    before = server.mails("sekda")
    async with gateway(certificate) as notifier:
        for _ in range(2):
            await notifier.send(msgspec.structs.replace(MESSAGE, to=SEKDA))
    both = server.arrived("sekda", before, 2)
    assert len({mail[mail.index(b"MIME-Version") :] for mail in both}) == 1


@pytest.mark.parametrize(
    ("to", "reason", "transient"),
    [("tiada@pinrang.example", "recipient_refused", False), (GREYLISTED, "throttled", True)],
)
async def test_one_refused_recipient_touches_no_other_mail(
    server: Postfix, certificate, to: str, reason: str, transient: bool
):
    """Unknown for good, greylisted for a while; the next goes out on the same connection."""
    before = server.mails("sekda")
    async with gateway(certificate, connections=1) as notifier:
        with pytest.raises(DeliveryError) as refused:
            await notifier.send(msgspec.structs.replace(MESSAGE, to=to))
        assert (refused.value.reason, refused.value.transient) == (reason, transient)
        await notifier.send(msgspec.structs.replace(MESSAGE, to=SEKDA))
    assert len(server.arrived("sekda", before)) == 1


@pytest.mark.parametrize(
    ("wrong", "reason"), [({"password": "salah"}, "authentication"), ({"ca_file": ""}, "tls")]
)
async def test_no_mail_without_the_right_login_and_certificate(server, certificate, wrong: dict, reason: str):
    """Both may be mended while messages wait."""
    async with gateway(certificate, **wrong) as notifier:
        with pytest.raises(DeliveryError) as refused:
            await notifier.send(msgspec.structs.replace(MESSAGE, to=SEKDA))
    assert (refused.value.reason, refused.value.transient) == (reason, True)


@pytest.mark.parametrize(("port", "named"), [(SUBMISSION, 2), (WITHOUT_DSN, 1)])
async def test_a_bounce_names_its_mail(server: Postfix, certificate, port: int, named: int):
    """By the envelope id where the server offers DSN, and by the Message-ID that it returns."""
    before = server.mails("bounces")
    message = msgspec.structs.replace(
        MESSAGE, to=GONE, envelope="abc.def", reference="<abc.def@siaga.example>"
    )
    async with gateway(certificate, port) as notifier:
        await notifier.send(message)
    (mail,) = server.arrived("bounces", before)
    bounce = read_bounce(mail)
    assert (bounce.action, bounce.names, bounce.status) == ("failed", ("abc.def",) * named, "5.1.1")


# --- the whole service ---------------------------------------------------------------------------------------


@pytest.fixture
async def siaga(server: Postfix, certificate, tmp_path):
    """A service whose official has a mailbox that is gone, and a phone."""
    smtp = {"port": SUBMISSION, "ca_file": certificate.file, "user": USER, "password": PASSWORD}
    smtp |= {"envelope_sender": BOUNCES, "bounces": str(server.bounces)}
    settings = office(tmp_path, smtp, email=GONE, sms="+628110000001")
    async with AsyncExitStack() as stack:
        yield await open_siaga(settings, stack, store=MemoryStore())


async def test_a_bounce_marks_its_notification_failed_and_falls_back_to_sms(siaga, server: Postfix, tmp_path):
    """Accepted by the server, found to be nobody's, bounced into our maildir; the phone gets the notice at once."""
    for old in server.mails("bounces"):
        old.unlink()
    await report(siaga)
    (alert,) = await siaga.desk.alerts()
    (notice,) = (await siaga.desk.case(alert.id)).notifications.values()
    assert (notice.channel, notice.state, notice.gateway) == ("email", "sent", "smtp")
    until(lambda: server.mails("bounces"))
    assert await siaga.postbox.turn() == 1
    await siaga.advance(START + 1_000)
    case = await siaga.desk.case(alert.id)
    assert [(n.channel, n.kind, n.state, n.reason) for n in case.notifications.values()] == [
        ("email", "first", "failed", "bounced"),
        ("sms", "first", "sent", ""),
    ]
    (fallback,) = [e for e in await siaga.desk.history(alert.id) if e.name == "fallback"]
    assert (fallback.reason, fallback.details["notification"]) == ("bounced", notice.id)
    (sms,) = (tmp_path / "var" / "outbox").glob("*.sms")
    assert "+628110000001" in sms.read_text()
    assert server.mails("bounces") == set()
