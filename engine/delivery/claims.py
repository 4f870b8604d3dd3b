"""Claims: a due message is marked as being sent, with its text, before a gateway sees it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import NOTICES, Notification, Rendered
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.command import Attempted, Reported, Withheld
from engine.core.alerting.credential import DISPATCHER
from engine.core.alerting.delivery import NOT_RENDERED
from engine.core.alerting.gates import attempt
from engine.core.alerting.send_order import Waiting
from engine.core.judging.instant import Instant
from engine.delivery.gateways import Gateway, GatewayChoice, Gateways, unserved
from engine.delivery.reply_codes import NOTHING, ReplyCodes, Sent
from engine.delivery.send_budgets import UNSPENT, BudgetVerdict, SendBudgets
from engine.errors import SiagaError
from engine.escalation.alert_commands import AlertCommands
from engine.metrics import Metrics
from engine.records.alert_repository import (
    CLAIM,
    NOTIFICATIONS,
    OUTBOX,
    Case,
    WriteBuilder,
    answer_link,
    load,
)
from engine.records.runtime_config import RuntimeConfig
from engine.store.port import Committed, Drop, Expect, Plan, Put, Store, Write
from engine.texts.render import Renderer


class Sending(NamedTuple):
    """The parts by which messages are claimed; links and codes are made by `key`."""

    store: Store
    clock: Clock
    books: RuntimeConfig
    desk: AlertCommands
    metrics: Metrics
    renderer: Renderer
    gateways: Gateways
    phones: ReplyCodes
    accounts: SendBudgets
    key: bytes


class NotRenderedError(SiagaError):
    """A message could not be worded: a template, a text or a value in it raised."""


def not_rendered(notification_id: str) -> Attempted:
    """Return the attempt that is not made because there are no words for it; the template may be mended meanwhile."""
    return Attempted(notification=notification_id, outcome="transient", reason=NOT_RENDERED)


log = structlog.get_logger(__name__)


class Claimed(NamedTuple):
    """A message that is ours for `CLAIM`, and its case with it as it was written."""

    case: Case
    notification: Notification


class Claims:
    """Claims messages, one turn of it at a time."""

    def __init__(self, parts: Sending) -> None:
        self._parts = parts

    async def take_together(self, due: Sequence[Waiting]) -> list[Claimed]:
        """Claim in one write those of the messages that depend on nothing but themselves; the others stay as they are.

        Where somebody changed one of them meanwhile, none is claimed.
        """
        cases, around, breakers = await asyncio.gather(
            load(
                self._parts.store, list(dict.fromkeys(one.alert for one in due)), near=[one.id for one in due]
            ),
            self._parts.books.surroundings(),
            self._parts.gateways.breakers(),
        )
        now = self._parts.clock.now()
        claimed: list[Claimed] = []
        changes = WriteBuilder()
        links: list[Put] = []
        taken: Counter[str] = Counter()
        for one in due:
            case = cases.get(one.alert)
            notification = case.notifications.get(one.id) if case is not None else None
            if case is None or notification is None or not self._is_plain(case, notification, around, now):
                continue
            contact = around.directory.contact(notification.contact)
            address = contact.value if contact else ""
            gateway = self._parts.gateways.first(notification.channel, address)
            if gateway is None or gateway.id in breakers or gateway.rate or gateway.profile.two_way:
                continue
            if taken[gateway.id] >= self._parts.gateways.places.free(gateway.id):
                continue
            rendered = notification.rendered
            if rendered is None or self._carries_otherwise(gateway, notification):
                try:
                    rendered = self._text(case, notification, gateway, address, now)
                except NotRenderedError:
                    continue  # it goes alone, and its attempt fails with that reason
            taken[gateway.id] += 1
            claimed.append(_claimed(case, notification, rendered, gateway, now))
            changes.put_notification(claimed[-1].notification, case.versions[one.id])
            links.append(answer_link(self._parts.key, one.id, notification.channel, one.alert))
        return claimed if claimed and await self._commit("claim", changes, links) else []

    def _is_plain(
        self, case: Case, notification: Notification, around: DecisionContext, now: Instant
    ) -> bool:
        """Say whether a message is due, wanted, never tried, and bound by no budget."""
        return (
            notification.due_at is not None
            and notification.due_at <= now
            and notification.state == "pending"
            and attempt(case.alert, notification, around, now) is None
            and not self._parts.accounts.concern(notification)
        )

    async def take(self, alert_id: str, notification_id: str) -> Claimed | None:
        """Claim one message; None where it is not wanted, not yet to go, taken, or its gateway has no place."""
        case = (await load(self._parts.store, [alert_id])).get(alert_id)
        notification = case.notifications.get(notification_id) if case else None
        now = self._parts.clock.now()
        if case is None or notification is None:
            return None
        if notification.due_at is None:
            off = Plan(OUTBOX, notification_id, None)
            same = Expect(NOTIFICATIONS, notification_id, case.versions[notification_id])
            await self._parts.store.write(Write(name="replan", plans=(off,), expects=(same,)))
            return None
        if notification.due_at > now:
            return None  # another dispatcher was quicker since the queue was read
        if notification.state == "sent":  # due again: its gateway owes a report
            missing = Reported(
                notification=notification_id,
                outcome="missing",
                gateway=notification.gateway,
                reason="no_report",
            )
            await self._parts.desk.change(alert_id, missing, "report", by=DISPATCHER)
            return None
        around = await self._parts.books.surroundings()
        if attempt(case.alert, notification, around, now) is not None:
            await self._parts.desk.change(
                alert_id, Withheld(notification=notification_id), "drop_unwanted", by=DISPATCHER
            )
            return None
        contact = around.directory.contact(notification.contact)
        address = contact.value if contact else ""
        budget = UNSPENT
        if notification.rendered is None:  # each message counts once, however often it is tried
            phone = self._parts.phones.digest(address)
            budget = await self._parts.accounts.ask(notification, now, phone)
        if budget.held:
            await self._hold(notification, case.versions[notification_id], budget)
            return None
        choice = await self._parts.gateways.choose(notification.channel, address, notification_id)
        if not isinstance(choice, GatewayChoice):
            await self._parts.desk.change(
                alert_id, unserved(notification_id, choice), "attempted", by=DISPATCHER
            )
            return None
        gateway = choice.gateway
        if self._parts.gateways.places.free(gateway.id) <= 0:
            return None  # its way has changed since the queue was read
        if (free := self._parts.gateways.pace(gateway, now)) > now:
            await self._hold(notification, case.versions[notification_id], BudgetVerdict(free, "lane", ()))
            return None
        worded = await self._worded(case, notification, gateway, address, now)
        if worded is None:
            return None
        rendered, told = worded
        claimed = _claimed(case, notification, rendered, gateway, now)
        changes = WriteBuilder()
        changes.put_notification(claimed.notification, case.versions[notification_id])
        link = answer_link(self._parts.key, notification.id, notification.channel, alert_id)
        changes.plans += told.plans
        committed = await self._commit(
            "claim", changes, [link, *told.puts, *budget.puts, *choice.puts], told.drops
        )
        return claimed if committed else None

    async def _hold(self, notification: Notification, version: int, verdict: BudgetVerdict) -> None:
        """Let a message wait until the budget that holds it has room again."""
        changes = WriteBuilder()
        waits = msgspec.structs.replace(notification, held=verdict.held, due_at=verdict.until)
        changes.put_notification(waits, version)
        await self._commit("hold", changes, ())

    async def _commit(
        self,
        name: Literal["claim", "hold"],
        changes: WriteBuilder,
        puts: Sequence[Put],
        drops: Sequence[Drop] = (),
    ) -> bool:
        outcome = await self._parts.store.write(changes.write(name, puts=puts, drops=drops))
        committed = isinstance(outcome, Committed)
        self._parts.metrics.commit(name, "committed" if committed else "conflict")
        return committed

    # --- the text ---------------------------------------------------------------------------------------------------

    def _carries_otherwise(self, gateway: Gateway, notification: Notification) -> bool:
        """Whether the message was written for a route of another kind: a code for this one's link, say."""
        before = self._parts.gateways.get(notification.gateway)
        return before is not None and before.profile != gateway.profile

    async def _worded(
        self, case: Case, notification: Notification, gateway: Gateway, address: str, now: Instant
    ) -> tuple[Rendered, Sent] | None:
        """Return the message as it goes by a gateway, and what is written beside its claim.

        None where there are no words for it: that is an attempt that failed.
        """
        if notification.rendered is not None and not self._carries_otherwise(gateway, notification):
            return notification.rendered, NOTHING
        try:
            return await self._render(case, notification, gateway, address, now)
        except NotRenderedError:
            await self._parts.desk.change(
                case.alert.id, not_rendered(notification.id), "attempted", by=DISPATCHER
            )
            return None

    async def _render(
        self, case: Case, notification: Notification, gateway: Gateway, address: str, now: Instant
    ) -> tuple[Rendered, Sent]:
        """Return the message, and what is written beside its claim: that the phone was told its code."""
        if not gateway.profile.two_way or notification.channel != "sms":
            return self._text(case, notification, gateway, address, now), NOTHING
        notice = notification.kind in NOTICES
        sent = await self._parts.phones.tell(address, case.alert.id, now, notice=notice)
        return self._text(case, notification, gateway, address, now, sent.code), sent

    def _text(
        self,
        case: Case,
        notification: Notification,
        gateway: Gateway,
        address: str,
        now: Instant,
        code: str = "",
    ) -> Rendered:
        """Word a message. Raises `NotRenderedError` where that raises anything."""
        try:
            return self._parts.renderer.render(
                notification,
                case.alert,
                tuple(case.notifications.values()),
                at=now,
                to=address,
                code=code,
                profile=gateway.profile,
            )
        except Exception as error:
            log.exception(NOT_RENDERED, notification=notification.id, kind=notification.kind)
            raise NotRenderedError(notification.id) from error


def _claimed(
    case: Case, notification: Notification, rendered: Rendered, gateway: Gateway, now: Instant
) -> Claimed:
    claimed = msgspec.structs.replace(
        notification, state="sending", rendered=rendered, gateway=gateway.id, held="", due_at=now + CLAIM
    )
    after = msgspec.structs.replace(
        case,
        notifications=case.notifications | {claimed.id: claimed},
        versions=case.versions | {claimed.id: case.versions[claimed.id] + 1},
    )
    return Claimed(after, claimed)
