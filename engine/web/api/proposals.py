"""Proposals over the API: what waits for another person, approving, rejecting and withdrawing it, and going back.

Here: from the request to the decision and back. Not here: what a decision does (`rule_sets.proposals`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from engine.app import Siaga
from engine.core.judging.instant import format_instant
from engine.core.judging.rule import Rule, level_name
from engine.people.proposal_records import (
    LONGEST_REASON,
    ChangeProposal,
    ContactAct,
    ContactChange,
    Decided,
    ProposalKind,
    ProposalState,
    TooManyProposalsError,
)
from engine.people.tokens import Scope
from engine.rule_sets.rule_difference import AudienceChange, reading
from engine.texts.catalogue import LANGUAGES
from engine.texts.rule_sentence import sentence
from engine.web.api.rule_sets import ReloadShape, shape, too_many_proposals
from engine.web.api.silences import SilenceWishShape, wish_shape
from engine.web.auth import needs, siaga_of
from engine.web.paging import CURSOR, PAGED, cursor_of, link_next, place_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["proposals"])
PAGE = 50
_REFUSALS = {
    "not_waiting": (409, "Somebody decided on this proposal already, or it lapsed."),
    "one_person": (409, "Whoever proposed this may not approve it: another person must."),
    "nobodys": (
        409,
        "This token is bound to no person, so it approves nothing: take one of `siaga token create --person ID`.",
    ),
    "asked_anew": (409, "What is in force is not what you compared it with: look again, then decide."),
    "too_many_told": (
        409,
        "This would tell more people at once than reload.max_told; say yes with the number.",
    ),
    "over": (409, "There is nothing left that this proposal would change."),
    "nobody_left": (409, "Unresolved alerts would have nobody left to tell: name a holder first."),
    "no_code": (409, "The code of this contact has not come back yet."),
    "no_reason": (422, "A rejection needs a reason."),
}
"""Why a decision changed nothing."""


class ToldShape(BaseModel):
    """An office or person whom a rule tells at alerts of a level; `at` is the place of the office."""

    level: str
    who: str
    at: str


class WordsShape(BaseModel):
    """One line of a rule or policy as it would be written."""

    mark: Literal["old", "new", "same"]
    text: str


class ChangedShape(BaseModel):
    """A rule or policy that differs; sentences by language, empty where the rule was not or is no more."""

    id: str
    what: Literal["rule", "policy"]
    kind: Literal["added", "removed", "changed"]
    sentence_before: dict[str, str]
    sentence_after: dict[str, str]
    words: list[WordsShape]
    told_more: list[ToldShape]
    told_less: list[ToldShape]


class ContactChangeShape(BaseModel):
    """A change of a contact of a person; the person's other contacts are notified of it and may object."""

    act: ContactAct = Field(
        description="`count`: it is to count; `remove`: the last one of an office holder is to go; `removed`, "
        "`stopped`: it went, or gets nothing any more, and an objection takes that back"
    )
    coded: bool = Field(
        description="Its code came back; without that it does not count and cannot be approved"
    )
    counts_at: str | None = Field(
        description="It counts, or is final, then, unless somebody objects; null: by approval alone. RFC 3339 in UTC"
    )
    notified: int = Field(description="So many contacts of the person are notified")


class ProposalShape(BaseModel):
    """A proposal, who made it, and who decided on it."""

    id: str
    subject: ProposalKind
    state: ProposalState
    by: str = Field(description="The credential that proposed it, such as `user:siti` or `os:root`")
    at: str = Field(description="RFC 3339 in UTC")
    lapses_at: str = Field(description="It ends then if nobody decided")
    compared_with: str = Field(description="What was in force when it was compared; an approval repeats it")
    rule_set: str = Field(description="Empty where it is no proposal of rules")
    silence: SilenceWishShape | None = Field(description="What is to be silent; none where it is no silence")
    contact: str = Field(description="Id of the contact that is to count or to go; empty where it is none")
    contact_change: ContactChangeShape | None = Field(
        description="What becomes of the contact, and when; none where it is no contact"
    )
    told: int = Field(description="People who would be told at once, when it was compared last")
    decided_by: str
    decided_at: str | None
    reason: str


class ProposalDetails(ProposalShape):
    """A proposal with its difference."""

    changes: list[ChangedShape]


class ProposalList(BaseModel):
    """A page of proposals; it may be short and yet have a next one."""

    proposals: list[ProposalShape]
    next_cursor: str | None


class RollbackBody(BaseModel):
    """Which earlier rule set is to come back."""

    model_config = ConfigDict(extra="forbid")

    rule_set: str = Field(description="Its id, as in /v1/rules/history", min_length=1, max_length=64)


class ApproveBody(BaseModel):
    """What was looked at before approving."""

    model_config = ConfigDict(extra="forbid")

    compared_with: str = Field(description="As the proposal says it", max_length=100)
    yes: StrictInt = Field(0, ge=0, description="So many people may be told at once")


class RejectBody(BaseModel):
    """Why it is rejected; one's own proposal is withdrawn and needs no reason."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=LONGEST_REASON)


@router.get("/v1/proposals", responses=PAGED | responses(401, 403, 503))
async def list_proposals(
    request: Request,
    response: Response,
    state: Annotated[
        Literal["waiting", "decided"], Query(description="`waiting`: oldest first; `decided`: latest first")
    ] = "waiting",
    cursor: Annotated[str | None, CURSOR] = None,
    scope: Scope = needs("policy", "operate"),
) -> ProposalList:
    """List proposals: rules for `policy`, all others for `operate`, of the token's region."""
    after = None if cursor is None else place_of(cursor)
    proposals = siaga_of(request).proposals
    page = await proposals.page(lambda one: one.seen_by(scope), PAGE, after, decided=state == "decided")
    further = None if page.after is None else cursor_of(page.after)
    link_next(request, response, further)
    return ProposalList(proposals=[_shape(one) for one in page.proposals], next_cursor=further)


