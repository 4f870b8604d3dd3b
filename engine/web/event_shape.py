"""The shape of events in the OpenAPI, made of the same table of fields that rules and intake use.

Here: JSON Schema of what a desk sends and of what it is told. Not here: the check itself (`service.event_schema`);
whatever does not fit this shape is kept in quarantine, not lost.
"""

from __future__ import annotations

from typing import Any

from engine.documents.reference_data import FIELDS, Field

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
