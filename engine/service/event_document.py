"""An accepted event as a document again: what a desk could have sent, with the instant of its receipt.

Here: the way back from `service.event_schema`, for exports. Not here: reading events from the archive or stream. What
the intake noted of the sender's token (`reach`, `by_verifier`) is no part of a document: nobody may claim it.
"""

from __future__ import annotations

from typing import Any

from engine.core.judging.event import Event
from engine.core.judging.instant import format_instant
from engine.core.judging.region import RegionTable


def document_of(event: Event, regions: RegionTable) -> dict[str, Any]:
    """Return the document of an event; its instants carry the offset of its region."""
    zone = regions.timezone(event.region)
    document: dict[str, Any] = {
        "id": event.id,
        "kind": event.kind,
        "severity": event.severity,
        "region": event.region,
        "occurred_at": format_instant(event.occurred_at, zone),
        "received_at": format_instant(event.received_at, zone),
        "source": {"desk": event.desk},
    }
    if event.token:
        document["source"]["token"] = event.token
    if event.exercise:
        document["exercise"] = True
    for path, value in event.fields.items():
        is_instant = path == "reported_at" and isinstance(value, int)
        _put(document, path, format_instant(value, zone) if is_instant else value)  # type: ignore[arg-type]
    return document


def _put(document: dict[str, Any], path: str, value: object) -> None:
    """Set a value under its dotted path: in nested objects, as far as no plain value stands in the way."""
    first, dot, rest = path.partition(".")
    inner = document.setdefault(first, {}) if dot else None
    if isinstance(inner, dict):
        _put(inner, rest, value)
    else:
        document[path] = value
