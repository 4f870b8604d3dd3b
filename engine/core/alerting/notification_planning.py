"""Planning of notifications: who is told on which contact and when, quiet hours, and who receives follow-ups.

Specification: docs/specification/escalation.md#policy-quiet-hours, #contact-quiet-hours, #contact-choice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from engine.core.alerting.alert import NOTICES, WENT_OUT, Alert, HistoryEntry, NoticeKind, Notification
from engine.core.alerting.case_editor import CaseEditor, DecisionContext
from engine.core.alerting.conflict_of_interest import exclusions
from engine.core.alerting.digest import AT_ONCE, DIGEST, digest_times, next_digest
from engine.core.alerting.directory import Contact, FoundHolder, Person
from engine.core.alerting.ids import notification_id
from engine.core.alerting.policy import Channel
from engine.core.judging.calendar import AWAS, hours_end, within_hours
from engine.core.judging.instant import Instant


def policy_quiet_until(alert: Alert, around: DecisionContext, now: Instant) -> Instant | None:
    """Return the end of the policy's quiet hours where they hold for the alert's level now; None where they do not."""
    quiet, zone = alert.policy.quiet, around.regions.timezone(alert.region)
    if alert.level not in quiet.levels or not quiet.hours or not within_hours(quiet.hours, now, zone):
        return None
    return hours_end(quiet.hours, now, zone)


def contact_quiet_until(
    alert: Alert, contact: Contact, office: str, around: DecisionContext, now: Instant
) -> Instant | None:
    """Return until when a contact must be left in peace with this alert; None where it may be used now.

    The hours are local to `office`, the region of the office as whose holder the person is told. They yield to awas,
    and to lower levels as the stage of the alert's region says; where such a stage begins the peace is over.
    """
    own = around.regions.timezone(office or alert.region)
    if alert.level >= AWAS or not contact.quiet_hours or not within_hours(contact.quiet_hours, now, own):
        return None
    calendar, zone = around.calendar, around.regions.timezone(alert.region)
    if alert.level >= calendar.quiet_yields_from(now, zone):
        return None
    end = hours_end(contact.quiet_hours, now, own)
    changes = calendar.changes(now, end, zone)
    return next((at for at in changes if alert.level >= calendar.quiet_yields_from(at, zone)), end)


ASKING: frozenset[NoticeKind] = frozenset(("first", "step"))
"""Kinds that ask a person to act; a taking or a restart takes back what is still pending of them."""
SEEKING: frozenset[NoticeKind] = ASKING | {"unreachable"}
"""Kinds that look for somebody who takes the matter: nobody wants them once it is in somebody's hands."""
QUIET = "quiet_hours"
"""What holds a message back while its contact is in its quiet hours."""


def told(draft: CaseEditor, person: str) -> bool:
    """Say whether a notice about this alert went out to the person."""
    return any(n.person == person and n.kind in NOTICES and n.state in WENT_OUT for n in draft.notifications)


def contacts_for(
    person: Person,
    channels: Collection[Channel],
    quiet: Collection[str] = (),
    cut: Collection[str] = (),
    *,
    level: int = AWAS,
) -> list[Contact]:
    """Return the contacts to use: the first by priority of each channel (empty: all), else the first of any.

    Those whose ids are in `quiet`, and those that no gateway serves now (`cut`), are passed over. Where nothing else is
    left the `cut` are used all the same, to be tried again; where all are quiet, the first alone, to wait on. `level`
    is that of the alert.
    """
    reachable = person.reachable_at(level)
    for passed_over in ({*quiet, *cut}, quiet):
        free = [contact for contact in reachable if contact.id not in passed_over]
        if free:
            return _first_of_each(free, channels) or free[:1]
    return (_first_of_each(reachable, channels) or list(reachable))[:1]


def _first_of_each(contacts: Iterable[Contact], channels: Collection[Channel]) -> list[Contact]:
    chosen: dict[Channel, Contact] = {}
    for contact in contacts:
        if not channels or contact.channel in channels:
            chosen.setdefault(contact.channel, contact)
    return list(chosen.values())


def plan_notice(
    draft: CaseEditor,
    found: FoundHolder,
    cause: HistoryEntry,
    *,
    channels: Collection[Channel] = (),
    informing: bool = False,
    kind: NoticeKind | None = None,
) -> int:
    """Plan a notice to one person on each contact to use; return how many messages that is.

    The kind is `first` where the person was not told of this alert before, else `step`, unless it is given. Who is only
    informed is told once (`step` goes to recipients). A personal delay holds for `first` and `step` alone.
    """
    person = draft.around.directory.person(found.person)
    if person is None or (informing and _told_or_will_be(draft, found.person)):
        return 0
    quiet = {
        contact.id
        for contact in person.reachable
        if contact_quiet_until(draft.alert, contact, found.region, draft.around, draft.now) is not None
    }
    cut = {contact.id for contact in person.reachable if draft.around.cut_off(contact, draft.now)}
    contacts = contacts_for(person, channels, quiet, cut, level=draft.alert.level)
    run = draft.alert.current
    for contact in contacts:
        chosen = kind or ("step" if told(draft, person.id) else "first")
        _plan(
            draft,
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
                exercise=draft.alert.exercise,
            ),
        )
    return len(contacts)


