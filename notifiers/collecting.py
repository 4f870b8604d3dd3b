"""A gateway for tests: it keeps what it is given, and is up, down, slow or refuses as it is told.

Here: the gateway of rehearsals, under the same contract as the real ones. Not here: files (`notifiers.outbox`) and who
tells it how to behave (`engine.simulation`). Nothing leaves the process.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from notifiers.base import DeliveryError, Message, Receipt

GatewayMode = Literal["up", "down", "slow", "refuses"]
"""`up` accepts; `down` refuses the connection and `slow` times out, both for a while; `refuses` never accepts."""
STATES: tuple[str, ...] = get_args(GatewayMode)


class CollectingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one collecting gateway: its name (else the channel's) and the channel it serves."""

    name: str = ""
    channel: str


class Collecting:
    """Keeps the messages of one channel. `accepted` are the messages taken, `tried` counts all attempts."""

    def __init__(self, settings: CollectingSettings) -> None:
        self.name = settings.name or settings.channel
        self.channel = settings.channel
        self.accepted: list[Message] = []
        self.tried = 0
        self._state: GatewayMode = "up"
        self._of_recipient: dict[str, GatewayMode] = {}

    def become(self, state: GatewayMode, recipient: str | None = None) -> None:
        """Behave so from now on, towards everybody or one address; `up` for all ends what was said of single ones."""
        if recipient is not None:
            self._of_recipient[recipient] = state
            return
        self._state = state
        if state == "up":
            self._of_recipient.clear()

    async def send(self, message: Message) -> Receipt:
        """Keep the message, or raise `DeliveryError` as the present state has it."""
        self.tried += 1
        match self._of_recipient.get(message.to, self._state):
            case "down":
                raise DeliveryError("refused_connection", transient=True)
            case "slow":
                raise DeliveryError("timeout", transient=True)
            case "refuses":
                raise DeliveryError("recipient_refused", transient=False)
            case _:
                self.accepted.append(message)
                return Receipt(gateway=self.name, reference=f"{self.name}-{len(self.accepted)}")

    async def probe(self) -> None:
        """Raise `DeliveryError` as the present state has it."""
        if self._state in ("down", "slow"):
            raise DeliveryError("refused_connection" if self._state == "down" else "timeout", transient=True)

    async def close(self) -> None:
        """Nothing is kept open."""
