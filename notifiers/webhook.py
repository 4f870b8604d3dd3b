"""Webhooks: a message as signed JSON to the address of a contact, for systems that take over from there.

Here: the JSON, its signature, and that nothing goes where it should not. Not here: retries and fallback (the
dispatcher's). `x-siaga-signature` is `sha256=` and the hexadecimal HMAC-SHA256, by the gateway's key, of
`x-siaga-timestamp`, a dot and the body. The timestamp is the message's own, so that a repeat is the same bytes: a
receiver knows a repeat by `id`, and refuses what is older than it likes.

An address comes from the directory, not from who runs this machine: it must be https, redirects are not followed, and
what its name resolves to must be an address of the public internet, looked at in the step that connects to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib.util
import ipaddress
import socket
import ssl
import sys
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import msgspec

from notifiers.base import DeliveryError, Message, Reason, Receipt
from notifiers.exchange import retry_after

TIMESTAMP, SIGNATURE = "x-siaga-timestamp", "x-siaga-signature"
if importlib.util.find_spec("sniffio") is None:
    # httpcore asks for this optional package at every lock it makes; now the answer is known without looking at disks.
    sys.modules["sniffio"] = None  # type: ignore[assignment]
LONGEST_ANSWER = 4_096
"""Bytes that are read of an answer; nothing in it matters."""
GONE = (404, 410)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of webhooks.

    `key` signs. `private_addresses` allows addresses of private networks and loopbacks, and plain http to those;
    `ca_file` names further certificate authorities. `timeout` is in seconds for one attempt as a whole.
    """

    name: str = "webhook"
    key: str
    private_addresses: bool = False
    ca_file: str = ""
    timeout: float = 10.0
    connections: int = 10

    def __repr__(self) -> str:
        return f"WebhookSettings(name={self.name!r}, private_addresses={self.private_addresses!r})"


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: the message's id, by which a repeat is known, its date, what it is about, and the words.

    `facts` are texts: kind, alert, level, region, space, language.
    """

    id: str
    date: str
    facts: dict[str, str]
    subject: str
    text: str


class _ForbiddenAddressError(Exception):
    """The address is not one that messages may go to."""


class Webhook:
    """Posts messages."""

    def __init__(self, settings: WebhookSettings) -> None:
        self.name = settings.name
        self.channel = "webhook"
        self._settings = settings
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def send(self, message: Message) -> Receipt:
        """Post the message; whoever answers with a success has it."""
        body = msgspec.json.encode(
            Payload(
                id=message.id,
                date=message.date,
                facts=message.headers,
                subject=message.subject,
                text=message.text,
            )
        )
        stamp = str(round(parsedate_to_datetime(message.date).timestamp())) if message.date else "0"
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": "Siaga",
            TIMESTAMP: stamp,
            SIGNATURE: signature(self._settings.key, stamp, body),
        }
        try:
            async with asyncio.timeout(self._settings.timeout):
                status, answered = await self._post(message.to, headers, body)
        except _ForbiddenAddressError as error:
            raise DeliveryError("recipient_refused", transient=False, detail=str(error)) from None
        except (httpcore.UnsupportedProtocol, UnicodeError, ValueError):
            raise DeliveryError("recipient_refused", transient=False, detail="address") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise DeliveryError(_cause(error), transient=True, detail=type(error).__name__) from None
        if 200 <= status < 300:
            return Receipt(gateway=self.name, reference=message.id)
        reason, transient = _refusal(status)
        raise DeliveryError(
            reason, transient=transient, retry_after=retry_after(answered), detail=str(status)
        )

    async def probe(self) -> None:
        """Do nothing: the receivers are the addresses of contacts, and each is tried by `siaga contact test`."""

    async def close(self) -> None:
        """Let go of kept connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _post(
        self, url: str, headers: Mapping[bytes | str, bytes | str], body: bytes
    ) -> tuple[int, dict[str, str]]:
        if not url.startswith("https://") and not self._settings.private_addresses:
            raise _ForbiddenAddressError("not https")
        async with self._connections().stream("POST", url, headers=headers, content=body) as answer:
            read = 0
            async for chunk in answer.aiter_stream():
                read += len(chunk)
                if read > LONGEST_ANSWER:
                    break
            fields = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
            }
            return answer.status, fields

    def _connections(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=ssl.create_default_context(cafile=self._settings.ca_file or None),
                max_connections=self._settings.connections,
                network_backend=_Outward(private_addresses=self._settings.private_addresses),
            )
        return self._pool


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body."""
    signed = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


class _Outward(httpcore.AsyncNetworkBackend):
    """Connects to what a name resolves to, if all of it may be connected to; the name is not asked for again."""

    def __init__(self, *, private_addresses: bool) -> None:
        self._private_addresses = private_addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, look, and connect to the first address."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        if not self._private_addresses and not all(is_public(address) for address in addresses):
            raise _ForbiddenAddressError("private address")
        local = None if local_address is None else (local_address, 0)
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(addresses[0], port, local_addr=local)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for option in socket_options or ():
            writer.get_extra_info("socket").setsockopt(*option)
        return _Stream(reader, writer)

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore asks."""
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection of the event loop's own, whose TLS takes half of the time of httpcore's default."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        try:
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._writer.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:  # a fault of TLS is one
            raise httpcore.ConnectError(str(error)) from error
        return self

    def get_extra_info(self, info: str) -> Any:
        """Say whether anything came though nothing was asked for: then the other side has closed."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info(info)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also where it is written inside another kind of address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inside is not None:
            return is_public(str(inside))
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast and not found.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _refusal(status: int) -> tuple[Reason, bool]:
    """Return the reason and whether it may pass, of an answer that is no success."""
    if status == 429:
        return "throttled", True
    if status >= 500:
        return "server_error", True
    if status in GONE:
        return "recipient_refused", False
    if status in (401, 403):
        return "authentication", True
    return ("misconfigured", True) if 300 <= status < 400 else ("content_refused", False)


def _cause(error: BaseException) -> Reason:
    """Return the reason of a fault in which nobody answered."""
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return "timeout"  # a TLS library may have been waiting for bytes meanwhile
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return "tls"
        found = found.__cause__ or found.__context__
    match error:
        case httpcore.ConnectError() | socket.gaierror():
            return "refused_connection"
        case _:
            return "disconnected"
