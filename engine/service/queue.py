"""The queue: what waits in the outbox now, in the order in which it goes.

Here: reading it, and which messages go together. Not here: the order itself (`alerting.turn`), and sending
(`service.dispatcher`).
"""

from __future__ import annotations

from engine.alerting.alert import Notification
from engine.alerting.turn import Waiting, in_turn, waiting
from engine.judging.instant import Instant
from engine.service.casebook import NOTIFICATIONS, OUTBOX
from engine.store.codec import decode
from engine.store.port import Plan, Store, Write

MOST_WAITING = 20_000
"""Messages that are put into order at once; of more, those that wait longest."""

Together = tuple[Waiting, ...]
"""Messages that go as one if they are several: what was held back and is due now, to one contact, of one space."""


class Queue:
    """What waits, as one dispatcher puts it into order; which region was served last it knows of itself only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._served: dict[str, int] = {}
        self._count = 0

    async def turn(self, now: Instant, limit: int) -> list[Together]:
        """Return what goes next, at most so many; each is served as of now."""
        found: list[Together] = []
        gathered: dict[tuple[str, bool], list[Waiting]] = {}
        for one in in_turn(await self._waiting(now), self._served):
            if not one.gathers:
                found.append((one,))
            elif one.bundle in gathered:
                gathered[one.bundle].append(one)
            else:
                gathered[one.bundle] = [one]
                found.append((one,))
        chosen = [tuple(gathered[one.bundle]) if one.gathers else (one,) for one, *_ in found[:limit]]
        for together in chosen:
            self._count += 1
            self._served.update((one.region, self._count) for one in together)
        return chosen

    async def _waiting(self, now: Instant) -> list[Waiting]:
        """Read what is due; what is planned but not there any more is taken off the plan."""
        ids = [id_ for id_, _ in await self._store.due(OUTBOX, now, MOST_WAITING)]
        records = await self._store.get(NOTIFICATIONS, ids) if ids else []
        gone = [id_ for id_, record in zip(ids, records, strict=True) if record is None]
        if gone:
            plans = tuple(Plan(OUTBOX, id_, None) for id_ in gone)
            await self._store.write(Write(name="replan", plans=plans))
        return [waiting(decode(record.value, Notification)) for record in records if record is not None]
