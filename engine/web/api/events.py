"""Submitting events over HTTP, the hot route, and the shape of events in the OpenAPI."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.documents.reference_data import FIELDS, Field
from engine.errors import StoreUnavailableError
from engine.intake.token_rates import TokenRates
from engine.people.tokens import Scope
from engine.records.quarantine import FULL_RETRY_SECONDS
from engine.web.auth import Permit, siaga_of
from engine.web.problem import Problem, responses

REQUIRED = ("id", "kind", "region", "severity", "occurred_at", "source")
EXAMPLE = {
    "id": "01JDPX3W5Q7K2M9ZB4T6R8Y0CE",
    "kind": "conflict.clash",
    "severity": 4,
    "region": "94.02",
    "occurred_at": "2024-11-27T12:40:00+09:00",
    "source": {"desk": "94.02", "channel": "polri"},
    "verification": "unverified",
    "metrics": {"injured": 12},
    "summary": "Dugaan bentrok antarpendukung di depan kantor distrik.",
}
_INSTANTS = {
    "occurred_at": "When it happened: RFC 3339 with the offset of the region",
    "reported_at": "When the desk learned of it: RFC 3339 with offset",
}


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of one event."""
    schema: dict[str, Any] = {
        "type": "object",
        "description": "What a desk observed. Fields not named here are kept too, and rules may ask for them.",
        "required": list(REQUIRED),
        "properties": {
            name: {"type": "string", "format": "date-time", "description": text}
            for name, text in _INSTANTS.items()
        },
        "examples": [EXAMPLE],
    }
    for path, field in FIELDS.items():
        parent, _, name = path.rpartition(".")
        holder = schema["properties"]
        if parent:
            holder = holder.setdefault(parent, {"type": "object", "properties": {}})["properties"]
        holder[name] = _schema(field)
    schema["properties"]["source"]["required"] = ["desk"]
    return schema


def _schema(field: Field) -> dict[str, Any]:
    if field.texts:
        return {"type": "string", "enum": list(field.texts)}
    if field.type == "text":
        return {"type": "string"}
    bounds = {"minimum": field.lowest, "maximum": field.highest}
    return {"type": field.type, **{name: bound for name, bound in bounds.items() if bound is not None}}


def line_schema(text: str, *, kept: bool) -> dict[str, Any]:
    """Return the JSON Schema of the answer for one document that did not become an event."""
    properties: dict[str, Any] = {
        "index": {"type": "integer", "description": "Place in the request, from 0"},
        "field": {
            "type": "string",
            "description": "Dotted path of the field that is wrong; empty: the whole",
        },
        "reason": {"type": "string"},
    }
    if kept:
        properties["id"] = {"type": "string", "description": "Id of the record in quarantine"}
        properties["mended"] = {
            "type": "object",
            "description": "Fields and values that are offered instead",
            "additionalProperties": {"type": "string"},
        }
        properties["faults"] = {"type": "array", "items": {"$ref": "#/components/schemas/EventFault"}}
    return {"type": "object", "description": text, "required": list(properties), "properties": properties}


SCHEMAS: dict[str, Any] = {
    "Event": event_schema(),
    "QuarantinedLine": line_schema("Kept aside: not an event yet, waits for an operator.", kept=True),
    "RejectedLine": line_schema("Nothing was kept of it.", kept=False),
    "EventFault": {
        "type": "object",
        "description": "One fault of a document, or one remark on an event; docs/desk.md lists the codes.",
        "required": ["field", "reason", "text", "suggestion", "instead"],
        "properties": {
            "field": {"type": "string", "description": "Dotted path; empty: the whole"},
            "reason": {"type": "string"},
            "text": {"type": "object", "additionalProperties": {"type": "string"}},
            "suggestion": {"type": "object", "additionalProperties": {"type": "string"}},
            "instead": {"type": "string", "description": "The value that is offered instead; empty: none"},
        },
    },
    "FlaggedLine": {
        "type": "object",
        "description": "An event that was taken in with remarks.",
        "required": ["index", "remarks"],
        "properties": {
            "index": {"type": "integer", "description": "Place in the request, from 0"},
            "remarks": {"type": "array", "items": {"$ref": "#/components/schemas/EventFault"}},
        },
    },
    "EventsTaken": {
        "type": "object",
        "description": "What became of the documents of a request; each is in exactly one of the first four.",
        "required": ["accepted", "duplicate", "quarantined", "rejected"],
        "properties": {
            "accepted": {"type": "integer", "description": "New events, kept durably"},
            "duplicate": {"type": "integer", "description": "Events that had come before; nothing changed"},
            "quarantined": {"type": "array", "items": {"$ref": "#/components/schemas/QuarantinedLine"}},
            "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/RejectedLine"}},
            "flagged": {"type": "array", "items": {"$ref": "#/components/schemas/FlaggedLine"}},
            "dry_run": {
                "type": "boolean",
                "description": "Nothing was taken in; this is what would become of it",
            },
        },
    },
}


