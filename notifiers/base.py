"""What a notifier is: it takes one message, hands it to a gateway, and says what the gateway answered.

Here: the values and the protocol. Not here: retries, fallback and budgets (the dispatcher's), rendering (wording's).
A notifier never imports the engine. `sent` promises nothing about delivery.
"""

from __future__ import annotations

from typing import Literal, Protocol

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
]
"""The closed list of reasons why a gateway did not accept a message; they are metric labels."""


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
