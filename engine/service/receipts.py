"""Receipts: which message a gateway means by its own reference, for gateways that report by nothing else.

Here: the table, and reports that come before we know the reference. Not here: what a report leads to
(`service.reports`). The reference is kept before the attempt is recorded: a report can come at any time after it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.clock import Clock
from engine.core.judging.instant import Instant
from engine.service.readable import readable_or
from engine.store.codec import encode
from engine.store.port import Committed, Put, Store, Write

Early = Literal["", "delivered", "failed"]
RECEIPTS = "receipts"
"""Table of `Receipt`s by gateway and reference."""
LONGEST_REFERENCE = 200
"""Characters; what is longer is no reference."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The notification that a reference stands for.

    It is empty while only a report with the reference came (`early`), at the instant `at`.
    """

    notification: str = ""
    early: Early = ""
    at: Instant = 0


class Receipts:
    """Keeps references."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def keep(self, gateway: str, reference: str, notification: str) -> None:
        """Keep what a reference stands for."""
        while True:
            version, found = await self._read(gateway, reference)
            kept = Receipt(notification=notification, early=found.early)
            if await self._write(gateway, reference, kept, version):
                return

    async def early(self, gateway: str, reference: str) -> Early:
        """Return what a report with a reference said before that was kept; empty: nothing."""
        return (await self._read(gateway, reference))[1].early

    async def notification(
        self, gateway: str, reference: str, outcome: Literal["delivered", "failed"]
    ) -> str:
        """Return the notification of a reference; empty where it is not known yet: the outcome is kept until it is."""
        if not reference or len(reference) > LONGEST_REFERENCE:
            return ""
        while True:
            version, found = await self._read(gateway, reference)
            if found.notification or found.early == "delivered":
                return found.notification
            if await self._write(gateway, reference, Receipt(early=outcome, at=self._clock.now()), version):
                return ""

    async def _read(self, gateway: str, reference: str) -> tuple[int, Receipt]:
        key = receipt_key(gateway, reference)
        record = (await self._store.get(RECEIPTS, [key]))[0]
        return record.version if record else 0, readable_or(RECEIPTS, key, record, Receipt, Receipt())

    async def _write(self, gateway: str, reference: str, receipt: Receipt, version: int) -> bool:
        put = Put(RECEIPTS, receipt_key(gateway, reference), encode(receipt), version)
        return isinstance(await self._store.write(Write(name="receipt", puts=(put,))), Committed)


def receipt_key(gateway: str, reference: str) -> str:
    """Return the id of the record of a gateway's reference."""
    return f"{gateway}/{reference}"
