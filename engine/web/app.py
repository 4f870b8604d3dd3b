"""The app that serves every face over HTTP.

Here: which routers there are, what holds for all of them, and the OpenAPI of the whole. Not here: any route, and the
server around the app (`web.server`).
The app has no life of its own: the installation it serves is made and ended elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from engine.app import Siaga
from engine.rule_sets.rule_files import Procedures
from engine.runtime.rate_limit import RateLimit, RateLimiter
from engine.texts.answer_page import AnswerPages
from engine.texts.objection import ObjectionPages
from engine.web import answer_page, problem, reference
from engine.web.api import (
    alerts,
    answers,
    bounce,
    callbacks,
    clock,
    contacts,
    events,
    inbound,
    ops,
    phone_list,
    proposals,
    quarantine,
    rule_sets,
    silences,
    token,
)
from engine.web.api import events as event_shape
from engine.web.client_address import ClientAddress
from engine.web.console import routes as console
from engine.web.console import upload
from engine.web.middleware import Middleware
from engine.web.problem import responses

SMALL_BODY_BYTES = 131_072
"""The most a body may have where it is one JSON object: a quarantined event and its envelope."""
DESCRIPTION = (
    "Events in, alerts and answers out. Instants are RFC 3339; levels are `normal`, `waspada`, `siaga`, `awas`; "
    "regions are codes of Kemendagri such as `94.02`. Every error is problem JSON (RFC 9457). A client must be "
    "prepared for 429 and 503 with `Retry-After`: sending the same events again is always safe."
)


def build(siaga: Siaga) -> FastAPI:
    """Return the app that serves an installation."""
    app = FastAPI(
        title="Siaga",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's pages load scripts from another host; `web.reference` has a page of our own
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the token of a link in a header
    )
    app.state.siaga = siaga
    app.state.requests = RateLimiter()
    app.state.request_limit = RateLimit.per(60, siaga.settings.http.max_requests_per_minute)
    app.state.link_misses = RateLimiter()
    app.state.answer_pages = AnswerPages(
        siaga.catalogue,
        siaga.kind_names,
        siaga.books.regions,
        templates=siaga.settings.paths.templates,
        duty_desk=siaga.settings.messages.duty_desk or "",
    )
    app.state.objection_pages = ObjectionPages(
        siaga.catalogue,
        templates=siaga.settings.paths.templates,
        duty_desk=siaga.settings.messages.duty_desk or "",
    )
    app.state.procedures = Procedures(siaga.settings.paths.guides)
    app.router.routes += [*(part.route for part in PLAIN), *callbacks.routes]
    for part in (
        alerts,
        answers,
        phone_list,
        contacts,
        silences,
        rule_sets,
        proposals,
        quarantine,
        clock,
        ops,
        token,
        answer_page,
        reference,
    ):
        app.include_router(part.router)
    console.install(app, siaga)
    problem.install(app)
    app.add_middleware(Middleware, limit_of=limits(siaga.settings.http.max_body_bytes))
    app.add_middleware(ClientAddress, trusted=siaga.settings.http.trusted_proxies)
    _describe(app)
    return app


PLAIN = (events, inbound, bounce)
"""Routes outside FastAPI, each with its own entry in the OpenAPI."""


def limits(events_bytes: int) -> Callable[[str], int]:
    """Return the function that says how many bytes a body may have on a path."""

    def limit_of(path: str) -> int:
        if path == events.PATH:
            return events_bytes
        if path == inbound.PATH:
            return inbound.BODY_BYTES
        if path == bounce.PATH:
            return bounce.BODY_BYTES
        if path.startswith(callbacks.PREFIX):
            return callbacks.BODY_BYTES
        if path == upload.PATH:
            return upload.BODY_BYTES
        return answer_page.BODY_BYTES if path.startswith(answer_page.PREFIX) else SMALL_BODY_BYTES

    return limit_of


def _answers(operation: dict[str, Any]) -> None:
    """Say which errors an operation can answer though its route does not."""
    answers: dict[str, Any] = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):
        del answers[
            "422"
        ]  # in the shape of FastAPI; and a route whose only parameter is text has no such answer
    shapes = [parameter["schema"].keys() - {"title", "type"} for parameter in operation.get("parameters", ())]
    types = {parameter["schema"].get("type") for parameter in operation.get("parameters", ())}
    may = {422} if any(shapes) or types - {"string"} or "requestBody" in operation else set()
    if "security" in operation:
        may.add(429)
        # several rights of one route are alternatives, which OpenAPI writes as several requirements
        operation["security"] = [
            {"token": [right]} for needed in operation["security"] for right in needed["token"]
        ]
    for status in sorted(may):
        answers.setdefault(str(status), responses(status)[status])


def _describe(app: FastAPI) -> None:
    """Mend what FastAPI cannot know in the OpenAPI: the plain routes, and that every error is a problem."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generated()
            schema["paths"] = {
                **{part.PATH: part.OPENAPI for part in PLAIN},
                **callbacks.OPENAPI,
                **schema["paths"],
            }
            for operation in (op for item in schema["paths"].values() for op in item.values()):
                _answers(operation)
            schemas = schema["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas |= event_shape.SCHEMAS | {"ProblemBody": problem.ProblemBody.model_json_schema()}
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]
