"""The answer page behind the link of a message: reading it, and answering by a button.

Here: from the link's token to the page and back, and the headers that keep the page private. Not here: what the page
says (`texts.answer_page`) and what an answer does (`core.alerting.answer`).
GET and HEAD change nothing, whoever fetches them: mail scanners and previews open every link. Only a POST answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from engine.clock import monotonic
from engine.core.alerting.alert import Notification
from engine.core.alerting.command import Answer, Says
from engine.core.alerting.credential import Credential
from engine.core.alerting.delegation import candidates
from engine.core.alerting.directory import FoundHolder
from engine.delivery.contact_notices import changed_of
from engine.errors import StoreUnavailableError, UnreadableRecordError
from engine.escalation.notes import digest_of, with_note
from engine.records.alert_repository import Case
from engine.records.tolerant_read import report_unreadable
from engine.rule_sets.rule_files import Procedures
from engine.runtime.rate_limit import RateLimit, RateLimiter
from engine.texts.answer_page import AnswerPages, PageOutcome
from engine.texts.objection import ObjectionPages, Standing
from engine.web.auth import siaga_of
from engine.web.client_address import address_of
from engine.web.problem import RETRY_AFTER_SECONDS, Problem, responses

router = APIRouter(tags=["answer page"])

PREFIX = "/a/"
BUTTONS: tuple[Says, ...] = get_args(Says)
BODY_BYTES = 4_096
"""A form with one word is far smaller; one with a reason of `LONGEST_REASON` characters fits."""
LONGEST_REASON = 200
"""Characters of why an alert is over, as the page takes them."""
LONGEST_TOKEN = 64
MISSES, MISSES_SECONDS = 100, 600
"""So many links that lead nowhere may come from one address at once, and again over so many seconds. Beyond that the
address gets 429 for links that lead nowhere; a link that leads somewhere opens always."""
_MISSES = RateLimit.per(MISSES_SECONDS, MISSES)
FORM = "application/x-www-form-urlencoded"
PAGE: Mapping[int | str, dict[str, Any]] = {
    404: {
        "description": "Unknown, expired or cut; the page gives no hint which",
        "content": {"text/html": {}},
    },
    429: {
        "description": "Too many links from this address led nowhere; links that lead somewhere still open",
        "content": {"text/html": {}},
    },
    503: {
        "description": "The store does not answer now; the page asks to come back, as does `Retry-After`",
        "content": {"text/html": {}},
    },
}


@router.head("/a/{token}", include_in_schema=False)
@router.get("/a/{token}", response_class=HTMLResponse, responses={**PAGE})
async def read_page(request: Request, token: str) -> HTMLResponse:
    """Show the alert to the person whom the link was sent to; nothing is recorded of them."""
    siaga_of(request).metrics.link_prefetch()
    try:
        found = await behind(request, token)
        return await digest_page(request, token) if found is None else await page(request, *found)
    except UnreadableRecordError as error:
        report_unreadable(error)
        return unavailable(request)
    except StoreUnavailableError:
        return unavailable(request)


@router.post(
    "/a/{token}/objection",
    response_class=HTMLResponse,
    responses={**PAGE, 409: {"description": "Too late; the page says so"}, **responses(413)},
)
async def object_to_change(request: Request, token: str) -> HTMLResponse:
    """Object to a change of a contact, by the link of its notice; the same again changes nothing and says so."""
    siaga = siaga_of(request)
    try:
        notice = await siaga.links.objection(token) if len(token) <= LONGEST_TOKEN else None
        if notice is None:
            return nowhere(request)
        by = Credential("link", notice.id, notice.person)
        objected = await siaga.proposals.contacts.object(notice.cause, by)
        return await objection_page(request, notice, token, 409 if objected == "over" else 200)
    except UnreadableRecordError as error:
        report_unreadable(error)
        return unavailable(request)
    except StoreUnavailableError:
        return unavailable(request)


@router.post(
    "/a/{token}",
    response_class=HTMLResponse,
    responses={**PAGE, 409: {"description": "Refused; the page says why"}, **responses(413, 415, 422)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                FORM: {
                    "schema": {
                        "type": "object",
                        "required": ["says"],
                        "properties": {
                            "says": {"type": "string", "enum": list(BUTTONS)},
                            "to": {
                                "type": "string",
                                "description": "For `delegated`: a role of the alert's region, as the page offers them",
                            },
                            "confirm": {
                                "type": "string",
                                "enum": ["yes"],
                                "description": "For `resolved` of an awas, or of what somebody else has taken",
                            },
                            "reason": {"type": "string", "description": "Why it is over, with `confirm`"},
                        },
                    }
                }
            },
        }
    },
)
async def answer(request: Request, token: str) -> HTMLResponse:
    """Answer by a button of the page; the same answer again changes nothing and says so."""
    form = await said(request)
    says = form.says
    desk = siaga_of(request).desk
    try:
        found = await behind(request, token)
        if found is None:
            return nowhere(request)
        case, notification = found
        delegates = await delegates_of(request, case, notification) if says == "delegated" else ()
        given = Answer(
            person=notification.person,
            says=says,
            via="link",
            to=next((found.person for found in delegates if found.role == form.role), ""),
            notification=notification.id,
            note_digest=digest_of(case.alert.id, notification.person, form.reason),
            confirmed=form.confirmed,
        )
        note = with_note(case.alert.id, given.note_digest, form.reason)
        by = Credential("link", notification.id, notification.person)
        answered = await desk.answer(case.alert.id, given, note, by=by)
        after = await desk.case(case.alert.id)
        if answered is None or after is None:
            return nowhere(request)
        outcome = PageOutcome(reason=answered.reason, refusal=answered.refusal, repeated=answered.repeated)
        return await page(request, after, notification, outcome)
    except UnreadableRecordError as error:
        report_unreadable(error)
        return unavailable(request)
    except StoreUnavailableError:
        return unavailable(request)


class AnswerForm(NamedTuple):
    """What a form of the page holds: the answer, the role it is passed on to, whether it confirms, and why."""

    says: Says
    role: str = ""
    confirmed: bool = False
    reason: str = ""


async def said(request: Request) -> AnswerForm:
    """Return what the form holds."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, "unsupported_media_type", f"An answer comes as {FORM}.")
    form = parse_qs((await request.body()).decode("ascii", "replace"))
    for says in BUTTONS:
        if form.get("says") == [says]:
            return AnswerForm(
                says,
                form.get("to", [""])[0],
                form.get("confirm") == ["yes"],
                form.get("reason", [""])[0].strip()[:LONGEST_REASON] if says == "resolved" else "",
            )
    raise Problem(422, "invalid_request", f"The field says must be one of {', '.join(BUTTONS)}.")


