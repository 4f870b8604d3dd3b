"""Gates: the ordered lists of what can hold something back, each with its name.

Here: the names and order of docs/specification/escalation.md#gates (they are code, documentation and label set at once)
and the gate in front of each attempt to send. Not here: the gates of opening, which judging passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from engine.core.alerting.alert import AFTER_CLOSING, Alert, NoticeKind, Notification
from engine.core.alerting.budget import STORM
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.conflict_of_interest import accused
from engine.core.alerting.notification_planning import ASKING, SEEKING, contact_quiet_until
from engine.core.alerting.silence import KEPT_QUIET, covering_silence
from engine.core.judging.instant import Instant

STEP = ("hidden", "silenced", "policy_quiet", "digest", "when")
PERSON = ("conflict_of_interest", "declined", "away", "no_contact")
ATTEMPT = (
    "resolved",
    "taken",
    "superseded",
    "silenced",
    "contact_gone",
    "contact_quiet",
    "digest",
    "budget",
    "lane",
    STORM,
)
WHILE_ACKNOWLEDGED: frozenset[NoticeKind] = frozenset(("taken_by", "reminder"))
"""Follow-ups that speak of who has the matter: superseded once nobody has it any more."""


class Held(NamedTuple):
    """Why an attempt is not made: the state of the notification then, the reason, and until when it stays pending."""

    state: Literal["cancelled", "suppressed", "pending"]
    reason: str
    until: Instant | None = None


Gate = Callable[[Alert, Notification, DecisionContext, Instant], Held | None]


def attempt(alert: Alert, notification: Notification, around: DecisionContext, now: Instant) -> Held | None:
    """Ask right before an attempt whether the message is still wanted; the first gate decides.

    Specification: docs/specification/escalation.md#last-check.
    """
    return next((held for gate in _ATTEMPT if (held := gate(alert, notification, around, now))), None)


def _resolved(
    alert: Alert, notification: Notification, _around: DecisionContext, _now: Instant
) -> Held | None:
    if alert.status == "resolved" and notification.kind not in AFTER_CLOSING:
        return Held("cancelled", "resolved")
    return None


def _taken(alert: Alert, notification: Notification, _around: DecisionContext, _now: Instant) -> Held | None:
    if notification.kind not in SEEKING:
        return None
    # A level that rose after somebody took, or a figure that doubled, is told to them too
    # (docs/specification/escalation.md#level-rises, #telling-again): only what was planned before is not wanted.
    # Entries say what came before, also within one millisecond.
    own = next((t for t in alert.takings if t.person == notification.person), None)
    if own is not None and notification.entry < own.entry:
        return Held("cancelled", "taken")
    if own is not None and notification.kind == "step":
        return None
    if alert.status != "acknowledged" or notification.informing:
        return None
    if _runs_while_acknowledged(alert, notification):
        return None
    return Held("cancelled", "taken")


def _runs_while_acknowledged(alert: Alert, notification: Notification) -> bool:
    steps = alert.policy.steps
    return 0 < notification.step <= len(steps) and steps[notification.step - 1].when.not_resolved


def _superseded(
    alert: Alert, notification: Notification, _around: DecisionContext, _now: Instant
) -> Held | None:
    kind = notification.kind
    restarted = kind in ASKING and not notification.informing and notification.entry < alert.superseded
    overtaken = (kind in WHILE_ACKNOWLEDGED and alert.status == "open") or (
        kind == "expiry" and alert.status == "acknowledged"
    )
    withdrawn = kind == "resolved" and alert.unresolved
    return Held("cancelled", "superseded") if restarted or overtaken or withdrawn else None


def _silenced(alert: Alert, notification: Notification, around: DecisionContext, now: Instant) -> Held | None:
    if notification.kind in KEPT_QUIET and covering_silence(alert, around.silences, now) is not None:
        return Held("suppressed", "silenced")
    return None


def _declined(
    alert: Alert, notification: Notification, _around: DecisionContext, _now: Instant
) -> Held | None:
    return Held("cancelled", "declined") if notification.person in alert.declined else None


def _delegated(
    alert: Alert, notification: Notification, _around: DecisionContext, _now: Instant
) -> Held | None:
    if notification.kind in ASKING and any(
        d.giver == notification.person and notification.entry < d.entry for d in alert.delegations
    ):
        return Held("cancelled", "delegated")
    return None


def _accused(alert: Alert, notification: Notification, around: DecisionContext, now: Instant) -> Held | None:
    if notification.kind != "reply" and notification.person in accused(alert, around.directory, now):
        return Held("suppressed", "conflict_of_interest")
    return None


def _contact_gone(
    alert: Alert, notification: Notification, around: DecisionContext, _now: Instant
) -> Held | None:
    contact = around.directory.contact(notification.contact)
    gone = contact is None or not contact.serves(alert.level)
    return Held("suppressed", "contact_gone") if gone else None


def _contact_quiet(
    alert: Alert, notification: Notification, around: DecisionContext, now: Instant
) -> Held | None:
    contact = around.directory.contact(notification.contact)
    if contact is None or notification.kind == "reply":
        return None
    until = contact_quiet_until(alert, contact, notification.office, around, now)
    return None if until is None else Held("pending", "quiet_hours", until)


_ATTEMPT: tuple[Gate, ...] = (
    _resolved,
    _taken,
    _superseded,
    _silenced,
    _declined,
    _delegated,
    _accused,
    _contact_gone,
    _contact_quiet,
)
