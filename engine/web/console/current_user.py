"""Who is signed in on a request: from its cookie to the user, their rights, and the form they sent.

Here: the cookie, the dependency of every route that needs a user, the check of a form's token, and the language. Not
here: sessions themselves (`people.sessions`) and the sign-in (`console.sign_in`).
"""

from __future__ import annotations

import hmac
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.app import Siaga
from engine.people.sessions import DAYS
from engine.people.tokens import Right, Scope
from engine.texts.catalogue import DEFAULT_LANGUAGE, LANGUAGES
from engine.web.auth import forbidden, siaga_of
from engine.web.problem import Problem

COOKIE = "siaga"
LANGUAGE_COOKIE = "siaga-language"
LANGUAGE_SECONDS = 31_536_000
TOKEN_FIELD = "form_token"  # noqa: S105 -- the name of a field


class SignInNeeded(Exception):
    """Nobody is signed in; the route (`console.route`) sends them to the sign-in."""


class CurrentUser(NamedTuple):
    """A request of somebody who is signed in. `form` is empty where it is no POST."""

    request: Request
    scope: Scope
    form_token: str
    form: FormData
    language: str
    waiting: int = 0
    """Proposals of others that wait for this user's decision."""

    @property
    def user(self) -> str:
        """Return the id of the user."""
        return self.scope.token_id

    @property
    def siaga(self) -> Siaga:
        """Return the installation."""
        return siaga_of(self.request)

    def may(self, right: Right) -> bool:
        """Say whether the user has a right."""
        return right in self.scope.rights

    def text(self, field: str) -> str:
        """Return a field of the form as text, without spaces around it; empty where it is missing or a file."""
        value = self.form.get(field, "")
        return value.strip() if isinstance(value, str) else ""

    def back(self, path: str, said: str = "") -> Response:
        """Return what follows a form that did its work: the page at `path`, which says `console.said.SAID` on top."""
        return RedirectResponse(f"{path}?{urlencode({'said': said})}" if said else path, 303)


class Visitor:
    """A dependency: somebody must be signed in who has one of `rights` (none: any user); gives their visit."""

    def __init__(self, *rights: Right) -> None:
        self.rights = rights

    async def __call__(self, request: Request) -> CurrentUser:
        """Return the visit, or raise what is missing."""
        cookie = request.cookies.get(cookie_name(request), "")
        signed_in = await siaga_of(request).sessions.find(cookie) if cookie else None
        if signed_in is None:
            raise SignInNeeded
        form = await request.form() if request.method == "POST" else FormData()
        scope = signed_in.user.scope
        deciding = scope.rights & {"policy", "operate"} and request.method == "GET"
        waiting = len(await siaga_of(request).proposals.waiting_for(scope)) if deciding else 0
        visit = CurrentUser(request, scope, signed_in.form_token, form, language_of(request), waiting)
        request.state.visit = visit  # for the frame of the page, should it be refused from here on
        if request.method == "POST":
            check_form(request, form, visit.form_token)
        if self.rights and not any(map(visit.may, self.rights)):
            raise forbidden(self.rights[0], f"This user lacks the right {' or '.join(self.rights)}.")
        return visit


def visitor(*rights: Right) -> Any:
    """Return the default of a route's parameter `visit: Visit`."""
    return Depends(Visitor(*rights))


def check_form(request: Request, form: FormData, token: str) -> None:
    """Refuse a form that was not made by a page of this session."""
    sent = form.get(TOKEN_FIELD)
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), token.encode()):
        raise Problem(403, "form_token", "The form is not of this session.")
    refuse_foreign(request)


def refuse_foreign(request: Request) -> None:
    """Refuse a request that the browser says another site made; very old browsers say neither.

    Our own pages send `Origin: null`, since they let no address out (`referrer-policy`): that says nothing.
    """
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    origin = urlsplit(request.headers.get("origin", "null")).netloc
    own = {"", request.headers.get("host", ""), urlsplit(siaga_of(request).settings.base_url).netloc}
    if fetched not in {"same-origin", "none"} or origin not in own:
        raise Problem(403, "form_token", "The form was sent by another site.")


def is_https(request: Request) -> bool:
    """Say whether people reach the pages by https, here or at a proxy before us."""
    return request.url.scheme == "https" or siaga_of(request).settings.base_url.startswith("https://")


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie; over https one that no other host and no http page can set."""
    return f"__Host-{COOKIE}" if is_https(request) else COOKIE


def set_cookie(request: Request, response: Response, cookie: str) -> None:
    """Give the browser the session's cookie; it forgets it with its window, the store not before the session ends."""
    response.set_cookie(
        cookie_name(request), cookie, path="/", secure=is_https(request), httponly=True, samesite="strict"
    )


def delete_cookie(request: Request, response: Response) -> None:
    """Take the session's cookie away."""
    response.delete_cookie(
        cookie_name(request), path="/", secure=is_https(request), httponly=True, samesite="strict"
    )


def known_browser_of(request: Request) -> str:
    """Return the cookie by which a browser shows that users signed in there before; empty where it has none."""
    return request.cookies.get(_known_browser(request), "")


def set_known_browser(request: Request, response: Response, cookie: str) -> None:
    """Give the browser the cookie of `people.sessions`, which outlives the session."""
    response.set_cookie(
        _known_browser(request),
        cookie,
        max_age=DAYS * 86_400,
        path="/",
        secure=is_https(request),
        httponly=True,
        samesite="strict",
    )


def _known_browser(request: Request) -> str:
    return cookie_name(request) + "-browser"


def language_of(request: Request) -> str:
    """Return the language that was chosen in this browser."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, DEFAULT_LANGUAGE)
    return chosen if chosen in LANGUAGES else DEFAULT_LANGUAGE


def set_language(request: Request, response: Response, language: str) -> None:
    """Keep a language in the browser."""
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=LANGUAGE_SECONDS,
        path="/",
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )
