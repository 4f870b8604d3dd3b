"""The status table: what a person's answer does to an alert in each status.

Here: docs/specification/escalation.md#status-table for the people's commands, one function a row, and the table that
names them. Not here: what time and judging do (`core.alerting.decide`). A refusal is a value with a name, recorded in
the history; it changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import msgspec

from engine.core.alerting.alert import (
    AFTER_CLOSING,
    NOTICES,
    Alert,
    AlertStatus,
    HistoryEntry,
    Notification,
    NotificationState,
    Taking,
)
from engine.core.alerting.case_editor import CaseEditor
from engine.core.alerting.command import WITHOUT_CODE, Answer, Says
from engine.core.alerting.conflict_of_interest import accused
from engine.core.alerting.delegation import Obstacle, counted, give_back, obstacle, pass_on
from engine.core.alerting.escalation import (
    end_unanswerable_step,
    look_at_hiding,
    next_step,
    reopen,
    restart,
    satisfied,
)
from engine.core.alerting.notification_planning import ASKING, CORRECTIONS, SEEKING, follow_up
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import MINUTE, Instant, Millis

AnswerRefusal = (
    Literal[
        "not_told",
        "code_missing",
        "grade_too_low",
        "not_taker",
        "confirmation_needed",
        "not_resolved",
        "not_closed_by_hand",
        "undone",
        "has_successor",
        "not_closer",
        "too_late",
        "already_resolved",
        "already_taken",
        "conflict_of_interest",
    ]
    | Obstacle
)
LEAST_GRADE = 2
TAKE_BACK_FOR: Millis = 15 * MINUTE
"""For so long who closed an alert may take that back."""
HANDED_OVER: frozenset[NotificationState] = frozenset(("sending", "sent", "delivered", "failed"))
"""States in which a person may have the message in hand, whatever the gateway said of it since."""
AGAIN = "repeated"
"""Outcome of an answer that says again what is already so: nothing changes."""


def take_answer(draft: CaseEditor, answer: Answer) -> str:
    """Enter a person's answer; return the reason, a refusal of `AnswerRefusal`, or `AGAIN`."""
    refusal = may_answer(
        draft, answer.person, answer.says, is_operator=answer.is_operator, spoken_to=answer.via == "proxy"
    )
    if refusal is None and lacks_code(draft, answer.person, says=answer.says, coded=answer.coded):
        refusal = "code_missing"
    outcome = refusal or TABLE[answer.says][draft.alert.status](draft, answer)
    if outcome in REFUSALS:
        who = known_person(draft, answer.person, is_operator=answer.is_operator)
        draft.note("answer_refused", reason=outcome, person=who, says=answer.says, via=answer.via)
    return outcome


def known_person(draft: CaseEditor, person: str, *, is_operator: bool) -> str:
    """Return the person for the history; empty where nobody is of that id: no word that somebody typed stays there."""
    told = any(notification.person == person for notification in draft.notifications)
    return person if is_operator or told or draft.around.directory.person(person) is not None else ""


def may_answer(
    draft: CaseEditor, person: str, says: str, *, is_operator: bool, spoken_to: bool = False
) -> AnswerRefusal | None:
    """Say why the person may not answer: only recipients who were told and operators may; inform people only `seen`.

    `spoken_to`: an operator has just told them what a message that still waits would
    (docs/specification/escalation.md#phone-list).
    """
    if person in accused(draft.alert, draft.around.directory, draft.now):
        return "conflict_of_interest"
    if is_operator:
        return None
    notices = [n for n in draft.notifications if n.person == person and n.kind in NOTICES]
    notices = [n for n in notices if _in_hand(n) or (spoken_to and not n.final)]
    if any(not n.informing for n in notices) or (notices and says == "seen"):
        return None
    return "not_told"


def lacks_code(draft: CaseEditor, person: str, *, says: str, coded: bool) -> bool:
    """Say whether an SMS without its code says more than it may, and enter that the person has seen the alert."""
    if coded or says == "seen":
        return False
    if person not in draft.alert.seen:
        draft.change(seen=(*draft.alert.seen, person))
        draft.note("answered", reason="seen", person=person, via="sms", grade=WITHOUT_CODE)
    return True


def _in_hand(notification: Notification) -> bool:
    """Whether the person may have the message: also one whose gateway took it and then did not say so in time."""
    return notification.state in HANDED_OVER or notification.attempts > 0


