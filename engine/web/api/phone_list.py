"""The phone list over the API: whom only a call can reach, with number and words, and what came of a call.

Here: the routes and the shape. Not here: who stands on the list (`core.alerting.phone_list`). It shows numbers of
people, so every look at it stands in the audit, and nothing of it may be cached.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from engine.app import Siaga
from engine.core.alerting.command import PhoneCallMade
from engine.core.alerting.phone_list import Callee, callees
from engine.core.judging.instant import format_instant
from engine.core.judging.region import lies_in
from engine.core.judging.rule import level_name
from engine.people.tokens import Scope
from engine.records.alert_lists import callable_in
from engine.records.alert_repository import Case, load
from engine.records.audit_log import note_seen
from engine.store.port import Place
from engine.texts.alert_text import AlertText, said_by_phone
from engine.texts.alert_text import CaseText as Spoken
from engine.texts.localizer import Localizer
from engine.web.api.alerts import REGION, AlertShape, alert_shape, case_of
from engine.web.api.answers import refused
from engine.web.auth import cover, needs, siaga_of
from engine.web.paging import CURSOR, PAGED, cursor_of, link_next, place_of
from engine.web.problem import Problem, not_found, responses

router = APIRouter(tags=["alerts"])

ALERTS_AT_ONCE = 50
"""A page of the list is of so many alerts."""


class CalleeShape(BaseModel):
    """A person to call."""

    person: str
    role: str
    office: str = Field(description="Code of the region at which the person holds the role")
    alert: str
    level: str
    region: str
    informing: bool = Field(description="The person need only know, not act")
    storm: bool = Field(
        description="Messages reach the phone, but this one of awas waits for the next digest"
    )
    since: str = Field(description="Since when no message can reach the person")
    numbers: list[str] = Field(description="Numbers of the person, the first by priority first")
    say: str = Field(description="What to say, in the person's language")


class PhoneList(BaseModel):
    """Whom only a call can reach, in the order in which to call."""

    callees: list[CalleeShape]
    next_cursor: str | None = Field(description="Ask again with `cursor` set to this; null at the end")


class CallBody(BaseModel):
    """What came of a call."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(description="Id of the person who was called", min_length=1, max_length=100)
    reached: StrictBool


@router.get("/v1/phone-list", responses=PAGED | responses(401, 403, 422, 503))
async def phone_list(
    request: Request,
    response: Response,
    region: Annotated[
        str | None, Query(description="Only in this region and what lies in it", pattern=REGION)
    ] = None,
    cursor: Annotated[str | None, CURSOR] = None,
    scope: Scope = needs("operate"),
) -> PhoneList:
    """List whom no message can reach: every channel failed, or no gateway takes messages now.

    Also whom so many alerts of awas are told that this one waits for the next digest: a call reaches them sooner.

    Being on the list never stops the escalation. An answer by phone is typed in as `proxy` at
    `/v1/alerts/{alert_id}/answers`. Each look stands in the audit. A page is of some alerts, the gravest first: it may
    be empty and yet have a next one.
    """
    if region is not None:
        cover(scope, region, "operate")
    siaga, within = siaga_of(request), region or scope.region
    found, more = await waiting(siaga, within, None if cursor is None else place_of(cursor))
    if found:
        await note_seen(siaga.store, siaga.clock.now(), f"phone_list/{within}", scope.credential)
    response.headers["Cache-Control"] = "no-store"
    next_cursor = None if more is None else cursor_of(more)
    link_next(request, response, next_cursor)
    shapes = [await _shape(siaga, callee, case) for callee, case in found]
    return PhoneList(callees=shapes, next_cursor=next_cursor)


@router.post("/v1/alerts/{alert_id}/calls", responses=responses(401, 403, 404, 409, 413, 422, 503))
async def called(
    request: Request, alert_id: str, body: CallBody, scope: Scope = needs("operate")
) -> AlertShape:
    """Enter into the history that a person was called; nothing else changes.

    409 (`not_told`): this person has no message of the alert, so nobody called them about it.
    """
    case = await case_of(request, alert_id, scope, "operate")
    if all(notification.person != body.person for notification in case.notifications.values()):
        text = "This person has no message of the alert, so nobody called them about it. Nothing was entered."
        raise Problem(409, "refused", text, refusal="not_told")
    command = PhoneCallMade(person=body.person, reached=body.reached, operator=scope.token_id)
    decision = await siaga_of(request).desk.change(case.alert.id, command, "called", by=scope.credential)
    if decision is None:
        raise not_found("alert")
    if decision.refusal:
        raise refused(decision.refusal)
    return alert_shape(decision.alert)


async def waiting(
    siaga: Siaga, within: str, after: Place | None = None
) -> tuple[list[tuple[Callee, Case]], Place | None]:
    """Return whom of a region only a call can reach, in the order in which to call, each with the case it is about.

    They are those of `ALERTS_AT_ONCE` alerts behind a place, the gravest first; with them comes the place behind which
    there may be more.
    """
    ids, more = await callable_in(siaga.store, within, ALERTS_AT_ONCE, after)
    cases = await load(siaga.store, ids, unreadable={}) if ids else {}
    around, now = await siaga.books.surroundings(), siaga.clock.now()
    found = [
        (callee, case)
        for case in cases.values()
        if lies_in(case.alert.region, within)
        for callee in callees(case.alert, case.notifications.values(), around, now)
    ]
    return sorted(found, key=lambda pair: pair[0].order), more


async def _shape(siaga: Siaga, callee: Callee, case: Case) -> CalleeShape:
    alert, notice = callee.alert, callee.notice
    person = (await siaga.books.directory()).person(notice.person)
    texts = siaga.catalogue.texts(notice.language)
    voice = Localizer(texts, siaga.books.regions, siaga.kind_names, alert.region)
    messages, now = tuple(case.notifications.values()), siaga.clock.now()
    teller = AlertText(voice, Spoken(notification=notice, alert=alert, notifications=messages, at=now))
    contacts = sorted(person.contacts, key=lambda contact: contact.priority) if person else []
    return CalleeShape(
        person=notice.person,
        role=notice.role,
        office=notice.office,
        alert=alert.id,
        level=level_name(alert.level),
        region=alert.region,
        informing=notice.informing,
        storm=callee.storm,
        since=format_instant(callee.since),
        numbers=[contact.value for contact in contacts if contact.channel == "sms"],
        say=said_by_phone(teller),
    )
