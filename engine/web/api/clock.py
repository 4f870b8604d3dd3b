"""The clock over the API: what instant it is, and, in lock-step only, moving it.

Here: the two routes that a replay drives the service by. Not here: what settling an instant means (`app`).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from engine.app import Siaga
from engine.core.judging.instant import format_instant, parse_instant
from engine.errors import ParseError
from engine.people.tokens import Scope
from engine.web.auth import needs, siaga_of
from engine.web.problem import Problem, responses

router = APIRouter(tags=["clock"])


class ClockState(BaseModel):
    """What the clock of the installation says."""

    mode: str = Field(description="`real` or `lock_step`")
    now: str = Field(description="RFC 3339 in UTC")
    next_due: str | None = Field(description="When something falls due next; null if nothing will")


class Advance(BaseModel):
    """Until when to go on."""

    model_config = ConfigDict(extra="forbid")

    advance_to: str = Field(
        description="RFC 3339 with offset", max_length=40, examples=["2024-11-27T07:00:00+09:00"]
    )


@router.get("/v1/clock", responses=responses(401, 403, 503))
async def read_clock(request: Request, _scope: Scope = needs("read")) -> ClockState:
    """Say what instant it is for the installation, and when something falls due next."""
    return await state(siaga_of(request))


@router.post("/v1/clock", responses=responses(401, 403, 409, 422, 503))
async def advance_clock(
    request: Request, body: Advance, _scope: Scope = needs("operate", at_nation=True)
) -> ClockState:
    """Advance a lock-step clock; answers when every entry and every due instant until then is settled.

    An instant that is already past changes nothing, so that a replay may start over.
    """
    siaga = siaga_of(request)
    if siaga.settings.clock.mode != "lock_step":
        raise Problem(
            409, "clock_is_real", "The clock of this installation follows real time; nobody moves it."
        )
    try:
        until, _offset = parse_instant(body.advance_to)
    except ParseError:
        raise Problem(
            422, "invalid_instant", "advance_to is not an instant such as 2024-11-27T07:00:00+09:00."
        ) from None
    await siaga.advance(until)
    return await state(siaga)


async def state(siaga: Siaga) -> ClockState:
    """Return what the clock says now."""
    due = await siaga.next_due()
    return ClockState(
        mode=siaga.settings.clock.mode,
        now=format_instant(siaga.clock.now()),
        next_due=None if due is None else format_instant(due),
    )
