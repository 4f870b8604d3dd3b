"""Reading alerts over the API: the list, one alert, its history, and the shape of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from engine.core.alerting.alert import Alert, AlertStatus, HistoryEntry, Notification
from engine.core.judging.event import Scalar
from engine.core.judging.instant import Instant, format_instant
from engine.core.judging.judgement import Evidence
from engine.core.judging.rule import level_name
from engine.escalation.notes import Notes
from engine.people.tokens import Right, Scope
from engine.records.alert_lists import WantedList
from engine.records.alert_repository import Case
from engine.records.audit_log import note_seen
from engine.web.auth import cover, needs, siaga_of
from engine.web.paging import CURSOR, PAGED, cursor_of, link_next, place_of
from engine.web.problem import archived, not_found, responses


class EvidenceShape(BaseModel):
    """An event that an alert rests on, by its key; the event itself stays with its desk."""

    desk: str
    id: str
    kind: str
    region: str
    level: str
    occurred_at: str
    received_at: str
    time_precision: str = Field(
        description="`exact`, `approx`, or `day`: then only the local day of `occurred_at` is known"
    )
    verification: str
    channel: str | None
    token: str = Field(description="The credential that brought the report; empty where it was not kept")
    impact: dict[str, float] = Field(
        description="Figures that the report gives: dead, injured, displaced, tps, voters"
    )


class RunShape(BaseModel):
    """One started step of the escalation, with the ids of its recipients."""

    step: int
    round: int
    started_at: str
    ends_at: str
    recipients: list[str]
    informed: list[str]


class TakingShape(BaseModel):
    """A person took the matter."""

    person: str
    at: str
    via: str
    grade: int = Field(description="How sure it is that it was this person, 1 to 4")
    operator: str = Field(description="Who typed in a proxy answer; empty otherwise")


class DelegationShape(BaseModel):
    """A person passed the matter on to another, whose taking counts for both."""

    giver: str
    delegate: str


class NotificationShape(BaseModel):
    """The decision to tell one person on one channel, and what became of it."""

    id: str
    kind: str
    channel: str
    person: str
    office: str
    informing: bool = Field(description="Told only for information; need not act")
    step: int
    round: int
    state: str
    reason: str
    held: str = Field(description="What keeps a pending one back; empty if nothing does")
    attempts: int
    planned_at: str
    due_at: str | None
    sent_at: str | None


class AlertShape(BaseModel):
    """An alert without its parts."""

    id: str
    rule: str
    rule_version: str
    title: str
    space: str
    group: str
    region: str
    level: str
    status: str
    happened_at: str
    detected_at: str
    figure: float | None
    limit: float | None
    sides: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = Field(
        description="What a figure of two figures is made of: now and reference, or part and whole"
    )
    evidence_count: int
    step: int = Field(description="The step that was started last; 0 before the first")
    round: int
    next_due: str | None = Field(description="When something falls due though nothing happens")
    acknowledged_at: str | None
    acknowledged_by: str
    expires_at: str | None
    resolved_at: str | None
    resolved_reason: str
    resolved_by: str
    exhausted_at: str | None
    hidden: str = Field(description="The rule that hides it, or `before_rule`; empty if none")
    silenced: str = Field(description="The silence that covers it; empty if none")


class AlertPage(BaseModel):
    """Some alerts, newest first, and where to go on; `alerts` may be empty though there is more."""

    alerts: list[AlertShape]
    next_cursor: str | None = Field(description="Ask again with `cursor` set to this; null at the end")


class AlertDetail(AlertShape):
    """An alert with its evidence, steps and notifications."""

    why: str
    guide: str
    owner: str
    evidence: list[EvidenceShape]
    runs: list[RunShape]
    takings: list[TakingShape]
    delegations: list[DelegationShape]
    declined: list[str]
    notifications: list[NotificationShape]


class AlertHistoryShape(BaseModel):
    """One entry of an alert's history; `digest` covers it and `before`, the digest of the entry before."""

    number: int
    name: str
    at: str
    reason: str
    person: str
    details: dict[str, Scalar]
    note: str | None = Field(description="The free text whose digest stands in `details`, while it is kept")
    before: str
    digest: str


class History(BaseModel):
    """The whole history of an alert, oldest first."""

    alert: str
    entries: list[AlertHistoryShape]


def alert_shape(alert: Alert) -> AlertShape:
    """Return an alert as it stands in a list."""
    return AlertShape(**_own(alert))


