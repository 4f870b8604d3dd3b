"""Who may: bearer tokens, each with rights and a region subtree.

Here: from a request to the scope of its token, or 401 and 403. Not here: how tokens are made and kept
(`people.tokens`), and which right a route asks for (the route says it).
"""

from __future__ import annotations

from typing import Any

from fastapi import Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from engine.app import Siaga
from engine.clock import monotonic
from engine.core.judging.region import NATION
from engine.people.tokens import Right, Scope
from engine.runtime.rate_limit import RateLimiter
from engine.web.problem import Problem, busy


def siaga_of(request: Request) -> Siaga:
    """Return the installation that the app serves."""
    siaga: Siaga = request.app.state.siaga
    return siaga


class Permit(SecurityBase):
    """A dependency: the request's token must have one of `rights`, and the whole nation where `at_nation`.

    It gives the token's scope.
    """

    def __init__(self, *rights: Right, at_nation: bool = False) -> None:
        self.model = HTTPBearer(
            description="A token of `siaga token create`, as `Authorization: Bearer siaga_...`."
        )
        self.scheme_name = "token"
        self._rights = rights
        self._region = NATION if at_nation else None

    async def __call__(self, request: Request) -> Scope:
        """Return the scope of the request's token, or raise the problem that says what is missing."""
        header = request.headers.get("authorization")
        scope = await siaga_of(request).tokens.check(header) if header else None
        if scope is None:
            raise unauthorized(tried=header is not None)
        requests: RateLimiter = request.app.state.requests
        wait = requests.take(scope.token_id, request.app.state.request_limit, monotonic())
        if wait > 0:
            siaga_of(request).metrics.trouble.refused("rate")
            raise busy("too_many_requests", "This token asks too often.", wait, status=429)
        if not scope.rights.intersection(self._rights):
            raise forbidden(self._rights[0], f"This token lacks the right {' or '.join(self._rights)}.")
        if self._region is not None:
            cover(scope, self._region, self._rights[0])
        return scope


def needs(*rights: Right, at_nation: bool = False) -> Any:
    """Return the default of a route's parameter `scope: Scope`: the route and its OpenAPI ask for one of the rights."""
    return Security(Permit(*rights, at_nation=at_nation), scopes=list(rights))


def cover(scope: Scope, region: str, right: Right) -> None:
    """Refuse where the region does not lie in the token's subtree."""
    if not scope.covers(region):
        raise forbidden(right, f"This token is for region {scope.region} and what lies in it.")


def unauthorized(*, tried: bool) -> Problem:
    """Return the problem of a request without a valid token."""
    challenge = 'Bearer realm="siaga"' + (', error="invalid_token"' if tried else "")
    text = (
        "The token is unknown or revoked." if tried else "This needs a token: Authorization: Bearer siaga_..."
    )
    return Problem(401, "unauthorized", text, headers={"WWW-Authenticate": challenge})


def forbidden(right: Right, text: str, reason: str = "forbidden", **members: Any) -> Problem:
    """Return the problem of a valid token that may not do this."""
    challenge = f'Bearer realm="siaga", error="insufficient_scope", scope="{right}"'
    return Problem(403, reason, text, headers={"WWW-Authenticate": challenge}, **members)
