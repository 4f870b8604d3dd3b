"""What a notifier is: it takes one message, hands it to a gateway, and says what the gateway answered.

Here: the values and the protocol. Not here: retries, fallback and budgets (the dispatcher's), rendering (wording's).
A notifier never imports the engine. `sent` promises nothing about delivery.
"""

from __future__ import annotations

import math
import socket
import ssl
from typing import Literal, Protocol, get_args

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One rendered message to one address; every attempt sends exactly these bytes.

    `id` is the notification's derived id, `envelope` the name by which a report of its delivery comes back (empty:
    the id), `reference` the Message-ID for e-mail. `date` is an RFC 5322 date. `text` is the SMS or
    the plain part, `html` the other part of an e-mail. `headers` are further e-mail headers; of a webhook,
    what the message is about.
    """

    id: str
    channel: str
    to: str
    text: str
    envelope: str = ""
    subject: str = ""
    html: str = ""
    date: str = ""
    reference: str = ""
    headers: dict[str, str] = {}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway accepted the message; `reference` is its own name for it, if it gave one."""

    gateway: str
    reference: str = ""


Reason = Literal[
    "unknown_host",
    "refused_connection",
    "timeout",
    "tls",
    "authentication",
    "throttled",
    "server_error",
    "recipient_refused",
    "content_refused",
    "invalid_answer",
    "disconnected",
    "misconfigured",
    "unexpected",
]
"""The closed list of reasons why a gateway did not accept a message; they are metric labels.

`unexpected` stands for whatever a notifier raises that is no `DeliveryError`; a notifier does not say it of itself.
"""


def reason_of(error: BaseException) -> Reason:
    """Return why nobody could be connected to, by what lies behind an error of the connection."""
    found: BaseException | None = error
    reason: Reason = "refused_connection"
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return "tls"
        if isinstance(found, socket.gaierror):
            return "unknown_host"
        if isinstance(found, TimeoutError):
            reason = "timeout"
        found = found.__cause__ or found.__context__
    return reason


class DeliveryError(Exception):
    """The gateway did not accept the message."""

    def __init__(
        self, reason: Reason, *, transient: bool, retry_after: float | None = None, detail: str = ""
    ) -> None:
        """Say why, whether the same message may be accepted later, and after how many seconds the gateway wants it.

        `detail` is for people who debug; it never holds an address.
        """
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.transient = transient
        self.retry_after = retry_after


LONGEST_REFERENCE = 200
"""Characters of a gateway's own name for a message; what is longer is none."""
LONGEST_RETRY_AFTER = 3_600.0
"""Seconds; a gateway that wants to be left alone for longer is asked again all the same."""


def receipt_to_keep(returned: object) -> Receipt:
    """Return a receipt whose reference can be kept. Raises `TypeError` where a notifier returned something else."""
    if not isinstance(returned, Receipt):
        raise TypeError(f"a notifier returned a {type(returned).__name__} and no receipt")
    reference: object = returned.reference
    usable = isinstance(reference, str) and len(reference) <= LONGEST_REFERENCE and _can_be_kept(reference)
    return returned if usable else Receipt(gateway=returned.gateway)


def _can_be_kept(text: str) -> bool:
    """Whether a text can be written as UTF-8: a lone surrogate cannot."""
    return all(not "\ud800" <= character <= "\udfff" for character in text)


def known_refusal(error: DeliveryError) -> DeliveryError:
    """Return a refusal with a reason of the closed list and a wait that can be kept to."""
    after = error.retry_after
    if after is not None:
        after = None if math.isnan(after) else min(max(after, 0.0), LONGEST_RETRY_AFTER)
    reason: Reason = error.reason if error.reason in get_args(Reason) else "unexpected"
    return DeliveryError(reason, transient=error.transient, retry_after=after)


class Notifier(Protocol):
    """One gateway. `name` labels metrics, `channel` is sms, email or webhook."""

    name: str
    channel: str

    async def send(self, message: Message) -> Receipt:
        """Hand the message over; raise `DeliveryError` where the gateway did not accept it."""
        ...

    async def probe(self) -> None:
        """Find out whether the gateway would take messages, without sending any; raise `DeliveryError` where not."""
        ...

    async def close(self) -> None:
        """Let go of kept connections."""
        ...
