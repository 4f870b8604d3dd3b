"""Digests in the store: several messages to one contact claimed as one, sent as one, settled one by one.

Here: the claim that binds the items to their digest, and what becomes of them after an attempt or a report. Not here:
which messages go together (`delivery.queue`), their words (`texts.digest`) and the attempt (`delivery.dispatcher`).

From the claim on the digest stands in the outbox and its items do not. It leaves the outbox only when every item has
been told what came of it, so that a crash in between loses nothing; until then each turn goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import structlog

from engine.core.alerting.alert import Item, Notification, Rendered
from engine.core.alerting.budget import STORM
from engine.core.alerting.command import Attempted, Reported, Withheld
from engine.core.alerting.credential import DISPATCHER
from engine.core.alerting.delivery import NOT_RENDERED, RETRIES
from engine.core.alerting.digest import DIGEST, digest_of, digest_times
from engine.core.alerting.gates import attempt
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.alerting.send_order import Waiting
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import Instant
from engine.delivery.claims import NotRenderedError, Sending, not_rendered
from engine.delivery.gateways import Gateway, GatewayChoice, unserved
from engine.delivery.reply_codes import NOTHING, Sent
from engine.errors import UnreadableRecordError
from engine.escalation.internal_alerts import ask
from engine.escalation.item_retry import PUT_OFF
from engine.records.alert_repository import CLAIM, NOTIFICATIONS, OUTBOX, Case, answer_link, load
from engine.records.audit_log import AUDIT
from engine.records.tolerant_read import readable_or
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Plan, Put, Write
from engine.store.write_names import WriteName


class Gathered(NamedTuple):
    """Messages to one contact that are still wanted, each with its case; and the digest that would carry them all."""

    items: tuple[tuple[Notification, Case], ...]
    digest: Notification


log = structlog.get_logger(__name__)

UNSETTLED = ("pending", "sending")
"""States of a digest whose items wait for what comes of it."""


class Digests:
    """Binds, and settles, the digests of an installation."""

    def __init__(self, parts: Sending) -> None:
        self._parts = parts

    async def bind(self, together: Sequence[Waiting]) -> Notification | Item | None:
        """Return the digest that carries these messages, claimed; or the one message that goes as itself.

        None where nothing of it is wanted any more, may go now, or somebody else has it.
        """
        gathered = await self._gather(together)
        if gathered is None:
            return None
        if len(gathered.items) == 1 and await self._goes_as_itself(gathered.items[0][0]):
            return gathered.digest.items[0]
        return await self._claim(gathered)

    async def _goes_as_itself(self, message: Notification) -> bool:
        """Say whether a message that is alone goes as itself: not in a digest of its own."""
        if message.held != STORM:
            return message.held != DIGEST
        phone = self._parts.phones.digest(await self._address(message))
        return not (await self._parts.accounts.ask(message, self._parts.clock.now(), phone)).held

    async def _address(self, message: Notification) -> str:
        contact = (await self._parts.books.directory()).contact(message.contact)
        return contact.value if contact else ""

    async def _gather(self, together: Sequence[Waiting]) -> Gathered | None:
        """Return what of these messages is still wanted, as one digest; what is not is dropped with its reason."""
        now, around = self._parts.clock.now(), await self._parts.books.surroundings()
        lost: dict[str, UnreadableRecordError] = {}
        cases = await load(
            self._parts.store, list(dict.fromkeys(one.alert for one in together)), unreadable=lost
        )
        if waits := [
            Plan(OUTBOX, one.id, now + PUT_OFF, one.due_at) for one in together if one.alert in lost
        ]:
            asked = ask(InternalAlertRequest("unreadable"), now)
            await self._parts.store.write(Write(name="put_off", plans=(*waits, asked)))
        wanted: list[tuple[Notification, Case]] = []
        for one in together:
            case = cases.get(one.alert)
            message = case.notifications.get(one.id) if case else None
            if case is None or message is None or message.state != "pending" or message.due_at is None:
                continue
            if message.due_at > now:
                continue  # another dispatcher put it off since the queue was read
            if attempt(case.alert, message, around, now) is None:
                wanted.append((message, case))
            else:
                await self._parts.desk.change(
                    one.alert, Withheld(notification=one.id), "drop_unwanted", by=DISPATCHER
                )
        return await self._bound(wanted, now) if wanted else None

    async def _bound(self, wanted: Sequence[tuple[Notification, Case]], now: Instant) -> Gathered:
        messages = [message for message, _ in wanted]
        happened_at = [case.alert.happened_at for _, case in wanted]
        number = 0
        while True:
            digest = digest_of(messages, happened_at, now, number=number)
            if (await self._parts.store.get(NOTIFICATIONS, [digest.id]))[0] is None:
                break
            number += 1
        cases = {message.id: (message, case) for message, case in wanted}
        return Gathered(tuple(cases[item.notification] for item in digest.items), digest)

    async def _claim(self, gathered: Gathered) -> Notification | None:
        """Render a digest and bind its items to it; None where a budget holds it or nothing can carry it now."""
        now, digest = self._parts.clock.now(), gathered.digest
        address = await self._address(digest)
        budget = await self._parts.accounts.ask(digest, now, self._parts.phones.digest(address))
        if budget.held:
            await self._hold(gathered, budget.held, budget.until)
            return None
        choice = await self._parts.gateways.choose(digest.channel, address, digest.id)
        if not isinstance(choice, GatewayChoice):
            for message, case in gathered.items:
                await self._parts.desk.change(
                    case.alert.id, unserved(message.id, choice), "attempted", by=DISPATCHER
                )
            return None
        gateway = choice.gateway
        if self._parts.gateways.places.free(gateway.id) <= 0:
            return None  # its way has changed since the queue was read
        try:
            rendered, count, told = await self._render(gathered, gateway, address, now)
        except NotRenderedError:
            for message, case in self._unwordable(gathered, gateway, address, now):
                await self._parts.desk.change(
                    case.alert.id, not_rendered(message.id), "attempted", by=DISPATCHER
                )
            return None
        claimed = msgspec.structs.replace(
            digest,
            state="sending",
            rendered=rendered,
            gateway=gateway.id,
            due_at=now + CLAIM,
            items=digest.items[:count],
        )
        links = [answer_link(self._parts.key, i.notification, digest.channel, i.alert) for i in claimed.items]
        puts = [
            answer_link(self._parts.key, digest.id, digest.channel, ""),
            *links,
            *told.puts,
            *budget.puts,
            *choice.puts,
        ]
        return claimed if await self._store_bound(claimed, gathered, puts, told) else None

    async def _render(
        self, gathered: Gathered, gateway: Gateway, address: str, now: Instant
    ) -> tuple[Rendered, int, Sent]:
        """Return the message, how many of the items stand in it, and what is written beside its claim."""
        digest, code = gathered.digest, ""
        alerts = [item.alert for item in digest.items]
        by_code = gateway.profile.two_way and digest.channel == "sms"
        if by_code:
            code = (await self._parts.phones.tell_digest(address, digest.id, alerts, now)).code
        mark = (await self._parts.store.mark(AUDIT)).decode()
        rendered, count = self._text(digest, gathered.items, gateway, address, now, code, mark)
        if not by_code:
            return rendered, count, NOTHING
        return rendered, count, await self._parts.phones.tell_digest(address, digest.id, alerts[:count], now)

    def _text(
        self,
        digest: Notification,
        items: Sequence[tuple[Notification, Case]],
        gateway: Gateway,
        address: str,
        now: Instant,
        code: str = "",
        mark: str = "",
    ) -> tuple[Rendered, int]:
        """Word a digest. Raises `NotRenderedError` where that raises anything."""
        try:
            return self._parts.renderer.digest(
                digest,
                [(one, case.alert, tuple(case.notifications.values())) for one, case in items],
                at=now,
                to=address,
                code=code,
                mark=mark,
                profile=gateway.profile,
            )
        except Exception as error:
            log.exception(NOT_RENDERED, notification=digest.id, items=len(items))
            raise NotRenderedError(digest.id) from error

    def _unwordable(
        self, gathered: Gathered, gateway: Gateway, address: str, now: Instant
    ) -> list[tuple[Notification, Case]]:
        """Return the items that cannot be worded; all of them where each can, but not together."""
        found = []
        for item in gathered.items:
            try:
                self._text(gathered.digest, [item], gateway, address, now)
            except NotRenderedError:
                found.append(item)
        return found or list(gathered.items)

    async def _store_bound(
        self, digest: Notification, gathered: Gathered, puts: Sequence[Put], told: Sent
    ) -> bool:
        """Store a rendered digest, due when its claim ends, and bind its items to it; False where one has changed."""
        carried = {item.notification for item in digest.items}
        items = [(message, case) for message, case in gathered.items if message.id in carried]
        writes = [Put(NOTIFICATIONS, digest.id, encode(digest), 0)]
        plans = [Plan(OUTBOX, digest.id, digest.due_at)]
        for message, case in items:
            bound = msgspec.structs.replace(
                message, state="sending", held=DIGEST, digest=digest.id, due_at=None
            )
            writes.append(Put(NOTIFICATIONS, message.id, encode(bound), case.versions[message.id]))
            plans.append(Plan(OUTBOX, message.id, None))
        write = Write(
            name="claim_digest",
            puts=(*writes, *puts),
            drops=told.drops,
            plans=(*plans, *told.plans),
        )
        outcome = await self._parts.store.write(write)
        self._parts.metrics.commit(write.name, "committed" if isinstance(outcome, Committed) else "conflict")
        return isinstance(outcome, Committed)

    async def claim_again(self, digest_id: str) -> Notification | None:
        """Claim a digest once more; None where it was settled, or another dispatcher has it."""
        digest, version = await self.read(digest_id)
        now = self._parts.clock.now()
        if digest is None or digest.due_at is None or digest.due_at > now or digest.state not in UNSETTLED:
            return None
        choice = await self._parts.gateways.choose_again(digest.gateway, digest.id)
        if not isinstance(choice, GatewayChoice):
            await self.settle(digest_id, unserved(digest_id, choice))
            return None
        claimed = msgspec.structs.replace(digest, state="sending", due_at=now + CLAIM)
        return claimed if await self._keep("claim", claimed, version, choice.puts) else None

    async def taken_apart(self, claimed: Notification) -> bool:
        """Ask once more right before an attempt; say whether the digest must not be sent.

        One that carries what is not wanted any more, or not yet, is never sent: its items wait again, each for itself,
        and what is still wanted of them goes in another. An item that cannot be read is not wanted.
        """
        digest, version = await self.read(claimed.id)
        if digest is None or digest.final:
            return True
        now, around = self._parts.clock.now(), await self._parts.books.surroundings()
        alerts = list(dict.fromkeys(item.alert for item in digest.items))
        cases = await load(self._parts.store, alerts, unreadable={})
        bound = [
            (message, case)
            for item in digest.items
            if (case := cases.get(item.alert)) is not None
            and (message := case.notifications.get(item.notification)) is not None
        ]
        if len(bound) == len(digest.items) and all(
            attempt(case.alert, message, around, now) is None for message, case in bound
        ):
            return False
        await self._parts.gateways.not_sent(digest.gateway, digest.id)
        ended = msgspec.structs.replace(digest, state="cancelled", reason="superseded", due_at=None)
        writes = [Put(NOTIFICATIONS, digest.id, encode(ended), version)]
        plans = [Plan(OUTBOX, digest.id, None)]
        for message, case in bound:
            held = DIGEST if digest_times(case.alert) else _held_before(message)
            waits = msgspec.structs.replace(message, state="pending", held=held, digest="", due_at=now)
            writes.append(Put(NOTIFICATIONS, message.id, encode(waits), case.versions[message.id]))
            plans.append(Plan(OUTBOX, message.id, now))
        write = Write(name="drop_unwanted", puts=tuple(writes), plans=tuple(plans))
        outcome = await self._parts.store.write(write)
        committed = isinstance(outcome, Committed)
        self._parts.metrics.commit(write.name, "committed" if committed else "conflict")
        if committed:
            self._parts.metrics.notification(ended)
        return True

    async def _hold(self, gathered: Gathered, held: str, until: Instant) -> None:
        """Let all of them wait: they come again together."""
        puts, plans = [], []
        for message, case in gathered.items:
            waits = msgspec.structs.replace(message, held=held, due_at=until)
            puts.append(Put(NOTIFICATIONS, message.id, encode(waits), case.versions[message.id]))
            plans.append(Plan(OUTBOX, message.id, until))
        outcome = await self._parts.store.write(Write(name="hold", puts=tuple(puts), plans=tuple(plans)))
        self._parts.metrics.commit("hold", "committed" if isinstance(outcome, Committed) else "conflict")

    async def settle(self, digest_id: str, attempted: Attempted) -> None:
        """Keep what came of an attempt, then tell every item; a digest that may still arrive is tried again whole."""
        digest, version = await self.read(digest_id)
        if digest is None or digest.final or digest.state == "sent":
            return
        now, attempts = self._parts.clock.now(), digest.attempts + 1
        tried = msgspec.structs.replace(
            digest, attempts=attempts, gateway=attempted.gateway or digest.gateway
        )
        if attempted.outcome == "transient" and attempts <= len(RETRIES):
            due = max(now + RETRIES[attempts - 1], attempted.retry_after or 0)
            again = msgspec.structs.replace(tried, state="pending", reason=attempted.reason, due_at=due)
            await self._keep("attempted", again, version)
            return
        if attempted.outcome == "sent":
            ended = msgspec.structs.replace(
                tried, state="sent", reason="", sent_at=now, reference=attempted.reference
            )
        else:
            ended = msgspec.structs.replace(tried, state="failed", reason=attempted.reason)
        if await self._keep("attempted", ended, version):
            await self.go_on(digest_id)

    async def go_on(self, digest_id: str) -> None:
        """Tell every item that was not told yet what came of the digest, and take it off the outbox.

        One that another dispatcher is sending is left to it.
        """
        digest, _ = await self.read(digest_id)
        if digest is None or digest.state in UNSETTLED:
            return
        for item in digest.items:
            message = (await self._parts.store.get(NOTIFICATIONS, [item.notification]))[0]
            kept = readable_or(NOTIFICATIONS, item.notification, message, Notification, None)
            if kept is None or kept.digest != digest_id:
                continue
            if kept.state == "sending":
                await self._parts.desk.change(
                    item.alert, _shared(digest, item.notification), "attempted", by=DISPATCHER
                )
        digest, version = await self.read(digest_id)
        if digest is not None:
            await self._keep("settle_digest", msgspec.structs.replace(digest, due_at=None), version)

    async def report(self, digest_id: str, reported: Reported) -> bool:
        """Pass what a gateway said later on to every item; False where it says nothing new."""
        digest, version = await self.read(digest_id)
        if digest is None or digest.final:
            return False
        for item in digest.items:
            of_item = msgspec.structs.replace(reported, notification=item.notification)
            await self._parts.desk.change(item.alert, of_item, "report", by=DISPATCHER)
        state = "delivered" if reported.outcome == "delivered" else "failed"
        ended = msgspec.structs.replace(digest, state=state, reason=reported.reason, due_at=None)
        return await self._keep("report", ended, version)

    async def read(self, digest_id: str) -> tuple[Notification | None, int]:
        """Return a digest and its version; None where there is none of this id."""
        record = (await self._parts.store.get(NOTIFICATIONS, [digest_id]))[0]
        return (
            (decode_record(NOTIFICATIONS, digest_id, record.value, Notification), record.version)
            if record
            else (None, 0)
        )

    async def _keep(
        self, name: WriteName, digest: Notification, version: int, puts: Sequence[Put] = ()
    ) -> bool:
        put = Put(NOTIFICATIONS, digest.id, encode(digest), version)
        write = Write(name=name, puts=(put, *puts), plans=(Plan(OUTBOX, digest.id, digest.due_at),))
        outcome = await self._parts.store.write(write)
        committed = isinstance(outcome, Committed)
        self._parts.metrics.commit(name, "committed" if committed else "conflict")
        if committed:
            self._parts.metrics.notification(digest)
        return committed


def _held_before(message: Notification) -> str:
    """Return what held a message back before it was bound to a digest, where no policy asks for digests."""
    return STORM if message.level >= AWAS and not message.exercise else "budget"


def _shared(digest: Notification, item: str) -> Attempted:
    """Return what came of a digest as what came of one of its items."""
    if digest.state == "sent":
        return Attempted(
            notification=item, outcome="sent", gateway=digest.gateway, reference=digest.reference
        )
    # Tried as often as the digest was: another contact serves at once, and where there is none it goes on being tried.
    return Attempted(
        notification=item,
        outcome="transient" if digest.attempts > len(RETRIES) else "permanent",
        gateway=digest.gateway,
        reason=digest.reason,
        attempts=digest.attempts,
    )