def _record(draft: CaseEditor, answer: Answer, says: Says | None = None) -> HistoryEntry:
    return draft.note(
        "answered",
        reason=says or answer.says,
        person=answer.person,
        via=answer.via,
        grade=answer.grade,
        **({"to": answer.to} if answer.says == "delegated" else {}),
        **({"operator": answer.operator} if answer.operator else {}),
        **_as_operator(answer),
        **({"note": answer.note_digest} if answer.note_digest else {}),
    )


def _as_operator(answer: Answer) -> dict[str, Any]:
    """Return whether a token's answer was an operator's, which no other way leaves open: replays ask for it."""
    return {"operates": answer.is_operator} if answer.via == "api" else {}


def _seen(draft: CaseEditor, answer: Answer) -> str:
    if answer.person in draft.alert.seen:
        return AGAIN
    draft.change(seen=(*draft.alert.seen, answer.person))
    _record(draft, answer, "seen")
    return "seen"


def _grade_too_low(draft: CaseEditor, answer: Answer) -> bool:
    return not answer.is_operator and answer.grade < max(LEAST_GRADE, draft.alert.policy.acknowledge.grade)


def _taken_open(draft: CaseEditor, answer: Answer) -> str:
    if _grade_too_low(draft, answer):
        _seen(draft, answer)
        return "grade_too_low"
    alert = draft.alert
    if any(taking.person == answer.person for taking in alert.takings):
        return AGAIN
    _enter_taking(draft, answer)
    if _suffices(draft, answer) or satisfied(draft):
        _acknowledge(draft, answer.person)
        return "taken"
    return "taken_need_not_met"


def _enter_taking(draft: CaseEditor, answer: Answer) -> None:
    """Note the taking; it stands in for those of people who passed the matter on, and takes back a decline."""
    alert = draft.alert
    taking = Taking(
        person=answer.person,
        at=draft.now,
        via=answer.via,
        grade=answer.grade,
        entry=_record(draft, answer).number,
        operator=answer.operator,
    )
    replaced = counted({answer.person}, alert.delegations)
    draft.change(
        takings=(*(t for t in alert.takings if t.person not in replaced), taking),
        declined=tuple(person for person in alert.declined if person != answer.person),
    )
    draft.cancel("taken", kinds=ASKING, person=answer.person)


def _suffices(draft: CaseEditor, answer: Answer) -> bool:
    """Whether the person's taking meets every need: an operator's, or one of whom `unreachable` told."""
    if answer.is_operator or any(d.delegate == answer.person and d.suffices for d in draft.alert.delegations):
        return True
    return any(
        n.person == answer.person and n.kind == "unreachable" and _in_hand(n) for n in draft.notifications
    )


def acknowledge_where_satisfied(draft: CaseEditor) -> None:
    """Acknowledge where the takings so far meet the need of a step started since: who took is not asked again."""
    if draft.alert.status == "open" and draft.alert.takings and satisfied(draft):
        _acknowledge(draft, draft.alert.takings[-1].person)


def _acknowledge(draft: CaseEditor, person: str) -> None:
    terms = draft.alert.policy.acknowledge
    draft.change(
        status="acknowledged",
        acknowledged_at=draft.now,
        acknowledged_by=person,
        expires_at=None if terms.expires is None else draft.now + terms.expires,
        remind_at=tuple(sorted(draft.now + length for length in terms.remind)),
    )
    cause = draft.note("acknowledged", person=person)
    draft.cancel("taken", kinds=SEEKING, informing=False)
    follow_up(draft, "taken_by", cause, but={taking.person for taking in draft.alert.takings})


def _taken_acknowledged(draft: CaseEditor, answer: Answer) -> str:
    if _grade_too_low(draft, answer):
        _seen(draft, answer)
        return "grade_too_low"
    alert = draft.alert
    own = next((taking for taking in alert.takings if taking.person == answer.person), None)
    if own is not None:
        return _renew(draft, answer, own)
    if counted({answer.person}, alert.delegations) & {taking.person for taking in alert.takings}:
        _enter_taking(draft, answer)
        _acknowledge(draft, answer.person)
        return "taken"
    if answer.person in alert.also_taken:
        return AGAIN
    draft.change(also_taken=(*alert.also_taken, answer.person))
    draft.note("also_taken", person=answer.person, via=answer.via, grade=answer.grade, **_as_operator(answer))
    return "also_taken"


