"""The token that asks: what it may, where, and for which desks it reports, so that a sender can name its desk."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from engine.people.tokens import RIGHTS, Right, Scope
from engine.web.auth import needs
from engine.web.problem import responses

router = APIRouter(tags=["tokens"])
PATH = "/v1/token"


class OwnToken(BaseModel):
    """What the token of the request may."""

    id: str = Field(description="Its id, as `siaga token list` shows it; no secret")
    rights: list[Right]
    region: str = Field(description="It holds for this region and what lies in it")
    desk: str = Field(
        description="Its own desk: the first of `desks` that is a name, else the code of its region"
    )
    desks: list[str] = Field(
        description="The names that `source.desk` of its events may have; `*`: any name in its region"
    )
    person: str = Field(description="The person whose token it is; empty: nobody's")


@router.get(PATH, responses=responses(401, 403, 503))
async def own_token(scope: Scope = needs("submit")) -> OwnToken:
    """Say what the token of the request may, and for which desks it reports."""
    return OwnToken(
        id=scope.token_id,
        rights=[right for right in RIGHTS if right in scope.rights],
        region=scope.region,
        desk=scope.desk,
        desks=list(scope.desks) or [scope.region],
        person=scope.person,
    )