async def behind(request: Request, token: str) -> tuple[Case, Notification] | None:
    """Return what the token of a link leads to, while it is valid."""
    if len(token) > LONGEST_TOKEN:
        return None
    return await siaga_of(request).links.message(token)


async def delegates_of(request: Request, case: Case, notification: Notification) -> list[FoundHolder]:
    """Return to whom the person could pass the matter on."""
    siaga = siaga_of(request)
    around = await siaga.books.surroundings()
    return candidates(case.alert, notification.person, around, siaga.clock.now())


async def page(
    request: Request, case: Case, notification: Notification, outcome: PageOutcome | None = None
) -> HTMLResponse:
    """Return the page of a link, after an answer with what became of it."""
    pages = pages_of(request)
    delegates = await delegates_of(request, case, notification) if case.alert.unresolved else ()
    html = pages.page(
        notification,
        case.alert,
        tuple(case.notifications.values()),
        at=siaga_of(request).clock.now(),
        outcome=outcome,
        delegates=delegates,
        procedure_text=await procedures_of(request).text(case.alert.rule.guide),
    )
    return shown(pages, html, 409 if outcome and outcome.refusal else 200)


async def digest_page(request: Request, token: str) -> HTMLResponse:
    """Return the page of a digest's link; each of its matters is answered on its own page, to which it leads."""
    siaga, pages = siaga_of(request), pages_of(request)
    found = await siaga.links.digest(token) if len(token) <= LONGEST_TOKEN else None
    if found is None:
        notice = await siaga.links.objection(token) if len(token) <= LONGEST_TOKEN else None
        return nowhere(request) if notice is None else await objection_page(request, notice, token)
    digest, told = found
    items = [
        (one, case.alert, tuple(case.notifications.values()), PREFIX + siaga.answer_token(one))
        for case, one in told
    ]
    return shown(pages, pages.digest(digest, items, at=siaga.clock.now()), 200)


async def objection_page(
    request: Request, notice: Notification, token: str, status: int = 200
) -> HTMLResponse:
    """Return the page of a notice's link: what changes, and one button while an objection is possible."""
    pages: ObjectionPages = request.app.state.objection_pages
    proposal = await siaga_of(request).proposals.get(notice.cause)
    changed = changed_of(proposal) if proposal is not None else None
    if proposal is None or changed is None:
        return nowhere(request)
    standing: Standing = "over"
    if proposal.state == "waiting":
        standing = "waits"
    elif proposal.state == "objected":
        standing = "objected"
    html = pages.page(changed, standing, action=f"{PREFIX}{token}/objection")
    return HTMLResponse(html, status, {"Content-Security-Policy": pages.content_security_policy})


def nowhere(request: Request) -> HTMLResponse:
    """Return the one page of every link that leads nowhere, and count it; 429 where the address brought too many."""
    pages = pages_of(request)
    misses: RateLimiter = request.app.state.link_misses
    wait = misses.take(address_of(request), _MISSES, monotonic())
    if wait > 0:
        siaga_of(request).metrics.trouble.refused("link_misses")
        response = shown(pages, pages.not_found(), 429)
        response.headers["Retry-After"] = str(math.ceil(wait))
        return response
    return shown(pages, pages.not_found(), 404)


def unavailable(request: Request) -> HTMLResponse:
    """Return the page for every link while the store is away; what an answer became is not known then."""
    pages = pages_of(request)
    response = shown(pages, pages.unavailable(), 503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def shown(pages: AnswerPages, html: str, status: int) -> HTMLResponse:
    """Return a page with the policy that lets it load nothing from elsewhere."""
    return HTMLResponse(html, status, {"Content-Security-Policy": pages.content_security_policy})


def procedures_of(request: Request) -> Procedures:
    """Return what reads the procedures of this installation."""
    found: Procedures = request.app.state.procedures
    return found


def pages_of(request: Request) -> AnswerPages:
    """Return what makes the pages of this installation."""
    pages: AnswerPages = request.app.state.answer_pages
    return pages
