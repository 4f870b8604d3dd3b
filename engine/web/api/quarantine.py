"""The quarantine over the API: what is not an event yet, and sending it again.

Here: list, resubmit, drop, and both versions of what left. Not here: why something is kept aside
(`intake.event_schema`).
A record shows what the desk sent, which may hold personal data: the right is `operate`, not `read`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from engine.core.judging.instant import format_instant
from engine.people.tokens import Scope
from engine.records.audit_log import note_seen
from engine.records.case_archive import settled_versions
from engine.records.quarantine import Quarantined
from engine.records.quarantine_acts import SettledRecord, audited
from engine.web.auth import forbidden, needs, siaga_of
from engine.web.paging import CURSOR, PAGED, cursor_of, link_next, place_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["quarantine"])


class QuarantineRecord(BaseModel):
    """A document that is not an event yet, and its first fault."""

    id: str
    reason: str = Field(description="What is wrong, such as `region_unknown`, `ahead`, `missing`")
    field: str = Field(description="Dotted path of the field that is wrong")
    mended: dict[str, str] = Field(description="Fields and values that are offered instead; may be empty")
    received_at: str
    region: str
    desk: str
    event_id: str
    kind: str
    severity: int = Field(description="1 to 4; 0 where the document has none")
    event: Any = Field(description="The document as it came")


class QuarantinePage(BaseModel):
    """Some records, oldest first, and where to go on."""

    records: list[QuarantineRecord]
    next_cursor: str | None = Field(description="Ask again with `cursor` set to this; null at the end")


class Resubmission(BaseModel):
    """How to send a record again: as it is, with what was offered (`mended`), or as another document (`event`)."""

    model_config = ConfigDict(extra="forbid")

    event: dict[str, Any] | None = Field(None, description="The whole event as it should have been")
    mended: StrictBool = Field(False, description="Take the values that the record offers")


class ResubmissionDone(BaseModel):
    """The record left the quarantine."""

    outcome: str = Field(description="`accepted`, or `duplicate` where the same event had come meanwhile")


class SettledVersion(BaseModel):
    """One way by which a record left the quarantine: the document before, and what was sent in its place."""

    act: str = Field(description="`resubmitted`, `replaced`, `mended` or `dropped`")
    at: str
    by: str = Field(description="The credential, such as `user:siti`")
    before: Any = Field(description="The document as it came")
    before_digest: str = Field(description="Its digest, as the audit has it")
    after: Any = Field(description="What was sent in its place; null where the record was dropped")
    after_digest: str = Field(
        description="Its digest, as the audit has it; empty where the record was dropped"
    )


class SettledVersions(BaseModel):
    """What became of a record, the newest first."""

    versions: list[SettledVersion]


@router.get("/v1/quarantine", responses=PAGED | responses(401, 403, 422, 503))
async def list_quarantine(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(description="How many at most", ge=1, le=500)] = 100,
    cursor: Annotated[str | None, CURSOR] = None,
    scope: Scope = needs("operate"),
) -> QuarantinePage:
    """List what was kept aside in the token's region, the oldest first.

    `next_cursor` and the header `Link` say where the next page begins; a page may be short and yet have a next one.
    """
    page = await siaga_of(request).intake.quarantined(
        scope, limit=limit, after=None if cursor is None else place_of(cursor)
    )
    next_cursor = None if page.after is None else cursor_of(page.after)
    link_next(request, response, next_cursor)
    return QuarantinePage(records=[shape(record) for record in page.records], next_cursor=next_cursor)


@router.post("/v1/quarantine/{record_id}/resubmit", responses=responses(401, 403, 404, 413, 422, 503))
async def resubmit(
    request: Request, record_id: str, body: Resubmission, scope: Scope = needs("operate")
) -> ResubmissionDone:
    """Send a record again. Where it is still not an event this is 422, and the record stays as it was.

    An event that lowers severity, casualties or kind of the record needs the right `verify` too (403 `verify_needed`);
    so does a record whose token is disowned (`lowered` names `source.token`).
    """
    event = None if body.event is None else msgspec.json.encode(body.event)
    done = await siaga_of(request).intake.resubmit(record_id, event, scope, mended=body.mended)
    if done is None:
        raise not_found("record in the token's region")
    if done.outcome == "verify_needed":
        raise verify_needed(done.lowered)
    if not done.settled:
        raise Problem(
            422,
            "not_an_event",
            f"This is not an event yet: {done.outcome} at {done.field or 'the document'}.",
            fault=done.outcome,
            field=done.field,
            mended=done.mended,
        )
    return ResubmissionDone(outcome=done.outcome)


@router.delete("/v1/quarantine/{record_id}", status_code=204, responses=responses(401, 403, 404, 503))
async def drop(request: Request, record_id: str, scope: Scope = needs("verify")) -> None:
    """Let a record go that becomes no event. Its document is kept, and the act stands in the audit."""
    if await siaga_of(request).intake.drop(record_id, scope) is None:
        raise not_found("record in the token's region")


@router.get("/v1/quarantine/{record_id}/versions", responses=responses(401, 403, 404, 503))
async def versions(request: Request, record_id: str, scope: Scope = needs("operate")) -> SettledVersions:
    """Show what became of a record that left the quarantine; the look stands in the audit."""
    siaga = siaga_of(request)
    found = await settled_versions(siaga.store, siaga.past, record_id)
    covered = [one for one in found if scope.covers(one.record.region)]
    if not covered:
        raise not_found("settled record in the token's region")
    await note_seen(siaga.store, siaga.clock.now(), f"quarantine/{record_id}", scope.credential)
    return SettledVersions(versions=[version_shape(one) for one in covered])


def verify_needed(lowered: Sequence[str]) -> Problem:
    """Return the problem of somebody who may not lower what a record says."""
    named = ", ".join(lowered)
    text = f"This says less than the record in {named}; only a token with the right verify may do that."
    if "source.token" in lowered:
        text = "The token that brought this record is disowned; only a token with the right verify may send it again."
    return forbidden("verify", text, "verify_needed", lowered=list(lowered))


def version_shape(one: SettledRecord) -> SettledVersion:
    """Return a settled record as the API shows it."""
    entry = audited(one)
    return SettledVersion(
        act=one.act,
        at=format_instant(one.at),
        by=one.by or f"token:{one.token_id}",
        before=msgspec.json.decode(one.record.raw),
        before_digest=entry.before,
        after=msgspec.json.decode(one.sent) if one.sent else None,
        after_digest=entry.digest,
    )


def shape(record: Quarantined) -> QuarantineRecord:
    """Return a record as the API shows it."""
    return QuarantineRecord(
        id=record.id,
        reason=record.reason,
        field=record.field,
        mended=record.mended,
        received_at=format_instant(record.received_at),
        region=record.region,
        desk=record.desk,
        event_id=record.event_id,
        kind=record.kind,
        severity=record.severity,
        event=msgspec.json.decode(record.raw),
    )
