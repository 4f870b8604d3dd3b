"""The dispatcher: claims notifications that are due, renders them, hands them to a gateway, records what came of it.

Here: the turn of its loop. Not here: claiming (`delivery.claims`), whether a message is still wanted
(`core.alerting.gates`), what a failure leads to (`core.alerting.notification_planning`), or how gateways speak
(`notifiers`). Any number of dispatchers may run.

A message goes at least once. The claim stores the rendered message; an attempt after a crash sends exactly that again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.alert import ALONE, Notification, Rendered
from engine.core.alerting.budget import UNBOUNDED, Budgets
from engine.core.alerting.command import Attempted, Withheld
from engine.core.alerting.credential import DISPATCHER
from engine.core.alerting.directory import Contact
from engine.core.alerting.gates import attempt
from engine.core.alerting.send_order import Waiting
from engine.core.judging.instant import SECOND, Instant, Millis
from engine.core.judging.region import NATION
from engine.delivery.claims import Claimed, Claims, Sending
from engine.delivery.contact_notices import ContactNotices
from engine.delivery.deliveries import Deliveries, Delivery
from engine.delivery.delivery_reports import DeliveryReports, GatewayReferences
from engine.delivery.digests import Digests
from engine.delivery.gateways import GatewayChoice, Gateways, unserved
from engine.delivery.queue import Queue, QueuedGroup
from engine.delivery.replies import Replies
from engine.delivery.reply_codes import ReplyCodes
from engine.delivery.send_budgets import SendBudgets
from engine.errors import StoreUnavailableError, UnreadableRecordError
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.item_retry import ItemRetry
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, CLAIM, NOTIFICATIONS, OUTBOX, Case, WriteBuilder, load
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable_of
from engine.runtime.batcher import Batcher
from engine.store.port import Store
from engine.texts.answer_link_token import signed_name, token_for, with_token
from engine.texts.objection import fill_code
from engine.texts.render import Renderer
from notifiers.base import DeliveryError, Message, Notifier, Receipt, known_refusal, receipt_to_keep

LOOK_SECONDS = 0.1
"""What finds no place at its gateway for so long is looked at again, together with what came meanwhile."""
PATIENCE: Millis = 30 * SECOND
"""A digest waits this long for steps that were to start."""
log = structlog.get_logger(__name__)


class _Asked(NamedTuple):
    """Whether a gate holds a message back right before its attempt, and the case as it was read for that."""

    held: bool
    case: Case


class Dispatcher:
    """Sends what is due."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        desk: AlertCommands,
        metrics: Metrics,
        *,
        renderer: Renderer,
        gateways: Gateways,
        notifiers: Mapping[str, Notifier],
        phones: ReplyCodes,
        key: bytes,
        budgets: Budgets = UNBOUNDED,
        in_order: bool = False,
    ) -> None:
        """Wire the parts. `notifiers` are those of `gateways`, by gateway; the codes of SMS and links need `key`."""
        self._store = store
        self._clock = clock
        self._books = books
        self._desk = desk
        self._metrics = metrics
        self.gateways = gateways
        self._notifiers = notifiers
        self._key = key
        self._phones = phones
        accounts = SendBudgets(store, budgets)
        parts = Sending(store, clock, books, desk, metrics, renderer, gateways, phones, accounts, key)
        self._queue = Queue(store, books, gateways)
        self.claims = Claims(parts)
        self.replies = Replies(store, clock, books, metrics, self._phones)
        self.notices = ContactNotices(store, clock, books, metrics, gateways, renderer, key)
        self.digests = Digests(parts)
        self.receipts = GatewayReferences(store, clock)
        self.reports = DeliveryReports(store, desk, self.replies, self.digests, gateways, metrics)
        self._in_order = in_order
        self.deliveries = Deliveries(gateways.places)
        self._asked: Batcher[Claimed, _Asked] = Batcher(self._ask)
        self._setbacks = ItemRetry("dispatcher", OUTBOX, store=store, clock=clock, metrics=metrics)

    async def turn(self) -> int:
        """Claim what is due now and begin to send it; return how many notifications were looked at.

        What is on its way when a turn ends goes on beside the next one: a gateway that is slow holds up nobody else.
        Raises what the sending of a message raised since the last turn: a store that was away.
        """
        now = self._clock.now()
        chosen = await self._queue.turn(now)
        if any(_waits_for_steps(together.first) for together in chosen) and await self._steps_start(now):
            chosen = [together for together in chosen if not _waits_for_steps(together.first)]
        await (self._one_by_one(chosen) if self._in_order else self._as_they_find_places(chosen))
        self.deliveries.look()
        return len(chosen)

    @property
    def more(self) -> bool:
        """Whether the last turn left something that was due."""
        return self._queue.left

    async def _one_by_one(self, chosen: Sequence[QueuedGroup]) -> None:
        for together in chosen:
            await self._begin([together])
            await self.deliveries.settled()

    async def _as_they_find_places(self, chosen: Sequence[QueuedGroup]) -> None:
        """Begin what its gateway has a place for, until nothing is left, or it is time to look what has come."""
        until = monotonic() + LOOK_SECONDS
        while chosen:
            free = await self.gateways.places.room(Counter(together.gateway for together in chosen), until)
            few: list[QueuedGroup] = []
            left: list[QueuedGroup] = []
            for together in chosen:
                free[together.gateway] -= 1
                (few if free[together.gateway] >= 0 else left).append(together)
            await self._begin(few)
            chosen = left if monotonic() < until else ()

    async def _begin(self, few: Sequence[QueuedGroup]) -> None:
        """Claim a few messages and begin to deliver them, those that depend on nothing else all at once."""
        self._queue.begun(few)
        plain = [together.first for together in few if _is_plain(together.first)]
        done: set[str] = set()
        try:
            for claimed in await self.claims.take_together(plain) if plain else ():
                done.add(claimed.notification.id)
                self._start(self._delivery(claimed))
        except StoreUnavailableError:
            raise
        except Exception:  # of one of them: each goes alone, and this one will be put off
            log.exception("not_claimed_together", messages=len(plain))
        for together in few:
            if (first := together.first).id not in done:
                work = self._begin_alone(together)
                await self._setbacks.spare_others(first.id, work, planned=first.due_at)

    async def _begin_alone(self, together: QueuedGroup) -> None:
        if (delivery := await self._claim(together)) is not None:
            self._start(delivery)

    def _start(self, delivery: Delivery) -> None:
        spared = self._setbacks.spare_others(delivery.id, delivery.work, planned=delivery.due_at)
        self.deliveries.start(delivery._replace(work=spared))

    async def _steps_start(self, now: Instant) -> bool:
        """Say whether steps are about to start: their messages go in the same digest as what waits already.

        An escalator that is long behind is not waited for.
        """
        due = await self._store.due(ALERTS, now, 1)
        return bool(due) and now - due[0][1] < PATIENCE

    async def _claim(self, together: QueuedGroup) -> Delivery | None:
        """Claim one message and return what is left to do: its delivery; None where it is not to go now."""
        first = together.first
        if first.gathers:
            return await self._gather(together)
        if first.kind in ALONE:
            return await self._reply(first.id, first.kind)
        if first.kind == "digest":
            return await self._digest(first.id, first.due_at)
        return await self._send(first.alert, first.id)

    async def recover(self) -> None:
        """Plan for now what a process that is gone had begun: claims, and items that wait for word of their digest.

        Only where no other dispatcher can be under way.
        """
        ids = list(await self._store.planned(OUTBOX))
        records = await self._store.get(NOTIFICATIONS, ids)
        versions = {id_: one.version for id_, one in zip(ids, records, strict=True) if one is not None}
        changes, now = WriteBuilder(), self._clock.now()
        for id_, claimed in readable_of(NOTIFICATIONS, ids, records, Notification).items():
            if _is_begun(claimed):
                due = min(now, claimed.due_at or now)
                changes.put_notification(msgspec.structs.replace(claimed, due_at=due), versions[id_])
        if changes.puts:
            await self._store.write(changes.write("replan"))

    async def _send(self, alert_id: str, notification_id: str) -> Delivery | None:
        claimed = await self.claims.take(alert_id, notification_id)
        return None if claimed is None else self._delivery(claimed)

    def _delivery(self, claimed: Claimed) -> Delivery:
        return _delivery_of(claimed.notification, self._deliver(claimed))

    async def _deliver(self, claimed: Claimed) -> None:
        """Hand a claimed message to its gateway, and record what came of it."""
        alert_id, notification = claimed.case.alert.id, claimed.notification
        held, case = await self._asked.ask(claimed)
        if held:
            await self._desk.change(
                alert_id, Withheld(notification=notification.id), "drop_unwanted", by=DISPATCHER
            )
            await self.gateways.not_sent(notification.gateway, notification.id)
            return
        outcome = await self._handed_over(notification)
        record = partial(self._desk.change, alert_id, outcome, "attempted", known=case, by=DISPATCHER)
        if outcome.outcome == "transient":  # where it goes next depends on the breaker
            await self._settle(outcome)
            await record()
        else:
            await asyncio.gather(self._settle(outcome), record())
        await self._catch_up(outcome)

    async def _reply(self, reply_id: str, kind: str) -> Delivery | None:
        """Claim a reply, or a notice of a changed contact, which no gate holds."""
        claims = self.notices if kind == "contact_change" else self.replies
        claimed = await claims.claim(reply_id, self._clock.now() + CLAIM)
        if claimed is None:
            return None
        address = claimed.rendered.to if claimed.rendered else ""
        choice = await self.gateways.take(claimed.channel, address, claimed.id)
        if not isinstance(choice, GatewayChoice):
            taken = msgspec.structs.replace(claimed, gateway="")
            return _delivery_of(taken, self._settle_reply(claimed, unserved(claimed.id, choice)))
        taken = msgspec.structs.replace(claimed, gateway=choice.gateway.id)
        return _delivery_of(taken, self._deliver_reply(taken))

    async def _deliver_reply(self, claimed: Notification) -> None:
        await self._settle_reply(claimed, await self._attempt(claimed))

    async def _settle_reply(self, claimed: Notification, outcome: Attempted) -> None:
        await self.replies.settle(claimed, outcome)
        await self._catch_up(outcome)

    # --- digests ----------------------------------------------------------------------------------------------------

    async def _gather(self, together: QueuedGroup) -> Delivery | None:
        """Claim what was held back for one contact as one digest; what is alone and no digest goes as itself."""
        bound = await self.digests.bind(together.messages)
        if isinstance(bound, Notification):
            return _delivery_of(bound, self._attempt_digest(bound))
        return None if bound is None else await self._send(bound.alert, bound.notification)

    async def _digest(self, digest_id: str, due_at: Instant | None = None) -> Delivery | None:
        """Go on with a digest that is in the outbox at `due_at`: try it again, or tell its items what came of it."""
        claimed = await self.digests.claim_again(digest_id)
        if claimed is None:
            return Delivery("", self.digests.go_on(digest_id), digest_id, due_at)
        return _delivery_of(claimed, self._attempt_digest(claimed))

    async def _attempt_digest(self, claimed: Notification) -> None:
        if not await self.digests.taken_apart(claimed):
            outcome = await self._attempt(claimed)
            await self.digests.settle(claimed.id, outcome)
            await self._catch_up(outcome)

    async def _ask(self, few: Sequence[Claimed]) -> list[_Asked | Exception]:
        """Ask once more right before the attempts; somebody may have taken a matter since the claims were read."""
        known = {one.case.alert.id: one.case for one in few}
        lost: dict[str, UnreadableRecordError] = {}
        cases, around = await asyncio.gather(
            load(self._store, list(known), known, unreadable=lost), self._books.surroundings()
        )
        now = self._clock.now()
        asked: list[_Asked | Exception] = []
        for one in few:
            if one.case.alert.id in lost:
                asked.append(lost[one.case.alert.id])
                continue
            try:
                case = cases[one.case.alert.id]
                held = attempt(case.alert, case.notifications[one.notification.id], around, now)
                asked.append(_Asked(held is not None, case))
            except Exception as error:  # noqa: BLE001 -- of this one alone; it is put off with its trace
                asked.append(error)
        return asked

    async def _attempt(self, notification: Notification) -> Attempted:
        """Hand a message to the gateway it was claimed for, and note how that is."""
        outcome = await self._handed_over(notification)
        await self._settle(outcome)
        return outcome

    async def _settle(self, attempted: Attempted) -> None:
        await self.gateways.settle(attempted.gateway, well=attempted.outcome != "transient")

    async def _handed_over(self, notification: Notification) -> Attempted:
        gateway = notification.gateway
        self._metrics.gateways.message(gateway, "submitted")
        began = monotonic()
        try:
            receipt = await self._submitted(notification)
        except DeliveryError as error:
            log.warning(
                "attempt_failed",
                notification=notification.id,
                gateway=gateway,
                reason=error.reason,
                transient=error.transient,
            )
            after = error.retry_after
            outcome = Attempted(
                notification=notification.id,
                outcome="transient" if error.transient else "permanent",
                gateway=gateway,
                reason=error.reason,
                retry_after=None if after is None else self._clock.now() + round(after * SECOND),
            )
        else:
            known = self.gateways.get(gateway)
            if known is not None and known.by_reference and receipt.reference:
                await self.receipts.keep(gateway, receipt.reference, notification.id)
            outcome = Attempted(
                notification=notification.id,
                outcome="sent",
                gateway=gateway,
                reference=receipt.reference,
                report_by=known.report_by(self._clock.now()) if known else None,
            )
        self._metrics.gateways.took(gateway, monotonic() - began)
        self._metrics.gateways.message(gateway, "accepted" if outcome.outcome == "sent" else "refused")
        return outcome

    async def _submitted(self, notification: Notification) -> Receipt:
        """Hand a message to its notifier and return a receipt that can be kept; raise nothing but `DeliveryError`.

        Whatever else a notifier raises or returns is an attempt that failed, too: it may be tried again, the breaker
        counts it, another contact serves. Only who ends the process, or the delivery itself, ends it.
        """
        try:
            receipt = await self._notifiers[notification.gateway].send(self._message(notification))
            return receipt_to_keep(receipt)
        except DeliveryError as error:
            raise known_refusal(error) from error
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise
            log.exception(
                "notifier_raised", notification=notification.id, gateway=notification.gateway, exc_info=error
            )
            raise DeliveryError("unexpected", transient=True) from error

    async def _catch_up(self, attempted: Attempted) -> None:
        """Enter what a gateway reported by its own reference before we had recorded that."""
        gateway = self.gateways.get(attempted.gateway)
        if gateway is None or not gateway.by_reference:
            return
        early = await self.receipts.early(attempted.gateway, attempted.reference)
        if early:
            reason = "undelivered" if early == "failed" else ""
            await self.reports.take(attempted.notification, early, reason=reason, gateway=attempted.gateway)

    def _token(self, notification: Notification) -> str:
        return token_for(self._key, notification.id, notification.channel)

    def _message(self, notification: Notification) -> Message:
        """Put the token into the stored message; the result is the same at every attempt."""
        rendered = notification.rendered
        if rendered is None:
            raise AssertionError(f"notification {notification.id} was claimed without its message")
        secret = self._token(notification)
        return Message(
            id=notification.id,
            envelope=signed_name(self._key, notification.id),
            channel=notification.channel,
            to=rendered.to,
            text=fill_code(with_token(rendered.text, secret), self._key, notification.id),
            subject=rendered.subject,
            html=with_token(rendered.html, secret),
            date=rendered.date,
            reference=rendered.reference,
            headers=rendered.headers,
        )

    async def try_contact(self, contact: Contact, rendered: Rendered, id_: str) -> Attempted:
        """Send a message that belongs to no alert, once, by the way that alerts take; nothing of it is kept."""
        choice = await self.gateways.take(contact.channel, contact.value, id_)
        if not isinstance(choice, GatewayChoice):
            return unserved(id_, choice)
        gateway = choice.gateway
        message = Notification(
            id=id_,
            alert="",
            kind="reply",
            person="",
            contact=contact.id,
            channel=contact.channel,
            cause=id_,
            planned_at=self._clock.now(),
            level=1,
            region=NATION,
            gateway=gateway.id,
            rendered=rendered,
        )
        with self.gateways.places.taken(gateway.id):
            return await self._attempt(message)

    async def close(self) -> None:
        """Give up what is on its way, whose claims end by themselves, and let go of the gateways' connections."""
        await self.deliveries.close()
        for notifier in self._notifiers.values():
            try:
                await notifier.close()
            except Exception:
                log.exception("notifier_not_closed", gateway=notifier.name)


def _waits_for_steps(message: Waiting) -> bool:
    """Say whether a message goes in a digest that waits for what is about to start; awas does not wait."""
    return message.gathers and not message.storm


def _is_plain(message: Waiting) -> bool:
    return not message.gathers and message.kind not in (*ALONE, "digest")


def _delivery_of(claimed: Notification, work: Coroutine[Any, Any, object]) -> Delivery:
    return Delivery(claimed.gateway, work, claimed.id, claimed.due_at)


def _is_begun(message: Notification) -> bool:
    """Say of a message in the outbox whether it waits for a process, not for an instant."""
    return message.state == "sending" or (message.kind == "digest" and message.state in ("sent", "failed"))
