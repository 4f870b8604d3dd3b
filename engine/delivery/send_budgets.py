"""Accounts: when messages went, as far as budgets depend on it, and whether one more may go now.

Here: the table of instants by account, and the budgets as the settings say them. Not here: what budgets mean
(`core.alerting.budget`), and what becomes of a message that is held (`delivery.dispatcher`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.core.alerting.alert import Notification
from engine.core.alerting.budget import HELD, Allowance, Budgets, accounts, kept
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import Instant, parse_duration
from engine.records.tolerant_read import readable_or
from engine.settings_sections import BudgetSection
from engine.store.codec import encode
from engine.store.port import Put, Store

ACCOUNTS = "accounts"
"""Table of the instants at which messages went, by account; each holds no more than its budget looks at."""


class BudgetVerdict(NamedTuple):
    """Whether a message may go: until when it is held and by which gate (empty: it may), and what its going writes."""

    until: Instant
    held: str
    puts: tuple[Put, ...]


UNSPENT = BudgetVerdict(0, "", ())
"""Of a message that counts against nothing any more."""


class SendBudgets:
    """The accounts of an installation."""

    def __init__(self, store: Store, budgets: Budgets) -> None:
        self._store = store
        self._budgets = budgets

    def concern(self, message: Notification) -> bool:
        """Say whether a message counts against any account."""
        return any(True for _ in accounts(self._budgets, message))

    async def ask(self, message: Notification, now: Instant, phone: str = "") -> BudgetVerdict:
        """Say whether a message may go now, to a phone by its name; `puts` belong into the write that claims it."""
        concerned = list(accounts(self._budgets, message, phone))
        if not concerned:
            return BudgetVerdict(now, "", ())
        records = await self._store.get(ACCOUNTS, [account.key for account in concerned])
        until, held, puts = now, "", []
        for account, record in zip(concerned, records, strict=True):
            went: tuple[Instant, ...] = readable_or(ACCOUNTS, account.key, record, tuple[Instant, ...], ())
            at = account.held_until(went, now)
            if at is not None and (at > until or not held):
                until, held = at, HELD[account.whose]
            if account.counts:
                after = kept((*went, now), account.whole)
                puts.append(Put(ACCOUNTS, account.key, encode(after), record.version if record else 0))
        return BudgetVerdict(until, held, tuple(puts))


def budgets_of(section: BudgetSection) -> Budgets:
    """Return the budgets that the settings say. Raises `ParseError` where a duration is none."""
    return Budgets(
        person=_by_channel({"sms": section.person.sms, "email": section.person.email}),
        region=_by_channel({"sms": section.region.sms, "email": section.region.email}),
        gateway=_by_channel({"sms": section.gateway.sms, "email": section.gateway.email}),
        awas_reserve=int(section.awas_reserve.removesuffix("%")) / 100,
        awas=_by_channel({"sms": section.awas.sms}),
        awas_digest_every=parse_duration(section.awas.digest_every),
    )


def _by_channel(texts: Mapping[Channel, tuple[str, ...]]) -> dict[Channel, tuple[Allowance, ...]]:
    return {channel: tuple(map(_allowance, written)) for channel, written in texts.items() if written}


def _allowance(text: str) -> Allowance:
    at_most, _, rest = text.partition("/")
    within, _, smooth = rest.partition(" ")
    return Allowance(at_most=int(at_most), within=parse_duration(within), smooth=bool(smooth))
