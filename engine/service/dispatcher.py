"""The dispatcher: claims notifications that are due, renders them, hands them to a gateway, records what came of it.

Here: the turn of its loop. Not here: claiming (`service.claims`), whether a message is still wanted (`alerting.gates`),
what a failure leads to (`alerting.telling`), or how gateways speak (`notifiers`). Any number of dispatchers may run.

A message goes at least once. The claim stores the rendered message; an attempt after a crash sends exactly that again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from engine.alerting.alert import ALONE, Notification, Rendered
from engine.alerting.budget import UNBOUNDED, Budgets
from engine.alerting.command import Attempted, Withheld
from engine.alerting.directory import Contact
from engine.alerting.gates import attempt
from engine.alerting.turn import Waiting
from engine.clock import Clock, monotonic
from engine.errors import StoreUnavailableError
from engine.judging.instant import SECOND, Instant, Millis
from engine.judging.region import NATION
from engine.metrics import Metrics
from engine.service.accounts import Accounts
from engine.service.apply import Desk
from engine.service.books import Books
from engine.service.casebook import (
    ALERTS,
    CLAIM,
    NOTIFICATIONS,
    OUTBOX,
    Case,
    Changes,
    load,
)
from engine.service.claims import Claimed, Claims
from engine.service.digests import Digests
from engine.service.gateways import Gateway, Gateways, unserved
from engine.service.phones import Phones
from engine.service.queue import Queue, Together
from engine.service.receipts import Receipts
from engine.service.replies import Replies
from engine.service.reports import Reports
from engine.service.setback import Setbacks
from engine.store.codec import decode
from engine.store.port import Store
from engine.wording.link import fill, token_for
from engine.wording.render import Renderer
from engine.wording.seal import seal
from notifiers.base import DeliveryError, Message, Notifier

BATCH = 100
PATIENCE: Millis = 30 * SECOND
"""A digest waits this long for steps that were to start."""
AT_ONCE = 20
"""Attempts under way at once in one process; `in_order` (lock-step) makes them one after the other."""

log = structlog.get_logger(__name__)


class Dispatcher:
    """Sends what is due."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: Books,
        desk: Desk,
        metrics: Metrics,
        *,
        renderer: Renderer,
        gateways: Gateways,
        notifiers: Mapping[str, Notifier],
        phones: Phones,
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
        accounts = Accounts(store, budgets)
        self._queue = Queue(store)
        self.claims = Claims(
            store,
            clock,
            books,
            desk,
            metrics,
            renderer=renderer,
            gateways=gateways,
            phones=self._phones,
            accounts=accounts,
            key=key,
        )
        self.replies = Replies(store, clock, books, metrics, self._phones)
        self.digests = Digests(
            store,
            clock,
            books,
            desk,
            metrics,
            renderer=renderer,
            gateways=gateways,
            phones=self._phones,
            accounts=accounts,
            key=key,
        )
        self.receipts = Receipts(store)
        self.reports = Reports(store, desk, self.replies, self.digests, gateways, metrics)
        self._at_once = 1 if in_order else AT_ONCE
        self._setbacks = Setbacks("dispatcher", OUTBOX, store=store, clock=clock, metrics=metrics)

    async def turn(self) -> int:
        """Send what is due now; return how many notifications were looked at."""
        now = self._clock.now()
        chosen = await self._queue.turn(now, BATCH)
        if any(first.gathers for first, *_ in chosen) and await self._steps_start(now):
            chosen = [together for together in chosen if not together[0].gathers]
        left = deque(chosen)
        places = asyncio.Semaphore(self._at_once)
        async with asyncio.TaskGroup() as group:
            while left:
                await places.acquire()
                few = [left.popleft()]
                while left and not places.locked():
                    await places.acquire()
                    few.append(left.popleft())
                for together, work in await self._works(few):
                    task = group.create_task(self._setbacks.spare_others(together[0].id, work))
                    task.add_done_callback(lambda _task: places.release())
        return len(chosen)

    async def _works(self, few: Sequence[Together]) -> list[tuple[Together, Coroutine[Any, Any, None]]]:
        """Return what there is to do for a few messages, those that depend on nothing else claimed already."""
        plain = [together[0] for together in few if _is_plain(together[0])]
        claimed: dict[str, Claimed] = {}
        if len(plain) > 1:
            try:
                found = await self.claims.take_together(plain)
            except StoreUnavailableError:
                raise
            except Exception:  # of one of them: each goes alone, and this one will be put off
                log.exception("not_claimed_together", messages=len(plain))
            else:
                claimed = {one.notification.id: one for one in found}
        return [
            (together, self._deliver(*claimed[together[0].id]))
            if together[0].id in claimed
            else (together, self._work(together))
            for together in few
        ]

    async def _steps_start(self, now: Instant) -> bool:
        """Say whether steps are about to start: their messages go in the same digest as what waits already.

        An escalator that is long behind is not waited for.
        """
        due = await self._store.due(ALERTS, now, 1)
        return bool(due) and now - due[0][1] < PATIENCE

    async def _work(self, together: Together) -> None:
        first = together[0]
        if first.gathers:
            await self._gather(together)
        elif first.kind in ALONE:
            await self._reply(first.id)
        elif first.kind == "digest":
            await self._digest(first.id)
        else:
            await self._send(first.alert, first.id)

    async def recover(self) -> None:
        """Plan claims of a process that is gone for now. Only where no other dispatcher can be under way."""
        records = await self._store.get(NOTIFICATIONS, list(await self._store.planned(OUTBOX)))
        changes, now = Changes(), self._clock.now()
        for record in records:
            claimed = decode(record.value, Notification) if record is not None else None
            if record is not None and claimed is not None and claimed.state == "sending":
                due = min(now, claimed.due_at or now)
                changes.put_notification(msgspec.structs.replace(claimed, due_at=due), record.version)
        if changes.puts:
            await self._store.write(changes.write("replan"))

    async def _send(self, alert_id: str, notification_id: str) -> None:
        claimed = await self.claims.take(alert_id, notification_id)
        if claimed is not None:
            await self._deliver(*claimed)

    async def _deliver(self, case: Case, notification: Notification) -> None:
        """Hand a claimed message to its gateway, and record what came of it."""
        if await self._held(case.alert.id, notification):
            return
        outcome = await self._attempt(notification)
        await self._desk.change(case.alert.id, outcome, "attempted")
        await self._catch_up(outcome)

    async def _reply(self, reply_id: str) -> None:
        """Send a reply, which no gate holds."""
        claimed = await self.replies.claim(reply_id, self._clock.now() + CLAIM)
        if claimed is None or claimed.rendered is None:
            return
        gateway = await self.gateways.choose(claimed.channel, claimed.rendered.to)
        if not isinstance(gateway, Gateway):
            outcome = unserved(reply_id, gateway)
        else:
            outcome = await self._attempt(msgspec.structs.replace(claimed, gateway=gateway.id))
        await self.replies.settle(claimed, outcome)
        await self._catch_up(outcome)

    # --- digests ----------------------------------------------------------------------------------------------------

    async def _gather(self, together: Together) -> None:
        """Send what was held back for one contact as one digest; what is alone and no digest goes as itself."""
        async with self.claims.one_at_a_time:
            bound = await self.digests.bind(together)
        if isinstance(bound, Notification):
            await self._attempt_digest(bound)
        elif bound is not None:
            await self._send(bound.alert, bound.notification)

    async def _digest(self, digest_id: str) -> None:
        """Go on with a digest: try it again, or tell its items what came of it."""
        if (claimed := await self.digests.claim_again(digest_id)) is not None:
            await self._attempt_digest(claimed)
        else:
            await self.digests.go_on(digest_id)

    async def _attempt_digest(self, claimed: Notification) -> None:
        if not await self.digests.taken_apart(claimed):
            outcome = await self._attempt(claimed)
            await self.digests.settle(claimed.id, outcome)
            await self._catch_up(outcome)

    # --- one message ------------------------------------------------------------------------------------------------

    async def _held(self, alert_id: str, notification: Notification) -> bool:
        """Ask once more right before the attempt; somebody may have taken the matter since the claim was read."""
        case = (await load(self._store, [alert_id]))[alert_id]
        current = case.notifications[notification.id]
        if attempt(case.alert, current, await self._books.surroundings(), self._clock.now()) is None:
            return False
        await self._desk.change(alert_id, Withheld(notification=notification.id), "drop_unwanted")
        return True

    async def _attempt(self, notification: Notification) -> Attempted:
        """Hand a message to the gateway it was claimed for."""
        gateway, message = notification.gateway, self._message(notification)
        self._metrics.gateways.message(gateway, "submitted")
        began = monotonic()
        try:
            receipt = await self._notifiers[gateway].send(message)
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
            if known is not None and known.by_reference:
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
        await self.gateways.settle(gateway, well=outcome.outcome != "transient")
        return outcome

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
            envelope=seal(self._key, notification.id),
            channel=notification.channel,
            to=rendered.to,
            text=fill(rendered.text, secret),
            subject=rendered.subject,
            html=fill(rendered.html, secret),
            date=rendered.date,
            reference=rendered.reference,
            headers=rendered.headers,
        )

    async def try_contact(self, contact: Contact, rendered: Rendered, id_: str) -> Attempted:
        """Send a message that belongs to no alert, once, by the way that alerts take; nothing of it is kept."""
        gateway = await self.gateways.choose(contact.channel, contact.value)
        if not isinstance(gateway, Gateway):
            return unserved(id_, gateway)
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
        return await self._attempt(message)

    async def close(self) -> None:
        """Let go of the gateways' connections."""
        for notifier in self._notifiers.values():
            with contextlib.suppress(DeliveryError):
                await notifier.close()


def _is_plain(message: Waiting) -> bool:
    return not message.gathers and message.kind not in (*ALONE, "digest")