def _plan(draft: CaseEditor, notification: Notification) -> None:
    """Put a new message into the outbox; one for a contact that is in its quiet hours waits for their end.

    What is told in digests waits for the next; what replaces a message that failed goes in a digest, but at once.
    """
    told_at = next_digest(draft.alert, draft.around, draft.now)
    if told_at is not None and notification.kind not in AT_ONCE:
        due_at = notification.due_at if notification.instead_of else told_at
        notification = msgspec.structs.replace(notification, held=DIGEST, due_at=due_at)
    draft.put(notification)
    until = _quiet_until(draft, notification)
    if until is not None and until > (notification.due_at or 0):
        hold(draft, notification, until)


def _quiet_until(draft: CaseEditor, notification: Notification) -> Instant | None:
    contact = draft.around.directory.contact(notification.contact)
    if contact is None or notification.kind == "reply":
        return None
    return contact_quiet_until(draft.alert, contact, notification.office, draft.around, draft.now)


def hold(draft: CaseEditor, notification: Notification, until: Instant) -> None:
    """Let a message wait for the end of quiet hours; of several notices for one contact only the newest does."""
    held = msgspec.structs.replace(notification, state="pending", held=QUIET, due_at=until)
    draft.put(held)
    if notification.kind not in NOTICES:
        return
    waiting = [
        n
        for n in draft.notifications
        if n.contact == notification.contact
        and n.kind in NOTICES
        and n.state == "pending"
        and n.held == QUIET
    ]
    newest = max(waiting, key=lambda n: n.entry)
    for older in waiting:
        if older is not newest:
            draft.finish(older, "cancelled", "superseded")


def release(draft: CaseEditor) -> None:
    """Let go of what waits for the end of quiet hours or for a digest that the level, as it is now, breaks."""
    at_once = not digest_times(draft.alert)
    for notification in draft.notifications:
        if notification.state != "pending":
            continue
        if (notification.held == QUIET and _quiet_until(draft, notification) is None) or (
            notification.held == DIGEST and at_once
        ):
            draft.put(msgspec.structs.replace(notification, held="", due_at=draft.now))


def _told_or_will_be(draft: CaseEditor, person: str) -> bool:
    return any(
        n.person == person and n.kind in NOTICES and n.state not in ("failed", "cancelled", "suppressed")
        for n in draft.notifications
    )


def tell_again(draft: CaseEditor, cause: HistoryEntry, people: Collection[str]) -> None:
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
        kind: NoticeKind = "step" if told(draft, notification.person) else "first"
        plan_again(draft, notification, cause, kind, contact)


def _untried(notification: Notification) -> bool:
    return notification.state == "pending" and not notification.attempts and notification.rendered is None


def follow_up(
    draft: CaseEditor,
    kind: NoticeKind,
    cause: HistoryEntry,
    *,
    to: Collection[str] | None = None,
    but: Collection[str] = (),
    returned: bool = False,
) -> set[str]:
    """Plan a follow-up once for each contact on which a notice went out; return who gets one.

    Specification: docs/specification/escalation.md#message-kinds.

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
        plan_again(draft, notification, cause, kind, contact, returned=returned)
    return {notification.person for notification in reached.values()}


def follow_up_late(draft: CaseEditor, notification: Notification, cause: HistoryEntry) -> None:
    """A notice went out after the alert had changed: send after it what the others were told meanwhile, once."""
    alert = draft.alert
    excluded = exclusions(alert, draft.around.directory, draft.now)
    if notification.kind not in NOTICES or notification.person in excluded:
        return
    kind: NoticeKind
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
        plan_again(draft, notification, cause, kind, notification.contact)


CORRECTIONS = frozenset(("late_report", "corrected", "refuted"))
"""Closing reasons that are corrections of what was told."""


def plan_again(
    draft: CaseEditor,
    pattern: Notification,
    cause: HistoryEntry,
    kind: NoticeKind,
    contact: str,
    *,
    instead_of: str = "",
    returned: bool = False,
) -> None:
    """Plan another message to the person of an earlier one, as whom they were told then, on one of their contacts."""
    _plan(
        draft,
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
            exercise=pattern.exercise,
        ),
    )
