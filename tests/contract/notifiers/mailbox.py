"""A mail server of the tests: aiosmtpd in the running loop, which keeps what it takes and refuses what it is told to.

Maintained code under the contract suite, not a model of any particular server.
"""

import asyncio
import ssl
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Mailbox:
    """Keeps messages as (recipient, bytes); `refusals` maps a command to the answers it gives before it accepts."""

    def __init__(self) -> None:
        self.port = 0
        self.kept: list[tuple[str, bytes]] = []
        self.refusals: dict[str, list[str]] = {}
        self.logins: list[str] = []
        self.connections = 0

    def _refusal(self, command: str) -> str | None:
        answers = self.refusals.get(command)
        return answers.pop(0) if answers else None

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802 -- aiosmtpd's name
        refusal = self._refusal("MAIL")
        if refusal is None:
            envelope.mail_from = address
        return refusal or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 -- aiosmtpd's name
        refusal = self._refusal("RCPT")
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        refusal = self._refusal("DATA")
        if refusal is None:
            self.kept.append((envelope.rcpt_tos[0], envelope.original_content))
        return refusal or f"250 2.0.0 Ok: queued as {len(self.kept):08X}"

    def authenticate(self, server, session, envelope, mechanism, credentials) -> AuthResult:
        assert isinstance(credentials, LoginPassword)
        good = (credentials.login, credentials.password) == (b"siaga", b"rahasia")
        self.logins.append(credentials.login.decode())
        return AuthResult(success=good, handled=False)

    @asynccontextmanager
    async def open(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False):
        """Listen on a port of its own until the block ends; with `tls` it offers STARTTLS, or speaks it at once."""
        protocols: list[SMTP] = []

        def protocol() -> SMTP:
            self.connections += 1
            options = {}
            if tls is not None:
                options = {
                    "authenticator": self.authenticate,
                    "auth_required": not implicit,
                    "auth_require_tls": not implicit,
                }
            protocols.append(
                SMTP(
                    self,
                    hostname="surat.example",
                    tls_context=None if implicit else tls,
                    enable_SMTPUTF8=True,
                    loop=asyncio.get_running_loop(),
                    **options,
                )
            )
            return protocols[-1]

        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, "127.0.0.1", self.port, ssl=tls if implicit else None)
        self.port = server.sockets[0].getsockname()[1]
        self.protocols = protocols
        try:
            yield self
        finally:
            self.drop()
            server.close()
            dialogues = [p._handler_coroutine for p in protocols if p._handler_coroutine is not None]
            for dialogue in dialogues:
                dialogue.cancel()
            await asyncio.gather(*dialogues, server.wait_closed(), return_exceptions=True)

    def drop(self) -> None:
        """Drop every connection, as a server does that is restarted."""
        for protocol in self.protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
