"""Notices of changed contacts: worded and claimed right before they are sent.

They go to the address that they were planned for, whatever became of the contact since. Settling them is that of
replies (`delivery.replies`). The write that claims one keeps its words and the fingerprint of its link.
"""

from __future__ import annotations

import msgspec

from engine.clock import Clock
from engine.core.alerting.alert import Notification, Rendered
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import Instant
from engine.delivery.gateways import Gateways
from engine.metrics import Metrics
from engine.people.proposal_records import ChangeProposal, ProposalRecords
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX, answer_link
from engine.records.runtime_config import RuntimeConfig
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Expect, Plan, Put, Store, Write
from engine.texts.objection import ChangedContact
from engine.texts.render import Renderer


class ContactNotices:
    """Claims notices."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        gateways: Gateways,
        renderer: Renderer,
        key: bytes,
    ) -> None:
        """Links are made by `key`."""
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._gateways = gateways
        self._renderer = renderer
        self._key = key
        self._records = ProposalRecords(store, clock, books)

    async def claim(self, notice_id: str, until: Instant) -> Notification | None:
        """Mark a notice as being sent and return it with its words; None where there is nothing to send."""
        record = (await self._store.get(NOTIFICATIONS, [notice_id]))[0]
        found = decode_record(NOTIFICATIONS, notice_id, record.value, Notification) if record else None
        if record is None or found is None or found.due_at is None or not found.rendered:
            same = Expect(NOTIFICATIONS, notice_id, record.version if record else 0)
            off = Plan(OUTBOX, notice_id, None)
            await self._store.write(Write(name="replan", plans=(off,), expects=(same,)))
            return None
        if found.due_at > self._clock.now():
            return None  # another dispatcher was quicker since the queue was read
        rendered = found.rendered if found.rendered.text else await self._words(found, found.rendered.to)
        if rendered is None:
            over = msgspec.structs.replace(found, state="cancelled", reason="superseded", due_at=None)
            await self._keep(over, record.version)
            return None
        claimed = msgspec.structs.replace(found, state="sending", due_at=until, rendered=rendered)
        link = answer_link(self._key, claimed.id, claimed.channel, "")
        return claimed if await self._keep(claimed, record.version, link) else None

    async def _words(self, to: Notification, address: str) -> Rendered | None:
        """Return the words of a notice; None where the change was taken back before anybody was notified."""
        found = await self._records.find(to.cause)
        changed = None if found is None else changed_of(found.proposal)
        if found is None or changed is None:
            return None
        if found.proposal.state in ("rejected", "withdrawn", "lapsed", "objected"):
            return None
        gateway = self._gateways.first(to.channel, address)
        two_way = gateway is not None and gateway.profile.two_way
        return self._renderer.contact_notice(to, changed, at=self._clock.now(), two_way=two_way)

    async def _keep(self, anew: Notification, version: int, *puts: Put) -> bool:
        outcome = await self._store.write(
            Write(
                name="claim_notice",
                puts=(Put(NOTIFICATIONS, anew.id, encode(anew), version), *puts),
                plans=(Plan(OUTBOX, anew.id, anew.due_at),),
            )
        )
        committed = isinstance(outcome, Committed)
        self._metrics.commit("claim_notice", "committed" if committed else "conflict")
        if committed:
            self._metrics.notification(anew)
        return committed


def changed_of(proposal: ChangeProposal) -> ChangedContact | None:
    """Return the change of a contact as people read of it; None where a proposal is of something else."""
    change = proposal.subject.contact
    if change is None:
        return None
    channel = change.contact.split("/")[1]
    return ChangedContact(
        act=change.act,
        channel=msgspec.convert(channel, type=Channel),
        by=str(proposal.by),
        until=change.counts_at,
    )
