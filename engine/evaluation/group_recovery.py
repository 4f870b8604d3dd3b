"""Recovery of a group whose record cannot be read: what the alerts of the group tell of its lost state.

The id of an alert follows from its group and its ordinal, so the alerts are found without a search. The points come
from a rebuild (`evaluation.activation`). Marks of closings by hand cannot be recovered but for the newest alert.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.judging.group_state import GroupState, Opening


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
