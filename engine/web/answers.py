"""Answering over the API: a person's answer, given by themself or typed in for them; escalating and commenting by hand.

Here: from the request to the command and back. Not here: what an answer does (`alerting.answer`) and the answer page.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from engine.alerting.command import Answer, Comment, EscalateNow, Says
from engine.service.notes import LONGEST, digest_of, with_note
from engine.service.tokens import Scope
from engine.web.alert_shape import AlertShape, alert_shape
from engine.web.alerts import case_of
from engine.web.auth import needs, siaga_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["alerts"])


Person = Annotated[str, Field(description="Id of the person who does it", min_length=1, max_length=100)]


class AnswerBody(BaseModel):
    """What a person says of an alert."""

    model_config = ConfigDict(extra="forbid")

    person: Person
    says: Says
    via: Literal["api", "proxy"] = Field(
        "api",
        description="`api`: an operator answers in their own name (grade 4). `proxy`: the token's holder types in what "
        "the person said by another way, such as by phone (counts as grade 2, the token is kept as operator).",
    )
    to: str = Field("", description="For `delegated`: the id of the person it goes to", max_length=100)
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


class EscalateBody(BaseModel):
    """An operator wants the next step now."""

    model_config = ConfigDict(extra="forbid")

    person: Person


class CommentBody(BaseModel):
    """An operator remarks something."""

    model_config = ConfigDict(extra="forbid")

    person: Person
    note: str = Field(
        description="Free text, kept beside the history and erasable; the history has only its digest",
        min_length=1,
        max_length=LONGEST,
    )


@router.post("/v1/alerts/{alert_id}/answers", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def answer_alert(
    request: Request, alert_id: str, body: AnswerBody, scope: Scope = needs("operate")
) -> AnswerDone:
    """Answer an alert.

    A refusal is 409 and leaves the alert as it was; its `refusal` is `not_told`, `grade_too_low`, `already_resolved`,
    `already_taken` or `conflict_of_interest`, or says why `to` cannot be the delegate: `delegate_unknown`,
    `delegate_self`, `delegate_conflict_of_interest`, `delegate_declined`, `delegate_away`, `delegate_no_contact`.
    """
    case = await case_of(request, alert_id, scope, "operate")
    proxy = body.via == "proxy"
    answer = Answer(
        person=body.person,
        says=body.says,
        via=body.via,
        to=body.to,
        operator=scope.token_id if proxy else "",
        note_digest=digest_of(case.alert.id, body.person, body.note),
        is_operator=not proxy,
    )
    note = with_note(case.alert.id, answer.note_digest, body.note)
    answered = await siaga_of(request).desk.answer(case.alert.id, answer, note)
    if answered is None:
        raise not_found("alert")
    if answered.refusal:
        raise refused(answered.refusal)
    return AnswerDone(outcome=answered.reason, repeated=answered.repeated, alert=alert_shape(answered.alert))


@router.post("/v1/alerts/{alert_id}/escalate", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def escalate_alert(
    request: Request, alert_id: str, body: EscalateBody, scope: Scope = needs("operate")
) -> AlertShape:
    """Start the next step of an alert now, as an operator.

    Takings count no more. After the last step of the last round the alert is exhausted. 409 (`already_resolved`,
    `conflict_of_interest`) leaves it as it was.
    """
    case = await case_of(request, alert_id, scope, "operate")
    command = EscalateNow(person=body.person, is_operator=True)
    decision = await siaga_of(request).desk.change(case.alert.id, command, "escalate")
    if decision is None:
        raise not_found("alert")
    if decision.refusal:
        raise refused(decision.refusal)
    return alert_shape(decision.alert)


@router.post("/v1/alerts/{alert_id}/comments", responses=responses(401, 403, 404, 413, 422, 503))
async def comment_alert(
    request: Request, alert_id: str, body: CommentBody, scope: Scope = needs("operate")
) -> AlertShape:
    """Remark something on an alert, in whatever status it is; nobody is told."""
    case = await case_of(request, alert_id, scope, "operate")
    digest = digest_of(case.alert.id, body.person, body.note)
    command = Comment(person=body.person, note_digest=digest)
    note = with_note(case.alert.id, digest, body.note)
    decision = await siaga_of(request).desk.change(case.alert.id, command, "comment", note)
    if decision is None:
        raise not_found("alert")
    return alert_shape(decision.alert)


def refused(refusal: str) -> Problem:
    """Return the problem of a command that the alert refused."""
    text = f"This was not accepted: {refusal}. It stands in the history; the alert is as it was."
    return Problem(409, "refused", text, refusal=refusal)
