"""Sending: what all parts of the dispatcher work with, as one value.

Here: the value. Not here: who uses what of it (`service.claims`, `service.digests`).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.clock import Clock
from engine.core.alerting.command import Attempted
from engine.core.alerting.delivery import NOT_RENDERED
from engine.errors import SiagaError
from engine.metrics import Metrics
from engine.service.accounts import Accounts
from engine.service.apply import Desk
from engine.service.books import Books
from engine.service.gateways import Gateways
from engine.service.phones import Phones
from engine.store.port import Store
from engine.texts.render import Renderer


class Sending(NamedTuple):
    """The parts by which messages are claimed; links and codes are made by `key`."""

    store: Store
    clock: Clock
    books: Books
    desk: Desk
    metrics: Metrics
    renderer: Renderer
    gateways: Gateways
    phones: Phones
    accounts: Accounts
    key: bytes


class NotRenderedError(SiagaError):
    """A message could not be worded: a template, a text or a value in it raised."""


def not_rendered(notification_id: str) -> Attempted:
    """Return the attempt that is not made because there are no words for it; the template may be mended meanwhile."""
    return Attempted(notification=notification_id, outcome="transient", reason=NOT_RENDERED)
