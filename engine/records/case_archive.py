"""The archive of cases: alerts resolved long ago with all their records, and settled quarantine records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from engine.core.alerting.alert import Alert, HistoryEntry, Notification
from engine.core.judging.instant import DAY, Instant
from engine.errors import ConfigurationError
from engine.records.alert_repository import Case, history_log, load
from engine.records.case_file import without_text
from engine.records.contact_values import ContactValues
from engine.records.quarantine_acts import SUBJECT, SettledRecord, redacted_settled, settled_of
from engine.settings import Settings
from engine.settings_sections import RetentionSection
from engine.store.archive.case_index import CaseIndex, CaseRow, Filed, FiledText
from engine.store.archive.day_file import ChainPosition
from engine.store.archive.events import Archive
from engine.store.codec import decode, decode_record
from engine.store.port import Entry, Store

LINK = "cases"
"""Record of the table `archive` that says where the chain of this archive stands that the store relies on."""
FOLDER = "cases"
"""Folder of these files in the archive's folder."""
CASE, MESSAGE, AUDIT = "case", "message", "audit"
"""Types of its entries."""


class ArchivedCase(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it left the store, its notifications without their words, and its whole history."""

    alert: Alert
    notifications: tuple[Notification, ...]
    history: tuple[HistoryEntry, ...]


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be archived of one case: the record, and the words that lie beside it, by message and by note.

    `last` is the last entry of its history as the store keeps it, empty where it has none.
    """

    record: ArchivedCase
    words: dict[str, bytes]
    notes: dict[str, str]
    note_versions: dict[str, int]
    last: bytes


_CASE = msgspec.json.Decoder(ArchivedCase)
_MESSAGE = msgspec.json.Decoder(Notification)
_AUDIT = msgspec.json.Decoder(list[str])


def bytes_of(record: ArchivedCase | Notification) -> bytes:
    """Return the bytes of a record; equal records have equal bytes."""
    return msgspec.json.encode(record, order="deterministic")


def entry_of(type_: str, value: bytes, position: str, at: Instant) -> Entry:
    """Return the entry of the archive that holds one value."""
    return Entry(position, type_, at, (value,), last=True)


class CaseArchive:
    """The archive of cases of one installation, for whoever reads it; `archive` is there for the one who writes."""

    def __init__(self, folder: Path, namespace: str) -> None:
        """`folder` is that of these files; it need not be there."""
        self.archive = Archive(folder, namespace)
        self.index = CaseIndex(folder)

    # --- for readers ------------------------------------------------------------------------------------------------

    async def case(self, alert_id: str) -> tuple[Case, tuple[HistoryEntry, ...]] | None:
        """Return a case with the words that are still kept, and its history; None where it is not here."""
        return await asyncio.to_thread(self._case, alert_id)

    def _case(self, alert_id: str) -> tuple[Case, tuple[HistoryEntry, ...]] | None:
        place = self.index.position(alert_id)
        record = self._read(place[0], alert_id) if place else None
        if not isinstance(record, ArchivedCase):
            return None
        words = {text.key: text.value for text in self.index.texts(alert_id) if text.kind == "message"}
        notifications = {n.id: _with_words(n, words.get(n.id)) for n in record.notifications}
        case = Case(alert=record.alert, version=0, notifications=notifications, versions={}, archived=True)
        return case, record.history

    async def notes(self, alert_id: str, digests: Iterable[str]) -> dict[str, str]:
        """Return the free texts of a case that are still kept, by digest."""
        found = await asyncio.to_thread(self.index.texts, alert_id)
        wanted = set(digests)
        return {text.key: text.value.decode() for text in found if text.kind == "note" and text.key in wanted}

    async def alert_of(self, message: str) -> str | None:
        """Return the case of a message, empty for a message of none; None for one that is not here."""
        return await asyncio.to_thread(self.index.alert_of, message)

    async def page(
        self, limit: int, before: tuple[Instant, str] | None = None, *, region: str = ""
    ) -> list[CaseRow]:
        """Return cases, the newest detected first, from behind a place on."""
        return await asyncio.to_thread(lambda: self.index.page(limit, before, region=region))

    async def of_person(self, person: str) -> tuple[list[Notification], list[HistoryEntry], dict[str, str]]:
        """Return all messages to a person, what they did or were told, and the notes they left."""
        return await asyncio.to_thread(self._of_person, person)

    def _of_person(self, person: str) -> tuple[list[Notification], list[HistoryEntry], dict[str, str]]:
        messages: list[Notification] = []
        history: list[HistoryEntry] = []
        notes: dict[str, str] = {}
        for record in self.index.of_person(person):
            place = self.index.position(record)
            found = self._read(place[0], record) if place else None
            texts = self.index.texts(record)
            words = {text.key: text.value for text in texts if text.kind == "message"}
            notes |= {
                f"{record}/{text.key}": text.value.decode()
                for text in texts
                if text.kind == "note" and text.person == person
            }
            told = found.notifications if isinstance(found, ArchivedCase) else (found,) if found else ()
            messages += [_with_words(n, words.get(n.id)) for n in told if n.person == person]
            if isinstance(found, ArchivedCase):
                history += [entry for entry in found.history if entry.person == person]
        return messages, history, notes

    async def everybody(self) -> set[str]:
        """Return the ids of all people whom records or texts name."""
        return await asyncio.to_thread(self.index.everybody)

    async def erase_person(self, person: str) -> dict[str, int]:
        """Erase the words of messages to a person and the notes they left; return how many of each kind."""
        return await asyncio.to_thread(lambda: self.index.erase_person(person))

    async def redact(self, gone: ContactValues) -> int:
        """Redact the addresses of an erased person in all texts; return in how many."""
        return await asyncio.to_thread(lambda: self.index.rewrite(lambda text: _without(text, gone)))

    async def erase_note(self, alert_id: str, digest: str) -> None:
        """Erase one note."""
        await asyncio.to_thread(lambda: self.index.erase_note(alert_id, digest))

    def _read(self, position: str, id_: str) -> ArchivedCase | Notification | None:
        entry = self.archive.at([position]).get(position)
        if entry is None:
            return None
        for value in entry.values:
            record = record_of(entry.type, value)
            if record is not None and _id_of(record) == id_:
                return record
        return None

    def cases(self) -> Iterator[ArchivedCase]:
        """Yield the record of every case, oldest first; of one that was written twice the last counts."""
        for entry in self.archive.entries():
            if entry.type == CASE:
                record = _CASE.decode(entry.values[0])
                place = self.index.position(record.alert.id)
                if place is None or place[0] == entry.position:
                    yield record

    def audit(self) -> Iterator[list[bytes]]:
        """Yield the entries of the audit that left the store, oldest first, each behind its mark."""
        for entry in self.archive.entries():
            if entry.type == AUDIT:
                yield [kept.encode() for kept in _AUDIT.decode(entry.values[0])]

    # --- for the one who writes -------------------------------------------------------------------------------------

    def take(self, told: ChainPosition) -> bool:
        """Become the one who writes, as `Archive.take`; what the index lacks is read from the files."""
        if not self.archive.take(told):
            return False
        filed = list(self._unfiled())
        if filed or not self.index.is_there:
            self.index.file(filed, (), self.archive.link.position)
        return True

    def _unfiled(self) -> Iterator[Filed]:
        for entry in self.archive.entries(self.index.indexed()):
            record = record_of(entry.type, entry.values[0])
            if record is not None:
                yield filed_of(record, entry.position, entry.values[0])

    def append(self, entries: Sequence[Entry], texts: Sequence[FiledText]) -> ChainPosition:
        """Write entries and the texts beside them; when this returns both are on the disk.

        A record whose index is not written when the process dies is filed by the next one who takes the archive; the
        store still has it then, with its texts.
        """
        link = self.archive.append(entries)
        filed = [
            filed_of(record, entry.position, entry.values[0])
            for entry in entries
            if (record := record_of(entry.type, entry.values[0])) is not None
        ]
        self.index.file(filed, texts, link.position)
        return link


async def case_story(
    store: Store, past: CaseArchive | None, alert_id: str
) -> tuple[Case, Sequence[HistoryEntry]]:
    """Return a case and its history from store or archive; raise `ConfigurationError` where neither has it."""
    case = (await load(store, [alert_id])).get(alert_id)
    if case is not None:
        name = history_log(alert_id)
        entries = enumerate(await store.log(name))
        return case, [decode_record(name, str(number), entry, HistoryEntry) for number, entry in entries]
    archived = await past.case(alert_id) if past is not None else None
    if archived is None:
        raise ConfigurationError(f"no alert is called {alert_id}")
    return archived


def archive_of(settings: Settings) -> CaseArchive | None:
    """Return the archive of cases of an installation; None where there is to be none."""
    folder = settings.archive_directory
    return None if folder is None else CaseArchive(folder / FOLDER, settings.namespace)


def record_of(type_: str, value: bytes) -> ArchivedCase | Notification | None:
    """Return the record that an entry holds; None for entries of the audit."""
    if type_ == CASE:
        return _CASE.decode(value)
    return _MESSAGE.decode(value) if type_ == MESSAGE else None


def filed_of(record: ArchivedCase | Notification, position: str, value: bytes) -> Filed:
    """Return what the index keeps of a record."""
    digest = sha256(value).hexdigest()
    if isinstance(record, Notification):
        people = (record.person,) if record.person else ()
        return Filed(record.id, position, digest, "", "", "", 0, 0, 0, "", (record.id,), people)
    alert = record.alert
    named = [entry.person for entry in record.history] + [n.person for n in record.notifications]
    return Filed(
        alert.id,
        position,
        digest,
        alert.space,
        alert.rule.id,
        alert.region,
        alert.level,
        alert.detected_at,
        alert.resolved_at or 0,
        alert.resolved_reason,
        tuple(n.id for n in record.notifications),
        tuple(sorted({person for person in named if person})),
    )


def texts_of(leaving: Leaving, retention: RetentionSection) -> list[FiledText]:
    """Return the texts of a case, each until its time is over."""
    alert = leaving.record.alert
    over = alert.resolved_at or 0
    messages = {n.id: n for n in leaving.record.notifications}
    authors = {str(e.details["note"]): e.person for e in leaving.record.history if "note" in e.details}
    texts = [
        FiledText(
            alert.id, "message", id_, messages[id_].person, _until(over, retention.messages_days), words
        )
        for id_, words in leaving.words.items()
    ]
    return texts + [
        FiledText(
            alert.id, "note", digest, authors[digest], _until(over, retention.notes_days), note.encode()
        )
        for digest, note in leaving.notes.items()
    ]


def text_of(message: Notification, retention: RetentionSection) -> list[FiledText]:
    """Return the words of a message of no case, until their time is over."""
    words = words_of(message)
    until = _until(message.planned_at, retention.messages_days)
    return (
        [] if words is None else [FiledText(message.id, "message", message.id, message.person, until, words)]
    )


def settled_texts(settled: Iterable[bytes], retention: RetentionSection) -> list[FiledText]:
    """Return the settled records of the quarantine as texts: they hold what desks wrote, and end like notes."""
    records = [decode(entry, SettledRecord) for entry in settled]
    return [
        FiledText(
            f"quarantine/{one.record.id}",
            "settled",
            str(one.at),
            "",
            _until(one.at, retention.notes_days),
            msgspec.json.encode(one),
        )
        for one in records
    ]


def words_of(message: Notification) -> bytes | None:
    """Return the words of a message, None where it has none or they are gone."""
    rendered = message.rendered
    gone = rendered is None or without_text(message).rendered == rendered
    return None if gone else msgspec.json.encode(rendered)


def _without(text: FiledText, gone: ContactValues) -> bytes:
    """Return the bytes of a text without the addresses of an erased person."""
    if not gone:
        return text.value
    if text.kind == "settled":
        one = msgspec.json.decode(text.value, type=SettledRecord)
        left = redacted_settled(one, gone)
        return text.value if left == one else msgspec.json.encode(left)
    if text.kind == "message":
        return gone.redacted_document(text.value)
    return gone.redacted(text.value.decode()).encode()


def _until(over: Instant, days: int) -> Instant | None:
    return over + days * DAY if days else None


def _with_words(message: Notification, words: bytes | None) -> Notification:
    if words is None or message.rendered is None:
        return message
    return msgspec.structs.replace(message, rendered=msgspec.json.decode(words, type=type(message.rendered)))


def _id_of(record: ArchivedCase | Notification) -> str:
    return record.alert.id if isinstance(record, ArchivedCase) else record.id


async def settled_versions(store: Store, past: CaseArchive | None, record_id: str) -> list[SettledRecord]:
    """Return each way by which a record left the quarantine, the newest first; empty where it never did.

    An entry that is in both places, since a crash came before the store forgot it, comes once.
    """
    found = await settled_of(store, record_id)
    if past is not None:
        texts = await asyncio.to_thread(past.index.texts, f"{SUBJECT}{record_id}")
        known = {one.at for one in found}
        archived = [
            msgspec.json.decode(text.value, type=SettledRecord) for text in texts if text.kind == "settled"
        ]
        found += sorted((one for one in archived if one.at not in known), key=lambda one: -one.at)
    return found
