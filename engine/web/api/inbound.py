"""Texts that come in by SMS, as the gateway brings them.

Here: from the gateway's call to the text, and an answer that says nothing. Not here: what the text leads to
(`answers.sms_inbound`). A gateway proves itself by a bearer token with the right `inbound`, made and revoked as any
other: no secret stands in a file, and a token that leaks can do nothing else.

The answer is 204 for every text that was dealt with, also one of an unknown phone: some gateways send the body of an
answer to the phone, and nobody shall learn here whose number is known. Without a 204 a gateway brings the text again.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.web.auth import Permit, siaga_of
from engine.web.problem import Problem, responses

PATH = "/v1/inbound/sms"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BODY_BYTES = 16_384
"""A text of many parts and what gateways send along is far smaller."""
_permit = Permit("inbound", at_nation=True)


class InboundText(msgspec.Struct, frozen=True):
    """One text. `id` is the gateway's own name for it, by which a repeat is known; further fields are left alone."""

    sender: str = msgspec.field(name="from")
    text: str
    id: str = ""


_decoder = msgspec.json.Decoder(InboundText)


async def take(request: Request) -> Response:
    """Take in one text: 204 when it was dealt with."""
    await _permit(request)
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = await request.body()
    try:
        match media_type:
            case "application/json":
                text = _decoder.decode(body)
            case "application/x-www-form-urlencoded":
                fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict")
                text = msgspec.convert({name: values[0] for name, values in fields.items()}, InboundText)
            case _:
                raise Problem(415, "unsupported_media_type", f"A text comes as {JSON} or {FORM}.")
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        raise Problem(
            422, "invalid_request", "A text has the fields from and text, and may have id."
        ) from None
    await siaga_of(request).inbound.hear(text.sender, text.text, gateway_id=text.id)
    return Response(status_code=204)


route = Route(PATH, take, methods=["POST"])

_SCHEMA = {
    "type": "object",
    "required": ["from", "text"],
    "properties": {
        "from": {"type": "string", "description": "Number of the phone, such as +628110000001"},
        "text": {"type": "string", "description": "What was written"},
        "id": {
            "type": "string",
            "description": "The gateway's own name for this text; a repeat has the same",
        },
    },
}
OPENAPI: dict[str, Any] = {
    "post": {
        "tags": ["inbound"],
        "summary": "Take In A Text",
        "operationId": "take_in_text",
        "description": "A gateway brings a text that came in by SMS. 204 means that it was dealt with, whosever phone "
        "it is; the reply goes out as an SMS of its own. Bringing the same text again changes nothing.",
        "security": [{"token": ["inbound"]}],
        "requestBody": {"required": True, "content": {JSON: {"schema": _SCHEMA}, FORM: {"schema": _SCHEMA}}},
        "responses": {
            "204": {"description": "Dealt with"},
            **{str(status): answer for status, answer in responses(401, 403, 413, 415, 422, 503).items()},
        },
    }
}
