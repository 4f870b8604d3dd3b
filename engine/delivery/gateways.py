"""The gateways of an installation: settings, notifier, breaker, and which gateway a message takes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.command import Attempted
from engine.core.alerting.gateway_route import (
    CLOSED,
    Breaker,
    Route,
    after_failure,
    begin_probe,
    give_up_probe,
    routes_to,
)
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import MINUTE, SECOND, Instant, Millis
from engine.delivery.deliveries import AT_ONCE, SendSlots
from engine.documents.adapters import Adapter, Callback
from engine.documents.gateways import GatewayEntry, Rate, RouteProfile, Trust, load_gateways
from engine.errors import ConfigurationError, StoreError
from engine.metrics import Metrics
from engine.records.runtime_config import BREAKERS
from engine.records.tolerant_read import readable_of, readable_or
from engine.runtime.batcher import Batcher
from engine.settings import Settings
from engine.store.codec import encode
from engine.store.port import Committed, Put, Record, Store, Write
from engine.store.write_names import WriteName
from engine.texts.sms_profile import Profile

_IN_ADDRESS = re.compile(r"[A-Za-z0-9._~-]*", re.ASCII)
LAST = 1_000
"""The order of what is given by settings: gateways of the file come before it."""


class Caller(NamedTuple):
    """A gateway that calls: what it brings, and the secret by which it proves itself."""

    callback: Callback
    secret: str

    def __repr__(self) -> str:
        return f"Caller(callback={self.callback!r})"


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway, the settings of its notifier as `notifiers.registry` takes them, and what it brings if it calls.

    `low_balance` is what a prepaid gateway should at least have left, in its own unit.
    """

    gateway: Gateway
    notifier: dict[str, Any]
    caller: Caller | None = None
    low_balance: float | None = None

    def __repr__(self) -> str:
        return f"GatewayConfig(gateway={self.gateway!r})"  # the rest holds passwords


def gateway_configs(settings: Settings, environment: Mapping[str, str]) -> tuple[GatewayConfig, ...]:
    """Return the gateways of an installation; secrets come out of the environment.

    Raises `ConfigurationError` with every finding of the file, and where a variable that it names is missing.
    """
    path = settings.paths.gateways
    entries = load_gateways(path).expect() if path.exists() else ()
    outlets = (
        *(_of_entry(entry, settings, environment) for entry in entries),
        *_of_settings(settings, environment),
    )
    served = {outlet.gateway.route.channel for outlet in outlets}
    return (*outlets, *_outboxes(settings, served))


def sms_profiles(settings: Settings) -> dict[str, Profile]:
    """Return what an SMS may hold, by gateway."""
    path = settings.paths.gateways
    entries = load_gateways(path).expect() if path.exists() else ()
    routes = [(e, Route(gateway=e.id, channel=e.channel)) for e in entries if e.channel == "sms"]
    of_file = {entry.id: gateway_of(route, entry.profile).profile for entry, route in routes}
    return of_file or {"outbox-sms": sms_profile(settings)}


def sms_profile(settings: Settings) -> Profile:
    """Return what an SMS may hold where no gateway of the file says it."""
    return Profile(**settings.gateways.sms.model_dump())


def _of_entry(entry: GatewayEntry, settings: Settings, environment: Mapping[str, str]) -> GatewayConfig:
    route = Route(gateway=entry.id, channel=entry.channel, order=entry.order, prefixes=entry.prefixes)
    callback = entry.adapter.callback if entry.adapter else None
    reports = callback.reports if callback else None
    by_reference = reports is not None and not reports.notification
    secret = _secret(entry, entry.callback_env, environment)
    return GatewayConfig(
        gateway=gateway_of(route, entry.profile, by_reference=by_reference, at_once=entry.connections),
        notifier=_NOTIFIERS[entry.channel](entry, _secret(entry, entry.password_env, environment))
        | (_reporting(entry, secret, settings) if entry.adapter is not None else {}),
        caller=Caller(callback, secret) if callback is not None else None,
        low_balance=entry.low_balance,
    )


def _secret(entry: GatewayEntry, variable: str, environment: Mapping[str, str]) -> str:
    if not variable:
        return ""
    found = environment.get(variable, "")
    if not found:
        raise ConfigurationError(f"gateway {entry.id}: the variable {variable} is not set or empty")
    return found


def _reporting(entry: GatewayEntry, secret: str, settings: Settings) -> dict[str, Any]:
    """Return where a gateway reports, and by what it proves itself; the secret may stand in an address."""
    if not _IN_ADDRESS.fullmatch(secret):
        raise ConfigurationError(
            f"gateway {entry.id}: {entry.callback_env} may hold letters, digits and . _ ~ - alone"
        )
    base = entry.callback_url or settings.base_url
    return {"report_url": f"{base}/v1/gateways/{entry.id}/reports", "callback_secret": secret}


