"""The front of the app: what holds for every request, whichever route takes it.

Here: limit of the body, security headers, one log line, and the last answer to an error nobody expected, in one plain
ASGI layer because the hot route passes it too. Not here: who may do what (`web.auth`).
The log line has the route's template, never path, query or body: links hold tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.clock import monotonic
from engine.errors import places
from engine.web.problem import Problem, unexpected

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
"""On every answer, unless the route says otherwise."""
_HEADERS = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())
_QUIET = frozenset(("/healthz", "/metrics", "/readyz"))
"""Asked every few seconds by machines: logged only as debug."""


class Middleware:
    """ASGI layer around the whole app. `limit_of` says how many bytes a body may have on a path."""

    def __init__(self, app: ASGIApp, *, limit_of: Callable[[str], int]) -> None:
        self._app = app
        self._limit_of = limit_of
        self._log: Any = structlog.get_logger("siaga.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; see the module."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = monotonic()
        answer = _Answer(send)
        try:
            await self._app(scope, self._limited(scope, receive), answer.send)
        except ClientDisconnect:
            pass  # the sender left before the end of the body: nothing was taken in, and nobody hears an answer
        except Exception as error:  # whatever it is, the sender gets an answer and the log its place
            self._log.error(
                "request_failed", route=template(scope), error=type(error).__name__, at=places(error)
            )
            if answer.status:
                raise
            await unexpected().response()(scope, receive, answer.send)
        route = template(scope)
        (self._log.debug if route in _QUIET else self._log.info)(
            "request",
            method=scope["method"],
            route=route,
            status=answer.status,
            ms=round((monotonic() - began) * 1000, 1),
        )

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        limit = self._limit_of(scope["path"])
        left = limit
        declared = dict(scope["headers"]).get(b"content-length", b"0")

        async def bounded() -> Message:
            nonlocal left
            if declared.isdigit() and int(declared) > limit:
                raise too_large(limit)
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise too_large(limit)
            return message

        return bounded


class _Answer:
    """What goes out: remembers the status and adds the headers that the route did not set."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in _HEADERS if header[0] not in there),
            ]
        await self._send(message)


def too_large(limit: int) -> Problem:
    """Return the problem of a body over its limit in bytes; the connection ends, since the rest is not read."""
    return Problem(413, "too_large", f"The body is over {limit} bytes.", headers={"Connection": "close"})


def template(scope: Scope) -> str:
    """Return the route a request took, with the names of its parameters instead of their values; `-` if none."""
    if "endpoint" not in scope:
        return "-"
    if not scope.get("path_params"):
        return str(scope["path"])
    return str(getattr(scope.get("route"), "path", "-"))
