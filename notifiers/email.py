"""E-mail by SMTP: a few kept connections, and every refusal told apart by reason and by whether it may pass.

Here: the SMTP dialogue. Not here: the bytes of the mail (`mime`), retries and fallback (the dispatcher's). A kept
connection that turns out dead before the server took the sender is replaced at once; after that an attempt is never
repeated here, because the server may already have the message. One that lay idle is not used again: routers forget
silent connections without a word, and the first notice after a quiet night would wait for a server that hears nothing.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from email.utils import parseaddr
from typing import Literal

import aiosmtplib
import msgspec
from aiosmtplib import SMTP

from notifiers.base import DeliveryError, Message, Reason, Receipt, reason_of
from notifiers.mime import mime_bytes

_CLOSING = 421
_QUEUED = re.compile(r"queued as (\S{1,100})", re.IGNORECASE)
_TOO_LARGE = 552


class EmailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one mail server.

    `tls` is `starttls`, `implicit` or `none`; `ca_file` names certificates to trust instead of the machine's.
    `sender` is the envelope's sender, who gets bounces (empty: the address of the message's From). `timeout` is in
    seconds for one attempt as a whole, `connections` how many are kept open at most, `idle` how many seconds unused.
    """

    name: str = "smtp"
    host: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca_file: str = ""
    user: str = ""
    password: str = ""
    sender: str = ""
    timeout: float = 30.0
    connections: int = 3
    idle: float = 60.0

    def __repr__(self) -> str:
        return f"EmailSettings(name={self.name!r}, host={self.host!r}, port={self.port}, tls={self.tls!r})"


class _Connection(SMTP):
    """A connection that ends when it is told to: whoever lets go of it does not wait for TLS to say goodbye."""

    def close(self) -> None:
        """Close at once. `QUIT` was answered before this, or the server is not to be relied on any more."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        super().close()


class Email:
    """Sends e-mails through one server."""

    def __init__(self, settings: EmailSettings) -> None:
        self.name = settings.name
        self.channel = "email"
        self._settings = settings
        self._kept: list[tuple[SMTP, float]] = []
        """Connections that nobody uses now, each with the loop's time at which it was put here; the newest is last."""
        self._free = asyncio.Semaphore(settings.connections)

    async def send(self, message: Message) -> Receipt:
        """Hand the e-mail to the server; the receipt's reference is the server's queue id, if it told one."""
        content = mime_bytes(message)
        sender = self._settings.sender or parseaddr(message.headers.get("From", ""))[1]
        if not sender:
            raise DeliveryError("misconfigured", transient=True, detail="no sender")
        try:
            # With the wait for a free connection: a claim on the message that ran out would be somebody else's.
            async with asyncio.timeout(self._settings.timeout), self._free:
                return await self._hand_over(message, sender, content)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _delivery_error(error) from error

    async def probe(self) -> None:
        """Connect, encrypt and log in as a message would, and say no more."""
        try:
            async with asyncio.timeout(self._settings.timeout), self._free:
                self._keep(await self._connected())
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _delivery_error(error) from error

    async def close(self) -> None:
        """Say goodbye on every kept connection."""
        while self._kept:
            client, _ = self._kept.pop()
            try:
                async with asyncio.timeout(self._settings.timeout):
                    await client.quit()
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    async def _hand_over(self, message: Message, sender: str, content: bytes) -> Receipt:
        client = await self._begun(message.envelope or message.id, sender)
        try:
            await client.rcpt(message.to, options=_notify(client, message.to))
            response = await client.data(content)
        except aiosmtplib.SMTPResponseException as error:
            await self._keep_or_close(client, error)
            raise
        except BaseException:  # a cancelled attempt leaves the dialogue half-way as well
            client.close()
            raise
        self._keep(client)
        queued = _QUEUED.search(response.message)
        return Receipt(gateway=self.name, reference=queued.group(1) if queued else "")

    async def _begun(self, envelope: str, sender: str) -> SMTP:
        """Return a connection on which the server took the sender; kept ones that died meanwhile are dropped."""
        self._drop_idle()
        while True:
            kept = bool(self._kept)
            client = self._kept.pop()[0] if kept else await self._connected()
            try:
                await self._mail(client, envelope, sender)
            except aiosmtplib.SMTPResponseException as error:
                if kept and error.code == _CLOSING:
                    client.close()
                    continue
                await self._keep_or_close(client, error)
                raise
            except ConnectionError:
                client.close()
                if not kept:
                    raise
            except BaseException:
                client.close()
                raise
            else:
                return client

    async def _connected(self) -> SMTP:
        client = self._client()
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await (
                    client.ehlo()
                )  # what the server can (DSN) is known before the first command that needs it
        except BaseException:
            client.close()
            raise
        return client

    async def _mail(self, client: SMTP, envelope: str, sender: str) -> None:
        options = ["RET=HDRS", f"ENVID={_xtext(envelope)}"] if client.supports_extension("dsn") else []
        await client.mail(sender, options=options)

    async def _keep_or_close(self, client: SMTP, error: aiosmtplib.SMTPResponseException) -> None:
        """A refusal ends the transaction, not the connection, unless the server is closing."""
        if error.code == _CLOSING:
            client.close()
            return
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            client.close()
        else:
            self._keep(client)

    def _keep(self, client: SMTP) -> None:
        self._kept.append((client, asyncio.get_running_loop().time()))

    def _drop_idle(self) -> None:
        oldest = asyncio.get_running_loop().time() - self._settings.idle
        for client, since in self._kept:
            if since < oldest:
                client.close()
        self._kept = [kept for kept in self._kept if kept[1] >= oldest]

    def _client(self) -> SMTP:
        settings = self._settings
        context = None
        if settings.tls != "none":
            context = ssl.create_default_context(cafile=settings.ca_file or None)
        return _Connection(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=context,
            username=settings.user or None,
            password=settings.password or None,
        )


