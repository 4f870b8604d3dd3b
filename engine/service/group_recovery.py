"""Recovery of a group whose record cannot be read: what the alerts of the group tell of its lost state.

The id of an alert follows from its group and its ordinal, so the alerts are found without a search. The points come
from a rebuild (`service.changeover`). Marks of closings by hand cannot be recovered but for the newest alert.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.alerting.alert import Alert
from engine.alerting.identity import alert_id
from engine.judging.state import GroupState, Opening
from engine.service.batch import Key
from engine.service.casebook import ALERTS, history_log
from engine.service.readable import readable_of
from engine.store.port import Store

BLOCK = 50
"""So many ordinals are asked for at once. The search ends at a block of which the store has no alert."""


async def alerts_of(store: Store, namespace: str, key: Key) -> Mapping[int, Alert | None]:
    """Return the alerts of a group by ordinal, in order.

    None stands for an alert that cannot be read, or of which only the history is left.
    """
    found: dict[int, Alert | None] = {}
    first = 1
    while True:
        ordinals = range(first, first + BLOCK)
        ids = [alert_id(namespace, key.space, key.rule, key.group, ordinal) for ordinal in ordinals]
        records = await store.get(ALERTS, ids)
        alerts = readable_of(ALERTS, ids, records, Alert)
        there = {
            ordinal: alerts.get(id_)
            for ordinal, id_, record in zip(ordinals, ids, records, strict=True)
            if record is not None or await store.log(history_log(id_), 0, 1)
        }
        if not there:
            return found
        found |= there
        first += BLOCK


def recovered_state(alerts: Mapping[int, Alert | None]) -> GroupState:
    """Return the state that stands in for the lost one: how many alerts there were, and when each happened."""
    openings = [
        Opening(ordinal=ordinal, happened_at=alert.happened_at, ended_at=alert.resolved_at)
        for ordinal, alert in alerts.items()
        if alert is not None
    ]
    return GroupState(openings=tuple(openings), opened=max(alerts, default=0))


def with_its_alerts(state: GroupState, alerts: Mapping[int, Alert | None]) -> GroupState:
    """Return a readable state without the openings whose alerts are lost: what they stood for opens anew."""
    openings = tuple(one for one in state.openings if alerts.get(one.ordinal) is not None)
    return msgspec.structs.replace(state, openings=openings, opened=max(state.opened, *alerts, 0))
