"""Planning of notifications: who is told on which contact, and who gets follow-ups.

Here: escalation.md 4.1-4.4 and 6 as pure functions on a draft. Not here: when a step starts (`escalation`), sending
(`service.dispatcher`), or the text (`wording`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import blake2b

import msgspec

from engine.alerting.alert import NOTICES, WENT_OUT, HistoryEntry, Kind, Notification, State
from engine.alerting.command import Attempted
from engine.alerting.conflict import exclusions
from engine.alerting.directory import Contact, Found, Person
from engine.alerting.draft import Draft
from engine.alerting.identity import notification_id
from engine.alerting.policy import Channel
from engine.judging.instant import MINUTE, SECOND, Millis

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

    The kind is `first` where the person was not told of this alert before, else `step`, unless it is given. Who is only
    informed is told once (`step` goes to recipients). A personal delay holds for `first` and `step` alone.
    """
    person = draft.around.directory.person(found.person)
    if person is None or (informing and _told_or_will_be(draft, found.person)):
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
                due_at=draft.now + (contact.delay if kind is None else 0),
                level=draft.alert.level,
                region=draft.alert.region,
                language=person.language,
                role=found.role,
                office=found.region,
                capacity=found.capacity,
                status=found.status,
                informing=informing,
                step=run.step if run else 0,
                round=run.round if run else 0,
            )
        )
    return len(contacts)


def _told_or_will_be(draft: Draft, person: str) -> bool:
    return any(
        n.person == person and n.kind in NOTICES and n.state not in ("failed", "cancelled", "suppressed")
        for n in draft.notifications
    )


def tell_again(draft: Draft, cause: HistoryEntry, people: Collection[str]) -> None:
    """Tell people once more (`step`), on the contacts and with the offices of their newest notice.

    What was not tried yet is worded when it goes out and says the new level itself; who is about to get such a message
    at once gets no second one. A message already worded that still waits is replaced.
    """
    excluded = exclusions(draft.alert, draft.around.directory, draft.now)
    newest: dict[str, Notification] = {}
    for notification in draft.notifications:
        if (
            notification.person in people
            and notification.person not in excluded
            and notification.kind in NOTICES
        ):
            newest[notification.contact] = notification
    fresh = [n for n in newest.values() if _untried(n)]
    about_to_be_told = {n.person for n in fresh if n.due_at is not None and n.due_at <= draft.now}
    for notification in fresh:
        draft.put(msgspec.structs.replace(notification, level=draft.alert.level))
    for contact, notification in newest.items():
        waiting = notification.state == "pending"
        reached = waiting or notification.state == "sending" or notification.state in WENT_OUT
        if not reached or _untried(notification) or notification.person in about_to_be_told:
            continue
        if waiting:
            draft.finish(notification, "cancelled", "superseded")
        kind: Kind = "step" if told(draft, notification.person) else "first"
        _again(draft, notification, cause, kind, contact)


def _untried(notification: Notification) -> bool:
    return notification.state == "pending" and not notification.attempts and notification.rendered is None


def follow_up(
    draft: Draft,
    kind: Kind,
    cause: HistoryEntry,
    *,
    to: Collection[str] | None = None,
    but: Collection[str] = (),
    returned: bool = False,
) -> set[str]:
    """Plan a follow-up once for each contact on which a notice went out (escalation.md 6); return who gets one.

    Only to people in `to`, where given; never to people in `but`, who declined, or who are accused. `returned` marks
    what a delegate gave back.
    """
    left_out = {*but, *exclusions(draft.alert, draft.around.directory, draft.now)}
    reached: dict[str, Notification] = {}
    for notification in draft.notifications:
        if (
            notification.kind in NOTICES
            and notification.state in WENT_OUT
            and notification.person not in left_out
            and (to is None or notification.person in to)
        ):
            reached[notification.contact] = notification
    for contact, notification in reached.items():
        _again(draft, notification, cause, kind, contact, returned=returned)
    return {notification.person for notification in reached.values()}


def follow_up_late(draft: Draft, notification: Notification, cause: HistoryEntry) -> None:
    """A notice went out after the alert had changed: send after it what the others were told meanwhile, once."""
    alert = draft.alert
    excluded = exclusions(alert, draft.around.directory, draft.now)
    if notification.kind not in NOTICES or notification.person in excluded:
        return
    kind: Kind
    if alert.status == "resolved":
        corrected = alert.resolved_reason in CORRECTIONS or any(
            n.kind == "correction" for n in draft.notifications
        )
        kind, since = "correction" if corrected else "resolved", alert.resolved_at
        knows = not corrected and notification.person == alert.resolved_by
    elif alert.status == "acknowledged":
        kind, since = "taken_by", alert.acknowledged_at
        # A step that runs on while acknowledged is planned, and worded, after the taking.
        knows = notification.planned_at > (since or 0) or any(
            taking.person == notification.person for taking in alert.takings
        )
    else:
        return
    said = any(
        n.kind == kind and n.contact == notification.contact and n.planned_at >= (since or 0)
        for n in draft.notifications
    )
    if not (knows or said):
        _again(draft, notification, cause, kind, notification.contact)


CORRECTIONS = frozenset(("late_report", "corrected", "refuted"))
"""Closing reasons that are corrections of what was told."""


def _again(
    draft: Draft,
    pattern: Notification,
    cause: HistoryEntry,
    kind: Kind,
    contact: str,
    *,
    instead_of: str = "",
    returned: bool = False,
) -> None:
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
            status=pattern.status,
            informing=pattern.informing,
            step=pattern.step,
            round=pattern.round,
            instead_of=instead_of,
            returned=returned,
        )
    )


def record_attempt(draft: Draft, attempted: Attempted, unwanted: tuple[State, str] | None = None) -> str:
    """Enter what came of an attempt (escalation.md 4.4) and return the reason; plan a fallback where it failed.

    `unwanted` is how a message ends that need not be said any more: it is neither tried again nor sent elsewhere.
    """
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
    if unwanted is not None and attempted.outcome == "transient":
        draft.finish(tried, *unwanted)
        return unwanted[1]
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
    if spare is not None and unwanted is None:
        cause = draft.note(
            "fallback",
            reason=attempted.reason,
            person=tried.person,
            notification=tried.id,
            channel=spare.channel,
        )
        fallback = msgspec.structs.replace(tried, channel=spare.channel)
        _again(draft, fallback, cause, tried.kind, spare.id, instead_of=tried.id, returned=tried.returned)
    return attempted.reason


def _unused_contact(draft: Draft, notification: Notification) -> Contact | None:
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
    return next((c for c in person.reachable if c.id not in used), None) if person else None


def _origin(draft: Draft, notification: Notification) -> Notification:
    *_, origin = _back(draft, notification)
    return origin


def _back(draft: Draft, notification: Notification | None) -> Iterator[Notification]:
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
    """Whether a notice counts as failed for `step_unreachable` and the phone list (escalation.md 4.4)."""
    return notification.state == "failed" or (
        notification.state == "pending" and notification.reason == "retrying"
    )


def may_have_word(draft: Draft, person: str) -> bool:
    """Whether anything that asks the person went out, or may still go out: then they can answer (3.4)."""
    return any(
        n.person == person
        and n.kind in NOTICES
        and (n.state in ("pending", "sending") or n.state in WENT_OUT)
        and not finally_failed(n)
        for n in draft.notifications
    )
