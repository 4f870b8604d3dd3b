"""Reading alerts over the API: the list, one alert, its history.

Here: filters, paging, scope. Not here: answers (`web.answers`) and what of an alert is shown (`web.alert_shape`).
A token sees the alerts of its region subtree; asking for another region is a 403, not an empty list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from engine.alerting.alert import Alert, Status
from engine.judging.region import lies_in
from engine.judging.rule import level_name
from engine.service.audit import note_seen
from engine.service.casebook import Case
from engine.service.notes import Notes
from engine.service.tokens import Right, Scope
from engine.web.alert_shape import AlertDetail, AlertPage, History, alert_detail, alert_shape, history
from engine.web.auth import cover, needs, siaga_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["alerts"])

Level = Literal["waspada", "siaga", "awas"]
REGION = r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$"
"""A Kemendagri code: `00`, `73`, `73.15`, `73.15.03`, `73.15.03.2001`."""


@router.get("/v1/alerts", responses=responses(401, 403, 422, 503))
async def list_alerts(
    request: Request,
    status: Annotated[Status | None, Query(description="Only of this status")] = None,
    level: Annotated[Level | None, Query(description="Only of this level")] = None,
    region: Annotated[
        str | None, Query(description="Only in this region and what lies in it", pattern=REGION)
    ] = None,
    rule: Annotated[str | None, Query(description="Only of this rule", max_length=100)] = None,
    limit: Annotated[int, Query(description="How many at most", ge=1, le=500)] = 100,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before", max_length=60)
    ] = None,
    scope: Scope = needs("read"),
) -> AlertPage:
    """List alerts, the newest detected first."""
    if region is not None:
        cover(scope, region, "read")
    within = region or scope.region
    wanted = [
        alert
        for alert in await siaga_of(request).desk.alerts()
        if lies_in(alert.region, within)
        and status in (None, alert.status)
        and level in (None, level_name(alert.level))
        and rule in (None, alert.rule.id)
    ]
    page, next_cursor = cut(wanted, limit, cursor)
    return AlertPage(alerts=[alert_shape(alert) for alert in page], next_cursor=next_cursor)


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
    notes = await Notes(siaga.store).texts(case.alert.id, digests) if may_read else {}
    if notes:
        await note_seen(siaga.store, siaga.clock.now(), f"notes/{case.alert.id}", scope.token_id)
    return history(case.alert.id, entries, notes)


async def case_of(request: Request, alert_id: str, scope: Scope, right: Right) -> Case:
    """Return the case of an id, or raise 404; 403 where its region lies outside the scope."""
    case = await siaga_of(request).desk.case(alert_id)
    if case is None:
        raise not_found("alert")
    cover(scope, case.alert.region, right)
    return case


def cut(alerts: Iterable[Alert], limit: int, cursor: str | None) -> tuple[Sequence[Alert], str | None]:
    """Return the page after a cursor, newest first, and the cursor after the page (None at the end).

    A cursor is a place, not a number of alerts, so it stays good while further alerts open.
    """
    after = None if cursor is None else _read(cursor)
    rest = sorted((alert for alert in alerts if after is None or _place(alert) > after), key=_place)
    page = rest[:limit]
    return page, f"{page[-1].detected_at}.{page[-1].id}" if len(rest) > limit else None


def _place(alert: Alert) -> tuple[int, str]:
    return -alert.detected_at, alert.id


def _read(cursor: str) -> tuple[int, str]:
    detected_at, dot, alert_id = cursor.partition(".")
    if not (detected_at.isdecimal() and detected_at.isascii() and dot and alert_id):
        raise Problem(422, "invalid_cursor", "This cursor is not one that a page gave as next_cursor.")
    return -int(detected_at), alert_id
