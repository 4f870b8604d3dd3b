"""The proof of the audit: that nothing of its log was changed, and that every alert's history is what it says.

Here: reading the whole log and all histories against their marks. Not here: the log (`service.audit`), the chain of one
history (`alerting.audit`), and printing (`cli.audit`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from engine.alerting.alert import Alert, HistoryEntry
from engine.alerting.audit import broken_link
from engine.service.audit import AUDIT, AuditEntry, pages
from engine.service.casebook import ALERTS, history_log
from engine.store.codec import decode
from engine.store.port import MARK_LENGTH, Store, chain_mark

Fault = Literal["changed", "cut_off", "history_changed", "history_missing", "unreadable"]
"""What is wrong: an entry (or one before it) is not what was appended; entries at the end are missing; the history of
an alert does not match the log, or lacks entries; an entry is none."""


class Proof(NamedTuple):
    """What a verification found: how many entries there are, the newest mark, and the first fault with its place."""

    entries: int
    mark: str
    fault: Fault | None = None
    place: str = ""


async def verify(store: Store, shown: Callable[[int], object] = lambda _count: None) -> Proof:
    """Prove the chain of the log, and that the history of every alert is what the log says; `shown` hears progress.

    While the service runs the log grows: what comes after the newest mark that was read first is not looked at.
    """
    wanted = await store.mark(AUDIT)
    decoder, mark, count = msgspec.json.Decoder(AuditEntry), b"", 0
    known: dict[str, str] = {}
    async for page in pages(store):
        for kept in page:
            if mark == wanted and count:
                break
            count += 1
            mark = chain_mark(mark, kept[MARK_LENGTH:])
            if kept[:MARK_LENGTH] != mark:
                return Proof(count, mark.decode(), "changed", str(count))
            try:
                entry = decoder.decode(kept[MARK_LENGTH:])
            except msgspec.DecodeError:
                return Proof(count, mark.decode(), "unreadable", str(count))
            if entry.what == "history":
                known[entry.subject] = entry.digest
        shown(count)
    if mark != wanted:
        return Proof(count, mark.decode(), "cut_off", str(count + 1))
    return await _verify_histories(store, known, count, mark)


async def _verify_histories(store: Store, known: dict[str, str], count: int, mark: bytes) -> Proof:
    alerts = await store.scan(ALERTS)
    found = Proof(count, mark.decode())
    for alert_id, record in sorted(alerts.items()):
        history = [decode(entry, HistoryEntry) for entry in await store.log(history_log(alert_id))]
        broken = broken_link(history, decode(record.value, Alert).head)
        if broken is not None:
            return found._replace(fault="history_changed", place=f"{alert_id}.{broken}")
        for entry in history:
            if known.pop(entry.id, entry.digest) != entry.digest:
                return found._replace(fault="history_changed", place=entry.id)
    missing = next((subject for subject in known if subject.partition(".")[0] in alerts), None)
    if missing is not None:
        return found._replace(fault="history_missing", place=missing)
    return found