@router.post("/v1/proposals", status_code=201, responses=responses(401, 403, 404, 409, 413, 422, 503))
async def propose_earlier(
    request: Request, body: RollbackBody, scope: Scope = needs("policy", at_nation=True)
) -> ReloadShape:
    """Propose a rule set that was in force before; it comes back when another person approves it."""
    try:
        made = await siaga_of(request).proposals.roll_back(body.rule_set, scope.credential)
    except TooManyProposalsError as error:
        raise too_many_proposals(error) from error
    if made is None:
        raise not_found("rule set")
    return shape(made.looked, made.proposal)


@router.get("/v1/proposals/{proposal_id}", responses=responses(401, 403, 404, 503))
async def get_proposal(
    request: Request, proposal_id: str, scope: Scope = needs("policy", "operate")
) -> ProposalDetails:
    """Return a proposal with its difference."""
    siaga = siaga_of(request)
    proposal = await _seen(siaga, proposal_id, scope)
    return ProposalDetails(**_shape(proposal).model_dump(), changes=await _changes(siaga, proposal))


@router.post("/v1/proposals/{proposal_id}/approve", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def approve_proposal(
    request: Request, proposal_id: str, body: ApproveBody, scope: Scope = needs("policy", "operate")
) -> ProposalShape:
    """Approve a proposal of another person."""
    siaga = siaga_of(request)
    await _seen(siaga, proposal_id, scope)
    decided = await siaga.proposals.approve(proposal_id, scope.credential, body.compared_with, body.yes)
    return _decided(decided)


@router.post("/v1/proposals/{proposal_id}/reject", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def reject_proposal(
    request: Request, proposal_id: str, body: RejectBody, scope: Scope = needs("policy", "operate")
) -> ProposalShape:
    """Reject a proposal of another person, or withdraw one's own."""
    siaga = siaga_of(request)
    await _seen(siaga, proposal_id, scope)
    return _decided(await siaga.proposals.reject(proposal_id, scope.credential, body.reason.strip()))


async def _seen(siaga: Siaga, proposal_id: str, scope: Scope) -> ChangeProposal:
    """Return a proposal that the credential may see."""
    proposal = await siaga.proposals.get(proposal_id)
    if proposal is None or not proposal.seen_by(scope):
        raise not_found("proposal")
    return proposal


def _decided(decided: Decided | None) -> ProposalShape:
    if decided is None:
        raise not_found("proposal")
    if decided.result in _REFUSALS:
        status, detail = _REFUSALS[decided.result]
        preview = decided.looked.preview if decided.looked else decided.proposal.preview
        raise Problem(
            status,
            decided.result,
            detail,
            compared_with=decided.proposal.base,
            told=preview.told if preview else 0,
        )
    return _shape(decided.proposal)


def _contact_change(change: ContactChange) -> ContactChangeShape:
    return ContactChangeShape(
        act=change.act,
        coded=change.coded,
        counts_at=None if change.counts_at is None else format_instant(change.counts_at),
        notified=len(change.notices),
    )


def _shape(proposal: ChangeProposal) -> ProposalShape:
    change = proposal.subject.contact
    return ProposalShape(
        id=proposal.id,
        subject=proposal.subject.kind,
        state=proposal.state,
        by=str(proposal.by),
        at=format_instant(proposal.at),
        lapses_at=format_instant(proposal.lapses_at),
        compared_with=proposal.base,
        rule_set=proposal.subject.rule_set,
        silence=None if proposal.subject.silence is None else wish_shape(proposal.subject.silence),
        contact="" if change is None else change.contact,
        contact_change=None if change is None else _contact_change(change),
        told=proposal.preview.told if proposal.preview else 0,
        decided_by="" if proposal.decided_by is None else str(proposal.decided_by),
        decided_at=None if proposal.decided_at is None else format_instant(proposal.decided_at),
        reason=proposal.reason,
    )


async def _changes(siaga: Siaga, proposal: ChangeProposal) -> list[ChangedShape]:
    """Return what differs; nothing where one of the two rule sets is not kept any more."""
    kept = await siaga.proposals.rule_sets_of(proposal)
    if kept is None:
        return []
    found = reading(*kept)
    return [
        *(
            ChangedShape(
                id=one.id,
                what="rule",
                kind=one.kind,
                sentence_before=_sentences(siaga, one.before),
                sentence_after=_sentences(siaga, one.after),
                words=[WordsShape(mark=mark, text=text) for mark, text in one.words],
                told_more=[_told(told) for told in one.more],
                told_less=[_told(told) for told in one.less],
            )
            for one in found.rules
        ),
        *(
            ChangedShape(
                id=policy.id,
                what="policy",
                kind=policy.kind,
                sentence_before={},
                sentence_after={},
                words=[WordsShape(mark=mark, text=text) for mark, text in policy.words],
                told_more=[],
                told_less=[],
            )
            for policy in found.policies
        ),
    ]


def _sentences(siaga: Siaga, rule: Rule | None) -> dict[str, str]:
    if rule is None:
        return {}
    return {
        language: sentence(rule, siaga.catalogue.texts(language), siaga.kind_names) for language in LANGUAGES
    }


def _told(told: AudienceChange) -> ToldShape:
    return ToldShape(level=level_name(told.level), who=told.role, at=told.at)
