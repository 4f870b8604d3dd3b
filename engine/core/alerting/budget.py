"""Budgets: how many messages a person, a region, a gateway and, of awas, a phone take, and when the next one may go.

Here: docs/specification/escalation.md#budgets and docs/specification/escalation.md#storms as pure functions on the
instants at which messages went. Not here: keeping these instants (`delivery.send_budgets`), and in which order what
waits goes (`core.alerting.send_order`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from engine.core.alerting.alert import Notification
from engine.core.alerting.policy import Channel
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import MINUTE, Instant, Millis
from engine.core.judging.region import cut

STORM: Literal["storm"] = "storm"
"""What holds a message of awas back whose phone got its share of them one by one: it goes in the next digest."""
HELD: Mapping[str, str] = {"person": "budget", "region": "budget", "gateway": "lane", "phone": STORM}
"""The gate that holds a message back, by whose budget is spent (docs/specification/escalation.md#gates)."""
Whose = Literal["person", "region", "gateway", "phone"]


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """At most so many messages in any stretch of `within` ms; `smooth`: also evenly spread over it."""

    at_most: int
    within: Millis
    smooth: bool = False


Allowances = Mapping[Channel, tuple[Allowance, ...]]


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """What persons, regencies and gateways take, by channel; `awas_reserve` is the share of a gateway's for awas alone.

    `awas` is what one phone takes of awas one by one; what is beyond comes as a digest, one in `awas_digest_every` ms.
    Without an entry there is no bound.
    """

    person: Allowances = {}
    region: Allowances = {}
    gateway: Allowances = {}
    awas_reserve: float = 0.2
    awas: Allowances = {}
    awas_digest_every: Millis = 2 * MINUTE


UNBOUNDED = Budgets()


class Account(msgspec.Struct, frozen=True):
    """Whose budget a message counts against, under which key it is kept, and what is left of it to this message.

    `whole` is the whole budget. `holds`: it holds this message back once it is spent; the message counts all the same,
    unless it has other messages than this one to count (`counts`).
    What is held waits until the budget has room again; where there is a `pause`, so many ms after the last that went.
    """

    whose: Whose
    key: str
    allowances: tuple[Allowance, ...]
    whole: tuple[Allowance, ...]
    holds: bool
    pause: Millis | None = None
    counts: bool = True

    def held_until(self, went: Sequence[Instant], now: Instant) -> Instant | None:
        """Return until when it holds the message back, of whose kind messages `went` before; None: it may go now."""
        at = allowed_at(went, self.allowances, now)
        if not self.holds or at <= now:
            return None
        return at if self.pause is None else max(went[-1] + self.pause, now)


def accounts(budgets: Budgets, message: Notification, phone: str = "") -> Iterator[Account]:
    """Yield the budgets that a message counts against. A reply counts against none and is never held.

    Awas is never held by a person's or region's, and has the whole of a gateway's rate; one phone (any constant name of
    it, else the contact stands for it) gets so many of it one by one, then digests. Exercises have persons' and
    regions' budgets of their own and no part in the reserve (docs/specification/escalation.md#exercises).
    """
    if message.kind == "reply":
        return
    channel, urgent = message.channel, message.level >= AWAS and not message.exercise
    regency = cut(message.region, "regency") or message.region
    own = "exercise:" if message.exercise else ""
    if allowed := budgets.person.get(channel):
        yield Account("person", f"{own}person:{message.person}/{channel}", allowed, allowed, not urgent)
    if allowed := budgets.region.get(channel):
        yield Account("region", f"{own}region:{regency}/{channel}", allowed, allowed, not urgent)
    if allowed := budgets.gateway.get(channel):
        share = 1.0 if urgent else 1.0 - budgets.awas_reserve
        left = tuple(_part(one, share) for one in allowed)
        yield Account("gateway", f"gateway:{channel}", left, allowed, holds=True)
    if urgent and (allowed := budgets.awas.get(channel)):
        key, every = phone or message.contact, budgets.awas_digest_every
        digest = message.kind == "digest"
        yield Account("phone", f"phone:{key}/{channel}", allowed, allowed, not digest, pause=every)
        # While digests come nothing overtakes them one by one: what waits would wait on for it.
        one = (Allowance(at_most=1, within=every),)
        yield Account("phone", f"phone-digest:{key}/{channel}", one, one, holds=True, counts=digest)


def _part(allowance: Allowance, share: float) -> Allowance:
    # A gateway that lets a single message through a second still serves everybody else beside awas.
    return msgspec.structs.replace(allowance, at_most=max(int(allowance.at_most * share), 1))


def allowed_at(went: Sequence[Instant], allowances: Sequence[Allowance], now: Instant) -> Instant:
    """Return the earliest instant from `now` on at which one more message may go; `went` is oldest first.

    It may go at t when fewer than `at_most` went in (t - within, t], and, if `smooth`, not sooner than
    `within / at_most` after the last.
    """
    at = now
    for allowance in allowances:
        if len(went) >= allowance.at_most:
            at = max(at, went[-allowance.at_most] + allowance.within)
        if allowance.smooth and went:
            at = max(at, went[-1] + -(-allowance.within // allowance.at_most))
    return at


def kept(went: Sequence[Instant], allowances: Sequence[Allowance]) -> tuple[Instant, ...]:
    """Return those instants that can still hold a message back: no more than the largest `at_most`."""
    most = max((allowance.at_most for allowance in allowances), default=0)
    longest = max((allowance.within for allowance in allowances), default=0)
    newest = went[-1] if went else 0
    return tuple(at for at in went[-most:] if at > newest - longest) if most else ()
