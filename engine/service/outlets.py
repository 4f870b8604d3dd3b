"""The ways out of an installation: for each gateway what it can do, and from what settings its notifier is built.

Here: gathering them from `config/gateways.yaml` and the settings. Not here: what that file may say
(`documents.gateways`), building notifiers (`service.app`) and choosing among gateways
(`service.gateways`). The outbox takes what has no other gateway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from engine.core.alerting.policy import Channel
from engine.core.alerting.route import Route
from engine.core.judging.instant import SECOND
from engine.documents.adapters import Adapter, Callback
from engine.documents.gateways import GatewayEntry, load_gateways
from engine.errors import ConfigurationError
from engine.service.gateways import BELIEVED, Gateway, gateway_of
from engine.settings import Settings
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


class Outlet(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway, the settings of its notifier as `notifiers.registry` takes them, and what it brings if it calls.

    `low_balance` is what a prepaid gateway should at least have left, in its own unit.
    """

    gateway: Gateway
    notifier: dict[str, Any]
    caller: Caller | None = None
    low_balance: float | None = None

    def __repr__(self) -> str:
        return f"Outlet(gateway={self.gateway!r})"  # the rest holds passwords


def outlets_of(settings: Settings, environment: Mapping[str, str]) -> tuple[Outlet, ...]:
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


def _of_entry(entry: GatewayEntry, settings: Settings, environment: Mapping[str, str]) -> Outlet:
    route = Route(gateway=entry.id, channel=entry.channel, order=entry.order, prefixes=entry.prefixes)
    callback = entry.adapter.callback if entry.adapter else None
    reports = callback.reports if callback else None
    by_reference = reports is not None and not reports.notification
    secret = _secret(entry, entry.callback_env, environment)
    return Outlet(
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


def _of_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Outlet]:
    smtp = settings.gateways.smtp
    if smtp.host is None:
        return
    password = smtp.password.get_secret_value() if smtp.password else environment.get(smtp.password_env, "")
    yield Outlet(
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


def _outboxes(settings: Settings, served: set[Channel]) -> Iterator[Outlet]:
    """Yield an outbox for SMS and for e-mail where nothing else serves them; an outbox reports nothing."""
    channels: tuple[Channel, ...] = ("sms", "email")
    for channel in channels if settings.gateways.outbox.enabled else ():
        if channel in served:
            continue
        name = f"outbox-{channel}"
        profile = sms_profile(settings) if channel == "sms" else Profile()
        yield Outlet(
            gateway=Gateway(route=Route(gateway=name, channel=channel, order=LAST), profile=profile),
            notifier={
                "adapter": "outbox",
                "name": name,
                "channel": channel,
                "directory": str(settings.outbox_directory),
            },
        )
