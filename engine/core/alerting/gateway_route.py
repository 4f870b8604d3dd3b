"""Which gateways can carry a message to a contact, in which order, and which of them are out of order now.

Here: docs/specification/escalation.md#gateways (the longest matching prefix, then `order`) and the breaker
(docs/specification/escalation.md#breaker) as pure values. Not here: what a gateway's route carries
(`texts.sms_profile`), and keeping breakers (`delivery.gateways`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from engine.core.alerting.directory import Contact
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import SECOND, Instant, Millis

FAILURES_TO_OPEN = 5
"""Transient failures in a row that open a breaker."""
OPEN_FOR: Millis = 30 * SECOND
"""How long a breaker stays open, and how long a probe may take before another is made."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The way through one gateway: its channel, and the beginnings of addresses it serves (none: all)."""

    gateway: str
    channel: Channel
    order: int = 1
    prefixes: tuple[str, ...] = ()

    def match(self, address: str) -> int | None:
        """Return the length of the longest prefix that fits the address; None where the route does not serve it."""
        if not self.prefixes:
            return 0
        return max((len(prefix) for prefix in self.prefixes if address.startswith(prefix)), default=None)


def routes_to(routes: Iterable[Route], channel: Channel, address: str) -> list[Route]:
    """Return the routes to an address, the one to take first."""
    fitting = [
        (route, fit)
        for route in routes
        if route.channel == channel and (fit := route.match(address)) is not None
    ]
    return [route for route, fit in sorted(fitting, key=lambda pair: (-pair[1], pair[0].order))]


def cut_off(routes: Collection[Route], interrupted: Collection[str], contact: Contact) -> bool:
    """Whether every gateway that serves a contact is out of order now; one that none serves is for others to find."""
    if not interrupted:
        return False
    serving = routes_to(routes, contact.channel, contact.value)
    return bool(serving) and all(route.gateway in interrupted for route in serving)


class Breaker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Transient failures in a row of one gateway, and until when it is not asked (None: it is).

    `probe` is the id of the message that tries it meanwhile.
    """

    failures: int = 0
    open_until: Instant | None = None
    probe: str = ""

    def is_open(self, now: Instant) -> bool:
        """Whether the gateway is not asked now."""
        return self.open_until is not None and now < self.open_until

    @property
    def probing(self) -> bool:
        """Whether the next message is a probe, once the breaker is not open any more."""
        return self.open_until is not None


CLOSED = Breaker()


def after_failure(breaker: Breaker, now: Instant) -> Breaker:
    """Return the breaker after a transient failure."""
    failures = breaker.failures + 1
    return Breaker(failures=failures, open_until=now + OPEN_FOR if failures >= FAILURES_TO_OPEN else None)


def begin_probe(breaker: Breaker, now: Instant, message: str) -> Breaker:
    """Return the breaker while one message (its id) tries the gateway: for all others it is open again, for a time.

    A message that says nothing until then, since its process died, is the probe no more.
    """
    return Breaker(failures=breaker.failures, open_until=now + OPEN_FOR, probe=message)


def give_up_probe(breaker: Breaker, now: Instant, message: str) -> Breaker:
    """Return the breaker after a message was not sent after all: if it was the probe, the next one may be."""
    return Breaker(failures=breaker.failures, open_until=now) if breaker.probe == message else breaker
