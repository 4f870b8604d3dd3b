"""Answering over the API: a person's answer, given by themself or typed in for them; escalating and commenting by hand.

Here: from the request to the command and back. Not here: what an answer does (`core.alerting.answer`) and the answer
page.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from engine.core.alerting.command import Answer, Comment, EscalateNow, Says
from engine.escalation.notes import LONGEST, digest_of, with_note
from engine.people.tokens import Scope
from engine.web.api.alerts import AlertShape, alert_shape, case_of
from engine.web.auth import forbidden, needs, siaga_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["alerts"])


Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        description="The same text (such as a UUID) each time that this one request is sent, as after a 503 or a lost "
        "answer: it takes effect once. An alert remembers the newest 16.",
        max_length=100,
    ),
]


class AnswerBody(BaseModel):
    """What a person says of an alert."""

    model_config = ConfigDict(extra="forbid")

    says: Says
    via: Literal["api", "proxy"] = Field(
        "api",
        description="`api`: the person to whom the token is bound answers (grade 4). `proxy`: the token's holder "
        "enters what a person said by another way, such as by phone (counts as grade 2; needs the right `operate`).",
    )
    person: str = Field(
        "",
        description="For `proxy`: the id of the person who said it. An answer of the token's own person names nobody.",
        max_length=100,
    )
    to: str = Field("", description="For `delegated`: the id of the person it goes to", max_length=100)
    confirm: bool = Field(
        False,
        description="For `resolved` of an awas, or of what somebody else has taken: yes, close it. Needs `reason`",
    )
    reason: str = Field(
        "",
        description="Why it is over; kept as `note` is, and instead of it",
        max_length=LONGEST,
    )
    note: str = Field(
        "",
        description="Free text, kept beside the history and erasable; the history has only its digest",
        max_length=LONGEST,
    )


class AnswerDone(BaseModel):
    """An answer was recorded."""

    outcome: str = Field(
        description="What it did, such as `taken`, `taken_need_not_met`, `also_taken`, `renewed`, `delegated`, "
        "`declined`, `taker_withdrew`"
    )
    repeated: bool = Field(description="The same person had said the same before: nothing changed")
    alert: AlertShape


class ReopenBody(BaseModel):
    """An operator opens a closed alert again."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        description="Why it is not over; kept beside the history and erasable, which has only its digest",
        min_length=1,
        max_length=LONGEST,
    )


