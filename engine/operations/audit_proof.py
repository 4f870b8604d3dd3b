"""The proof of the audit: that nothing of its log was changed, and that every alert's history is what it says.

Here: reading the whole log and all histories against their marks. Not here: the log (`records.audit_log`), the chain of
one history (`core.alerting.invariants`), and printing (`cli.audit`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from engine.core.alerting.alert import Alert, HistoryEntry
from engine.core.alerting.invariants import broken_link
from engine.errors import UnreadableRecordError
from engine.operations.event_archiver import ARCHIVE
from engine.records.alert_repository import ALERTS, history_log
from engine.records.audit_log import AUDIT, AuditEntry, pages
from engine.records.case_archive import LINK, CaseArchive
from engine.store.archive.day_file import ChainPosition
from engine.store.codec import decode, decode_record
from engine.store.port import MARK_LENGTH, Record, Store, chain_mark

TRIES = 5
"""So often the log is read anew where entries left for the archive while it was read."""
AuditFault = Literal[
    "archive_damaged", "changed", "cut_off", "history_changed", "history_missing", "unreadable"
]
"""What is wrong: the archive of cases is not as it was written; an entry (or one before it) is not what was appended;
entries at the end are missing; the history of an alert does not match the log, or lacks entries; an entry is none."""


class Proof(NamedTuple):
    """What a verification found: how many entries there are, the newest mark, and the first fault with its place."""

    entries: int
    mark: str
    fault: AuditFault | None = None
    place: str = ""


async def verify(
    store: Store, past: CaseArchive | None = None, shown: Callable[[int], object] = lambda _count: None
) -> Proof:
    """Prove the chain of the log, and that the history of every alert is what the log says; `shown` hears progress.

    Both are read from the archive as far as they left the store (`past`). While the service runs the log grows: what
    comes after the newest mark that was read first is not looked at. Where entries leave for the archive meanwhile,
    all is read again.
    """
    before, tries = await _told(store), 1
    found = await _verify(store, past, shown)
    while found.fault is not None and tries < TRIES and (told := await _told(store)) != before:
        before, tries = told, tries + 1
        found = await _verify(store, past, shown)
    return found


async def _told(store: Store) -> Record | None:
    return (await store.get(ARCHIVE, [LINK]))[0]


async def _verify(store: Store, past: CaseArchive | None, shown: Callable[[int], object]) -> Proof:
    wanted = await store.mark(AUDIT)
    decoder, mark, count = msgspec.json.Decoder(AuditEntry), b"", 0
    known: dict[str, str] = {}
    if past is not None and (record := await _told(store)) is not None:
        damage = await asyncio.to_thread(_damage, past, record)
        if damage:
            return Proof(0, "", "archive_damaged", damage)
    async for page in all_pages(store, past):
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
    return await _verify_histories(store, past, known, Proof(count, mark.decode()))


def _damage(past: CaseArchive, record: Record) -> str:
    damages = past.archive.verify(decode(record.value, ChainPosition)).damages
    return f"{damages[0].file}:{damages[0].line}" if damages else ""


async def all_pages(store: Store, past: CaseArchive | None) -> AsyncIterator[list[bytes]]:
    """Yield the log as it is kept: what left the store, and what is there.

    An entry that is in both, since a crash came before the store forgot it, comes once.
    """
    newest = b""
    if past is not None:
        lines = past.audit()
        while (line := await asyncio.to_thread(next, lines, None)) is not None:
            fresh = behind(line, newest)
            if fresh:
                newest = fresh[-1][:MARK_LENGTH]
                yield fresh
    async for page in pages(store):
        yield behind(page, newest)


def behind(page: list[bytes], mark: bytes) -> list[bytes]:
    """Return the entries of a page behind the one with a mark; all where that is not among them."""
    marks = [kept[:MARK_LENGTH] for kept in page]
    return page[marks.index(mark) + 1 :] if mark in marks else page


async def all_entries(store: Store, past: CaseArchive | None) -> AsyncIterator[AuditEntry]:
    """Yield the entries of the whole log, oldest first, without proving them."""
    decoder = msgspec.json.Decoder(AuditEntry)
    async for page in all_pages(store, past):
        for kept in page:
            yield decoder.decode(kept[MARK_LENGTH:])


async def _verify_histories(
    store: Store, past: CaseArchive | None, known: dict[str, str], found: Proof
) -> Proof:
    alerts = set[str]()

    def fault(alert: Alert, history: Sequence[HistoryEntry]) -> Proof | None:
        alerts.add(alert.id)
        broken = broken_link(history, alert.head)
        if broken is not None:
            return found._replace(fault="history_changed", place=f"{alert.id}.{broken}")
        wrong = next((e.id for e in history if known.pop(e.id, e.digest) != e.digest), None)
        return None if wrong is None else found._replace(fault="history_changed", place=wrong)

    async for records in store.walk(ALERTS):
        for alert_id, record in sorted(records.items()):
            name = history_log(alert_id)
            try:
                entries = enumerate(await store.log(name))
                log = [decode_record(name, str(number), entry, HistoryEntry) for number, entry in entries]
                alert = decode_record(ALERTS, alert_id, record.value, Alert)
            except UnreadableRecordError as error:
                return found._replace(fault="unreadable", place=error.record)
            if not log and past is not None and await past.case(alert_id) is not None:
                continue  # it left while the alerts were walked through
            if (wrong := fault(alert, log)) is not None:
                return wrong
    if past is not None:
        cases = past.cases()
        while (case := await asyncio.to_thread(next, cases, None)) is not None:
            if case.alert.id not in alerts and (wrong := fault(case.alert, case.history)) is not None:
                return wrong
    missing = next((subject for subject in known if subject.partition(".")[0] in alerts), None)
    if missing is not None:
        return found._replace(fault="history_missing", place=missing)
    return found
