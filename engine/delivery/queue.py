"""The queue: what waits in the outbox now, in the order in which it goes, each by the gateway that it will take.

Here: reading it, which messages go together, and how many of a gateway are looked at in a turn. Not here: the order
itself (`core.alerting.send_order`), and sending (`delivery.dispatcher`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from engine.core.alerting.alert import Notification
from engine.core.alerting.directory import Directory
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.alerting.send_order import Waiting, in_turn, waiting
from engine.core.judging.instant import Instant
from engine.delivery.gateways import Gateways
from engine.errors import UnreadableRecordError
from engine.escalation.internal_alerts import ask
from engine.escalation.item_retry import PUT_OFF
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import report_unreadable
from engine.store.codec import decode_record
from engine.store.port import Expect, Plan, Store, Write

MOST_WAITING = 20_000
"""Messages that are put into order at once; of more, those that wait longest."""
TIMES = 5
"""In a turn a gateway gets at most so many times what it carries at once."""


class QueuedGroup(NamedTuple):
    """Messages that go as one if they are several (what was held back and is due now, to one contact, of one space),
    and the gateway that they take as things stand (empty: none).
    """

    messages: tuple[Waiting, ...]
    gateway: str

    @property
    def first(self) -> Waiting:
        """The one by which they have their turn."""
        return self.messages[0]


class Queue:
    """What waits, as one dispatcher puts it into order; which region was served last it knows of itself only."""

    def __init__(self, store: Store, books: RuntimeConfig, gateways: Gateways) -> None:
        self._store = store
        self._books = books
        self._gateways = gateways
        self._served: dict[str, int] = {}
        self._count = 0
        self._seen: dict[str, tuple[Instant, Waiting]] = {}
        """What waited at the last turn and did not begin, by its plan: a write that changes a message plans it anew."""

    async def turn(self, now: Instant) -> list[QueuedGroup]:
        """Return what goes next, in order; what waits for a gateway that has much to do leaves room for the others."""
        messages, directory, breakers = await asyncio.gather(
            self._waiting(now), self._books.directory(), self._gateways.breakers()
        )
        interrupted = [gateway for gateway, breaker in breakers.items() if breaker.is_open(now)]
        ways: dict[tuple[str, str, str], str] = {}
        chosen: list[tuple[str, list[Waiting]]] = []
        gathered: dict[tuple[str, bool, bool], list[Waiting]] = {}
        looked_at: Counter[str] = Counter()
        for one in in_turn(messages, self._served):
            if one.gathers and one.bundle in gathered:
                gathered[one.bundle].append(one)
                continue
            to = one.contact, one.channel, one.gateway
            if (way := ways.get(to)) is None:
                way = ways[to] = self._way(one, directory, interrupted)
            if looked_at[way] == TIMES * self._gateways.places.of(way):
                continue
            looked_at[way] += 1
            chosen.append((way, [one]))
            if one.gathers:
                gathered[one.bundle] = chosen[-1][1]
        return [QueuedGroup(tuple(several), way) for way, several in chosen]

    @property
    def left(self) -> bool:
        """Whether anything waits that did not have its turn."""
        return bool(self._seen)

    def begun(self, few: Iterable[QueuedGroup]) -> None:
        """Note that these had their turn: their regions were served as of now."""
        for together in few:
            self._count += 1
            for one in together.messages:
                self._served[one.region] = self._count
                self._seen.pop(one.id, None)

    def _way(self, message: Waiting, directory: Directory, interrupted: Collection[str]) -> str:
        if message.gateway:
            return message.gateway
        contact = directory.contact(message.contact)
        way = self._gateways.first(message.channel, contact.value if contact else "", interrupted)
        return way.id if way is not None else ""

    async def _waiting(self, now: Instant) -> list[Waiting]:
        """Read what is due; what is planned but not there any more is taken off the plan.

        A message that cannot be read is put off alone.
        """
        due = await self._store.due(OUTBOX, now, MOST_WAITING)
        seen = {id_: known for id_, at in due if (known := self._seen.get(id_)) and known[0] == at}
        new = [(id_, at) for id_, at in due if id_ not in seen]
        records = await self._store.get(NOTIFICATIONS, [id_ for id_, _ in new]) if new else []
        gone: list[Plan] = []
        unreadable: list[Plan] = []
        for (id_, at), record in zip(new, records, strict=True):
            if record is None:
                gone.append(Plan(OUTBOX, id_, None, at))
                continue
            try:
                message = decode_record(NOTIFICATIONS, id_, record.value, Notification)
            except UnreadableRecordError as error:
                report_unreadable(error)
                unreadable.append(Plan(OUTBOX, id_, now + PUT_OFF, at))
            else:
                seen[id_] = at, waiting(message, at)
        if gone:  # one that came into being meanwhile holds up the others until the next turn
            missing = tuple(Expect(NOTIFICATIONS, plan.member, 0) for plan in gone)
            await self._store.write(Write(name="replan", plans=tuple(gone), expects=missing))
        if unreadable:
            plans = (*unreadable, ask(InternalAlertRequest("unreadable"), now))
            await self._store.write(Write(name="put_off", plans=plans))
        self._seen = seen
        return [message for _, message in seen.values()]
