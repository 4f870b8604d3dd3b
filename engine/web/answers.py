"""Answering over the API: a person's answer, given by themself or typed in for them.

Here: from the request to the command and back. Not here: what an answer does (`alerting.answer`) and the answer page.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from engine.alerting.command import Answer, Says
from engine.service.notes import LONGEST, Notes, digest_of
from engine.service.tokens import Scope
from engine.web.alert_shape import AlertShape, alert_shape
from engine.web.alerts import case_of
from engine.web.auth import needs, siaga_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["alerts"])


class AnswerBody(BaseModel):
    """What a person says of an alert."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(description="Id of the person who answers", min_length=1, max_length=100)
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
        description="What it did, such as `taken`, `taken_need_not_met`, `also_taken`, `renewed`"
    )
    repeated: bool = Field(description="The same person had said the same before: nothing changed")
    alert: AlertShape


@router.post("/v1/alerts/{alert_id}/answers", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def answer_alert(
    request: Request, alert_id: str, body: AnswerBody, scope: Scope = needs("operate")
) -> AnswerDone:
    """Answer an alert.

    A refusal is 409 and leaves the alert as it was; its `refusal` is `not_told`, `grade_too_low`, `already_resolved`,
    `conflict_of_interest` or `not_available`.
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
    answered = await siaga_of(request).desk.answer(case.alert.id, answer)
    if answered is None:
        raise not_found("alert")
    if answered.refusal:
        raise Problem(
            409,
            "refused",
            f"The answer was not accepted: {answered.refusal}. It stands in the history; the alert is as it was.",
            refusal=answered.refusal,
        )
    if answer.note_digest:
        # Behind the answer, so that a refused one leaves nothing; whoever hears no 200 sends it again.
        await Notes(siaga_of(request).store).keep(case.alert.id, answer.note_digest, body.note)
    return AnswerDone(outcome=answered.reason, repeated=answered.repeated, alert=alert_shape(answered.alert))
