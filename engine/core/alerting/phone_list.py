"""The phone list: who must be called because no message can reach them.

Here: who stands on it, and in which order (docs/specification/escalation.md#phone-list). Not here: numbers and words.
Being on the list never stops the escalation.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.core.alerting.alert import NOTICES, Alert, Notification
from engine.core.alerting.budget import STORM
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.conflict_of_interest import accused
from engine.core.alerting.delivery import finally_failed
from engine.core.judging.instant import Instant


class Callee(msgspec.Struct, frozen=True, kw_only=True):
    """A person to call about an alert: as which office they were to be told, and since when nothing can reach them.

    `informing`: they need not act. `storm`: messages reach them, but so many of awas that this one waits for a digest.
    """

    alert: Alert
    notice: Notification
    since: Instant
    storm: bool = False

    @property
    def order(self) -> tuple[bool, bool, int, Instant, str]:
        """The place in the list: who must act first, whom nothing reaches first, by level, by how long it has been."""
        return self.notice.informing, self.storm, -self.alert.level, self.since, self.notice.person


def callees(
    alert: Alert, notifications: Iterable[Notification], around: DecisionContext, now: Instant
) -> list[Callee]:
    """Return whom of an unresolved alert only a call can reach, each person once.

    On it stands whom every notice failed, on all contacts, or is still being tried in vain, and who waits for a digest
    since their phone got its share of awas; not who was reached, took or declined the matter, or is accused.
    """
    if not alert.unresolved or alert.hidden or alert.silenced:
        return []
    gone = {
        *alert.declined,
        *(taking.person for taking in alert.takings),
        *accused(alert, around.directory, now),
    }
    by_person: dict[str, list[Notification]] = {}
    for notification in notifications:
        if notification.kind in NOTICES and notification.person not in gone:
            by_person.setdefault(notification.person, []).append(notification)
    found = []
    for notices in by_person.values():
        wanted = [n for n in notices if n.state not in ("cancelled", "suppressed")]
        if wanted and all(map(_in_vain, wanted)):
            newest = max(wanted, key=lambda n: (n.planned_at, n.id))
            since = min(n.planned_at for n in wanted if n.cause == newest.cause)
            storm = any(map(_in_storm, wanted))
            found.append(Callee(alert=alert, notice=newest, since=since, storm=storm))
    return sorted(found, key=lambda callee: callee.order)


def may_need_call(alert: Alert, notifications: Iterable[Notification]) -> bool:
    """Say whether there may be somebody of an alert whom only a call can reach: true wherever `callees` finds one.

    It asks only what changes together with the alert, so that a list can be kept by it: neither the directory, nor
    whether a message that failed before is just being tried again.
    """
    if not alert.unresolved or alert.hidden or alert.silenced:
        return False
    by_person: dict[str, bool] = {}
    for one in notifications:
        if one.kind in NOTICES and one.state not in ("cancelled", "suppressed"):
            tried = one.state == "failed" or (one.state in ("pending", "sending") and bool(one.reason))
            by_person[one.person] = by_person.get(one.person, True) and tried
    return any(by_person.values())


def _in_vain(notice: Notification) -> bool:
    """Whether a notice reached nobody and is not about to: it failed, no gateway takes it now, or a storm holds it."""
    waits_for_gateway = notice.state == "pending" and notice.reason == "breaker_open"
    return finally_failed(notice) or waits_for_gateway or _in_storm(notice)


def _in_storm(notice: Notification) -> bool:
    return notice.state == "pending" and notice.held == STORM
