"""Replies to texts: planned with what the text led to, claimed and settled by the dispatcher.

Here: the life of a message that belongs to a contact and not to a case, a `reply` or a report on the `situation`: no
gate holds it, no other contact gets it. Not here: its words (`texts.response`, `texts.situation`), and sending
(`delivery.dispatcher`). The address is looked up at each attempt and kept nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.clock import Clock
from engine.core.alerting.alert import Alert, Notification, NotificationState, Rendered
from engine.core.alerting.command import Attempted
from engine.core.alerting.delivery import RETRIES
from engine.core.alerting.directory import Contact
from engine.core.alerting.ids import notification_id
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.delivery.reply_codes import ReplyCodes
from engine.metrics import Metrics
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX
from engine.records.runtime_config import RuntimeConfig
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Expect, Plan, Put, Store, Write
from engine.store.write_names import WriteName
from engine.texts.conversation import reply


class PlannedReply(NamedTuple):
    """A reply and the writes that plan it."""

    notification: Notification
    put: Put
    plan: Plan


def plan_reply(
    text_id: str, contact: Contact, person: str, language: str, words: str, alert: Alert | None, now: Instant
) -> PlannedReply:
    """Plan the reply to a text, due at once; `alert` is the one it speaks of, if it is one."""
    notification = Notification(
        id=notification_id(text_id, person, contact.id, "reply"),
        alert=alert.id if alert else "",
        kind="reply",
        person=person,
        contact=contact.id,
        channel=contact.channel,
        cause=text_id,
        planned_at=now,
        due_at=now,
        level=alert.level if alert else 1,
        region=alert.region if alert else NATION,
        language=language,
        rendered=Rendered(to="", text=words),
    )
    return PlannedReply(
        notification,
        Put(NOTIFICATIONS, notification.id, encode(notification), 0),
        Plan(OUTBOX, notification.id, now),
    )


class Replies:
    """Claims replies and keeps what came of them."""

    def __init__(
        self, store: Store, clock: Clock, books: RuntimeConfig, metrics: Metrics, phones: ReplyCodes
    ) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._phones = phones

    async def claim(self, reply_id: str, until: Instant) -> Notification | None:
        """Mark a reply as being sent and return it with its address; None where there is nothing to send."""
        record = (await self._store.get(NOTIFICATIONS, [reply_id]))[0]
        notification = decode_record(NOTIFICATIONS, reply_id, record.value, Notification) if record else None
        if record is None or notification is None or notification.due_at is None or not notification.rendered:
            same = Expect(NOTIFICATIONS, reply_id, record.version if record else 0)
            off = Plan(OUTBOX, reply_id, None)
            await self._store.write(Write(name="replan", plans=(off,), expects=(same,)))
            return None
        if notification.due_at > self._clock.now():
            return None  # another dispatcher was quicker since the queue was read
        contact = (await self._books.directory()).contact(notification.contact)
        if contact is None:
            gone = msgspec.structs.replace(
                notification, state="suppressed", reason="contact_gone", due_at=None
            )
            await self._keep("settle_reply", gone, record.version)
            return None
        claimed = msgspec.structs.replace(notification, state="sending", due_at=until)
        told: tuple[Put, ...] = ()
        if notification.channel == "sms" and notification.state == "pending" and not notification.attempts:
            # Each reply counts once among the messages of its phone, however often it is tried.
            kept = await self._phones.memory(contact.value, self._clock.now())
            told = (self._phones.put(contact.value, kept, reply(kept.line)),)
        if not await self._keep("claim_reply", claimed, record.version, *told):
            return None
        addressed = msgspec.structs.replace(notification.rendered, to=contact.value)
        return msgspec.structs.replace(claimed, rendered=addressed)

    async def settle(self, claimed: Notification, attempted: Attempted) -> None:
        """Keep what came of an attempt: sent, to be tried again twice, or failed."""
        record = (await self._store.get(NOTIFICATIONS, [claimed.id]))[0]
        if record is None:
            return
        now, attempts = self._clock.now(), claimed.attempts + 1
        kept = decode_record(NOTIFICATIONS, claimed.id, record.value, Notification)
        if kept.final:
            return  # a report on it came before our own record
        found = msgspec.structs.replace(kept, attempts=attempts, gateway=attempted.gateway)
        if attempted.outcome == "sent":
            settled = msgspec.structs.replace(
                found, state="sent", sent_at=now, due_at=None, reason="", reference=attempted.reference
            )
        elif attempted.outcome == "transient" and attempts <= len(RETRIES):
            due = max(now + RETRIES[attempts - 1], attempted.retry_after or 0)
            settled = msgspec.structs.replace(found, state="pending", due_at=due, reason=attempted.reason)
        else:
            settled = msgspec.structs.replace(found, state="failed", due_at=None, reason=attempted.reason)
        await self._keep("settle_reply", settled, record.version)

    async def report(self, reply_id: str, outcome: str, reason: str) -> bool:
        """Keep what a gateway said later of a reply, which goes nowhere else; False where it was settled before."""
        record = (await self._store.get(NOTIFICATIONS, [reply_id]))[0]
        found = decode_record(NOTIFICATIONS, reply_id, record.value, Notification) if record else None
        if (
            record is None
            or found is None
            or found.final
            or (found.state == "pending" and not found.attempts)
        ):
            return False
        state: NotificationState = "delivered" if outcome == "delivered" else "failed"
        sent_at = self._clock.now() if found.sent_at is None and state == "delivered" else found.sent_at
        settled = msgspec.structs.replace(found, state=state, sent_at=sent_at, due_at=None, reason=reason)
        return await self._keep("report_reply", settled, record.version)

    async def _keep(self, name: WriteName, notification: Notification, version: int, *puts: Put) -> bool:
        outcome = await self._store.write(
            Write(
                name=name,
                puts=(Put(NOTIFICATIONS, notification.id, encode(notification), version), *puts),
                plans=(Plan(OUTBOX, notification.id, notification.due_at),),
            )
        )
        committed = isinstance(outcome, Committed)
        self._metrics.commit(name, "committed" if committed else "conflict")
        if committed:
            self._metrics.notification(notification)
        return committed
