"""Planning of notifications: who is told on which contact, and who gets follow-ups.

Here: escalation.md 4.1-4.4 and 6 as pure functions on a draft. Not here: when a step starts (`escalation`), sending
(`service.dispatcher`), or the text (`wording`).
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

import msgspec

from engine.alerting.alert import NOTICES, WENT_OUT, HistoryEntry, Kind, Notification
from engine.alerting.command import Attempted
from engine.alerting.conflict import accused
from engine.alerting.directory import Contact, Found, Person
from engine.alerting.draft import Draft
from engine.alerting.identity import notification_id
from engine.alerting.policy import Channel
from engine.judging.instant import MINUTE, SECOND, Instant, Millis

RETRIES: tuple[Millis, ...] = (15 * SECOND, 45 * SECOND)
"""Waits after the first and second transient failure: attempts at 0, about 15 s and about 60 s."""
LONGEST_RETRY: Millis = 5 * MINUTE
"""Where no other contact is left the waits double up to this."""
JITTER = 0.2


def told(draft: Draft, person: str) -> bool:
    """Say whether a notice about this alert went out to the person."""
    return any(n.person == person and n.kind in NOTICES and n.state in WENT_OUT for n in draft.notifications)


def contacts_for(person: Person, channels: Collection[Channel]) -> list[Contact]:
    """Return the contacts to use: the first by priority of each channel (empty: all), else the first of any."""
    chosen: dict[Channel, Contact] = {}
    for contact in person.reachable:
        if not channels or contact.channel in channels:
            chosen.setdefault(contact.channel, contact)
    return list(chosen.values()) or list(person.reachable[:1])


def plan_notice(
    draft: Draft,
    found: Found,
    cause: HistoryEntry,
    *,
    channels: Collection[Channel] = (),
    informing: bool = False,
    kind: Kind | None = None,
) -> int:
    """Plan a notice to one person on each contact to use; return how many messages that is.

    The kind is `first` where the person was not told of this alert before, else `step`, unless it is given.
    """
    person = draft.around.directory.person(found.person)
    if person is None:
        return 0
    contacts = contacts_for(person, channels)
    run = draft.alert.current
    for contact in contacts:
        chosen = kind or ("step" if told(draft, person.id) else "first")
        draft.put(
            Notification(
                id=notification_id(cause.id, person.id, contact.id, chosen),
                alert=draft.alert.id,
                kind=chosen,
                person=person.id,
                contact=contact.id,
                channel=contact.channel,
                cause=cause.id,
                planned_at=draft.now,
                due_at=draft.now + contact.delay,
                level=draft.alert.level,
                region=draft.alert.region,
                language=person.language,
                role=found.role,
                office=found.region,
                capacity=found.capacity,
                informing=informing,
                step=run.step if run else 0,
                round=run.round if run else 0,
            )
        )
    return len(contacts)


def tell_again(draft: Draft, cause: HistoryEntry, people: Collection[str]) -> None:
    """Tell people once more (`step`), on the contacts and with the offices of their newest notice."""
    newest: dict[tuple[str, str], Notification] = {}
    for notification in draft.notifications:
        if notification.person in people and notification.kind in NOTICES:
            newest[notification.person, notification.contact] = notification
    for (person, contact), notification in newest.items():
        kind: Kind = "step" if told(draft, person) else "first"
        _again(draft, notification, cause, kind, contact)


def follow_up(draft: Draft, kind: Kind, cause: HistoryEntry, *, but: Collection[str] = ()) -> None:
    """Plan a follow-up once for each contact on which a notice went out (escalation.md 6).

    Never to people in `but`, who declined, or who are accused.
    """
    left_out = {*but, *draft.alert.declined, *accused(draft.alert, draft.around.directory, draft.now)}
    reached: dict[str, Notification] = {}
    for notification in draft.notifications:
        if (
            notification.kind in NOTICES
            and notification.state in WENT_OUT
            and notification.person not in left_out
        ):
            reached[notification.contact] = notification
    for contact, notification in reached.items():
        _again(draft, notification, cause, kind, contact)


def follow_up_late(draft: Draft, notification: Notification, cause: HistoryEntry) -> None:
    """A notice went out after the alert had changed: send after it what the others were told meanwhile."""
    alert = draft.alert
    if notification.kind not in NOTICES:
        return
    if alert.status == "resolved" and notification.person != alert.resolved_by:
        kind: Kind = "correction" if alert.resolved_reason in CORRECTIONS else "resolved"
        _again(draft, notification, cause, kind, notification.contact)
    elif alert.status == "acknowledged" and all(t.person != notification.person for t in alert.takings):
        _again(draft, notification, cause, "taken_by", notification.contact)


CORRECTIONS = frozenset(("late_report", "corrected", "refuted"))
"""Closing reasons that are corrections of what was told."""


def _again(draft: Draft, pattern: Notification, cause: HistoryEntry, kind: Kind, contact: str) -> None:
    draft.put(
        Notification(
            id=notification_id(cause.id, pattern.person, contact, kind),
            alert=pattern.alert,
            kind=kind,
            person=pattern.person,
            contact=contact,
            channel=pattern.channel,
            cause=cause.id,
            planned_at=draft.now,
            due_at=draft.now,
            level=draft.alert.level,
            region=pattern.region,
            language=pattern.language,
            role=pattern.role,
            office=pattern.office,
            capacity=pattern.capacity,
            informing=pattern.informing,
            step=pattern.step,
            round=pattern.round,
        )
    )


def record_attempt(draft: Draft, attempted: Attempted) -> str:
    """Enter what came of an attempt (escalation.md 4.4) and return the reason; plan a fallback where it failed."""
    notification = draft.notification(attempted.notification)
    if notification is None or notification.final or notification.state == "sent":
        return "already_settled"
    tried = msgspec.structs.replace(
        notification, attempts=notification.attempts + 1, gateway=attempted.gateway
    )
    if attempted.outcome == "sent":
        draft.put(
            msgspec.structs.replace(
                tried,
                state="sent",
                reason="",
                held="",
                due_at=None,
                sent_at=draft.now,
                reference=attempted.reference,
            )
        )
        cause = draft.note(
            "notified", person=tried.person, notification=tried.id, kind=tried.kind, channel=tried.channel
        )
        follow_up_late(draft, tried, cause)
        return "sent"
    spare = _unused_contact(draft, tried)
    if attempted.outcome == "transient" and (tried.attempts <= len(RETRIES) or spare is None):
        retrying = tried.attempts > len(RETRIES)
        due = max(draft.now + _wait(tried), attempted.retry_after or 0)
        draft.put(
            msgspec.structs.replace(
                tried, state="pending", reason="retrying" if retrying else attempted.reason, due_at=due
            )
        )
        return attempted.reason
    draft.finish(tried, "failed", attempted.reason)
    if spare is not None:
        cause = draft.note(
            "fallback",
            reason=attempted.reason,
            person=tried.person,
            notification=tried.id,
            channel=spare.channel,
        )
        fallback = msgspec.structs.replace(tried, channel=spare.channel)
        _again(draft, fallback, cause, tried.kind, spare.id)
    return attempted.reason


def _unused_contact(draft: Draft, notification: Notification) -> Contact | None:
    person = draft.around.directory.person(notification.person)
    used = {n.contact for n in draft.notifications if n.person == notification.person and n.kind in NOTICES}
    used.add(notification.contact)
    return next((c for c in person.reachable if c.id not in used), None) if person else None


def _wait(notification: Notification) -> Millis:
    """Milliseconds until the next attempt, with a jitter of up to 20 % derived from the id (repeatable)."""
    attempt = notification.attempts
    further = attempt - len(RETRIES)
    base = RETRIES[attempt - 1] if further <= 0 else min(MINUTE * 2**further, LONGEST_RETRY)
    digest = blake2b(f"{notification.id}:{attempt}".encode(), digest_size=4).digest()
    share = int.from_bytes(digest, "big") / 2**32
    return round(base * (1 + JITTER * (2 * share - 1)))


def finally_failed(notification: Notification) -> bool:
    """Whether a notice counts as failed for `step_unreachable` and the phone list (escalation.md 4.4)."""
    return notification.state == "failed" or (
        notification.state == "pending" and notification.reason == "retrying"
    )


def may_still_arrive(draft: Draft, person: str, since: Instant) -> bool:
    """Whether any notice planned for the person since an instant went out or may still go out."""
    return any(
        n.person == person and n.kind in NOTICES and n.planned_at >= since and not finally_failed(n)
        for n in draft.notifications
    )
