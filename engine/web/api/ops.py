"""What operators and their machines ask: health, readiness, metrics, and the counts of the installation.

Here: those routes, and one that says under which address a client counts. Not here: what is counted (`engine.metrics`,
`escalation.alert_commands`) and the bounds of the loops (`app`). Health, readiness and metrics need no token and hold
no personal data; the port belongs behind a proxy that keeps them inside.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from engine.app import Siaga
from engine.clock import monotonic
from engine.core.judging.instant import SECOND
from engine.errors import StoreError
from engine.operations.backlog import unjudged_for
from engine.people.tokens import Scope
from engine.records.statistics import summarise, take
from engine.web.auth import needs, siaga_of
from engine.web.client_address import address_of, peer_of
from engine.web.problem import responses

router = APIRouter(tags=["ops"])
READY_SECONDS = 2
"""How long the store may take to answer before the installation is not ready."""


@router.get(
    "/healthz",
    response_class=Response,
    responses={503: {"description": "A loop stands still, or events wait too long"}},
)
async def healthz(request: Request) -> Response:
    """Say whether every loop of this process turned within its bound, and whether events are judged in time.

    503 names the loops that did not turn, or says how long the oldest event has waited to be judged, whichever process
    should judge it. `unreadable` counts the records that the audit of this process could not read.
    `rules` tells the rule set in force, whether the files hold another one or errors, and how far a rebuild is.
    """
    now = monotonic()
    loops = {
        name: {
            "turning": now - loop.last_turn <= loop.bound,
            "last_turn_seconds_ago": round(now - loop.last_turn, 3),
            "bound_seconds": loop.bound,
        }
        for name, loop in sorted(siaga_of(request).loops().items())
    }
    siaga = siaga_of(request)
    rules = msgspec.to_builtins(siaga.watch.sight)
    standing = [name for name, loop in loops.items() if not loop["turning"]]
    waited = await _unjudged_seconds(siaga)
    bound = siaga.settings.ops.max_event_age_seconds
    late = waited is not None and waited > bound
    return _state(
        "failing" if standing or late else "ok",
        standing=standing,
        judging={"oldest_event_seconds": waited, "bound_seconds": bound, "late": late},
        unreadable=len(siaga.upkeep.records.found),
        loops=loops,
        rules=rules,
    )


async def _unjudged_seconds(siaga: Siaga) -> float | None:
    """Return how long the oldest event has waited to be judged; None where the store does not answer in time."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await unjudged_for(siaga.store, siaga.clock.now()) / SECOND
    except (StoreError, TimeoutError):
        return None


@router.get("/readyz", response_class=Response, responses={503: {"description": "The store does not answer"}})
async def readyz(request: Request) -> Response:
    """Say whether requests can be served now: the store answers."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await siaga_of(request).store.cursor()
    except (StoreError, TimeoutError):
        return _state("failing", waiting_for="store")
    return _state("ok")


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return all metrics in the text format of Prometheus."""
    return Response(await siaga_of(request).exposition(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/summary", responses=responses(401, 403, 503))
async def summary(request: Request, _scope: Scope = needs("read", at_nation=True)) -> Response:
    """Return the counts of the whole installation: events, alerts, notifications, answers, escalations."""
    store = siaga_of(request).store
    counted = summarise(await take(store), await store.counters())
    return Response(msgspec.json.encode(counted), media_type="application/json")


@router.get("/v1/address", response_class=Response)
async def address(request: Request) -> Response:
    """Return the address under which requests from the asker count.

    `siaga doctor` asks this through `http.base_url`. `forwarded`: a proxy named an address in `X-Forwarded-For`;
    `ignored`: it is not believed, since it came from an address that is not in `http.trusted_proxies`.
    """
    forwarded = "x-forwarded-for" in request.headers
    believed = request.client is not None and request.client.host != peer_of(request)
    body = {"address": address_of(request), "forwarded": forwarded, "ignored": forwarded and not believed}
    return Response(msgspec.json.encode(body), media_type="application/json")


def _state(status: Literal["ok", "failing"], **more: Any) -> Response:
    body = msgspec.json.encode({"status": status, **more})
    return Response(body, 200 if status == "ok" else 503, media_type="application/json")
