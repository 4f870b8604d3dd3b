"""The one list of notifiers: which adapters there are and how one is built from its settings.

Here: a line an adapter. Not here: which gateway a message uses (the dispatcher's). To add a notifier: write its module
with a settings struct, add its line here, and run it through `tests/contract/notifiers`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from notifiers.base import Notifier, Reason
from notifiers.collecting import Collecting, CollectingSettings
from notifiers.email import Email, EmailSettings
from notifiers.outbox import Outbox, OutboxSettings
from notifiers.sms_http import SmsHttp, SmsHttpSettings
from notifiers.webhook import Webhook, WebhookSettings

ADAPTERS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "collecting": (CollectingSettings, Collecting),
    "outbox": (OutboxSettings, Outbox),
    "sms_http": (SmsHttpSettings, SmsHttp),
    "smtp": (EmailSettings, Email),
    "webhook": (WebhookSettings, Webhook),
}
"""Adapter -> (its settings, its notifier)."""


class UnknownAdapterError(ValueError):
    """No notifier has this adapter."""


def build_one(gateway: Mapping[str, Any]) -> Notifier:
    """Build one notifier from plain settings; `adapter` says which. Raises `ValueError` that names what is wrong."""
    settings = dict(gateway)
    adapter = settings.pop("adapter", None)
    if adapter not in ADAPTERS:
        raise UnknownAdapterError(f"there is no adapter {adapter!r}; there are: {', '.join(ADAPTERS)}")
    form, notifier = ADAPTERS[adapter]
    try:
        built: Notifier = notifier(msgspec.convert(settings, form))
    except msgspec.ValidationError as error:
        raise ValueError(f"gateway {settings.get('name', adapter)!r}: {error}") from error
    return built


def build(gateways: Iterable[Mapping[str, Any]]) -> dict[str, Notifier]:
    """Build the notifiers by their names."""
    built = [build_one(gateway) for gateway in gateways]
    return {notifier.name: notifier for notifier in built}


def prepaid(notifiers: Mapping[str, Notifier]) -> dict[str, Callable[[], Awaitable[float | Reason]]]:
    """Return how the gateways that can be asked what is left are asked, by name."""
    return {name: n.balance for name, n in notifiers.items() if isinstance(n, SmsHttp) and n.prepaid}
