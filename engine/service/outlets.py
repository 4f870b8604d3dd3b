"""The ways out of an installation: for each gateway what it can do, and from what settings its notifier is built.

Here: gathering them from the settings. Not here: building notifiers (`service.app`) and choosing among gateways
(`service.gateways`). The outbox takes what has no other gateway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.alerting.policy import Channel
from engine.alerting.route import Route
from engine.service.gateways import BELIEVED, Gateway
from engine.settings import Settings
from engine.wording.profile import Profile

LAST = 1_000
"""The order of what is given by settings: gateways of the file come before it."""


class Outlet(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway, and the settings of its notifier as `notifiers.registry` takes them."""

    gateway: Gateway
    notifier: dict[str, Any]


def outlets_of(settings: Settings, environment: Mapping[str, str]) -> tuple[Outlet, ...]:
    """Return the gateways of an installation; secrets come out of the environment."""
    outlets = tuple(_of_settings(settings, environment))
    served = {outlet.gateway.route.channel for outlet in outlets}
    return (*outlets, *_outboxes(settings, served))


def sms_profile(settings: Settings) -> Profile:
    """Return what an SMS may hold where no gateway of the file says it."""
    return Profile(**settings.gateways.sms.model_dump())


def _of_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Outlet]:
    smtp = settings.gateways.smtp
    if smtp.host is None:
        return
    password = smtp.password.get_secret_value() if smtp.password else environment.get(smtp.password_env, "")
    yield Outlet(
        gateway=Gateway(
            route=Route(gateway="smtp", channel="email", order=LAST), dlr_trust=BELIEVED["email"]
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
