"""What people do with records of the quarantine: the acts, what they lower, and what is kept of both versions.

Each act stands in the chained audit with its credential and the digests of the document before and after. The two
documents lie in the log `quarantine_settled`, later in the part of the archive that can be erased, and are found by the
id of the record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from engine.core.judging.event import Event
from engine.core.judging.instant import Instant
from engine.records.audit_log import AuditEntry, digest_of_contents
from engine.records.contact_values import ContactValues
from engine.records.quarantine import Quarantined
from engine.records.tolerant_read import readable_entries
from engine.store.port import Store

SETTLED = "quarantine_settled"
"""Log of the records that left the quarantine, so that nothing that was ever kept aside is lost."""
PAGE = 500
"""Entries of that log which are read at once."""
SUBJECT = "quarantine/"
"""How the subjects of the audit begin that are about a record."""
CASUALTIES = ("dead", "injured", "missing", "displaced", "ill")
"""Metrics that count people who came to harm."""
HIGHEST = 4
"""The gravest severity: a number above it can only have meant this one."""

QuarantineAct = Literal["resubmitted", "replaced", "mended", "dropped", "redacted"]
"""What was sent: `resubmitted` the document as it was, `mended` with what was offered, `replaced` another one.

`redacted`: the record still waits, without the addresses of an erased person.
"""

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


class SettledRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that left the quarantine: as it was, what was sent in its place, by which credential and when.

    `sent` is empty where the record was dropped. `act` and `by` are empty in entries of a Siaga before they were kept.
    """

    record: Quarantined
    sent: bytes
    token_id: str
    at: Instant
    act: QuarantineAct | Literal[""] = ""
    by: str = ""


def audited(settled: SettledRecord) -> AuditEntry:
    """Return the entry of the audit for an act: the subject names record and act, the digests both documents."""
    return AuditEntry(
        settled.at,
        "quarantine",
        f"{SUBJECT}{settled.record.id}/{settled.act}",
        digest_of_contents(settled.sent) if settled.sent else "",
        settled.by,
        digest_of_contents(settled.record.raw),
    )


def lowered(kept: Quarantined, event: Event | None) -> tuple[str, ...]:
    """Return the fields in which an event says less than the record it replaces; None: the record is dropped.

    Severity and casualties may rise. The kind may only become what the record offers, unless the record has none. A
    real report may not become an exercise. Where the record holds a value that is no number, at least one is assumed.
    """
    document = _document(kept.raw)
    old = document.get("kind")
    kind = old if isinstance(old, str) else kept.kind
    severity = min(HIGHEST, kept.severity or _at_least(document.get("severity")))
    metrics = document.get("metrics")
    counts = {name: _at_least(metrics.get(name)) for name in CASUALTIES} if isinstance(metrics, dict) else {}
    for name in CASUALTIES:
        counts[name] = max(counts.get(name, 0), _at_least(document.get(f"metrics.{name}")))
    if event is None:
        values = {"severity": severity, **{f"metrics.{name}": number for name, number in counts.items()}}
        return (*(["kind"] if kind else []), *(name for name, value in values.items() if value))
    found = []
    if kind and event.kind not in (kind, kept.mended.get("kind")):
        found.append("kind")
    if event.severity < severity:
        found.append("severity")
    found += [
        f"metrics.{name}"
        for name, number in counts.items()
        if _at_least(event.fields.get(f"metrics.{name}")) < number
    ]
    if event.exercise and not kept.exercise:
        found.append("exercise")
    return tuple(found)


def redacted_record(kept: Quarantined, gone: ContactValues) -> Quarantined:
    """Return a record without the addresses of an erased person."""
    words = {name: gone.redacted(getattr(kept, name)) for name in ("field", "desk", "event_id", "kind")}
    mended = {field: gone.redacted(value) for field, value in kept.mended.items()}
    return msgspec.structs.replace(kept, raw=gone.redacted_document(kept.raw), mended=mended, **words)


def redacted_settled(one: SettledRecord, gone: ContactValues) -> SettledRecord:
    """Return a settled record without the addresses of an erased person, in both versions."""
    return msgspec.structs.replace(
        one,
        record=redacted_record(one.record, gone),
        sent=gone.redacted_document(one.sent) if one.sent else b"",
    )


async def settled_of(store: Store, record_id: str) -> list[SettledRecord]:
    """Return what became of a record, the newest first, as far as the store still has it."""
    found: list[SettledRecord] = []
    start = 0
    while page := await store.log(SETTLED, start, PAGE):
        entries = readable_entries(SETTLED, page, SettledRecord, start)
        found += [one for one in entries if one.record.id == record_id]
        start += len(page)
    return found[::-1]


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _at_least(value: object) -> float:
    """Return the number that a value says at least: 0 where it is missing, 1 where it is no number."""
    if value is None or value is False:
        return 0
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    return 1
