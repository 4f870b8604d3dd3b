"""Errors as problem JSON (RFC 9457), each with a named reason and a clear text.

Here: the one shape of every error of the API, and which of our errors becomes which status. Not here: refusals of an
answer by a domain rule (`web.api.answers` turns those into a problem) and pages for people (`web.answer_page`).
A problem never repeats what the sender sent, since that may hold personal data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from engine.errors import StoreUnavailableError, UnreadableRecordError
from engine.intake.backpressure import BusyError
from engine.intake.token_rates import RateExceededError, TooMuchAtOnceError
from engine.records.rule_sets import LookAlikeError
from engine.records.tolerant_read import report_unreadable
from engine.runtime.worker import WorkerFailedError, WorkersBusyError

MEDIA_TYPE = "application/problem+json"
WORKERS_RETRY_SECONDS = 30
"""What somebody is asked to wait while the workers of the service are busy with the questions of others."""
RETRY_AFTER_SECONDS = 2
"""What a sender is asked to wait when the store is away; an embedded server is back within one."""

log = structlog.get_logger(__name__)


class ProblemBody(BaseModel):
    """What every error answer holds."""

    type: str = Field(
        description="URN whose last part is the machine-readable reason",
        examples=["urn:siaga:problem:not_found"],
    )
    title: str = Field(description="The HTTP status in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What is wrong, for a person")


class Problem(HTTPException):
    """An error answer: HTTP status, named reason, text for a person, and members of its own."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.reason = reason
        self.members = members

    def response(self) -> Response:
        """Return the HTTP response."""
        body = {
            "type": f"urn:siaga:problem:{self.reason}",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            **self.members,
        }
        return Response(msgspec.json.encode(body), self.status_code, self.headers, MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """Return the problem of a thing that does not exist."""
    return Problem(404, "not_found", f"There is no such {what}.")


def record_unreadable() -> Problem:
    """Return the problem of a stored record that cannot be read; nothing was changed by the request."""
    return Problem(
        500,
        "record_unreadable",
        "A stored record that this request needs cannot be read. The operator of Siaga sees which one.",
    )


def archived() -> Problem:
    """Return the problem of an alert that was resolved long ago and lies in the archive: nothing of it changes."""
    return Problem(
        409, "archived", "This alert was closed long ago and lies in the archive; nothing of it changes."
    )


def store_unavailable() -> Problem:
    """Return the problem of a store that does not answer now; nothing was kept of the request."""
    return Problem(
        503,
        "store_unavailable",
        "The store does not answer now and nothing was recorded; send the same request again.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def busy(reason: str, detail: str, seconds: float, *, status: int = 503) -> Problem:
    """Return the problem of what cannot be taken now; the same request may come again after so many seconds."""
    return Problem(status, reason, detail, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def unexpected() -> Problem:
    """Return the problem of an error in Siaga itself; the log has its place, the answer has not."""
    return Problem(500, "unexpected", "Siaga failed to do this; its log says where.")


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error, Problem):
            return error.response()
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return Problem(
                405, "method_not_allowed", "Method Not Allowed.", headers={"Allow": allowed(app, request)}
            ).response()
        if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's word for a body that it cannot even read
            return Problem(422, "invalid_request", "The body cannot be read as JSON.").response()
        phrase = HTTPStatus(error.status_code).phrase
        reason = phrase.lower().replace(" ", "_")
        return Problem(error.status_code, reason, f"{phrase}.", headers=error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = [
            {
                "field": ".".join(str(part) for part in fault["loc"][1:]),
                "in": fault["loc"][0],
                "text": fault["msg"],
            }
            for fault in error.errors()
        ]
        return Problem(
            422, "invalid_request", "The request is not of the form it should have.", faults=faults
        ).response()

    @app.exception_handler(UnreadableRecordError)
    async def unreadable(_request: Request, error: UnreadableRecordError) -> Response:
        report_unreadable(error)
        return record_unreadable().response()

    @app.exception_handler(StoreUnavailableError)
    async def unavailable(_request: Request, _error: StoreUnavailableError) -> Response:
        return store_unavailable().response()

    @app.exception_handler(BusyError)
    async def pressed(_request: Request, error: BusyError) -> Response:
        return busy(error.reason, str(error), error.retry_seconds).response()

    @app.exception_handler(RateExceededError)
    async def exceeded(_request: Request, error: RateExceededError) -> Response:
        return busy(f"too_many_{error.unit}", str(error), error.retry_seconds, status=429).response()

    @app.exception_handler(TooMuchAtOnceError)
    async def too_much(_request: Request, error: TooMuchAtOnceError) -> Response:
        return Problem(413, "too_much_at_once", str(error)).response()

    @app.exception_handler(LookAlikeError)
    async def look_alike(_request: Request, error: LookAlikeError) -> Response:
        return Problem(409, "look_alike", f"Nothing was proposed: {error}.").response()

    _install_workers(app)


def _install_workers(app: FastAPI) -> None:
    """Answer what a worker could not do."""

    @app.exception_handler(WorkersBusyError)
    async def workers_busy(_request: Request, error: WorkersBusyError) -> Response:
        return busy("workers_busy", f"{error}; ask again later.", WORKERS_RETRY_SECONDS).response()

    @app.exception_handler(WorkerFailedError)
    async def worker_failed(_request: Request, error: WorkerFailedError) -> Response:
        log.warning("worker_failed", error=str(error))
        return busy(
            "worker_failed", "This was not found out; the log says why.", WORKERS_RETRY_SECONDS
        ).response()


def allowed(app: FastAPI, request: Request) -> str:
    """Return the methods of a path, of all of its routes: Starlette knows of the first alone."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
    scope = dict(request.scope)
    return ", ".join(
        method
        for method in methods
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.router.routes)
    )


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of these error statuses."""
    schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": schema} for status in statuses}
