"""E-mail by SMTP against aiosmtpd and, for what no good server does, a server that follows a script."""

import asyncio
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from notifiers.base import DeliveryError
from notifiers.email import Email, EmailSettings
from tests.contract.notifiers.mailbox import Mailbox
from tests.contract.notifiers.test_notifier import MESSAGE

HANGS = object()
DROPS = object()


@asynccontextmanager
async def email(port: int, **settings):
    notifier = Email(
        EmailSettings(**{"host": "127.0.0.1", "port": port, "tls": "none", "timeout": 20.0} | settings)
    )
    try:
        yield notifier
    finally:
        await notifier.close()


@asynccontextmanager
async def scripted(**answers):
    """A server that answers each command by its script (`connect`, `EHLO`, ...); it keeps the lines it got."""
    lines: list[str] = []
    serving: set[asyncio.Task] = set()
    script = {
        "connect": "220 surat.example",
        "EHLO": "250-surat.example\r\n250 DSN",
        "DATA": "354 go on",
        ".": "250 2.0.0 Ok: queued as ABC123",
        "QUIT": "221 bye",
    } | answers

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with suppress(ConnectionResetError):
            await converse(reader, writer)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command, in_data = "connect", False
        while True:
            if not in_data:
                answer = script.get(command, "250 OK")
                if answer is HANGS:
                    await reader.read()
                if answer in (HANGS, DROPS):
                    break
                writer.write(f"{answer}\r\n".encode())
                in_data = command == "DATA"
            got = await reader.readline()
            line = got.decode().rstrip("\r\n")
            lines.append(line)
            in_data = in_data and line != "."
            command = line.partition(" ")[0].upper()
            if not got:
                break

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], lines
        await asyncio.gather(*serving)


async def failure(notifier: Email, message=MESSAGE) -> tuple[str, bool]:
    with pytest.raises(DeliveryError) as failed:
        await notifier.send(message)
    assert MESSAGE.to not in str(failed.value)
    return failed.value.reason, failed.value.transient


# --- accepted ------------------------------------------------------------------------------------------------


async def test_the_receipt_is_the_servers_own_name_for_the_mail():
    """Its queue id, by which its log can be searched."""
    async with Mailbox().open() as mailbox, email(mailbox.port) as notifier:
        receipt = await notifier.send(MESSAGE)
    assert (receipt.gateway, receipt.reference) == ("smtp", "00000001")
    ((to, content),) = mailbox.kept
    assert to == MESSAGE.to
    assert b"Message-ID: <pemberitahuan2345@siaga.example>\r\n" in content


async def test_connections_are_kept_and_never_more_than_allowed():
    """Reconnecting each time is ten times slower."""
    async with Mailbox().open() as mailbox, email(mailbox.port, connections=2) as notifier:
        await asyncio.gather(*(notifier.send(MESSAGE) for _ in range(12)))
        await notifier.send(MESSAGE)
    assert len(mailbox.kept) == 13
    assert 1 <= mailbox.connections <= 2


async def test_a_connection_dropped_meanwhile_is_replaced():
    """A server that restarts, or closes what idles."""
    async with Mailbox().open() as mailbox, email(mailbox.port) as notifier:
        await notifier.send(MESSAGE)
        mailbox.drop()
        await notifier.send(MESSAGE)
    assert len(mailbox.kept) == 2
    assert mailbox.connections == 2


async def test_a_connection_that_lay_idle_is_not_used_again():
    """Nobody finds out by waiting whether a router has forgotten it meanwhile."""
    async with Mailbox().open() as mailbox, email(mailbox.port, idle=0.0) as notifier:
        for _ in range(3):
            await notifier.send(MESSAGE)
    assert (len(mailbox.kept), mailbox.connections) == (3, 3)


async def test_a_server_that_closes_with_421_is_called_anew():
    """Postfix says so before it hangs up on an idle connection."""
    async with Mailbox().open() as mailbox, email(mailbox.port) as notifier:
        await notifier.send(MESSAGE)
        mailbox.refusals["MAIL"] = ["421 4.4.2 timeout exceeded"]
        await notifier.send(MESSAGE)
    assert len(mailbox.kept) == 2
    assert mailbox.connections == 2


async def test_the_envelope_carries_the_notification_where_the_server_can():
    """A bounce then names it without anybody parsing subjects."""
    async with scripted() as (port, lines), email(port) as notifier:
        receipt = await notifier.send(MESSAGE)
    assert receipt.reference == "ABC123"
    assert "MAIL FROM:<siaga@desk.example> RET=HDRS ENVID=pemberitahuan2345" in lines
    notify = "NOTIFY=FAILURE,DELAY ORCPT=rfc822;sekda@pinrang.example"
    assert f"RCPT TO:<sekda@pinrang.example> {notify}" in lines


async def test_the_envelopes_words_are_written_as_the_standard_has_them():
    """A sealed name, and an address with a plus (RFC 3461, 4)."""
    there = msgspec.structs.replace(MESSAGE, envelope="a.b=c", to="sekda+siaga@pinrang.example")
    async with scripted() as (port, lines), email(port) as notifier:
        await notifier.send(there)
    assert "MAIL FROM:<siaga@desk.example> RET=HDRS ENVID=a.b+3Dc" in lines
    original = "ORCPT=rfc822;sekda+2Bsiaga@pinrang.example"
    assert f"RCPT TO:<sekda+siaga@pinrang.example> NOTIFY=FAILURE,DELAY {original}" in lines


