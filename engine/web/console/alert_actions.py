"""What a user does with an alert: answers, for somebody or in their own name; escalating, resolving, silencing, calls.

Here: one route for each form of the alert's page, from the form to the command. Not here: the page (`console.alert`)
and what a command does (`core.alerting.answer`). What is refused is told on the page and leaves the alert as it was.
"""

from __future__ import annotations

from typing import get_args

from starlette.responses import Response

from engine.core.alerting.command import Answer, Comment, EscalateNow, PhoneCallMade, Says
from engine.core.alerting.delegation import candidates
from engine.core.alerting.silence import Match, SilenceWish
from engine.core.judging.instant import HOUR
from engine.escalation.notes import LONGEST, digest_of, with_note
from engine.records.alert_repository import Case
from engine.web.api.alerts import case_of
from engine.web.console.alert import ALERT, SILENT_HOURS, shown
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import HOME
from engine.web.console.phone_list import PHONE
from engine.web.console.routing import pages
from engine.web.console.silences import made_or_proposed
from engine.web.problem import not_found

router = pages()
SAID: tuple[Says, ...] = get_args(Says)
LONGEST_REASON = 500


@router.post(ALERT + "/answer")
async def answer_for(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Enter what an official said by phone."""
    case = await _case(visit, alert_id)
    person, says = visit.text("person"), next((one for one in SAID if one == visit.text("says")), None)
    if says is None or not person:
        return await shown(visit, case, refused="incomplete")
    if visit.text("called") == "yes":  # one tap on the phone list: they were called, reached, and said so
        called = PhoneCallMade(person=person, reached=True, operator=visit.user)
        await visit.siaga.desk.change(alert_id, called, "called", by=visit.scope.credential)
    answer = Answer(
        person=person,
        says=says,
        via="proxy",
        operator=visit.user,
        to=await _delegate(visit, case, person) if says == "delegated" else "",
        note_digest=digest_of(alert_id, person, _note(visit)),
        confirmed=visit.text("confirm") == "yes",
    )
    return await _answered(visit, case, answer)


@router.post(ALERT + "/take")
async def take(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Take the matter in the user's own name."""
    return await _own(visit, alert_id, "taken")


@router.post(ALERT + "/resolve")
async def resolve(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Resolve the alert in the user's own name."""
    return await _own(visit, alert_id, "resolved")


@router.post(ALERT + "/reopen")
async def reopen(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Withdraw the closing of the alert."""
    return await _own(visit, alert_id, "reopened")


@router.post(ALERT + "/escalate")
async def escalate(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Start the next step now."""
    case = await _case(visit, alert_id)
    command = EscalateNow(person=visit.scope.actor, is_operator=True)
    decision = await visit.siaga.desk.change(alert_id, command, "escalate", by=visit.scope.credential)
    if decision is None:
        raise not_found("alert")
    if decision.refusal:
        return await shown(visit, await _again(visit, case), refused=decision.refusal)
    return _back(visit, alert_id, "escalated")


@router.post(ALERT + "/silence")
async def silence(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Keep alerts of this rule in this region quiet for some hours."""
    case = await _case(visit, alert_id)
    hours = next((one for one in SILENT_HOURS if str(one) == visit.text("hours")), None)
    reason = visit.text("reason")[:LONGEST_REASON]
    if hours is None or not reason:
        return await shown(visit, case, refused="incomplete")
    now = visit.siaga.clock.now()
    wish = SilenceWish(
        match=Match(region=(case.alert.region,), rule=(case.alert.rule.id,)),
        until=now + hours * HOUR,
        reason=reason,
        include_awas=visit.text("include_awas") == "yes",
    )
    waiting = await made_or_proposed(visit, wish)
    return waiting or _back(visit, alert_id, "silenced")


@router.post(ALERT + "/comment")
async def comment(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Remark something; nobody is told."""
    case = await _case(visit, alert_id)
    note = _note(visit)
    if not note:
        return await shown(visit, case, refused="incomplete")
    digest = digest_of(alert_id, visit.scope.actor, note)
    command, kept = Comment(person=visit.scope.actor, note_digest=digest), with_note(alert_id, digest, note)
    if await visit.siaga.desk.change(alert_id, command, "comment", kept, by=visit.scope.credential) is None:
        raise not_found("alert")
    return _back(visit, alert_id, "commented")


@router.post(ALERT + "/call")
async def call(alert_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """Enter that somebody was called, and whether they were reached."""
    case = await _case(visit, alert_id)
    person, reached = visit.text("person"), visit.text("reached")
    told = {notification.person for notification in case.notifications.values()}
    if person not in told or reached not in {"yes", "no"}:
        return await shown(visit, case, refused="incomplete")
    command = PhoneCallMade(person=person, reached=reached == "yes", operator=visit.user)
    if await visit.siaga.desk.change(alert_id, command, "called", by=visit.scope.credential) is None:
        raise not_found("alert")
    return _back(visit, alert_id, "called")


async def _own(visit: CurrentUser, alert_id: str, says: Says) -> Response:
    case = await _case(visit, alert_id)
    digest = digest_of(alert_id, visit.scope.actor, _note(visit))
    answer = Answer(
        person=visit.scope.actor,
        says=says,
        via="console",
        is_operator=True,
        note_digest=digest,
        confirmed=visit.text("confirm") == "yes",
    )
    return await _answered(visit, case, answer)


async def _answered(visit: CurrentUser, case: Case, answer: Answer) -> Response:
    """Enter an answer with its note; of a refused one nothing is kept."""
    alert_id = case.alert.id
    note = with_note(alert_id, answer.note_digest, _note(visit))
    answered = await visit.siaga.desk.answer(alert_id, answer, note, by=visit.scope.credential)
    if answered is None:
        raise not_found("alert")
    if answered.refusal:
        return await shown(visit, await _again(visit, case), refused=answered.refusal)
    return _back(visit, alert_id, "repeated" if answered.repeated else answer.says)


async def _case(visit: CurrentUser, alert_id: str) -> Case:
    return await case_of(visit.request, alert_id, visit.scope, "operate")


async def _again(visit: CurrentUser, case: Case) -> Case:
    """Return the case as it is now: a refusal stands in its history."""
    return await visit.siaga.desk.case(case.alert.id) or case


async def _delegate(visit: CurrentUser, case: Case, giver: str) -> str:
    """Return the person of the office that the form names; empty where there is none."""
    around = await visit.siaga.books.surroundings()
    found = candidates(case.alert, giver, around, visit.siaga.clock.now())
    return next((one.person for one in found if one.role == visit.text("to")), "")


def _note(visit: CurrentUser) -> str:
    return visit.text("note")[:LONGEST]


def _back(visit: CurrentUser, alert_id: str, said: str) -> Response:
    return visit.back(PHONE if visit.text("back") == "phone" else f"{HOME}/alerts/{alert_id}", said)
