"""Delivery reports: what a gateway, or a bounced mail, says later of a message that was accepted.

Here: from the id of a notification to the change of its alert, or of the reply it is. Not here: what a report changes
(`core.alerting.delivery`), how gateways write reports (`service.callbacks`) and how bounces are read. A report that
names no message of ours, or one of another gateway, changes nothing.
"""

from __future__ import annotations

from typing import Literal

import structlog

from engine.core.alerting.alert import ALONE, Notification
from engine.core.alerting.command import Reported
from engine.core.alerting.credential import DISPATCHER, Credential
from engine.metrics import Metrics
from engine.service.apply import Desk
from engine.service.casebook import NOTIFICATIONS
from engine.service.digests import Digests
from engine.service.gateways import Gateways
from engine.service.replies import Replies
from engine.store.codec import decode_record
from engine.store.port import Store

Outcome = Literal["delivered", "failed", "missing"]
Taken = Literal["recorded", "settled", "doubted", "unknown"]
"""What became of a report: `settled` before, or its alert lies in the archive by now; `doubted` as its gateway's
reports of failure are (`dlr_trust: none`); `unknown` is a message that is none of ours or of another gateway."""

log = structlog.get_logger(__name__)


class Reports:
    """Takes reports."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
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
        self, notification_id: str, outcome: Outcome, *, reason: str = "", gateway: str = ""
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