def _sms(entry: GatewayEntry, password: str) -> dict[str, Any]:
    adapter = entry.adapter or Adapter()
    return {
        "adapter": "sms_http",
        "name": entry.id,
        "url": entry.url,
        "user": entry.user,
        "password": password,
        "sender_id": entry.profile.sender_id,
        "ca_file": str(entry.ca_file or ""),
        "timeout": entry.timeout / SECOND,
        "connections": entry.connections,
        "send": adapter.send,
        "balance": adapter.balance,
    }


def _email(entry: GatewayEntry, password: str) -> dict[str, Any]:
    return {
        "adapter": "smtp",
        "name": entry.id,
        "host": entry.host,
        "port": entry.port,
        "tls": entry.tls,
        "ca_file": str(entry.ca_file or ""),
        "user": entry.user,
        "password": password,
        "sender": entry.envelope_sender,
        "timeout": entry.timeout / SECOND,
        "connections": entry.connections,
    }


def _webhook(entry: GatewayEntry, password: str) -> dict[str, Any]:
    return {
        "adapter": "webhook",
        "name": entry.id,
        "key": password,
        "private_addresses": entry.private_addresses,
        "ca_file": str(entry.ca_file or ""),
        "timeout": entry.timeout / SECOND,
        "connections": entry.connections,
    }


_NOTIFIERS: Mapping[Channel, Callable[[GatewayEntry, str], dict[str, Any]]] = {
    "sms": _sms,
    "email": _email,
    "webhook": _webhook,
}


def _of_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[GatewayConfig]:
    smtp = settings.gateways.smtp
    if smtp.host is None:
        return
    password = smtp.password.get_secret_value() if smtp.password else environment.get(smtp.password_env, "")
    yield GatewayConfig(
        gateway=Gateway(
            route=Route(gateway="smtp", channel="email", order=LAST),
            dlr_trust=BELIEVED["email"],
            at_once=smtp.connections,
        ),
        notifier={
            "adapter": "smtp",
            "host": smtp.host,
            "port": smtp.port,
            "tls": smtp.tls,
            "ca_file": str(smtp.ca_file or ""),
            "user": smtp.user or "",
            "password": password,
            "sender": smtp.envelope_sender or "",
            "timeout": smtp.timeout_seconds,
            "connections": smtp.connections,
        },
    )


def _outboxes(settings: Settings, served: set[Channel]) -> Iterator[GatewayConfig]:
    """Yield an outbox for SMS and for e-mail where nothing else serves them; an outbox reports nothing."""
    channels: tuple[Channel, ...] = ("sms", "email")
    for channel in channels if settings.gateways.outbox.enabled else ():
        if channel in served:
            continue
        name = f"outbox-{channel}"
        profile = sms_profile(settings) if channel == "sms" else Profile()
        yield GatewayConfig(
            gateway=Gateway(route=Route(gateway=name, channel=channel, order=LAST), profile=profile),
            notifier={
                "adapter": "outbox",
                "name": name,
                "channel": channel,
                "directory": str(settings.outbox_directory),
            },
        )


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


class GatewayChoice(NamedTuple):
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
        self.places = SendSlots({gateway.id: gateway.at_once for gateway in self._gateways.values()})
        self._went: dict[str, deque[Instant]] = {}
        self._breakers: Batcher[str, Record | None] = Batcher(lambda ids: store.get(BREAKERS, ids))
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

    async def choose(self, channel: Channel, address: str, message: str) -> GatewayChoice | Unserved:
        """Return the gateway that a message (its id) to an address takes now, or why there is none."""
        routes = routes_to(self.routes, channel, address)
        return await self._first_free([route.gateway for route in routes], message)

    async def choose_again(self, gateway: str, message: str) -> GatewayChoice | Unserved:
        """Choose the gateway that a message was written for, or say why it cannot be taken now."""
        return await self._first_free([gateway] if gateway in self._gateways else [], message)

    async def _first_free(self, gateways: Sequence[str], message: str) -> GatewayChoice | Unserved:
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
            return GatewayChoice(self._gateways[gateway], puts)
        return "breaker_open"

    async def take(self, channel: Channel, address: str, message: str) -> GatewayChoice | Unserved:
        """Choose for a message that is sent at once and that no write claims; raise `StoreError` where that fails."""
        for _ in range(ATTEMPTS):
            choice = await self.choose(channel, address, message)
            if not isinstance(choice, GatewayChoice) or not choice.puts:
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
