"""Silences over the API: make, list, end.

Here: from the request to the silence and back, and its scope: who makes or ends one must cover every region it names.
Not here: what a silence does (`core.alerting.silence`) and keeping it (`escalation.silences`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from engine.core.alerting.silence import LONGEST, Match, Silence, SilenceWish, root_of, width_of
from engine.core.judging.instant import Instant, format_instant, parse_instant
from engine.core.judging.region import NATION
from engine.core.judging.rule import LEVEL_NAMES, level_name
from engine.errors import ParseError
from engine.people.proposal_records import TooManyProposalsError
from engine.people.tokens import Scope
from engine.web.auth import cover, needs, siaga_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["silences"])

MatchPattern = Annotated[str, StringConstraints(min_length=1, max_length=100)]
MatchPatterns = Annotated[list[MatchPattern], Field(max_length=50)]


class MatchShape(BaseModel):
    """Which alerts are meant: each key that is given must hold, with any of its values; a `*` ends a prefix."""

    model_config = ConfigDict(extra="forbid")

    region: MatchPatterns = Field([], description="Codes; each holds for what lies in it, too")
    rule: MatchPatterns = Field([], description="Ids of rules")
    level: list[Literal["waspada", "siaga", "awas"]] = Field([], description="Levels")
    kind: MatchPatterns = Field([], description="Kinds of the events that the alert rests on")
    policy: MatchPatterns = Field([], description="Ids of policies")
    incident: MatchPatterns = Field([], description="Incidents of the events that the alert rests on")


class SilenceBody(BaseModel):
    """Whom not to tell of what, from when until when, by whom and why."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    match: MatchShape
    since: str | None = Field(
        None, alias="from", description="RFC 3339; now where it is left out", max_length=40
    )
    until: str = Field(description="RFC 3339; at most 7 days after its beginning", max_length=40)
    reason: str = Field(description="Why, for whoever reads the history", min_length=1, max_length=500)
    include_awas: StrictBool = Field(False, description="Cover alerts of level awas, too")


class SilenceShape(BaseModel):
    """A silence."""

    id: str
    match: MatchShape
    since: str = Field(serialization_alias="from", description="RFC 3339 in UTC")
    until: str = Field(description="RFC 3339 in UTC; where it was ended before its time, that instant")
    reason: str
    author: str = Field(description="The credential that made it, such as `user:siti` or `token:4be1a2c3d4`")
    include_awas: bool
    ended_by: str = Field(description="The credential that ended it before its time; empty otherwise")
    approved_by: str = Field(description="The credential of the second person; empty where it needed none")


class SilenceWishShape(BaseModel):
    """A silence that is proposed."""

    match: MatchShape
    since: str | None = Field(serialization_alias="from", description="RFC 3339; none: from its approval on")
    until: str
    reason: str
    include_awas: bool


class WaitingSilence(BaseModel):
    """A silence that does not hold yet: it covers awas, or a whole province or more, and needs a second person."""

    proposal: str = Field(description="Id of the proposal, as in /v1/proposals")
    why: Literal["covers_awas", "covers_province"]
    waits_for: list[str] = Field(
        description="Users of other people who may approve it; empty: nobody may yet"
    )
    lapses_at: str = Field(description="RFC 3339 in UTC; it ends then if nobody decided")


class SilenceList(BaseModel):
    """The silences in force, to come, and over for less than 30 days, in the order of their beginning."""

    silences: list[SilenceShape]