PATH = "/v1/events"
JSON = "application/json"
LINES = "application/x-ndjson"
MEDIA_TYPES = (JSON, LINES, "application/ndjson", "application/jsonl")
_permit = Permit("submit")
_encoder = msgspec.json.Encoder()


async def submit(request: Request) -> Response:
    """Take in one event, an array, or lines of events: 202 when they are kept, 422 where all are rejected."""
    scope = await _permit(request)
    media_type = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        offered = {"Accept-Post": f"{JSON}, {LINES}"}
        raise Problem(415, "unsupported_media_type", f"Events come as {JSON} or {LINES}.", headers=offered)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "unsupported_encoding", "The body must not be compressed.")
    siaga = siaga_of(request)
    dry_run = _dry_run(request)
    body = await _body(request, siaga.rates, scope)
    try:
        if dry_run:
            return Response(
                _encoder.encode(await siaga.intake.examine(body, media_type, scope)), 200, media_type=JSON
            )
        result = await siaga.intake.submit(body, media_type, scope)
    except StoreUnavailableError:
        siaga.rates.give_back(scope, "bytes", len(body))
        raise
    if result.full:
        raise Problem(
            429,
            "quarantine_full",
            "Nothing was kept: these are no events yet, and this token's share of the quarantine is full. "
            "Other tokens are not concerned. Mend what waits there, then send these again.",
            headers={"Retry-After": str(FULL_RETRY_SECONDS)},
            rejected=result.rejected,
        )
    if result.all_rejected:
        raise Problem(
            422, "all_rejected", "Nothing was kept; `rejected` says why for each.", rejected=result.rejected
        )
    return Response(_encoder.encode(result), 202, media_type=JSON)


def _dry_run(request: Request) -> bool:
    """Say whether the request is only to be examined."""
    asked = request.query_params.get("dry_run", "false").lower()
    if asked not in ("true", "false"):
        raise Problem(422, "invalid_request", "dry_run is true or false.")
    return asked == "true"


async def _body(request: Request, rates: TokenRates, scope: Scope) -> bytes:
    """Return the body; its bytes count before they are read, where their number is declared."""
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit():
        rates.take(scope, "bytes", int(declared))
        return await request.body()
    pieces: list[bytes] = []
    async for piece in request.stream():
        rates.take(scope, "bytes", len(piece))
        pieces.append(piece)
    return b"".join(pieces)


route = Route(PATH, submit, methods=["POST"])

_EVENT = {"$ref": "#/components/schemas/Event"}
OPENAPI: dict[str, Any] = {
    "post": {
        "tags": ["events"],
        "summary": "Submit Events",
        "operationId": "submit_events",
        "description": "Take events in: one, an array, or one a line. 202 means that what is counted there is kept "
        "durably and takes effect once, however often it is sent. 422 means that nothing was kept; 429 "
        "`quarantine_full` that nothing was an event and the token's share of the quarantine has no room.",
        "security": [{"token": ["submit"]}],
        "parameters": [
            {
                "name": "dry_run",
                "in": "query",
                "required": False,
                "schema": {"type": "boolean", "default": False},
                "description": "true: say what would become of the events with 200, and take nothing in",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]}},
                LINES: {"schema": {"type": "string", "description": "One event a line"}},
            },
        },
        "responses": {
            "200": {
                "description": "Examined only (`dry_run`): nothing was taken in",
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/EventsTaken"}}},
            },
            "202": {
                "description": "Kept",
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/EventsTaken"}}},
            },
            **{
                str(status): answer for status, answer in responses(401, 403, 413, 415, 422, 429, 503).items()
            },
        },
    }
}
