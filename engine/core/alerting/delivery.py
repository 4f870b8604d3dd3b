"""Delivery: what comes of an attempt to send and of a report on it, and which contact serves instead.

Here: docs/specification/escalation.md#failures, #delivery-reports as pure functions on a draft. Not here: who is told
what (`core.alerting.notification_planning`), whether a message is still wanted (`core.alerting.gates`), and the sending
itself (`delivery.dispatcher`).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from engine.core.alerting.alert import NOTICES, WENT_OUT, Notification, NotificationState
from engine.core.alerting.case_editor import CaseEditor
from engine.core.alerting.command import Attempted, Reported
from engine.core.alerting.directory import Contact
from engine.core.alerting.notification_planning import follow_up_late, plan_again
from engine.core.judging.instant import MINUTE, SECOND, Millis

RETRIES: tuple[Millis, ...] = (15 * SECOND, 45 * SECOND)
"""Waits after the first and second transient failure: attempts at 0, about 15 s and about 60 s."""
LONGEST_RETRY: Millis = 5 * MINUTE
"""Where no other contact is left the waits double up to this."""
JITTER = 0.2
NOT_RENDERED = "not_rendered"
"""Why a message fails whose words could not be made."""
REASONS = ("breaker_open", "undelivered", "bounced", "no_report", NOT_RENDERED)
"""Why a message fails beside what its gateway answers at once: nobody is asked for now, or what is said later."""


def record_attempt(
    draft: CaseEditor, attempted: Attempted, unwanted: tuple[NotificationState, str] | None = None
) -> str:
    """Enter what came of an attempt and return the reason; plan a fallback where it failed.

    Specification: docs/specification/escalation.md#failures.

    `unwanted` is how a message ends that need not be said any more: it is neither tried again nor sent elsewhere.
    """
    notification = draft.notification(attempted.notification)
    if notification is None or notification.final or notification.state == "sent":
        return "already_settled"
    tried = msgspec.structs.replace(
        notification, attempts=notification.attempts + attempted.attempts, gateway=attempted.gateway
    )
    if attempted.outcome == "sent":
        _went_out(
            draft, msgspec.structs.replace(tried, reference=attempted.reference, due_at=attempted.report_by)
        )
        return "sent"
    if unwanted is not None and attempted.outcome == "transient":
        draft.finish(tried, *unwanted)
        return unwanted[1]
    spare = _unused_contact(draft, tried)
    if attempted.outcome == "transient" and (tried.attempts <= len(RETRIES) or spare is None):
        retrying = tried.attempts > len(RETRIES)
        due = max(draft.now + _wait(tried), attempted.retry_after or 0)
        draft.put(
            msgspec.structs.replace(
                tried,
                state="pending",
                reason="retrying" if retrying else attempted.reason,
                held="",
                digest="",
                due_at=due,
            )
        )
        return attempted.reason
    _fail(draft, tried, attempted.reason, spare if unwanted is None else None)
    return attempted.reason


def record_report(
    draft: CaseEditor, reported: Reported, unwanted: tuple[NotificationState, str] | None = None
) -> str:
    """Enter what a gateway said later of a message and return the reason; a failure falls back.

    Specification: docs/specification/escalation.md#delivery-reports.

    States never go back, in whatever order reports come: after the first final one nothing counts. A report may
    overtake our own record of the receipt; of a message that nobody ever tried to send it says nothing.
    """
    notification = draft.notification(reported.notification)
    if notification is None or notification.final or not _tried(notification):
        return "already_settled"
    if reported.outcome == "missing" and not _report_is_due(notification, draft):
        return "already_settled"
    if reported.outcome == "delivered":
        if notification.state != "sent":
            _went_out(draft, msgspec.structs.replace(notification, gateway=reported.gateway, due_at=None))
        draft.finish(draft.notification(notification.id) or notification, "delivered", "")
        return "delivered"
    spare = _unused_contact(draft, notification) if unwanted is None else None
    _fail(draft, notification, reported.reason, spare)
    return reported.reason


def _tried(notification: Notification) -> bool:
    return notification.state != "pending" or notification.attempts > 0


def _report_is_due(notification: Notification, draft: CaseEditor) -> bool:
    due = notification.due_at
    return notification.state == "sent" and due is not None and due <= draft.now


def _went_out(draft: CaseEditor, notification: Notification) -> None:
    """Note that the gateway has the message, and tell after it what the others were told meanwhile."""
    draft.put(msgspec.structs.replace(notification, state="sent", reason="", held="", sent_at=draft.now))
    cause = draft.note(
        "notified",
        person=notification.person,
        notification=notification.id,
        kind=notification.kind,
        channel=notification.channel,
    )
    follow_up_late(draft, notification, cause)


def _fail(draft: CaseEditor, notification: Notification, reason: str, spare: Contact | None) -> None:
    """End a message as failed, and say the same on another contact, where one is given."""
    draft.finish(notification, "failed", reason)
    if spare is None:
        return
    cause = draft.note(
        "fallback",
        reason=reason,
        person=notification.person,
        notification=notification.id,
        channel=spare.channel,
    )
    fallback = msgspec.structs.replace(notification, channel=spare.channel)
    plan_again(
        draft,
        fallback,
        cause,
        notification.kind,
        spare.id,
        instead_of=notification.id,
        returned=notification.returned,
    )


def _unused_contact(draft: CaseEditor, notification: Notification) -> Contact | None:
    """Return the person's next contact by priority that this message was not planned for yet.

    A message is all that one cause says to the person, with what fell back from it: a contact that served an earlier
    message is free again for this one.
    """
    person = draft.around.directory.person(notification.person)
    cause = _origin(draft, notification).cause
    used = {
        n.contact
        for n in draft.notifications
        if n.person == notification.person and _origin(draft, n).cause == cause
    }
    level = draft.alert.level
    unused = [contact for contact in person.reachable_at(level) if contact.id not in used] if person else []
    return next((c for c in unused if not draft.around.cut_off(c, draft.now)), next(iter(unused), None))


def _origin(draft: CaseEditor, notification: Notification) -> Notification:
    *_, origin = _back(draft, notification)
    return origin


def _back(draft: CaseEditor, notification: Notification | None) -> Iterator[Notification]:
    while notification is not None:
        yield notification
        notification = draft.notification(notification.instead_of)


def _wait(notification: Notification) -> Millis:
    """Milliseconds until the next attempt, with a jitter of up to 20 % derived from the id (repeatable)."""
    attempt = notification.attempts
    further = attempt - len(RETRIES)
    base = RETRIES[attempt - 1] if further <= 0 else min(MINUTE * 2**further, LONGEST_RETRY)
    digest = blake2b(f"{notification.id}:{attempt}".encode(), digest_size=4).digest()
    share = int.from_bytes(digest, "big") / 2**32
    return round(base * (1 + JITTER * (2 * share - 1)))


def finally_failed(notification: Notification) -> bool:
    """Whether a notice counts as failed for `step_unreachable` and the phone list.

    Specification: docs/specification/escalation.md#failures.
    """
    return notification.state == "failed" or (
        notification.state == "pending" and notification.reason == "retrying"
    )


def may_have_word(draft: CaseEditor, person: str) -> bool:
    """Whether anything that asks the person went out, or may still go out: then they can answer.

    Specification: docs/specification/escalation.md#next-step-at-once.
    """
    return any(
        n.person == person
        and n.kind in NOTICES
        and (n.state in ("pending", "sending") or n.state in WENT_OUT)
        and not finally_failed(n)
        for n in draft.notifications
    )