async def test_the_envelopes_sender_can_be_another():
    """Bounces may go to a mailbox of their own."""
    async with (
        scripted(EHLO="250 surat.example") as (port, lines),
        email(port, sender="b@desk.example") as notifier,
    ):
        await notifier.send(MESSAGE)
    assert "MAIL FROM:<b@desk.example>" in lines


# --- refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer", "reason", "transient"),
    [
        ("MAIL", "451 4.3.0 try later", "server_error", True),
        ("MAIL", "550 5.7.1 sender rejected", "misconfigured", False),
        ("MAIL", "552 5.3.4 too large", "content_refused", False),
        ("RCPT", "450 4.2.0 sekda@pinrang.example: greylisted", "throttled", True),
        ("RCPT", "550 5.1.1 <sekda@pinrang.example>: unknown", "recipient_refused", False),
        ("DATA", "451 4.3.0 try later", "server_error", True),
        ("DATA", "554 5.7.1 spam", "content_refused", False),
    ],
)
async def test_refusals_are_told_apart_and_the_connection_goes_on(
    command: str, answer: str, reason: str, transient: bool
):
    """4xx may pass, 5xx will not; the next message goes out on the same connection."""
    async with Mailbox().open() as mailbox, email(mailbox.port) as notifier:
        mailbox.refusals[command] = [answer]
        assert await failure(notifier) == (reason, transient)
        await notifier.send(MESSAGE)
    assert len(mailbox.kept) == 1
    assert mailbox.connections == 1


@pytest.mark.parametrize("command", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_server_that_hangs_is_a_timeout(command: str):
    """At whichever point."""
    async with scripted(**{command: HANGS}) as (port, _), email(port, timeout=0.2) as notifier:
        assert await failure(notifier) == ("timeout", True)


async def test_waiting_for_a_free_connection_is_part_of_the_attempt():
    """Behind a server that hangs nobody waits until somebody else has taken the message over."""
    async with scripted(DATA=HANGS) as (port, lines), email(port, timeout=0.3, connections=1) as notifier:
        outcomes = await asyncio.gather(*(failure(notifier) for _ in range(5)))
    assert set(outcomes) == {("timeout", True)}
    assert lines.count("DATA") < 5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("connect", "refused_connection"),
        ("RCPT", "disconnected"),
        ("DATA", "disconnected"),
        (".", "disconnected"),
    ],
)
async def test_a_server_that_hangs_up_may_have_the_message_and_is_not_asked_twice(command: str, reason: str):
    """The dispatcher repeats it, byte-identical; not we, at once."""
    async with scripted(**{command: DROPS}) as (port, lines), email(port) as notifier:
        assert await failure(notifier) == (reason, True)
    assert lines.count("DATA") <= 1


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"connect": "554 5.3.2 no service"}, "refused_connection"),
        ({"connect": "421 4.3.2 too many connections"}, "throttled"),
        ({"MAIL": "selamat datang"}, "invalid_answer"),
        ({"EHLO": "550 no", "HELO": "550 no"}, "server_error"),
    ],
)
async def test_a_server_that_is_not_well_may_be_later(answers: dict, reason: str):
    """None of this is about the message."""
    async with scripted(**answers) as (port, _), email(port) as notifier:
        assert await failure(notifier) == (reason, True)


async def test_an_address_that_cannot_be_written_is_refused_for_good():
    """The server does not speak UTF-8."""
    async with scripted() as (port, _), email(port) as notifier:
        there = msgspec.structs.replace(MESSAGE, to="sékda@a.example")
        assert await failure(notifier, there) == ("recipient_refused", False)


async def test_a_message_without_any_sender_is_a_fault_of_the_settings():
    """It may be mended while the message waits."""
    bare = type(MESSAGE)(id="x", channel="email", to="a@b.example", text="isi")
    async with email(1) as notifier:
        assert await failure(notifier, bare) == ("misconfigured", True)


# --- TLS and login -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_mail_goes_out_over_verified_tls_with_login(certificate, tls: str):
    """STARTTLS on 587 or TLS at once on 465."""
    context, trusted = certificate.context, certificate.file
    settings = {"tls": tls, "ca_file": trusted, "user": "siaga", "password": "rahasia"}
    async with (
        Mailbox().open(context, implicit=tls == "implicit") as mailbox,
        email(mailbox.port, **settings) as notifier,
    ):
        await notifier.send(MESSAGE)
    assert mailbox.logins == ["siaga"]
    assert len(mailbox.kept) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_that_nobody_vouches_for_is_not_accepted(certificate, tls: str):
    """Nothing is sent in the hope that it is the right server."""
    context = certificate.context
    async with (
        Mailbox().open(context, implicit=tls == "implicit") as mailbox,
        email(mailbox.port, tls=tls, user="siaga", password="rahasia") as notifier,
    ):
        assert await failure(notifier) == ("tls", True)
    assert mailbox.logins == []


async def test_a_server_without_starttls_gets_no_mail():
    """A password is never sent in the clear because somebody on the way left the offer out."""
    async with (
        Mailbox().open() as mailbox,
        email(mailbox.port, tls="starttls", user="a", password="b") as notifier,
    ):
        assert await failure(notifier) == ("tls", True)
    assert mailbox.kept == []


async def test_a_wrong_password_may_be_mended_while_messages_wait(certificate):
    """It is not the message's fault."""
    context, trusted = certificate.context, certificate.file
    async with (
        Mailbox().open(context) as mailbox,
        email(mailbox.port, tls="starttls", ca_file=trusted, user="siaga", password="salah") as notifier,
    ):
        assert await failure(notifier) == ("authentication", True)
    assert mailbox.kept == []
