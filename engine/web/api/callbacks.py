"""The addresses that gateways call: delivery reports and texts, each in the shape of its own description.

Here: from the request to the call, and an answer that says nothing. Not here: whether the caller is believed and what
it brings (`answers.callbacks`). Some gateways can only GET: what proves them stands in the address then, and nothing of
an address is logged but the route. A gateway of any shape with a token uses `web.api.inbound` instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from engine.answers.callbacks import Call, Callbacks, NotBelievedError, UnfinishedError, UnreadableError
from engine.web.auth import siaga_of
from engine.web.problem import Problem, responses, unexpected

PREFIX = "/v1/gateways/"
BODY_BYTES = 1_048_576
"""A thousand reports in one call."""
METHODS = ("GET", "POST")


def _taking(
    take: Callable[[Callbacks, str, Call], Awaitable[None]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        call = Call(dict(request.headers), dict(request.query_params), await request.body())
        try:
            await take(siaga_of(request).callbacks, request.path_params["gateway"], call)
        except NotBelievedError:
            raise Problem(401, "unauthorized", "This is not a gateway that is known here.") from None
        except UnreadableError:
            raise Problem(
                422, "invalid_request", "The call is not as this gateway's description says."
            ) from None
        except UnfinishedError:
            raise unexpected() from None
        return Response(status_code=204)

    return endpoint


class _Templated(Route):
    """A route whose template the log can name, as those of FastAPI."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}


routes = [
    _Templated(f"{PREFIX}{{gateway}}/reports", _taking(Callbacks.report), methods=list(METHODS)),
    _Templated(f"{PREFIX}{{gateway}}/inbound", _taking(Callbacks.hear), methods=list(METHODS)),
]


def _operation(method: str, name: str, summary: str, description: str) -> dict[str, Any]:
    return {
        "tags": ["gateways"],
        "summary": summary,
        "operationId": f"{name}_by_{method}",
        "description": description,
        "parameters": [
            {
                "name": "gateway",
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
                "description": "Id of the gateway in config/gateways.yaml",
            }
        ],
        "responses": {
            "204": {"description": "Dealt with"},
            **{str(status): answer for status, answer in responses(401, 413, 422, 503).items()},
        },
    }


_SHAPE = "In the shape of the gateway's description, which also says how it proves itself. "
OPENAPI: dict[str, Any] = {
    f"{PREFIX}{{gateway}}/reports": {
        method.lower(): _operation(
            method.lower(),
            "take_in_report",
            "Take In Delivery Reports",
            f"{_SHAPE}Reports may come in any order and more than once; the state of a message never goes back.",
        )
        for method in METHODS
    },
    f"{PREFIX}{{gateway}}/inbound": {
        method.lower(): _operation(
            method.lower(),
            "take_in_gateway_text",
            "Take In Texts",
            f"{_SHAPE}The reply to the person goes out as an SMS of its own; the answer has no body.",
        )
        for method in METHODS
    },
}
