"""Delivery reports: what a gateway or a bounced mail says later of a message, found by the reference of the gateway."""

from __future__ import annotations

from typing import Literal

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import ALONE, Notification
from engine.core.alerting.command import Reported
from engine.core.alerting.credential import DISPATCHER, Credential
from engine.core.judging.instant import Instant
from engine.delivery.digests import Digests
from engine.delivery.gateways import Gateways
from engine.delivery.replies import Replies
from engine.escalation.alert_commands import AlertCommands
from engine.metrics import Metrics
from engine.records.alert_repository import NOTIFICATIONS
from engine.records.tolerant_read import readable_or
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Put, Store, Write

Early = Literal["", "delivered", "failed"]
RECEIPTS = "receipts"
"""Table of `GatewayReference`s by gateway and reference."""
LONGEST_REFERENCE = 200
"""Characters; what is longer is no reference."""


class GatewayReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The notification that a reference stands for.

    It is empty while only a report with the reference came (`early`), at the instant `at`.
    """

    notification: str = ""
    early: Early = ""
    at: Instant = 0


class GatewayReferences:
    """Keeps references."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def keep(self, gateway: str, reference: str, notification: str) -> None:
        """Keep what a reference stands for."""
        while True:
            version, found = await self._read(gateway, reference)
            kept = GatewayReference(notification=notification, early=found.early)
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
            if await self._write(
                gateway, reference, GatewayReference(early=outcome, at=self._clock.now()), version
            ):
                return ""

    async def _read(self, gateway: str, reference: str) -> tuple[int, GatewayReference]:
        key = receipt_key(gateway, reference)
        record = (await self._store.get(RECEIPTS, [key]))[0]
        return record.version if record else 0, readable_or(
            RECEIPTS, key, record, GatewayReference, GatewayReference()
        )

    async def _write(self, gateway: str, reference: str, receipt: GatewayReference, version: int) -> bool:
        put = Put(RECEIPTS, receipt_key(gateway, reference), encode(receipt), version)
        return isinstance(await self._store.write(Write(name="receipt", puts=(put,))), Committed)


def receipt_key(gateway: str, reference: str) -> str:
    """Return the id of the record of a gateway's reference."""
    return f"{gateway}/{reference}"


DeliveryOutcome = Literal["delivered", "failed", "missing"]
Taken = Literal["recorded", "settled", "doubted", "unknown"]
"""What became of a report: `settled` before, or its alert lies in the archive by now; `doubted` as its gateway's
reports of failure are (`dlr_trust: none`); `unknown` is a message that is none of ours or of another gateway."""

log = structlog.get_logger(__name__)


class DeliveryReports:
    """Takes reports."""

    def __init__(
        self,
        store: Store,
        desk: AlertCommands,
        replies: Replies,
        digests: Digests,
        gateways: Gateways,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._gateways = gateways
        self._metrics = metrics
        self._desk = desk
        self._replies = replies
        self._digests = digests

    async def take(
        self, notification_id: str, outcome: DeliveryOutcome, *, reason: str = "", gateway: str = ""
    ) -> Taken:
        """Enter a report on a notification; `reason` is that of a failure, one of `core.alerting.delivery.REASONS`.

        `gateway` is who says so, if it is one of ours: another than the one that took the message is not believed.
        """
        record = (await self._store.get(NOTIFICATIONS, [notification_id]))[0]
        notification = (
            decode_record(NOTIFICATIONS, notification_id, record.value, Notification) if record else None
        )
        if notification is None and await self._desk.left(notification_id):
            return "settled"
        if notification is None or (gateway and notification.gateway not in ("", gateway)):
            return "unknown"
        if gateway and outcome != "missing":
            self._metrics.gateways.message(gateway, outcome)
        if gateway and outcome == "failed" and not self._gateways.believes(gateway):
            return "doubted"
        if notification.kind in ALONE:
            recorded = await self._replies.report(notification.id, outcome, reason)
        elif notification.kind == "digest":
            said = Reported(notification=notification.id, outcome=outcome, gateway=gateway, reason=reason)
            recorded = await self._digests.report(notification.id, said)
        else:
            command = Reported(notification=notification.id, outcome=outcome, gateway=gateway, reason=reason)
            decision = await self._desk.change(
                notification.alert,
                command,
                "report",
                by=Credential("gateway", gateway) if gateway else DISPATCHER,
            )
            recorded = decision is not None and decision.reason != "already_settled"
        if recorded and outcome != "delivered":
            log.warning("not_delivered", notification=notification.id, gateway=gateway, reason=reason)
        return "recorded" if recorded else "settled"
