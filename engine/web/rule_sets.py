"""The rule set over the API: what is in force, what the files would change, and putting them in force.

Here: from the request to the approval and back. Not here: what an approval looks at (`service.approval`).
It always speaks of the files that lie beside the process that answers.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from engine.judging.instant import format_instant
from engine.service.approval import Approved
from engine.service.reload import as_they_lie
from engine.service.revision import Kept
from engine.service.tokens import Scope
from engine.web.auth import needs, siaga_of
from engine.web.problem import Problem, responses

router = APIRouter(tags=["rules"])

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
_DETAILS = {
    "invalid": "A file has errors, so nothing changes; see findings.",
    "one_person": "The author may not approve: author and approved_by must be different people.",
    "too_many_told": "This would tell more people at once than reload.max_told; say yes with the number.",
}
"""Why a rule set was not put in force."""


class ReloadBody(BaseModel):
    """Who wrote the change, and who approves it: a different person."""

    model_config = ConfigDict(extra="forbid")

    author: Name = Field(description="Id of the person who wrote it")
    approved_by: Name = Field(description="Id of the other person who approves it")
    yes: StrictInt = Field(0, ge=0, description="So many people may be told at once")
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
    reason: Kept


class ReloadShape(BaseModel):
    """What becomes of the rule set that the files hold.

    `at_once`: it is on its way; `after_the_past`: as soon as its new rules have seen the past, see `/healthz`.
    """

    outcome: Literal["at_once", "after_the_past", "previewed", "no_difference"]
    rule_set: str
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
    """A rule in force: its version, and who brought that in; both empty where the first start did."""

    version: str
    author: str
    approved_by: str


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


@router.post("/v1/reload", responses=responses(401, 403, 409, 413, 422, 503))
async def reload(
    request: Request, body: ReloadBody, scope: Scope = needs("policy", at_nation=True)
) -> ReloadShape:
    """Put the files in force, or with `dry_run` only say what that would change; all is valid or nothing changes."""
    siaga = siaga_of(request)
    loaded = await asyncio.to_thread(as_they_lie, siaga.settings.paths)
    if body.dry_run:
        found = await siaga.approval.preview(loaded, scope.token_id)
    else:
        found = await siaga.approval.propose(
            loaded, author=body.author, approved_by=body.approved_by, yes=body.yes
        )
    return shape(found)


def shape(found: Approved) -> ReloadShape:
    """Return what became of a wish; raise the problem of one that was refused."""
    preview = found.preview
    if found.outcome == "invalid" or preview is None:
        findings = [finding.as_json() for finding in found.findings]
        raise Problem(422, "invalid_rules", _DETAILS["invalid"], findings=findings)
    if found.outcome == "one_person":
        raise Problem(422, "one_person", _DETAILS["one_person"])
    if found.outcome == "too_many_told":
        raise Problem(409, "too_many_told", _DETAILS["too_many_told"], told=preview.told)
    revision = preview.revision
    return ReloadShape(
        outcome=found.outcome,
        rule_set=found.rule_set,
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
