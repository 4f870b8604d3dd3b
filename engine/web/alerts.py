"""Reading alerts over the API: the list, one alert, its history.

Here: filters, paging, scope. Not here: answers (`web.answers`) and what of an alert is shown (`web.alert_shape`).
A token sees the alerts of its region subtree; asking for another region is a 403, not an empty list.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from engine.core.alerting.alert import Status
from engine.service.alert_lists import Wanted
from engine.service.audit import note_seen
from engine.service.casebook import Case
from engine.service.notes import Notes
from engine.service.tokens import Right, Scope
from engine.web.alert_shape import AlertDetail, AlertPage, History, alert_detail, alert_shape, history
from engine.web.auth import cover, needs, siaga_of
from engine.web.paging import CURSOR, PAGED, cursor_of, link_next, place_of
from engine.web.problem import archived, not_found, responses

router = APIRouter(tags=["alerts"])

Level = Literal["waspada", "siaga", "awas"]
REGION = r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$"
"""A Kemendagri code: `00`, `73`, `73.15`, `73.15.03`, `73.15.03.2001`."""


@router.get("/v1/alerts", responses=PAGED | responses(401, 403, 422, 503))
async def list_alerts(
    request: Request,
    response: Response,
    status: Annotated[Status | None, Query(description="Only of this status")] = None,
    level: Annotated[Level | None, Query(description="Only of this level")] = None,
    region: Annotated[
        str | None, Query(description="Only in this region and what lies in it", pattern=REGION)
    ] = None,
    rule: Annotated[str | None, Query(description="Only of this rule", max_length=100)] = None,
    limit: Annotated[int, Query(description="How many at most", ge=1, le=500)] = 100,
    cursor: Annotated[str | None, CURSOR] = None,
    scope: Scope = needs("read"),
) -> AlertPage:
    """List alerts, the newest detected first.

    `next_cursor` and the header `Link` say where the next page begins; at the end `next_cursor` is null. A request
    examines some hundred alerts at most, so a page may hold fewer than `limit`, even none, and yet have a next one.
    """
    if region is not None:
        cover(scope, region, "read")
    wanted = Wanted(region=region or scope.region, status=status, level=level or "", rule=rule or "")
    page = await siaga_of(request).desk.page(wanted, limit, None if cursor is None else place_of(cursor))
    next_cursor = None if page.after is None else cursor_of(page.after)
    link_next(request, response, next_cursor)
    return AlertPage(alerts=[alert_shape(alert) for alert in page.alerts], next_cursor=next_cursor)


@router.get("/v1/alerts/{alert_id}", responses=responses(401, 403, 404, 503))
async def one_alert(request: Request, alert_id: str, scope: Scope = needs("read")) -> AlertDetail:
    """Show one alert with its evidence, steps, and notifications (without addresses and texts)."""
    case = await case_of(request, alert_id, scope, "read")
    return alert_detail(case.alert, case.notifications.values())


@router.get("/v1/alerts/{alert_id}/history", responses=responses(401, 403, 404, 503))
async def alert_history(request: Request, alert_id: str, scope: Scope = needs("read")) -> History:
    """Show everything that happened to an alert, oldest first, as a chain of digests.

    Notes are free text: only a token with the right `operate` gets them.
    """
    case = await case_of(request, alert_id, scope, "read")
    entries = await siaga_of(request).desk.history(case.alert.id)
    digests = [str(entry.details["note"]) for entry in entries if "note" in entry.details]
    may_read = "operate" in scope.rights
    siaga = siaga_of(request)
    notes = await Notes(siaga.store, siaga.past).texts(case.alert.id, digests) if may_read else {}
    if notes:
        await note_seen(siaga.store, siaga.clock.now(), f"notes/{case.alert.id}", scope.credential)
    return history(case.alert.id, entries, notes)


async def case_of(request: Request, alert_id: str, scope: Scope, right: Right) -> Case:
    """Return the case of an id, or raise 404; 403 where its region lies outside the scope.

    409 where something is to be changed of one that is in the archive.
    """
    case = await siaga_of(request).desk.found(alert_id)
    if case is None:
        raise not_found("alert")
    cover(scope, case.alert.region, right)
    if case.archived and right != "read":
        raise archived()
    return case
