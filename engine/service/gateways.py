"""The gateways of an installation: what each can do, which one a message takes, and the breaker of each.

Here: the choice for one message, and what its outcome does to the breaker and the metrics. Not here: the rule of the
choice (`core.alerting.route`), sending (`service.dispatcher`, `notifiers`) and reading the file (`documents.gateways`).

Breakers lie in the store: whoever plans a message passes over what is out of order, in whichever process. Of all
dispatchers one makes the probe: choosing writes nothing, the write that claims the message makes it the probe too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.command import Attempted
from engine.core.alerting.policy import Channel
from engine.core.alerting.route import (
    CLOSED,
    Breaker,
    Route,
    after_failure,
    begin_probe,
    give_up_probe,
    routes_to,
)
from engine.core.judging.instant import MINUTE, Instant, Millis
from engine.documents.gateways import Rate, RouteProfile, Trust
from engine.errors import StoreError
from engine.metrics import Metrics
from engine.service.books import BREAKERS
from engine.service.deliveries import AT_ONCE, Places
from engine.service.readable import readable_of, readable_or
from engine.service.rounds import Rounds
from engine.store.codec import encode
from engine.store.port import Committed, Put, Record, Store, Write
from engine.store.write_names import WriteName
from engine.texts.sms_profile import Profile

BELIEVED: Mapping[Channel, Trust] = {"sms": "none", "email": "low", "webhook": "none"}
"""What reports of a channel are worth where its gateway does not say: a bounced mail did not arrive."""

Unserved = Literal["misconfigured", "breaker_open"]
"""Why no gateway takes a message: none serves its address, or those that do are out of order now."""
ATTEMPTS = 50
"""A choice is made anew this often when other messages become the probe meanwhile."""

log = structlog.get_logger(__name__)


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway: its route, and what that carries.

    `dlr_trust`: `none` leaves reports of failure alone, `low` believes them, `high` also takes a report that stays away
    for `dlr_timeout` milliseconds for a failure. `by_reference`: its reports name its own reference and not our id.
    `rate` bounds what one process hands over, `at_once` how many messages it has under way by this gateway.
    """

    route: Route
    profile: Profile = Profile()
    dlr_trust: Trust = "none"
    dlr_timeout: Millis = 10 * MINUTE
    by_reference: bool = False
    rate: Rate | None = None
    at_once: int = AT_ONCE

    @property
    def id(self) -> str:
        """Its name in files, records and metrics."""
        return self.route.gateway

    def report_by(self, sent_at: Instant) -> Instant | None:
        """Return when a missing report on a message counts as a failure; None: never."""
        return sent_at + self.dlr_timeout if self.dlr_trust == "high" else None


def gateway_of(
    route: Route, carried: RouteProfile, *, by_reference: bool = False, at_once: int = AT_ONCE
) -> Gateway:
    """Return the gateway of a route that carries what a file says."""
    return Gateway(
        route=route,
        profile=Profile(
            two_way=carried.two_way,
            concat=carried.concat,
            unicode=carried.unicode,
            url_ok=carried.url_ok,
            banned_words=carried.banned_words,
        ),
        dlr_trust=carried.dlr_trust or BELIEVED[route.channel],
        dlr_timeout=carried.dlr_timeout,
        by_reference=by_reference,
        rate=carried.rate,
        at_once=at_once,
    )


class Choice(NamedTuple):
    """The gateway that a message takes. `puts` belong into the write that claims the message.

    They make it the probe of a gateway that was out of order until now; where another message became it meanwhile, they
    conflict.
    """

    gateway: Gateway
    puts: tuple[Put, ...] = ()


