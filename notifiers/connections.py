"""Kept connections to the systems that notifiers post to: HTTP/1.1, one exchange at a time on each.

Here: opening and keeping connections, writing a request, reading its answer, with bounds on all of it. Not here: to
which addresses anything may go (whoever asks says so), what is asked and what an answer means (the notifiers), and
trying again: a request that went out is never repeated here, since nobody knows what became of it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools
import msgspec

LONGEST_ANSWER = 65_536
"""Bytes that are read of one answer, its head included; what lies behind them is left alone."""
SWITCHING = 101
"""The one status below 200 that no other follows: it is an answer, though to a question that nobody asked."""


class NotConnectedError(OSError):
    """Nobody could be reached: nothing of the request went out."""


class HttpTarget(NamedTuple):
    """Where a request goes: `place` is what connections are kept by."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def place(self) -> tuple[bool, str, int]:
        """The system itself."""
        return self[:3]

    @property
    def authority(self) -> str:
        """The value of the header `host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def target_of(url: str) -> HttpTarget:
    """Return where an address leads. Raises `ValueError` for what is no address of the web."""
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("an address has letters, digits and signs alone")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no address of the web")
    if parts.username is not None:
        raise ValueError("a name and a password do not stand in an address")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HttpTarget(secure, parts.hostname, parts.port or (443 if secure else 80), path)


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: names of headers are small; `body` is its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Connections of one notifier, at most so many open at once."""

    def __init__(
        self,
        at_most: int,
        *,
        ca_file: str = "",
        allow: Callable[[Sequence[str]], None] = lambda _addresses: None,
    ) -> None:
        """Trust the certificate authorities of this machine and those of `ca_file`.

        `allow` is asked about all addresses that a name has, in the step that connects to the first of them that
        can be reached; what it raises goes to whoever wanted to send.
        """
        self._at_most = at_most
        self._places = asyncio.Semaphore(at_most)
        self.context = ssl.create_default_context(cafile=ca_file or None)
        self.context.set_alpn_protocols(["http/1.1"])
        self._allow = allow
        self._idle: list[_Connection] = []
        self._busy = 0

    async def exchange(
        self, method: str, target: HttpTarget, headers: Mapping[str, str], body: bytes = b""
    ) -> HttpAnswer:
        """Send a request and return its answer; whoever gives up waiting leaves no connection behind.

        Raises `NotConnectedError` (its cause may be of TLS), other `OSError`s where the connection broke,
        `httptools.HttpParserError` for an answer that is no HTTP, and `ValueError` for a header that cannot be written.
        """
        request = _head(method, target, headers, len(body)) + body
        async with self._places:
            connection = self._take(target.place)
            self._busy += 1
            try:
                connection = connection or await self._open(target)
                try:
                    answer = await connection.exchange(request)
                finally:
                    if connection.reusable:
                        self._idle.append(connection)
                    else:
                        connection.abort()
            finally:
                self._busy -= 1
        return answer

    def kept(self, target: HttpTarget) -> int:
        """Return how many connections are kept for a target."""
        return sum(one.reusable and one.place == target.place for one in self._idle)

    def close(self) -> None:
        """Let go of what is kept."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _take(self, place: tuple[bool, str, int]) -> _Connection | None:
        """Return a kept connection, the one used last; of all others the oldest goes where there are too many."""
        self._idle = [connection for connection in self._idle if connection.reusable]
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].place == place:
                return self._idle.pop(index)
        while len(self._idle) + self._busy >= self._at_most:
            self._idle.pop(0).abort()
        return None

    async def _open(self, target: HttpTarget) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
            self._allow(addresses)
            for address in addresses[:-1]:
                with suppress(OSError):  # the next address may do
                    return await self._connect(target, address)
            return await self._connect(target, addresses[-1])
        except OSError as error:  # a fault of TLS is one
            raise NotConnectedError(type(error).__name__) from error

    async def _connect(self, target: HttpTarget, address: str) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(target.place),
            address,
            target.port,
            ssl=self.context if target.secure else None,
            server_hostname=target.host if target.secure else None,
        )
        return connection


def _head(method: str, target: HttpTarget, headers: Mapping[str, str], length: int) -> bytes:
    fields = {"host": target.authority, **headers, "content-length": str(length)}
    for name, value in fields.items():
        if not (name.isprintable() and value.isprintable()):
            raise ValueError(f"the header {name!r} cannot be written")
    lines = [f"{method} {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


class _Connection(asyncio.Protocol):
    """One connection: it carries a request, and closes as soon as anything comes that nobody asked for."""

    def __init__(self, place: tuple[bool, str, int]) -> None:
        self.place = place
        self.reusable = False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._begin()

    async def exchange(self, request: bytes) -> HttpAnswer:
        """Send a request on a connection that is not in use."""
        if self._transport is None:
            raise NotConnectedError("closed")
        self.reusable = False
        self._begin()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def abort(self) -> None:
        """Close at once."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._read = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._headed = self._complete = False

    # --- what the event loop tells ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own are none by their class

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer."""
        if self._answer is None or self._answer.done():
            self.abort()
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # 101: what follows is no HTTP
            self.reusable = False
        except httptools.HttpParserError as error:
            self._fail(error)
        if self._read > LONGEST_ANSWER and not self._answer.done():
            self._settle(ConnectionAbortedError("the answer is too long"))

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end: an answer whose length its head does not say ends so, and so may one that is cut short."""
        self.reusable, self._transport = False, None
        self._settle(error or ConnectionResetError("closed without an answer"))

    def _settle(self, otherwise: Exception) -> None:
        """End the exchange as far as it came: who said how it stands with the request has answered it."""
        self.reusable = False
        if self._headed:
            self._done()
        else:
            self._fail(otherwise)

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _done(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                HttpAnswer(
                    status=self._parser.get_status_code(), headers=self._headers, body=b"".join(self._body)
                )
            )

    # --- what the parser tells ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Take note of an answer behind the answer."""
        if self._complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take note that the status is known, unless it is one that another follows."""
        status = self._parser.get_status_code()
        self._headed = status >= 200 or status == SWITCHING

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """End the exchange; an interim answer (1xx) is passed over."""
        if not self._headed:
            self._headers = {}
            return
        self.reusable = not self._complete and self._parser.should_keep_alive()
        self._complete = True
        self._done()
