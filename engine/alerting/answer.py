"""The status table: what a person's answer does to an alert in each status.

Here: escalation.md 5 for the people's commands, one function a row, and the table that names them. Not here: what time
and judging do (`alerting.decide`). A refusal is a value with a name, recorded in the history; it changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from engine.alerting.alert import AFTER_CLOSING, NOTICES, Notification, State, Status, Taking
from engine.alerting.command import Answer, Says
from engine.alerting.conflict import accused
from engine.alerting.draft import Draft
from engine.alerting.escalation import ASKING, satisfied
from engine.alerting.telling import CORRECTIONS, follow_up
from engine.judging.instant import Instant

Refusal = Literal["not_told", "grade_too_low", "already_resolved", "conflict_of_interest", "not_available"]
LEAST_GRADE = 2
HANDED_OVER: frozenset[State] = frozenset(("sending", "sent", "delivered", "failed"))
"""States in which a person may have the message in hand, whatever the gateway said of it since."""
AGAIN = "repeated"
"""Outcome of an answer that says again what is already so: nothing changes."""


def take_answer(draft: Draft, answer: Answer) -> str:
    """Enter a person's answer; return the reason, a refusal of `Refusal`, or `AGAIN`."""
    refusal = may_answer(draft, answer.person, answer.says, is_operator=answer.is_operator)
    outcome = refusal or TABLE[answer.says][draft.alert.status](draft, answer)
    if outcome in REFUSALS:
        draft.note("answer_refused", reason=outcome, person=answer.person, says=answer.says, via=answer.via)
    return outcome


def may_answer(draft: Draft, person: str, says: str, *, is_operator: bool) -> Refusal | None:
    """Say why the person may not answer: only recipients who were told and operators may; inform people only `seen`."""
    if person in accused(draft.alert, draft.around.directory, draft.now):
        return "conflict_of_interest"
    if is_operator:
        return None
    notices = [n for n in draft.notifications if n.person == person and n.kind in NOTICES and _in_hand(n)]
    if any(not n.informing for n in notices) or (notices and says == "seen"):
        return None
    return "not_told"


def _in_hand(notification: Notification) -> bool:
    """Whether the person may have the message: also one whose gateway took it and then did not say so in time."""
    return notification.state in HANDED_OVER or notification.attempts > 0


def _record(draft: Draft, answer: Answer, says: Says | None = None) -> None:
    draft.note(
        "answered",
        reason=says or answer.says,
        person=answer.person,
        via=answer.via,
        grade=answer.grade,
        **({"operator": answer.operator} if answer.operator else {}),
        **({"note": answer.note_digest} if answer.note_digest else {}),
    )


def _seen(draft: Draft, answer: Answer) -> str:
    if answer.person in draft.alert.seen:
        return AGAIN
    draft.change(seen=(*draft.alert.seen, answer.person))
    _record(draft, answer, "seen")
    return "seen"


def _grade_too_low(draft: Draft, answer: Answer) -> bool:
    return not answer.is_operator and answer.grade < max(LEAST_GRADE, draft.alert.policy.acknowledge.grade)


def _taken_open(draft: Draft, answer: Answer) -> str:
    if _grade_too_low(draft, answer):
        _seen(draft, answer)
        return "grade_too_low"
    alert = draft.alert
    if any(taking.person == answer.person for taking in alert.takings):
        return AGAIN
    taking = Taking(
        person=answer.person, at=draft.now, via=answer.via, grade=answer.grade, operator=answer.operator
    )
    draft.change(takings=(*alert.takings, taking))
    _record(draft, answer)
    draft.cancel("taken", kinds=ASKING, person=answer.person)
    unreachable_told = any(
        n.person == answer.person and n.kind == "unreachable" and _in_hand(n) for n in draft.notifications
    )
    if answer.is_operator or unreachable_told or satisfied(draft):
        _acknowledge(draft, answer.person)
        return "taken"
    return "taken_need_not_met"


def acknowledge_where_satisfied(draft: Draft) -> None:
    """Acknowledge where the takings so far meet the need of a step started since: who took is not asked again."""
    if draft.alert.status == "open" and draft.alert.takings and satisfied(draft):
        _acknowledge(draft, draft.alert.takings[-1].person)


def _acknowledge(draft: Draft, person: str) -> None:
    terms = draft.alert.policy.acknowledge
    draft.change(
        status="acknowledged",
        acknowledged_at=draft.now,
        acknowledged_by=person,
        expires_at=None if terms.expires is None else draft.now + terms.expires,
        remind_at=tuple(sorted(draft.now + length for length in terms.remind)),
    )
    cause = draft.note("acknowledged", person=person)
    draft.cancel("taken", kinds=ASKING, informing=False)
    follow_up(draft, "taken_by", cause, but={taking.person for taking in draft.alert.takings})


def _taken_acknowledged(draft: Draft, answer: Answer) -> str:
    if _grade_too_low(draft, answer):
        _seen(draft, answer)
        return "grade_too_low"
    if all(taking.person != answer.person for taking in draft.alert.takings):
        if answer.person in draft.alert.also_taken:
            return AGAIN
        draft.change(also_taken=(*draft.alert.also_taken, answer.person))
        draft.note("also_taken", person=answer.person, via=answer.via, grade=answer.grade)
        return "also_taken"
    if answer.via == "link":
        return AGAIN  # the same POST twice changes nothing (escalation.md 8.1); a renewal needs a new act
    terms = draft.alert.policy.acknowledge
    draft.change(
        expires_at=None if terms.expires is None else draft.now + terms.expires,
        remind_at=tuple(sorted(draft.now + length for length in terms.remind)),
    )
    _record(draft, answer)
    return "renewed"


def _resolved_unresolved(draft: Draft, answer: Answer) -> str:
    if _grade_too_low(draft, answer):
        _seen(draft, answer)
        return "grade_too_low"
    _record(draft, answer)
    resolve(draft, "by_hand", person=answer.person)
    return "resolved"


def resolve(draft: Draft, reason: str, *, person: str = "", ended_at: Instant | None = None) -> None:
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


def _already_resolved(draft: Draft, answer: Answer) -> str:
    same = answer.says == "resolved" and answer.person == draft.alert.resolved_by
    return AGAIN if same else "already_resolved"


def _not_available(_draft: Draft, _answer: Answer) -> str:
    return "not_available"


Row = Callable[[Draft, Answer], str]
TABLE: dict[Says, dict[Status, Row]] = {
    "seen": {"open": _seen, "acknowledged": _seen, "resolved": _seen},
    "taken": {"open": _taken_open, "acknowledged": _taken_acknowledged, "resolved": _already_resolved},
    "resolved": {
        "open": _resolved_unresolved,
        "acknowledged": _resolved_unresolved,
        "resolved": _already_resolved,
    },
    "delegated": {"open": _not_available, "acknowledged": _not_available, "resolved": _already_resolved},
    "declined": {"open": _not_available, "acknowledged": _not_available, "resolved": _already_resolved},
}
"""The status table of escalation.md 5. Delegating and declining are refused by name until they are built."""
REFUSALS: frozenset[str] = frozenset(
    ("not_told", "grade_too_low", "already_resolved", "conflict_of_interest", "not_available")
)
