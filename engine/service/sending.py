"""Sending: what all parts of the dispatcher work with, as one value.

Here: the value. Not here: who uses what of it (`service.claims`, `service.digests`).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.clock import Clock
from engine.metrics import Metrics
from engine.service.accounts import Accounts
from engine.service.apply import Desk
from engine.service.books import Books
from engine.service.gateways import Gateways
from engine.service.phones import Phones
from engine.store.port import Store
from engine.wording.render import Renderer


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
