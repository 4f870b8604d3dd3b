"""Routes of pages: whatever is refused or fails on them is told by a page, not by problem JSON.

Here: the class of these routes and their router. Not here: which errors there are (`web.problem`) and who may
(`console.visit`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.errors import StoreUnavailableError, UnreadableRecordError
from engine.intake.backpressure import BusyError
from engine.intake.token_rates import RateExceededError, TooMuchAtOnceError
from engine.records.tolerant_read import report_unreadable
from engine.runtime.worker import WorkerFailedError, WorkersBusyError
from engine.web.console.current_user import SignInNeeded
from engine.web.console.page_renderer import HOME, shell_of
from engine.web.problem import RETRY_AFTER_SECONDS, WORKERS_RETRY_SECONDS, Problem

log = structlog.get_logger(__name__)

SIGN_IN = "/console/sign-in"


class PageRoute(APIRoute):
    """A route whose answers are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request; see the module."""
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                return await answer(request)
            except SignInNeeded:
                return to_sign_in(request)
            except RequestValidationError:
                return refusal(request, 422, "")
            except (StoreUnavailableError, BusyError) as error:
                seconds = error.retry_seconds if isinstance(error, BusyError) else RETRY_AFTER_SECONDS
                return _later(request, seconds)
            except UnreadableRecordError as error:
                report_unreadable(error)
                return refusal(request, 500, "record_unreadable")
            except RateExceededError as error:
                return _later(request, error.retry_seconds, status=429)
            except TooMuchAtOnceError:
                return refusal(request, 413, "")
            except (WorkersBusyError, WorkerFailedError) as error:
                log.warning("worker_failed", error=str(error))
                return _later(request, WORKERS_RETRY_SECONDS)
            except HTTPException as error:
                reason = error.reason if isinstance(error, Problem) else ""
                response = refusal(request, error.status_code, reason)
                if wait := (error.headers or {}).get("Retry-After"):
                    response.headers["Retry-After"] = wait
                return response
            finally:
                await request.close()  # a file that was uploaded lies in a temporary one

        return page


def _later(request: Request, seconds: float, *, status: int = 503) -> Response:
    """Return the page that asks to come again after so many seconds."""
    response = refusal(request, status, "")
    response.headers["Retry-After"] = str(seconds)
    return response


def pages() -> APIRouter:
    """Return a router for a module of pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def to_sign_in(request: Request) -> Response:
    """Send somebody to the sign-in and from there back to the page; not back to a form that they sent."""
    page = request.url.path if request.method in {"GET", "HEAD"} else HOME
    return RedirectResponse(f"{SIGN_IN}?{urlencode({'next': page})}", 303)


def refusal(request: Request, status: int, reason: str) -> Response:
    """Return the page of an error; its words are by the named reason, else by the status."""
    shell = shell_of(request)
    visit = getattr(request.state, "visit", None)
    known = shell.catalogue.pairs
    keys = (f"console.error.{reason}", f"console.error.{status}", "console.error.other")
    key = next(key for key in keys if key in known)
    return shell.page(request, "error.html.j2", visit=visit, status=status, key=key)
