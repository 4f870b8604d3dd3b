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
import ipaddress
import ssl
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache

import httptools
import msgspec

from notifiers.base import DeliveryError, Message, Reason, Receipt, reason_of
from notifiers.connections import Connections, HttpAnswer, NotConnectedError, target_of
from notifiers.exchange import retry_after

TIMESTAMP, SIGNATURE = "x-siaga-timestamp", "x-siaga-signature"
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
    connections: int = 40

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
        self._kept: Connections | None = None

    async def send(self, message: Message) -> Receipt:
        """Post the message; whoever answers with a success has it."""
        payload = Payload(
            id=message.id,
            date=message.date,
            facts=message.headers,
            subject=message.subject,
            text=message.text,
        )
        try:
            body, stamp = msgspec.json.encode(payload), _stamp(message.date)
        except (ValueError, TypeError):
            raise DeliveryError("content_refused", transient=False, detail="text or date") from None
        headers = {
            "content-type": "application/json",
            "user-agent": "Siaga",
            TIMESTAMP: stamp,
            SIGNATURE: signature(self._settings.key, stamp, body),
        }
        try:
            async with asyncio.timeout(self._settings.timeout):
                answer = await self._post(message.to, headers, body)
        except _ForbiddenAddressError as error:
            raise DeliveryError("recipient_refused", transient=False, detail=str(error)) from None
        except ValueError:
            raise DeliveryError("recipient_refused", transient=False, detail="address") from None
        except (OSError, httptools.HttpParserError) as error:
            raise DeliveryError(_cause(error), transient=True, detail=type(error).__name__) from None
        if 200 <= answer.status < 300:
            return Receipt(gateway=self.name, reference=message.id)
        reason, transient = _refusal(answer.status)
        raise DeliveryError(
            reason, transient=transient, retry_after=retry_after(answer.headers), detail=str(answer.status)
        )

    async def probe(self) -> None:
        """Do nothing: the receivers are the addresses of contacts, and each is tried by `siaga contact test`."""

    async def close(self) -> None:
        """Let go of kept connections."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> HttpAnswer:
        target = target_of(url)
        if not target.secure and not self._settings.private_addresses:
            raise _ForbiddenAddressError("not https")
        return await self._connections().exchange("POST", target, headers, body)

    def _connections(self) -> Connections:
        if self._kept is None:
            self._kept = Connections(
                self._settings.connections, ca_file=self._settings.ca_file, allow=self._allow
            )
        return self._kept

    def _allow(self, addresses: Sequence[str]) -> None:
        if not self._settings.private_addresses and not all(map(is_public, addresses)):
            raise _ForbiddenAddressError("private address")


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body."""
    signed = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


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


@lru_cache(maxsize=256)
def _stamp(date: str) -> str:
    """Return the seconds since 1970 of a message's date; messages that were written at once all have the same."""
    return str(round(parsedate_to_datetime(date).timestamp())) if date else "0"


def _refusal(status: int) -> tuple[Reason, bool]:
    """Return the reason and whether it may pass, of an answer that is no success."""
    if status < 200:
        return "invalid_answer", True
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
    if isinstance(error, TimeoutError):
        return "timeout"  # a TLS library may have been waiting for bytes meanwhile
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return "tls"
        found = found.__cause__ or found.__context__
    return reason_of(error) if isinstance(error, NotConnectedError) else "disconnected"
