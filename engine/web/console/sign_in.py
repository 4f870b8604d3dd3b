"""Signing in and out, and choosing the language.

Here: these routes. Not here: passwords (`people.users`), sessions (`people.sessions`), the cookie (`console.visit`).
Whether the name is unknown, the user disabled or the password wrong, the page says the same after the same time.
"""

from __future__ import annotations

import math
import re

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from engine.core.judging.instant import SECOND
from engine.people.sessions import SignInLimits
from engine.people.users import LONGEST, ManySignInsError
from engine.texts.catalogue import LANGUAGES
from engine.web.auth import siaga_of
from engine.web.client_address import address_of
from engine.web.console.current_user import (
    CurrentUser,
    cookie_name,
    delete_cookie,
    known_browser_of,
    refuse_foreign,
    set_cookie,
    set_known_browser,
    set_language,
    visitor,
)
from engine.web.console.page_renderer import HOME, REPORT, shell_of
from engine.web.console.routing import SIGN_IN, pages

router = pages()
OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path of this site: never one that a browser takes for another host."""


@router.get("/")
async def root() -> Response:
    """Lead to the first page."""
    return RedirectResponse(HOME, 303)


@router.get(SIGN_IN)
async def sign_in_page(request: Request) -> Response:
    """Show the sign-in."""
    return _page(request, next_=own_path(request.query_params.get("next", "")))


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begin a session where name and password are right; a session that the browser had ends."""
    refuse_foreign(request)
    form = await request.form()
    name, password = (str(form.get(field, ""))[:LONGEST] for field in ("user", "password"))
    name = name.strip().lower()
    next_ = own_path(str(form.get("next", "")))
    siaga, limits = siaga_of(request), limits_of(request)
    now, address = siaga.clock.now(), address_of(request)
    cookie = known_browser_of(request)
    browser = siaga.known_browsers.id_of(cookie, name, now)
    wait = limits.take(name, address, browser, now / SECOND)
    if wait > 0:
        siaga.metrics.trouble.refused("sign_in")
        minutes = math.ceil(wait / 60)
        page = _page(request, next_=next_, user=name, fault="many", minutes=minutes, status=429)
        return _later(page, minutes * 60)
    try:
        user = await siaga.users.check(name, password, address=address, known=bool(browser))
    except ManySignInsError as busy:
        limits.give_back(name, address, browser)
        siaga.metrics.trouble.refused("sign_in")
        return _later(_page(request, next_=next_, user=name, fault="busy", status=503), busy.retry_seconds)
    if user is None:
        return _page(request, next_=next_, user=name, fault="wrong", status=403)
    limits.forgive(name, address, browser)
    if next_ == HOME and "read" not in user.scope.rights and "submit" in user.scope.rights:
        next_ = REPORT  # a desk has no situation to see
    if before := request.cookies.get(cookie_name(request)):
        await siaga.sessions.end(before)
    response = RedirectResponse(next_, 303)
    set_cookie(request, response, await siaga.sessions.begin(user))
    set_known_browser(request, response, siaga.known_browsers.remember(cookie, user.id, now))
    return response


@router.post("/console/sign-out")
async def sign_out(visit: CurrentUser = visitor()) -> Response:
    """End the session."""
    request = visit.request
    await visit.siaga.sessions.end(request.cookies.get(cookie_name(request), ""))
    response = RedirectResponse(SIGN_IN, 303)
    delete_cookie(request, response)
    return response


@router.get("/console/language/{language}")
async def choose_language(request: Request, language: str) -> Response:
    """Keep a language in this browser and go back."""
    response = RedirectResponse(own_path(request.query_params.get("next", "")), 303)
    if language in LANGUAGES:
        set_language(request, response, language)
    return response


def own_path(text: str) -> str:
    """Return a path of this site that was asked for, or the first page."""
    return text if OWN_PATH.fullmatch(text) else HOME


def limits_of(request: Request) -> SignInLimits:
    """Return what counts the tries of this process."""
    limits: SignInLimits = request.app.state.sign_in_limits
    return limits


def _later(response: Response, seconds: int) -> Response:
    response.headers["Retry-After"] = str(seconds)
    return response


def _page(
    request: Request,
    *,
    next_: str,
    user: str = "",
    fault: str = "",
    minutes: int = 0,
    status: int = 200,
) -> Response:
    return shell_of(request).page(
        request,
        "sign-in.html.j2",
        status=status,
        next=next_,
        user=user,
        fault=fault,
        minutes=minutes,
    )