def _renew(draft: CaseEditor, answer: Answer, own: Taking) -> str:
    """Let reminders and expiry count anew. By a link only from a reminder that came since the person last said so."""
    if answer.via == "link":
        answered = draft.notification(answer.notification)
        last = own.renewed_at or own.at
        if answered is None or answered.kind != "reminder" or answered.planned_at <= last:
            return AGAIN  # the same POST twice changes nothing (docs/specification/escalation.md#links)
    terms, renewed = draft.alert.policy.acknowledge, msgspec.structs.replace(own, renewed_at=draft.now)
    draft.change(
        takings=tuple(renewed if taking is own else taking for taking in draft.alert.takings),
        expires_at=None if terms.expires is None else draft.now + terms.expires,
        remind_at=tuple(sorted(draft.now + length for length in terms.remind)),
    )
    _record(draft, answer)
    draft.cancel("taken", kinds=frozenset(("reminder",)))
    return "renewed"


def _delegated_open(draft: CaseEditor, answer: Answer) -> str:
    if any(d.giver == answer.person and d.delegate == answer.to for d in draft.alert.delegations):
        return AGAIN
    refusal = obstacle(draft, answer.person, answer.to)
    if refusal is not None:
        return refusal
    _record(draft, answer)
    pass_on(draft, answer.person, answer.to, suffices=_suffices(draft, answer))
    return "delegated"


def _delegated_acknowledged(draft: CaseEditor, answer: Answer) -> str:
    if all(taking.person != answer.person for taking in draft.alert.takings):
        return "already_taken"
    return _delegated_open(draft, answer)


def _declined_open(draft: CaseEditor, answer: Answer) -> str:
    if answer.person in draft.alert.declined:
        return AGAIN
    _drop(draft, answer)
    end_unanswerable_step(draft)
    return "declined"


def _declined_acknowledged(draft: CaseEditor, answer: Answer) -> str:
    if answer.person in draft.alert.declined:
        return AGAIN
    before = draft.alert
    _drop(draft, answer)
    if before.takings == draft.alert.takings:
        return "declined"
    if not draft.alert.takings:
        draft.note("returned", reason="taker_withdrew", person=answer.person)
        reopen(draft)
        next_step(draft)
        return "taker_withdrew"
    if before.acknowledged_by == answer.person:
        draft.change(acknowledged_by=draft.alert.takings[-1].person)
        cause = draft.note("acknowledged", reason="taker_withdrew", person=draft.alert.acknowledged_by)
        follow_up(draft, "taken_by", cause, but={taking.person for taking in draft.alert.takings})
    return "declined"


def _drop(draft: CaseEditor, answer: Answer) -> None:
    """Leave the person out for the life of the alert; what was passed on to them goes back to the giver."""
    alert, person = draft.alert, answer.person
    _record(draft, answer)
    draft.change(
        declined=(*alert.declined, person),
        also_taken=tuple(p for p in alert.also_taken if p != person),
        takings=tuple(taking for taking in alert.takings if taking.person != person),
    )
    draft.cancel("declined", person=person, but=frozenset(("reply",)))
    give_back(draft, person)


def _resolved_unresolved(draft: CaseEditor, answer: Answer) -> str:
    if _grade_too_low(draft, answer):
        _seen(draft, answer)
        return "grade_too_low"
    if answer.via == "sms" and draft.alert.level >= AWAS and not has_taken(draft.alert, answer.person):
        _seen(draft, answer)
        return "not_taker"
    if needs_confirmation(draft.alert, answer.person) and not _confirmed(answer):
        return "confirmation_needed"
    _record(draft, answer)
    resolve(draft, "by_hand", person=answer.person)
    return "resolved"


def has_taken(alert: Alert, person: str) -> bool:
    """Whether the person has taken the alert, as things stand."""
    return any(taking.person == person for taking in alert.takings)


def needs_confirmation(alert: Alert, person: str) -> bool:
    """Whether closing asks once more, and for a reason: of any awas, and of what somebody else has taken."""
    others = any(taking.person != person for taking in alert.takings)
    return alert.level >= AWAS or (others and not has_taken(alert, person))


