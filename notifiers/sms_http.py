"""SMS through any gateway that speaks HTTP: which one is data, an `Exchange` and the values that fill it.

Here: the connection, and faults in which the gateway did not speak. Not here: what a gateway wants to be asked and what
its answers mean (`notifiers.exchange`), reports and texts that it brings (it calls us), retries (the dispatcher's).
Redirects are not followed and no proxy of the environment is used: the message would go where nobody meant it to.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import httpx
import msgspec

from notifiers.base import DeliveryError, Message, Reason, Receipt
from notifiers.exchange import Exchange, Response, fill, judge

LONGEST_ANSWER = 65_536
"""Bytes that are read of an answer."""
NO_MESSAGE: Mapping[str, str] = {"to": "", "number": "", "text": "", "id": ""}


class SmsHttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one gateway.

    `url` is its address, `user` and `password` what it knows us by, `sender_id` from whom messages come.
    `report_url` is where it shall report, `callback_secret` by what it proves itself there. `timeout` is in seconds for
    one attempt as a whole, `connections` how many may be open, `ca_file` names further certificate authorities.
    `balance` is how a prepaid gateway is asked what is left, if it can be.
    """

    name: str
    url: str
    user: str = ""
    password: str = ""
    sender_id: str = ""
    report_url: str = ""
    callback_secret: str = ""
    timeout: float = 20.0
    connections: int = 20
    ca_file: str = ""
    send: Exchange
    balance: Exchange | None = None

    def __repr__(self) -> str:
        return f"SmsHttpSettings(name={self.name!r}, url={self.url!r})"


class SmsHttp:
    """Sends SMS through one gateway."""

    def __init__(self, settings: SmsHttpSettings) -> None:
        self.name = settings.name
        self.channel = "sms"
        self._settings = settings
        self._values = {
            "url": settings.url.rstrip("/"),
            "user": settings.user,
            "password": settings.password,
            "sender_id": settings.sender_id,
            "report_url": settings.report_url,
            "callback_secret": settings.callback_secret,
        }
        fill(
            settings.send, {**NO_MESSAGE, **self._values}
        )  # an unknown placeholder shows itself at the start
        self._client: httpx.AsyncClient | None = None

    async def send(self, message: Message) -> Receipt:
        """Hand the SMS over; where the gateway names no reference of its own, ours is the message's id."""
        values = {"to": message.to, "number": message.to.lstrip("+"), "text": message.text, "id": message.id}
        reference = await self._exchange(self._settings.send, {**values, **self._values})
        return Receipt(gateway=self.name, reference=reference or message.id)

    @property
    def prepaid(self) -> bool:
        """Whether the gateway can be asked what is left."""
        return self._settings.balance is not None

    async def balance(self) -> float | Reason:
        """Return what is left, in the gateway's own unit, or the reason why it does not say."""
        if self._settings.balance is None:
            return "misconfigured"
        try:
            return float(await self._exchange(self._settings.balance, {**NO_MESSAGE, **self._values}))
        except DeliveryError as error:
            return error.reason
        except ValueError:
            return "invalid_answer"

    async def probe(self) -> None:
        """Ask what is left where the gateway can be asked, which tries the password too; else only connect."""
        if self._settings.balance is not None:
            await self._exchange(self._settings.balance, {**NO_MESSAGE, **self._values})
            return
        url = httpx.URL(self._settings.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        context = self._context() if url.scheme == "https" else None
        try:
            async with asyncio.timeout(self._settings.timeout):
                _, writer = await asyncio.open_connection(url.host, port, ssl=context)
                writer.close()
                await writer.wait_closed()
        except TimeoutError:
            raise DeliveryError("timeout", transient=True) from None
        except OSError as error:
            reason: Reason = "tls" if _is_tls(error) else "refused_connection"
            raise DeliveryError(reason, transient=True, detail=type(error).__name__) from None

    async def close(self) -> None:
        """Let go of kept connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(self, exchange: Exchange, values: Mapping[str, str]) -> str:
        filled = fill(exchange, values)
        try:
            async with asyncio.timeout(self._settings.timeout):
                async with self._connections().stream(
                    filled.method,
                    filled.url,
                    params=filled.query or None,
                    headers=filled.headers,
                    data=filled.form,
                    json=filled.json,
                ) as answer:
                    body = await _beginning(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason, transient = _cause(error)
            raise DeliveryError(reason, transient=transient, detail=type(error).__name__) from None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return judge(exchange, Response(status=answer.status_code, headers=headers, body=body))

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file or None)

    def _connections(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=self._settings.connections)
            self._client = httpx.AsyncClient(
                verify=self._context(),
                timeout=None,  # noqa: S113 -- the whole attempt has one
                limits=limits,
                trust_env=False,
                follow_redirects=False,
            )
        return self._client


async def _beginning(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) >= LONGEST_ANSWER:
            break
    return body[:LONGEST_ANSWER]


def _cause(error: Exception) -> tuple[Reason, bool]:
    """Return the reason and whether it may pass, of a fault in which the gateway did not speak."""
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return "timeout", True
        case _ if _is_tls(error):
            return "tls", True
        case httpx.ConnectError():
            return "refused_connection", True
        case httpx.LocalProtocolError():
            return "misconfigured", True  # what the description makes of our values is no HTTP
        case httpx.TransportError() | OSError():
            return "disconnected", True
        case _:
            return "misconfigured", True  # an address that cannot be written


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