@router.post(
    "/v1/silences",
    status_code=201,
    response_model=SilenceShape,
    responses=responses(401, 403, 409, 413, 422, 503)
    | {
        202: {"model": WaitingSilence, "description": "It does not hold yet: a second person must approve it"}
    },
)
async def make_silence(
    request: Request, body: SilenceBody, scope: Scope = needs("operate")
) -> SilenceShape | JSONResponse:
    """Make a silence: what it covers opens and changes as ever, and nobody is told until it ends.

    At its end each alert that is still open starts its current step anew. Answers are possible all the time.
    One that covers awas, or a whole province or more, is proposed: 202 says whom it waits for, and that nothing is
    silent yet.
    """
    match = Match(
        region=tuple(body.match.region),
        rule=tuple(body.match.rule),
        level=tuple(LEVEL_NAMES.index(name) + 1 for name in body.match.level),
        kind=tuple(body.match.kind),
        policy=tuple(body.match.policy),
        incident=tuple(body.match.incident),
    )
    if match == Match():
        raise Problem(
            422, "invalid_silence", "match needs at least one key: a silence of everything is none."
        )
    cover_all(scope, match)
    siaga = siaga_of(request)
    now = siaga.clock.now()
    since = now if body.since is None else max(now, instant("from", body.since))
    until = instant("until", body.until)
    if not since < until <= since + LONGEST:
        raise Problem(422, "invalid_silence", "until lies after the beginning and now, by at most 7 days.")
    wide = width_of(match, siaga.books.regions, include_awas=body.include_awas)
    wish = SilenceWish(
        match=match,
        since=None if body.since is None else since,
        until=until,
        reason=body.reason,
        include_awas=body.include_awas,
    )
    if wide is not None:
        try:
            proposal = await siaga.proposals.propose_silence(wish, scope.credential)
        except TooManyProposalsError as error:
            raise Problem(409, "too_many_proposals", str(error)) from error
        waiting = WaitingSilence(
            proposal=proposal.id,
            why=wide,
            waits_for=await siaga.proposals.approvers(proposal),
            lapses_at=format_instant(proposal.lapses_at),
        )
        return JSONResponse(waiting.model_dump(), 202)
    return shape(await siaga.silences.make_wish(wish, by=scope.credential))


@router.get("/v1/silences", responses=responses(401, 403, 503))
async def list_silences(request: Request, scope: Scope = needs("operate")) -> SilenceList:
    """List the silences that name only regions of the token's subtree; a token for the nation sees all."""
    silences = await siaga_of(request).silences.list()
    return SilenceList(silences=[shape(s) for s in silences if within(scope, s.match)])


@router.delete("/v1/silences/{silence_id}", responses=responses(401, 403, 404, 503))
async def end_silence(request: Request, silence_id: str, scope: Scope = needs("operate")) -> SilenceShape:
    """End a silence now. One that is over already stays as it was."""
    silences = siaga_of(request).silences
    found = next((s for s in await silences.list() if s.id == silence_id), None)
    if found is None:
        raise not_found("silence")
    cover_all(scope, found.match)
    ended = await silences.end(silence_id, scope.credential)
    return shape(ended or found)


def cover_all(scope: Scope, match: Match) -> None:
    """Refuse where a silence reaches beyond the token's subtree."""
    for region in match.region or (NATION,):
        cover(scope, root_of(region), "operate")


def instant(key: str, text: str) -> Instant:
    """Return the instant that a field holds."""
    try:
        return parse_instant(text)[0]
    except ParseError:
        raise Problem(
            422, "invalid_instant", f"{key} is not an instant such as 2024-11-27T07:00:00+09:00."
        ) from None


def shape(silence: Silence) -> SilenceShape:
    """Return a silence as the API shows it."""
    return SilenceShape(
        id=silence.id,
        match=_match_shape(silence.match),
        since=format_instant(silence.since),
        until=format_instant(silence.until),
        reason=silence.reason,
        author=silence.author,
        include_awas=silence.include_awas,
        ended_by=silence.ended_by,
        approved_by=silence.approved_by,
    )


def wish_shape(wish: SilenceWish) -> SilenceWishShape:
    """Return a silence that is proposed as the API shows it."""
    return SilenceWishShape(
        match=_match_shape(wish.match),
        since=None if wish.since is None else format_instant(wish.since),
        until=format_instant(wish.until),
        reason=wish.reason,
        include_awas=wish.include_awas,
    )


def _match_shape(match: Match) -> MatchShape:
    return MatchShape(
        region=list(match.region),
        rule=list(match.rule),
        level=[level_name(level) for level in match.level],
        kind=list(match.kind),
        policy=list(match.policy),
        incident=list(match.incident),
    )


def within(scope: Scope, match: Match) -> bool:
    """Say whether a silence names only regions of the scope's subtree."""
    return all(scope.covers(root_of(region)) for region in match.region or (NATION,))