def _confirmed(answer: Answer) -> bool:
    """Say whether the person said so again, with a reason; an SMS is asked for no reason."""
    return answer.confirmed and bool(answer.note_digest or answer.via == "sms")


def resolve(draft: CaseEditor, reason: str, *, person: str = "", ended_at: Instant | None = None) -> None:
    """Close the alert: cancel what is pending, tell those told (`resolved`, or `correction` where it is one).

    `ended_at` is the instant of event time at which the condition was over, where that closes it.
    """
    draft.change(
        status="resolved",
        resolved_at=draft.now,
        resolved_reason=reason,
        resolved_by=person,
        expires_at=None,
        remind_at=(),
    )
    draft.cancel("resolved", but=AFTER_CLOSING)
    over = {} if ended_at is None else {"ended_at": ended_at}
    cause = draft.note("resolved", reason=reason, person=person, **over)
    if reason in CORRECTIONS:
        follow_up(draft, "correction", cause)
    else:
        follow_up(draft, "resolved", cause, but={person} if person else ())


def _already_resolved(draft: CaseEditor, answer: Answer) -> str:
    same = answer.says == "resolved" and answer.person == draft.alert.resolved_by
    return AGAIN if same else "already_resolved"


def _not_resolved(draft: CaseEditor, answer: Answer) -> str:
    return AGAIN if draft.alert.reopened_by == answer.person else "not_resolved"


def _reopened_resolved(draft: CaseEditor, answer: Answer) -> str:
    """Withdraw a closing by hand: the alert lives on under its number, and its current step starts anew."""
    refusal = why_not_reopened(draft.alert, answer, draft.now)
    if refusal is None and draft.around.has_successor:
        refusal = "has_successor"
    if refusal is not None:
        return refusal
    _record(draft, answer)
    draft.cancel("superseded", kinds=frozenset(("resolved",)))
    reopen(draft)
    draft.change(
        resolved_at=None,
        resolved_reason="",
        resolved_by="",
        reopened_at=draft.now,
        reopened_by=answer.person,
    )
    reason = "by_operator" if answer.is_operator else "taken_back"
    cause = draft.note("reopened", reason=reason, person=answer.person)
    reached = follow_up(draft, "reopened", cause, but={answer.person})
    if not look_at_hiding(draft):
        restart(draft, "reopened", but=reached)
    return "reopened"


def why_not_reopened(alert: Alert, answer: Answer, now: Instant) -> AnswerRefusal | None:
    """Return why a closing may not be withdrawn: who closed it may for 15 minutes, an operator at any time.

    What judging closed stays closed, and so does what it would have closed in between: its condition is not true.
    """
    if alert.resolved_reason != "by_hand":
        return "not_closed_by_hand"
    if alert.undone:
        return "undone"
    if answer.is_operator:
        return None
    if answer.person != alert.resolved_by:
        return "not_closer"
    return None if can_take_back(alert, answer.person, now) else "too_late"


def can_take_back(alert: Alert, person: str, now: Instant) -> bool:
    """Whether a person may still take back their closing; at the last millisecond of the 15 minutes they may."""
    if alert.resolved_at is None or alert.resolved_reason != "by_hand" or alert.undone:
        return False
    return person == alert.resolved_by and now <= alert.resolved_at + TAKE_BACK_FOR


StatusRow = Callable[[CaseEditor, Answer], str]
TABLE: dict[Says, dict[AlertStatus, StatusRow]] = {
    "seen": {"open": _seen, "acknowledged": _seen, "resolved": _seen},
    "taken": {"open": _taken_open, "acknowledged": _taken_acknowledged, "resolved": _already_resolved},
    "resolved": {
        "open": _resolved_unresolved,
        "acknowledged": _resolved_unresolved,
        "resolved": _already_resolved,
    },
    "delegated": {
        "open": _delegated_open,
        "acknowledged": _delegated_acknowledged,
        "resolved": _already_resolved,
    },
    "declined": {
        "open": _declined_open,
        "acknowledged": _declined_acknowledged,
        "resolved": _already_resolved,
    },
    "reopened": {"open": _not_resolved, "acknowledged": _not_resolved, "resolved": _reopened_resolved},
}
"""The status table (docs/specification/escalation.md#status-table)."""
REFUSALS: frozenset[str] = frozenset(name for part in get_args(AnswerRefusal) for name in get_args(part))