class Gateways:
    """Chooses gateways and remembers how they are."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics, gateways: Iterable[Gateway]) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._gateways = {gateway.id: gateway for gateway in gateways}
        self.places = Places({gateway.id: gateway.at_once for gateway in self._gateways.values()})
        self._went: dict[str, deque[Instant]] = {}
        self._breakers: Rounds[str, Record | None] = Rounds(lambda ids: store.get(BREAKERS, ids))
        metrics.gateways.know(self._gateways)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The ways out."""
        return tuple(gateway.route for gateway in self._gateways.values())

    def get(self, gateway: str) -> Gateway | None:
        """Return a gateway by its id."""
        return self._gateways.get(gateway)

    def believes(self, gateway: str) -> bool:
        """Whether a gateway's report of a failure is believed; one that is not known any more has no say."""
        known = self.get(gateway)
        return known is not None and known.dlr_trust != "none"

    async def choose(self, channel: Channel, address: str, message: str) -> Choice | Unserved:
        """Return the gateway that a message (its id) to an address takes now, or why there is none."""
        routes = routes_to(self.routes, channel, address)
        return await self._first_free([route.gateway for route in routes], message)

    async def choose_again(self, gateway: str, message: str) -> Choice | Unserved:
        """Choose the gateway that a message was written for, or say why it cannot be taken now."""
        return await self._first_free([gateway] if gateway in self._gateways else [], message)

    async def _first_free(self, gateways: Sequence[str], message: str) -> Choice | Unserved:
        if not gateways:
            return "misconfigured"
        records = await self._store.get(BREAKERS, gateways)
        now = self._clock.now()
        for gateway, record in zip(gateways, records, strict=True):
            breaker = readable_or(BREAKERS, gateway, record, Breaker, CLOSED)
            if breaker.is_open(now):
                continue
            puts: tuple[Put, ...] = ()
            if record is not None and breaker.probing:
                puts = (Put(BREAKERS, gateway, encode(begin_probe(breaker, now, message)), record.version),)
            return Choice(self._gateways[gateway], puts)
        return "breaker_open"

    async def take(self, channel: Channel, address: str, message: str) -> Choice | Unserved:
        """Choose for a message that is sent at once and that no write claims; raise `StoreError` where that fails."""
        for _ in range(ATTEMPTS):
            choice = await self.choose(channel, address, message)
            if not isinstance(choice, Choice) or not choice.puts:
                return choice
            if isinstance(await self._store.write(Write(name="breaker", puts=choice.puts)), Committed):
                return choice
        raise StoreError("the breakers change too quickly")

    async def not_sent(self, gateway: str, message: str) -> None:
        """Note that a message (its id) is not sent after all: where it was the probe, the next one is."""
        record = (await self._store.get(BREAKERS, [gateway]))[0]
        breaker = readable_or(BREAKERS, gateway, record, Breaker, CLOSED)
        after = give_up_probe(breaker, self._clock.now(), message)
        if record is not None and after != breaker:
            await self._keep("breaker", gateway, after, record.version)

    def first(self, channel: Channel, address: str, interrupted: Collection[str] = ()) -> Gateway | None:
        """Return the gateway that a message to an address takes if no other is out of order than these."""
        routes = (route.gateway for route in routes_to(self.routes, channel, address))
        return next((self._gateways[gateway] for gateway in routes if gateway not in interrupted), None)

    async def breakers(self) -> dict[str, Breaker]:
        """Return the breakers that are not closed, by gateway."""
        ids = list(self._gateways)
        records = await self._store.get(BREAKERS, ids)
        kept = readable_of(BREAKERS, ids, records, Breaker)
        return {id_: breaker for id_, breaker in kept.items() if breaker != CLOSED}

    def pace(self, gateway: Gateway, now: Instant) -> Instant:
        """Return when a message may go at the gateway's rate; one that may go now is counted."""
        if gateway.rate is None:
            return now
        went = self._went.setdefault(gateway.id, deque(maxlen=gateway.rate.at_most))
        if len(went) == gateway.rate.at_most and now < went[0] + gateway.rate.within:
            return went[0] + gateway.rate.within
        went.append(now)
        return now

    async def settle(self, gateway: str, *, well: bool) -> None:
        """Note that a gateway answered as it should (or refused for good), or that it failed for the time being."""
        while True:
            record = await self._breakers.ask(gateway)
            breaker = readable_or(BREAKERS, gateway, record, Breaker, CLOSED)
            if well and breaker == CLOSED:
                return
            now = self._clock.now()
            after = CLOSED if well else after_failure(breaker, now)
            if await self._keep("breaker", gateway, after, record.version if record else 0):
                break
        self._metrics.gateways.breaker(gateway, is_open=after.is_open(now))
        if after.probing != breaker.probing:
            log.warning("breaker", gateway=gateway, state="open" if after.probing else "closed")

    async def _keep(self, name: WriteName, gateway: str, breaker: Breaker, version: int) -> bool:
        put = Put(BREAKERS, gateway, encode(breaker), version)
        committed = isinstance(await self._store.write(Write(name=name, puts=(put,))), Committed)
        self._metrics.commit(name, "committed" if committed else "conflict")
        return committed


def unserved(notification_id: str, why: Unserved) -> Attempted:
    """Return the attempt that is not made: the channel has no gateway, or those that serve are out of order now."""
    outcome: Literal["permanent", "transient"] = "permanent" if why == "misconfigured" else "transient"
    return Attempted(notification=notification_id, outcome=outcome, reason=why)
