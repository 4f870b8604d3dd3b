"""The rule set over the API: what is in force and was before, what the files would change, and proposing them.

Here: from the request to the comparison and back. Not here: what it looks at (`rule_sets.rollout`) and approving
(`web.api.proposals`). It always speaks of the files that lie beside the process that answers.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from engine.core.judging.instant import format_instant
from engine.people.proposal_records import ChangeProposal, TooManyProposalsError
from engine.people.tokens import Scope
from engine.records.rule_set_diff import Approved, KeptReason, Preview, Revision
from engine.records.rule_sets import page_of as history_page
from engine.rule_sets.rule_files import as_they_lie
from engine.web.auth import needs, siaga_of
from engine.web.paging import CURSOR, PAGED, cursor_of, link_next, place_of
from engine.web.problem import Problem, responses

router = APIRouter(tags=["rules"])

INVALID = "A file has errors, so nothing changes; see findings."
HISTORY_PAGE = 50
"""So many former rule sets come in one answer."""


class ReloadBody(BaseModel):
    """Whether to propose what the files hold. The credential of the request proposes; no name is taken for it."""

    model_config = ConfigDict(extra="forbid")

    dry_run: StrictBool = Field(False, description="Only say what would change")


class RevisionShape(BaseModel):
    """What differs from the rules in force."""

    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]] = Field(description="By rule the keys that differ")
    policies: list[str]
    stages: bool
    rebuilt: list[str] = Field(
        description="Rules that see the past anew or first: new ones and changed conditions"
    )


class OpenAlertShape(BaseModel):
    """An open alert that keeps its version and its policy."""

    id: str
    rule: str
    group: str
    reason: KeptReason


class ReloadShape(BaseModel):
    """What becomes of the rule set that the files hold. `proposed`: it waits for another person's approval."""

    outcome: Literal["proposed", "previewed", "no_difference"]
    rule_set: str
    proposal: str = Field(description="Id of the proposal that waits; empty where there is none")
    revision: RevisionShape
    open_alerts: list[OpenAlertShape]
    told: int = Field(description="People who are told at once")
    opened: dict[str, int] = Field(description="By rule the alerts that open and are told")
    hidden: dict[str, int] = Field(
        description="By rule the alerts that are only recorded: over before the rule"
    )
    judges_from: dict[str, str] = Field(
        description="Rules that see all they need only from then on (RFC 3339)"
    )


class TenureShape(BaseModel):
    """A rule in force: its version, and which credentials proposed and approved it; empty where the first start did."""

    version: str
    author: str = Field(description="The credential that proposed it")
    approved_by: str = Field(description="The credential that approved it, or `alone`")


class RulesShape(BaseModel):
    """The rule set in force, since when, and its rules by id."""

    rule_set: str
    author: str
    approved_by: str
    since: str | None
    rules: dict[str, TenureShape]


@router.get("/v1/rules", responses=responses(401, 403, 503))
async def rules_in_force(request: Request, _scope: Scope = needs("read")) -> RulesShape:
    """Return which rules are in force, each with its version and who brought that in."""
    books = siaga_of(request).books
    in_force = await books.follow()
    return RulesShape(
        rule_set=in_force.rule_set,
        author=in_force.author,
        approved_by=in_force.approved_by,
        since=None if in_force.at is None else format_instant(in_force.at),
        rules={
            id_: TenureShape(version=tenure.version, author=tenure.author, approved_by=tenure.approved_by)
            for id_, tenure in sorted(in_force.tenures.items())
            if id_ in books.rule_set.rules
        },
    )


class FormerShape(BaseModel):
    """A rule set that was or is in force, since when, and by which credentials."""

    rule_set: str
    author: str
    approved_by: str
    since: str | None
    kept: bool = Field(description="Whether it can be proposed again: the newest 50 are kept")


class RuleSetHistoryShape(BaseModel):
    """Rule sets that were in force, the newest first."""

    rule_sets: list[FormerShape]
    next_cursor: str | None


@router.get("/v1/rules/history", responses=PAGED | responses(401, 403, 503))
async def rule_history(
    request: Request,
    response: Response,
    cursor: Annotated[str | None, CURSOR] = None,
    _scope: Scope = needs("read"),
) -> RuleSetHistoryShape:
    """List the rule sets that were in force, the newest first, as far as the log goes back."""
    after = None if cursor is None else place_of(cursor)
    page = await history_page(siaga_of(request).store, HISTORY_PAGE, after)
    further = None if page.after is None else cursor_of(page.after)
    link_next(request, response, further)
    return RuleSetHistoryShape(
        rule_sets=[
            FormerShape(
                rule_set=one.rule_set,
                author=one.author,
                approved_by=one.approved_by,
                since=None if one.at is None else format_instant(one.at),
                kept=one.rule_set in page.kept,
            )
            for one in page.rule_sets
        ],
        next_cursor=further,
    )


@router.post("/v1/reload", responses=responses(401, 403, 409, 413, 422, 503))
async def reload(
    request: Request, body: ReloadBody, scope: Scope = needs("policy", at_nation=True)
) -> ReloadShape:
    """Propose what the files hold, or with `dry_run` only say what that would change; files with errors are refused.

    The proposal comes into force when the credential of another person approves it.
    """
    siaga = siaga_of(request)
    loaded = await asyncio.to_thread(as_they_lie, siaga.settings.paths)
    if not loaded.valid:
        found = siaga.approval.refuse(loaded)
        findings = [finding.as_json() for finding in found.findings]
        raise Problem(422, "invalid_rules", INVALID, findings=findings)
    if body.dry_run:
        return shape(await siaga.approval.preview(loaded, scope.token_id))
    try:
        made = await siaga.proposals.propose_rules(loaded.value, scope.credential)
    except TooManyProposalsError as error:
        raise too_many_proposals(error) from error
    return shape(made.looked, made.proposal)


def too_many_proposals(error: TooManyProposalsError) -> Problem:
    """Return the problem that no further proposal is taken."""
    return Problem(409, "too_many_proposals", str(error))


def shape(found: Approved, proposal: ChangeProposal | None = None) -> ReloadShape:
    """Return what a rule set would change, and the proposal that was made of it."""
    preview = found.preview or Preview(revision=Revision())
    revision = preview.revision
    unchanged: Literal["no_difference", "previewed"] = (
        "no_difference" if found.outcome == "no_difference" else "previewed"
    )
    return ReloadShape(
        outcome=unchanged if proposal is None else "proposed",
        rule_set=found.rule_set,
        proposal="" if proposal is None else proposal.id,
        revision=RevisionShape(
            added=list(revision.added),
            removed=list(revision.removed),
            changed={id_: list(keys) for id_, keys in revision.changed.items()},
            policies=list(revision.policies),
            stages=revision.stages,
            rebuilt=list(revision.rebuilt),
        ),
        open_alerts=[
            OpenAlertShape(id=alert.id, rule=alert.rule, group=alert.group, reason=alert.reason)
            for alert in preview.open_alerts
        ],
        told=preview.told,
        opened=dict(preview.opened),
        hidden=dict(preview.hidden),
        judges_from={id_: format_instant(at) for id_, at in preview.judges_from.items()},
    )
