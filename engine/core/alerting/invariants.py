"""The two balances, and the proof of a history chain, as pure functions.

Here: which alerts and notifications are accounted for, and whether a chain is whole. Not here: reading them from the
store and the two passes of the auditor (`operations.auditor`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.alerting.case_editor import chain_digest
from engine.core.judging.instant import Instant, Millis


def unaccounted_alerts(
    alerts: Iterable[Alert], planned: Collection[str], notifications: Iterable[Notification]
) -> set[str]:
    """Return ids of alerts that nobody and nothing will look at again.

    An alert is accounted for if it is resolved, has a due instant in the schedule (`planned`), has a holder (a
    taker, a silence, or what hides it), or is exhausted with an `unreachable` planned or the recorded reason `nobody`.
    """
    called = {n.alert for n in notifications if n.kind == "unreachable"}
    lost = set()
    for alert in alerts:
        due = alert.wake_at is not None and alert.id in planned
        held = bool(alert.hidden or alert.silenced) or (
            alert.status == "acknowledged" and bool(alert.takings)
        )
        ended = alert.exhausted_at is not None and (alert.nobody or alert.id in called)
        if alert.unresolved and not (due or held or ended):
            lost.add(alert.id)
    return lost


def unaccounted_notifications(notifications: Iterable[Notification], planned: Collection[str]) -> set[str]:
    """Return ids of notifications that are neither due in the outbox schedule, nor held with a reason, nor settled."""
    return {
        n.id
        for n in notifications
        if n.state in ("pending", "sending") and n.id not in planned and not n.held
    }


def misplaced(recorded: Instant | None, planned: Instant | None, now: Instant, put_off: Millis) -> bool:
    """Say whether a schedule has another instant of an item than its record names (None: none).

    One exception: an item whose work raised is put off by at most `put_off`. Then its recorded instant has passed, and
    it is planned behind that one, but not later than `put_off` from now.
    """
    if planned == recorded:
        return False
    if recorded is None or planned is None:
        return True
    return not (recorded <= now and recorded < planned <= now + put_off)


def broken_link(entries: Sequence[HistoryEntry], head: str) -> int | None:
    """Return the number of the first entry at which a history chain is broken; None where it is whole up to `head`."""
    before = ""
    for number, entry in enumerate(entries, start=1):
        expected = chain_digest(msgspec.structs.replace(entry, digest=""))
        if entry.number != number or entry.before != before or entry.digest != expected:
            return number
        before = entry.digest
    return None if before == head else len(entries) + 1
