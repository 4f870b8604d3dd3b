"""The queue: what waits in the outbox now, in the order in which it goes.

Here: keeping in memory what the order depends on, and which messages are looked at together. Not here: the order itself
(`alerting.turn`), and sending (`service.dispatcher`). A dispatcher forgets nothing by this: the outbox is in the store.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.alerting.alert import Notification
from engine.alerting.turn import Waiting, in_turn, waiting
from engine.judging.instant import Instant
from engine.service.casebook import NOTIFICATIONS, OUTBOX
from engine.store.codec import decode
from engine.store.port import Plan, Store, Write

MOST_WAITING = 20_000
"""Messages that are put into order at once; of more, those that wait longest."""

Together = tuple[Waiting, ...]
"""Messages that go as one if they are several: what was held back and is due now, to one contact."""


class Queue:
    """What waits, as one dispatcher knows it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Waiting] = {}
        self._served: dict[str, int] = {}
        self._count = 0

    async def turn(self, now: Instant, limit: int) -> list[Together]:
        """Return what goes next, at most so many; each is served as of now."""
        due = [id_ for id_, _ in await self._store.due(OUTBOX, now, MOST_WAITING)]
        waiting_now = set(due)
        self._known = {id_: one for id_, one in self._known.items() if id_ in waiting_now}
        await self._learn([id_ for id_ in due if id_ not in self._known])
        found: list[Together] = []
        by_contact: dict[str, list[Waiting]] = {}
        for one in in_turn((self._known[id_] for id_ in due if id_ in self._known), self._served):
            if not one.gathers:
                found.append((one,))
            elif one.contact in by_contact:
                by_contact[one.contact].append(one)
            else:
                by_contact[one.contact] = [one]
                found.append((one,))
        chosen = [tuple(by_contact[first.contact]) if first.gathers else (first,) for first, *_ in found[:limit]]
        for together in chosen:
            self._serve(together)
        return chosen

    def _serve(self, together: Together) -> None:
        # Forgotten here, since its record changes now: it is read again should it be due once more.
        self._count += 1
        for one in together:
            self._served[one.region] = self._count
            self._known.pop(one.id, None)

    async def _learn(self, ids: Sequence[str]) -> None:
        records = await self._store.get(NOTIFICATIONS, ids) if ids else []
        gone = []
        for id_, record in zip(ids, records, strict=True):
            if record is None:
                gone.append(id_)
            else:
                self._known[id_] = waiting(decode(record.value, Notification))
        if gone:
            plans = tuple(Plan(OUTBOX, id_, None) for id_ in gone)
            await self._store.write(Write(name="replan", plans=plans))