def alert_detail(alert: Alert, notifications: Iterable[Notification]) -> AlertDetail:
    """Return an alert with its parts."""
    return AlertDetail(
        **_own(alert),
        why=alert.rule.why,
        guide=alert.rule.guide,
        owner=alert.rule.owner,
        evidence=[_evidence(evidence) for evidence in alert.evidence],
        runs=[
            RunShape(
                step=run.step,
                round=run.round,
                started_at=format_instant(run.started_at),
                ends_at=format_instant(run.ends_at),
                recipients=list(run.recipients),
                informed=list(run.informed),
            )
            for run in alert.runs
        ],
        takings=[
            TakingShape(
                person=taking.person,
                at=format_instant(taking.at),
                via=taking.via,
                grade=taking.grade,
                operator=taking.operator,
            )
            for taking in alert.takings
        ],
        delegations=[
            DelegationShape(giver=passed.giver, delegate=passed.delegate) for passed in alert.delegations
        ],
        declined=list(alert.declined),
        notifications=[
            _notification(notification)
            for notification in sorted(
                notifications, key=lambda n: (n.planned_at, n.step, n.person, n.channel, n.id)
            )
        ],
    )


def history(alert: str, entries: Iterable[HistoryEntry], notes: Mapping[str, str]) -> History:
    """Return an alert's history with the notes, by digest, that the reader may see."""
    return History(
        alert=alert,
        entries=[
            AlertHistoryShape(
                number=entry.number,
                name=entry.name,
                at=format_instant(entry.at),
                reason=entry.reason,
                person=entry.person,
                details=entry.details,
                note=notes.get(str(entry.details.get("note"))),
                before=entry.before,
                digest=entry.digest,
            )
            for entry in entries
        ],
    )


def _own(alert: Alert) -> dict[str, object]:
    current, timers = alert.current, (alert.wake_at, alert.cover_changes_at)
    return {
        "id": alert.id,
        "rule": alert.rule.id,
        "rule_version": alert.rule.version,
        "title": alert.rule.title,
        "space": alert.space,
        "group": alert.group,
        "region": alert.region,
        "level": level_name(alert.level),
        "status": alert.status,
        "happened_at": format_instant(alert.happened_at),
        "detected_at": format_instant(alert.detected_at),
        "figure": alert.figure,
        "limit": alert.limit,
        "sides": alert.sides,
        "evidence_count": alert.evidence_count,
        "step": current.step if current else 0,
        "round": current.round if current else 0,
        "next_due": _maybe(min((at for at in timers if at is not None), default=None)),
        "acknowledged_at": _maybe(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
        "expires_at": _maybe(alert.expires_at),
        "resolved_at": _maybe(alert.resolved_at),
        "resolved_reason": alert.resolved_reason,
        "resolved_by": alert.resolved_by,
        "exhausted_at": _maybe(alert.exhausted_at),
        "hidden": alert.hidden,
        "silenced": alert.silenced,
    }


def _evidence(evidence: Evidence) -> EvidenceShape:
    return EvidenceShape(
        desk=evidence.desk,
        id=evidence.id,
        kind=evidence.kind,
        region=evidence.region,
        level=level_name(evidence.severity),
        occurred_at=format_instant(evidence.occurred_at),
        received_at=format_instant(evidence.received_at),
        time_precision=evidence.time_precision,
        verification=evidence.verification,
        channel=evidence.channel,
        token=evidence.token,
        impact={} if evidence.impact is None else evidence.impact.figures,
    )


def _notification(notification: Notification) -> NotificationShape:
    return NotificationShape(
        id=notification.id,
        kind=notification.kind,
        channel=notification.channel,
        person=notification.person,
        office=notification.office,
        informing=notification.informing,
        step=notification.step,
        round=notification.round,
        state=notification.state,
        reason=notification.reason,
        held=notification.held,
        attempts=notification.attempts,
        planned_at=format_instant(notification.planned_at),
        due_at=_maybe(notification.due_at),
        sent_at=_maybe(notification.sent_at),
    )


def _maybe(instant: Instant | None) -> str | None:
    return None if instant is None else format_instant(instant)


router = APIRouter(tags=["alerts"])

Level = Literal["waspada", "siaga", "awas"]
REGION = r"^\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?$"
"""A Kemendagri code: `00`, `73`, `73.15`, `73.15.03`, `73.15.03.2001`."""


@router.get("/v1/alerts", responses=PAGED | responses(401, 403, 422, 503))
async def list_alerts(
    request: Request,
    response: Response,
    status: Annotated[AlertStatus | None, Query(description="Only of this status")] = None,
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
    wanted = WantedList(region=region or scope.region, status=status, level=level or "", rule=rule or "")
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
