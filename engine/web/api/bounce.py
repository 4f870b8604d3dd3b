"""Mails that came back, as a mail server's pipe brings them.

Here: from the call to the mail, and an answer that says nothing. Not here: what a mail says and whether it is believed
(`answers.bounces`). The pipe proves itself by a token with the right `inbound`, as an SMS gateway does.

The answer is 204 for every mail, also one that was no bounce: whoever wrote to the address of bounces learns nothing.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.answers.bounces import READ_BYTES
from engine.web.auth import Permit, siaga_of
from engine.web.problem import responses

PATH = "/v1/inbound/bounce"
MEDIA_TYPE = "message/rfc822"
BODY_BYTES = READ_BYTES
"""A report stands at the beginning of its mail: `siaga bounce` cuts off what comes after."""
_permit = Permit("inbound", at_nation=True)


async def take(request: Request) -> Response:
    """Take in one mail: 204 when it was dealt with."""
    await _permit(request)
    await siaga_of(request).postbox.take(await request.body())
    return Response(status_code=204)


route = Route(PATH, take, methods=["POST"])

OPENAPI: dict[str, Any] = {
    "post": {
        "tags": ["inbound"],
        "summary": "Take In A Bounce",
        "operationId": "take_in_bounce",
        "description": "A mail that came back (RFC 3464, or in a server's own words). One that returns a message of "
        "ours marks it as failed, and the person's next contact gets it. 204 means that it was dealt with, whatever "
        "it was; bringing it again changes nothing.",
        "security": [{"token": ["inbound"]}],
        "requestBody": {
            "required": True,
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {
            "204": {"description": "Dealt with"},
            **{str(status): answer for status, answer in responses(401, 403, 413, 503).items()},
        },
    }
}