class CommentBody(BaseModel):
    """An operator remarks something."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(
        description="Free text, kept beside the history and erasable; the history has only its digest",
        min_length=1,
        max_length=LONGEST,
    )


@router.post("/v1/alerts/{alert_id}/answers", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def answer_alert(
    request: Request, alert_id: str, body: AnswerBody, scope: Scope = needs("answer", "operate")
) -> AnswerDone:
    """Answer an alert.

    Who answers follows from the token: the person to whom it is bound, or, by `proxy`, a person who was told.
    To resolve an awas, or what somebody else has taken, asks for `confirm: true` and `reason`. Who closed an alert may
    take that back for 15 minutes by `reopened`; an operator may at any time (`POST .../reopen`).

    A refusal is 409 and leaves the alert as it was; its `refusal` is `not_told`, `grade_too_low`, `already_resolved`,
    `already_taken`, `confirmation_needed` or `conflict_of_interest`; of `reopened` it is `not_resolved`, `not_closer`,
    `too_late`, `not_closed_by_hand`, `undone` or `has_successor`; or it says why `to` cannot be the delegate:
    `delegate_unknown`, `delegate_self`, `delegate_conflict_of_interest`, `delegate_declined`, `delegate_away`,
    `delegate_no_contact`.
    """
    case = await case_of(request, alert_id, scope, "operate" if body.via == "proxy" else "answer")
    person = _answering(body, scope)
    answer = Answer(
        person=person,
        says=body.says,
        via=body.via,
        to=body.to,
        operator=scope.token_id if body.via == "proxy" else "",
        note_digest=digest_of(case.alert.id, person, body.reason or body.note),
        confirmed=body.confirm,
        is_operator=body.via == "api" and "operate" in scope.rights,
    )
    note = with_note(case.alert.id, answer.note_digest, body.reason or body.note)
    answered = await siaga_of(request).desk.answer(case.alert.id, answer, note, by=scope.credential)
    if answered is None:
        raise not_found("alert")
    if answered.refusal:
        raise refused(answered.refusal)
    return AnswerDone(outcome=answered.reason, repeated=answered.repeated, alert=alert_shape(answered.alert))


def _answering(body: AnswerBody, scope: Scope) -> str:
    """Return the person who answers; raise the problem where the token may not answer for them."""
    if body.via == "proxy":
        if "operate" not in scope.rights:
            raise forbidden("operate", "Answering for another person needs the right operate.")
        if not body.person:
            raise Problem(422, "person_missing", "via proxy: person names who said it.")
        return body.person
    if not scope.person:
        raise Problem(
            422,
            "token_of_nobody",
            "This token is bound to no person, so it answers for nobody in their own name. "
            "Send via: proxy with person, or take a token of `siaga token create --person ID --right answer`.",
        )
    if body.person not in ("", scope.person):
        raise forbidden("answer", "This token answers as the person to whom it is bound, and as nobody else.")
    if "answer" not in scope.rights:
        raise forbidden("answer", "This token lacks the right answer.")
    return scope.person


@router.post("/v1/alerts/{alert_id}/escalate", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def escalate_alert(
    request: Request, alert_id: str, key: Key = "", scope: Scope = needs("operate")
) -> AlertShape:
    """Start the next step of an alert now, as an operator.

    Takings count no more. After the last step of the last round the alert is exhausted. 409 (`already_resolved`,
    `conflict_of_interest`) leaves it as it was.
    """
    case = await case_of(request, alert_id, scope, "operate")
    command = EscalateNow(person=scope.actor, is_operator=True, key=_key_of(scope, "escalate", key))
    decision = await siaga_of(request).desk.change(case.alert.id, command, "escalate", by=scope.credential)
    if decision is None:
        raise not_found("alert")
    if decision.refusal:
        raise refused(decision.refusal)
    return alert_shape(decision.alert)


@router.post("/v1/alerts/{alert_id}/reopen", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def reopen_alert(
    request: Request, alert_id: str, body: ReopenBody, scope: Scope = needs("operate")
) -> AlertShape:
    """Withdraw the closing of an alert that people closed, as an operator: it lives on under the same number.

    Its current step starts anew, all who were told hear `reopened`, and judging goes on as if it had not been closed.
    409 leaves it as it was: `not_resolved`, `not_closed_by_hand`, `undone` (a correction took away what it rested on),
    `has_successor` (a newer alert of the same group exists).
    """
    case = await case_of(request, alert_id, scope, "operate")
    answer = Answer(
        person=scope.actor,
        says="reopened",
        via="api",
        is_operator=True,
        note_digest=digest_of(case.alert.id, scope.actor, body.reason),
    )
    note = with_note(case.alert.id, answer.note_digest, body.reason)
    answered = await siaga_of(request).desk.answer(case.alert.id, answer, note, by=scope.credential)
    if answered is None:
        raise not_found("alert")
    if answered.refusal:
        raise refused(answered.refusal)
    return alert_shape(answered.alert)


@router.post("/v1/alerts/{alert_id}/comments", responses=responses(401, 403, 404, 413, 422, 503))
async def comment_alert(
    request: Request, alert_id: str, body: CommentBody, key: Key = "", scope: Scope = needs("operate")
) -> AlertShape:
    """Remark something on an alert, in whatever status it is; nobody is told."""
    case = await case_of(request, alert_id, scope, "operate")
    digest = digest_of(case.alert.id, scope.actor, body.note)
    command = Comment(person=scope.actor, note_digest=digest, key=_key_of(scope, "comment", key))
    note = with_note(case.alert.id, digest, body.note)
    decision = await siaga_of(request).desk.change(
        case.alert.id, command, "comment", note, by=scope.credential
    )
    if decision is None:
        raise not_found("alert")
    return alert_shape(decision.alert)


def _key_of(scope: Scope, what: str, key: str) -> str:
    """Return what an alert remembers of a key; equal keys of two credentials, or of two kinds of command, differ."""
    if not key:
        return ""
    return blake2b(f"{scope.credential}\0{what}\0{key}".encode(), digest_size=8).hexdigest()


def refused(refusal: str) -> Problem:
    """Return the problem of a command that the alert refused."""
    text = f"This was not accepted: {refusal}. It stands in the history; the alert is as it was."
    return Problem(409, "refused", text, refusal=refusal)