def _notify(client: SMTP, recipient: str) -> list[str]:
    """Ask for a report where the server can: of failure and delay, naming the recipient as we wrote it (RFC 3461)."""
    if not client.supports_extension("dsn"):
        return []
    original = [f"ORCPT=rfc822;{_xtext(recipient)}"] if recipient.isascii() else []
    return ["NOTIFY=FAILURE,DELAY", *original]


def _xtext(text: str) -> str:
    """Return a text as a parameter of SMTP may hold it (RFC 3461, 4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def _delivery_error(error: Exception) -> DeliveryError:
    """Name why the server did not take the message, and whether the same message may be taken later.

    Permanent is only what the server answers with 5xx about this very message; faults of the connection, of the
    credentials or of TLS may be mended while the message waits. The detail holds codes, never the server's text, which
    may repeat the address.
    """
    code = getattr(error, "code", 0)
    reason, transient = _cause(error, code)
    return DeliveryError(reason, transient=transient, detail=str(code) if code > 0 else type(error).__name__)


def _cause(error: Exception, code: int) -> tuple[Reason, bool]:
    """Return the reason and whether it may pass, of a fault in which the server did not speak."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refusal(error, passing=not 500 <= code < 600)
    if _is_tls(error) or "STARTTLS" in str(error):
        return "tls", True
    match error:
        case TimeoutError():
            return "timeout", True
        case aiosmtplib.SMTPConnectError():
            return reason_of(error), True
        case aiosmtplib.SMTPNotSupported() | ValueError():
            return "recipient_refused", False  # an address that cannot be written, or not to this server
        case OSError():
            return "disconnected", True
        case _:
            return "misconfigured", True  # such as a login that the server does not offer


def _refusal(error: aiosmtplib.SMTPResponseException, *, passing: bool) -> tuple[Reason, bool]:
    """Return the reason and whether it may pass, of a refusal by the server."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return "authentication", True
        case aiosmtplib.SMTPConnectResponseError():
            return ("throttled" if passing else "refused_connection"), True
        case aiosmtplib.SMTPRecipientRefused():
            return ("throttled" if passing else "recipient_refused"), passing
        case aiosmtplib.SMTPSenderRefused() if not passing:
            return ("content_refused" if error.code == _TOO_LARGE else "misconfigured"), False
        case aiosmtplib.SMTPDataError() if not passing:
            return "content_refused", False
        case _:
            return ("server_error" if error.code > 0 else "invalid_answer"), True


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__
    return False
