"""SMS through any gateway that speaks HTTP: which one is data, an `Exchange` and the values that fill it.

Here: the connection, and faults in which the gateway did not speak. Not here: what a gateway wants to be asked and what
its answers mean (`notifiers.exchange`), reports and texts that it brings (it calls us), retries (the dispatcher's).
Redirects are not followed and no proxy of the environment is used: the message would go where nobody meant it to.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlencode

import httptools
import msgspec

from notifiers.base import DeliveryError, Message, Reason, Receipt, reason_of
from notifiers.connections import Connections, NotConnectedError, target_of
from notifiers.exchange import Exchange, Filled, Response, fill, judge

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
        self._kept: Connections | None = None

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
        try:
            target = target_of(self._settings.url)
            context = self._connections().context if target.secure else None
            async with asyncio.timeout(self._settings.timeout):
                _, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
                writer.close()
                await writer.wait_closed()
        except ValueError:
            raise DeliveryError("misconfigured", transient=True, detail="address") from None
        except TimeoutError:
            raise DeliveryError("timeout", transient=True) from None
        except OSError as error:
            raise DeliveryError(reason_of(error), transient=True, detail=type(error).__name__) from None

    async def close(self) -> None:
        """Let go of kept connections."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    async def _exchange(self, exchange: Exchange, values: Mapping[str, str]) -> str:
        try:
            url, headers, body = _written(fill(exchange, values))
            async with asyncio.timeout(self._settings.timeout):
                answer = await self._connections().exchange(exchange.method, target_of(url), headers, body)
        except (OSError, ValueError, httptools.HttpParserError) as error:
            reason, transient = _cause(error)
            raise DeliveryError(reason, transient=transient, detail=type(error).__name__) from None
        return judge(exchange, Response(status=answer.status, headers=answer.headers, body=answer.body))

    def _connections(self) -> Connections:
        if self._kept is None:
            self._kept = Connections(self._settings.connections, ca_file=self._settings.ca_file)
        return self._kept


def _written(filled: Filled) -> tuple[str, dict[str, str], bytes]:
    """Return address, headers and body of a request as they go over the wire."""
    url, headers, body = filled.url, {"user-agent": "Siaga", **filled.headers}, b""
    if filled.query:
        url = f"{url.partition('?')[0]}?{urlencode(filled.query)}"
    if filled.form is not None:
        headers = {"content-type": "application/x-www-form-urlencoded", **headers}
        body = urlencode(filled.form).encode()
    elif filled.json is not None:
        headers = {"content-type": "application/json", **headers}
        body = msgspec.json.encode(filled.json)
    return url, headers, body


def _cause(error: Exception) -> tuple[Reason, bool]:
    """Return the reason and whether it may pass, of a fault in which the gateway did not speak."""
    match error:
        case TimeoutError():
            return "timeout", True
        case _ if _is_tls(error):
            return "tls", True
        case NotConnectedError():
            return reason_of(error), True
        case OSError() | httptools.HttpParserError():
            return "disconnected", True
        case _:
            return "misconfigured", True  # an address or a header that cannot be written


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
