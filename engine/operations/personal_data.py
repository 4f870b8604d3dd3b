"""Personal data: everything kept of one person, as a file for them, and its erasure (UU PDP 27/2022)."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from email import message_from_bytes
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.clock import monotonic
from engine.core.alerting.alert import ALONE, HistoryEntry, Notification, Rendered
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contents, Person, without
from engine.core.alerting.silence import Silence
from engine.core.judging.instant import Instant
from engine.errors import SiagaError, StoreError, UnreadableRecordError
from engine.escalation.notes import NOTES, Notes
from engine.operations.erasure_list import add_erasures, digest_of, erasures_due, own_list, settle_due
from engine.people.directory_service import DirectoryService
from engine.people.proposal_records import PROPOSALS, ChangeProposal
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, OUTBOX, history_log
from engine.records.audit_log import AuditEntry, append_audit
from engine.records.backup_record import BackupRecord, backups
from engine.records.case_archive import CaseArchive, archive_of
from engine.records.contact_values import ContactValues
from engine.records.quarantine import QUARANTINE, Quarantined, share_of
from engine.records.quarantine_acts import SETTLED, SettledRecord, audited, redacted_record, redacted_settled
from engine.records.runtime_config import ALL, DIRECTORY, SILENCES, RuntimeConfig
from engine.records.tolerant_read import UNREADABLE, readable, readable_entries, readable_or
from engine.settings import Settings
from engine.store.archive.events import SUFFIX
from engine.store.backup.copy import Namespace
from engine.store.codec import decode_record, encode
from engine.store.port import Append, Committed, Cut, Drop, Plan, Put, Record, Store, Write
from engine.store.redis.store import RedisStore

BARE = Rendered(to="", text="")
"""What is left of a message's words and address."""

T = TypeVar("T")


class PersonalRecords(msgspec.Struct, frozen=True, kw_only=True):
    """All that an installation keeps of a person.

    `offices` are (region, role) held or served in shifts, at whatever time; `history` what they did or were told, and
    `notes` the free text they left, by alert and digest.
    """

    person: Person | None
    offices: tuple[tuple[str, str], ...]
    notifications: tuple[Notification, ...]
    history: tuple[HistoryEntry, ...]
    notes: dict[str, str]


class ErasureIncompleteError(SiagaError):
    """Records cannot be read, and may hold something of the person; all others are erased."""

    def __init__(self, records: Iterable[str], erased: dict[str, int]) -> None:
        """`erased` is what `PersonalData.erase` would return."""
        self.erased = erased
        names = ", ".join(sorted(records))
        super().__init__(
            f"erased but for what cannot be read: {names}; erase again when these are repaired or removed"
        )


class PersonalData:
    """The people of an installation, as somebody who asks what is kept of them."""

    def __init__(self, store: Store, books: RuntimeConfig, past: CaseArchive | None = None) -> None:
        """`past` is where alerts are that left the store; None: there is none on this machine."""
        self._store = store
        self._books = books
        self._past = past
        self._notes = Notes(store, past)
        self._unreadable: set[str] = set()

    async def kept(self, person_id: str, at: Instant, by: Credential) -> PersonalRecords:
        """Return all that is kept of a person; the look stands in the audit."""
        directory = await self._books.directory()
        contents = directory.contents
        held = [(a.region, a.role) for a in contents.assignments if a.person == person_id]
        served = [(d.region, d.role) for d in contents.roster if d.person == person_id]
        history = await self._history(person_id)
        past = await self._past.of_person(person_id) if self._past is not None else ([], [], {})
        messages = {n.id: n for n in (*past[0], *(n for n, _ in await self._notifications(person_id)))}
        found = PersonalRecords(
            person=directory.person(person_id),
            offices=tuple(dict.fromkeys((*held, *served))),
            notifications=tuple(sorted(messages.values(), key=lambda n: n.planned_at)),
            history=tuple({entry.id: entry for entry in (*past[1], *history)}.values()),
            notes={**past[2], **await self._texts(history)},
        )
        seen = AuditEntry(at, "seen", f"person/{person_id}", by=str(by))
        await self._store.write(Write(name="audit", appends=(append_audit(seen),)))
        return found

    async def everybody(self) -> set[str]:
        """Return the ids of all people of whom something may be kept."""
        found: set[str] = set()
        versions = {k: v for k, v in (await self._store.scan(DIRECTORY)).items() if k != "current"}
        for contents in self._read(DIRECTORY, versions, Contents).values():
            found |= {person.id for person in contents.people}
        async for records in self._store.walk(NOTIFICATIONS):
            found |= {one.person for one in self._read(NOTIFICATIONS, records, Notification).values()}
        found |= await self._past.everybody() if self._past is not None else set()
        return found - {""}

    async def addresses(self, person_id: str) -> ContactValues:
        """Return the addresses of a person, by all versions of the directory and the messages to them.

        An address that somebody else of the directory in force has too is not among them: it is theirs.
        """
        found: set[str] = set()
        for version, record in (await self._store.scan(DIRECTORY)).items():
            if version != "current":
                contents = readable_or(DIRECTORY, version, record, Contents, None)
                people = contents.people if contents is not None else ()
                found |= {c.value for person in people if person.id == person_id for c in person.contacts}
        for message, _ in await self._notifications(person_id):
            found |= {message.rendered.to} if message.rendered is not None else set()
        everybody = (await self._books.directory()).contents.people
        return ContactValues(
            found - {c.value for person in everybody if person.id != person_id for c in person.contacts}
        )

    async def erase(self, person_id: str, at: Instant, by: Credential) -> dict[str, int]:
        """Erase the person from the directory, the words and addresses of messages to them, and their notes.

        Their addresses are redacted in notes of others, messages to others, quarantined reports and reasons of
        silences and proposals. A reply that still had to be sent to them is cancelled; a digest keeps its words until
        it was sent: erase again then (`waiting`). Return how many of each. Raises `NobodyLeftError` before anything is
        erased, and `ErasureIncompleteError` after everything else is erased where records cannot be read, which may
        hold something of the person.
        """
        self._unreadable.clear()
        gone = await self.addresses(person_id)
        known = (await self._books.directory()).person(person_id) is not None
        if known:
            await DirectoryService(self._store, self._books).amend(
                lambda contents: without(contents, person_id), at, by
            )
        texts = await self._texts(await self._history(person_id))
        for key in texts:
            alert_id, _, digest = key.partition("/")
            await self._notes.erase(alert_id, digest)
        wiped, waiting, redacted = await self._erase_messages(person_id, gone)
        redacted += await self._redact_notes(gone)
        redacted += await self._redact_silences(gone)
        redacted += await self._redact_proposals(gone)
        reports = await self._redact_quarantine(gone, at, by)
        await self._drop_unreadable(gone)
        # Behind the store: what left it until now is in the archive.
        archived = await self._past.erase_person(person_id) if self._past is not None else {}
        redacted += await self._past.redact(gone) if self._past is not None else 0
        await self._erase_from_versions(person_id)
        done = AuditEntry(at, "erased", f"person/{person_id}", by=str(by))
        await self._store.write(Write(name="audit", appends=(append_audit(done),)))
        erased = {
            "person": int(known),
            "messages": wiped + archived.get("message", 0),
            "notes": len(texts) + archived.get("note", 0),
            "redacted": redacted,
            "reports": reports,
            "waiting": waiting,
        }
        if self._unreadable:
            raise ErasureIncompleteError(self._unreadable, erased)
        return erased

    async def _erase_messages(self, person_id: str, gone: ContactValues) -> tuple[int, int, int]:
        """Wipe messages to the person; return how many, how many keep their words for now, and how many of others
        were redacted.
        """
        wiped, waiting, redacted = 0, 0, 0
        async for records in self._store.walk(NOTIFICATIONS):
            for id_, message in self._read(NOTIFICATIONS, records, Notification).items():
                to = message.rendered.to if message.rendered is not None else ""
                if message.person == person_id or to in gone.values:
                    done = await self._changed_message(id_, _wiped)
                    wiped += done
                    waiting += not done and message.kind == "digest" and message.rendered not in (None, BARE)
                elif message.rendered is not None and gone.within(records[id_].value):
                    redacted += await self._changed_message(id_, lambda one: _redacted(one, gone))
        return wiped, waiting, redacted

    async def _changed_message(
        self, notification_id: str, change: Callable[[Notification], Notification]
    ) -> bool:
        """Change a message, whoever else changes it meanwhile; return whether there was anything to change."""
        while (record := (await self._store.get(NOTIFICATIONS, [notification_id]))[0]) is not None:
            notification = decode_record(NOTIFICATIONS, notification_id, record.value, Notification)
            changed = change(notification)
            if changed == notification:
                return False
            put = Put(NOTIFICATIONS, notification_id, encode(changed), record.version)
            over = changed.due_at is None and notification.due_at is not None
            plans = (Plan(OUTBOX, notification_id, None),) if over else ()
            write = Write(name="erase", puts=(put,), plans=plans)
            if isinstance(await self._store.write(write), Committed):
                return True
        return False

    async def _redact_notes(self, gone: ContactValues) -> int:
        """Redact the notes of others that hold an address; their digests in the histories stay as they were."""
        made = 0
        async for records in self._store.walk(NOTES):
            for key, text in self._read(NOTES, records, str).items():
                if gone.redacted(text) != text:
                    put = Put(NOTES, key, encode(gone.redacted(text)), records[key].version)
                    made += isinstance(await self._store.write(Write(name="erase", puts=(put,))), Committed)
        return made

    async def _redact_silences(self, gone: ContactValues) -> int:
        while (record := (await self._store.get(SILENCES, [ALL]))[0]) is not None:
            kept = readable_or(SILENCES, ALL, record, tuple[Silence, ...], ())
            left = tuple(msgspec.structs.replace(one, reason=gone.redacted(one.reason)) for one in kept)
            put = Put(SILENCES, ALL, encode(left), record.version)
            if left == kept or isinstance(
                await self._store.write(Write(name="erase", puts=(put,))), Committed
            ):
                return sum(before != after for before, after in zip(kept, left, strict=True))
        return 0

    async def _redact_proposals(self, gone: ContactValues) -> int:
        """Redact the reasons of proposals: what is proposed of a contact names it by its id and a digest."""
        made = 0
        async for records in self._store.walk(PROPOSALS):
            for id_, kept in self._read(PROPOSALS, records, ChangeProposal).items():
                left = _redacted_proposal(kept, gone)
                if left != kept:
                    put = Put(PROPOSALS, id_, encode(left), records[id_].version)
                    made += isinstance(await self._store.write(Write(name="erase", puts=(put,))), Committed)
        return made

    async def _redact_quarantine(self, gone: ContactValues, at: Instant, by: Credential) -> int:
        """Redact reports in quarantine, and both versions of those that left it; each act stands in the audit."""
        made = 0
        async for records in self._store.walk(QUARANTINE):
            for id_ in self._read(QUARANTINE, records, Quarantined):
                made += await self._redact_record(id_, gone, at, by)
        return made + await self._redact_settled(gone)

    async def _redact_record(self, record_id: str, gone: ContactValues, at: Instant, by: Credential) -> bool:
        while (record := (await self._store.get(QUARANTINE, [record_id]))[0]) is not None:
            kept = decode_record(QUARANTINE, record_id, record.value, Quarantined)
            left = redacted_record(kept, gone)
            if left == kept:
                return False
            place = await share_of(self._store, kept.token_id)
            done = SettledRecord(
                record=kept, sent=left.raw, token_id=kept.token_id, at=at, act="redacted", by=str(by)
            )
            write = Write(
                name="erase",
                puts=(
                    Put(QUARANTINE, record_id, encode(left), record.version),
                    place.put(place.share.minus(kept).plus(left)),
                ),
                appends=(append_audit(audited(done)),),
            )
            if isinstance(await self._store.write(write), Committed):
                return True
        return False

    async def _redact_settled(self, gone: ContactValues) -> int:
        """Write the log of settled records anew without the addresses, in its order, where any entry holds one."""
        while gone and (kept := await self._store.log(SETTLED)):
            left = [_redacted_settled(entry, gone) for entry in kept]
            changed = sum(before != after for before, after in zip(kept, left, strict=True))
            write = Write(
                name="erase",
                cuts=(Cut(SETTLED, len(kept), kept[-1]),),
                appends=(Append(SETTLED, tuple(left)),),
            )
            if not changed or isinstance(await self._store.write(write), Committed):
                return changed
        return 0

    async def _drop_unreadable(self, gone: ContactValues) -> None:
        """Drop the bytes of unreadable records that hold an address."""
        async for records in self._store.walk(UNREADABLE):
            drops = [
                Drop(UNREADABLE, id_, one.version) for id_, one in records.items() if gone.within(one.value)
            ]
            if drops:
                await self._store.write(Write(name="erase", drops=tuple(drops)))

    async def _erase_from_versions(self, person_id: str) -> None:
        """Take the person out of all versions of the directory that are kept; the audit has them by digest only."""
        for version in await self._store.scan(DIRECTORY):
            if version != "current":
                await self._erase_from_version(person_id, version)

    async def _erase_from_version(self, person_id: str, version: str) -> None:
        """Take the person out of a version of the directory, whoever else changes it meanwhile."""
        while (record := (await self._store.get(DIRECTORY, [version]))[0]) is not None:
            try:
                contents = decode_record(DIRECTORY, version, record.value, Contents)
            except UnreadableRecordError as error:
                self._unreadable.add(error.record)
                return
            left = without(contents, person_id)
            if left == contents:
                return
            put = Put(DIRECTORY, version, encode(left), record.version)
            if isinstance(await self._store.write(Write(name="erase", puts=(put,))), Committed):
                return

    async def _notifications(self, person_id: str) -> list[tuple[Notification, int]]:
        records = await self._store.scan(NOTIFICATIONS)
        found = self._read(NOTIFICATIONS, records, Notification)
        return sorted(
            ((n, records[id_].version) for id_, n in found.items() if n.person == person_id),
            key=lambda pair: pair[0].planned_at,
        )

    async def _history(self, person_id: str) -> list[HistoryEntry]:
        found = []
        for alert_id in await self._store.scan(ALERTS):
            name = history_log(alert_id)
            entries = readable_entries(name, await self._store.log(name), HistoryEntry)
            found += [entry for entry in entries if entry.person == person_id]
        return sorted(found, key=lambda entry: (entry.at, entry.id))

    def _read(self, table: str, records: Mapping[str, Record], type_: type[T]) -> dict[str, T]:
        found = readable(table, records, type_)
        self._unreadable |= {f"{table}/{id_}" for id_ in records.keys() - found.keys()}
        return found

    async def _texts(self, history: Iterable[HistoryEntry]) -> dict[str, str]:
        texts = {}
        for entry in history:
            digest = str(entry.details.get("note", ""))
            if digest:
                found = await self._notes.texts(entry.alert, [digest])
                texts.update({f"{entry.alert}/{digest}": text for text in found.values()})
        return texts


def _wiped(message: Notification) -> Notification:
    """Return a message to the person without its words and address.

    One that is not over yet is written anew at its next attempt, which finds that the contact is gone. A reply is of no
    contact of the directory, so it is cancelled. A digest stays: its words are those of other messages.
    """
    if message.rendered in (None, BARE):
        return message
    if message.final or (message.state == "sent" and message.due_at is None):
        return msgspec.structs.replace(message, rendered=BARE)
    if message.kind == "digest":
        return message
    if message.alert and message.kind not in ALONE:
        return msgspec.structs.replace(message, rendered=None)
    return msgspec.structs.replace(
        message, rendered=BARE, state="cancelled", reason="contact_gone", due_at=None, held=""
    )


def _redacted(message: Notification, gone: ContactValues) -> Notification:
    """Return a message to somebody else without the addresses."""
    rendered = message.rendered
    if rendered is None:
        return message
    words = {name: gone.redacted(getattr(rendered, name)) for name in ("text", "subject", "html")}
    return msgspec.structs.replace(message, rendered=msgspec.structs.replace(rendered, **words))


def _redacted_proposal(kept: ChangeProposal, gone: ContactValues) -> ChangeProposal:
    """Return a proposal without the addresses in its reasons."""
    subject, wish = kept.subject, kept.subject.silence
    if wish is not None:
        wish = msgspec.structs.replace(wish, reason=gone.redacted(wish.reason))
        subject = msgspec.structs.replace(subject, silence=wish)
    return msgspec.structs.replace(kept, subject=subject, reason=gone.redacted(kept.reason))


def _redacted_settled(entry: bytes, gone: ContactValues) -> bytes:
    try:
        one = decode_record(SETTLED, "", entry, SettledRecord)
    except UnreadableRecordError:
        return entry
    left = redacted_settled(one, gone)
    return entry if left == one else encode(left)


WINDOW = 1_048_576
"""Bytes of a file that are looked through at once."""
OVERLAP = 1_024
"""Bytes that two windows share, so that no address lies between them; more than any has."""
FORGOTTEN_SECONDS, PAUSE = 30.0, 0.1
"""A server removes its old files behind the answer: how long that may take, and how often it is looked for."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did, and what still holds the person.

    `erased` counts by kind. `refused`: why the server did not write its file anew; empty where it did. `records` are
    keys of the store, `reports` files of the archive of reports, `files` other files, all of which still hold an
    address. `unreadable` says which records could not be read. `backups` were taken before.
    """

    erased: dict[str, int]
    refused: str
    records: tuple[str, ...]
    reports: tuple[str, ...]
    files: tuple[str, ...]
    unreadable: str
    backups: tuple[BackupRecord, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing that can be erased is left. A report in the chained archive cannot be."""
        left = self.refused or self.records or self.files or self.unreadable or self.erased.get("waiting")
        return not left


async def erase_everywhere(
    store: RedisStore,
    where: str,
    books: RuntimeConfig,
    settings: Settings,
    person_id: str,
    at: Instant,
    by: Credential,
) -> Erasure:
    """Erase a person from all that this machine reaches; `where` is the address of the store's server.

    It may be said again at any time, and must be where something was refused or interrupted. The list of erasures
    holds it from then on; one that a restore made due keeps its first instant.
    """
    due = {one.person: one.erased_at for one in await erasures_due(store)}
    persons = PersonalData(store, books, archive_of(settings))
    gone = await persons.addresses(person_id)
    erased, unreadable = dict[str, int](), ""
    try:
        erased = await persons.erase(person_id, at, by)
    except ErasureIncompleteError as error:
        erased, unreadable = error.erased, str(error)
    erasure = {digest_of(settings.namespace, person_id): due.get(person_id, at)}
    await asyncio.to_thread(add_erasures, own_list(settings), erasure)
    erased["files"] = await asyncio.to_thread(_erase_outbox, settings.outbox_directory, gone)
    refused = ""
    try:
        await store.rewrite_files()
    except StoreError as error:
        refused = str(error)
    embedded = settings.redis_directory if settings.redis.url is None else None
    archive = settings.archive_directory
    done = Erasure(
        erased=erased,
        refused=refused,
        records=await _records(where, settings.namespace, gone),
        reports=await asyncio.to_thread(_holding, _day_files(archive), gone),
        files=await _files(embedded, gone) if embedded is not None and not refused else (),
        unreadable=unreadable,
        backups=tuple(one for one in await backups(store) if one.taken_at <= at),
    )
    if done.is_whole:
        await settle_due(store, person_id)
    return done


async def _records(where: str, namespace: str, gone: ContactValues) -> tuple[str, ...]:
    """Return the keys of a namespace that still hold an address."""
    found: set[str] = set()
    async with aclosing(Namespace(where, namespace)) as copied:
        keys = await copied.keys() if gone else []
        async with aclosing(copied.parts(keys, Counter())) as parts:
            async for part, _ in parts:
                if any(gone.within(item) for item in part.items):
                    found.add(part.key)
    return tuple(sorted(found))


async def _files(folder: Path, gone: ContactValues) -> tuple[str, ...]:
    """Return the files of an embedded server that still hold an address, once the old ones are removed."""
    ends = monotonic() + FORGOTTEN_SECONDS
    while found := await asyncio.to_thread(_holding, _regular(folder), gone):
        if monotonic() > ends:
            return found
        await asyncio.sleep(PAUSE)
    return ()


def _erase_outbox(folder: Path, gone: ContactValues) -> int:
    """Delete the messages of the outbox that hold an address; return how many."""
    made = 0
    for path in list(_regular(folder)) if gone else ():
        content = path.read_bytes()
        if path.suffix == ".eml":
            content += b"\n".join(_decoded(content))
        if path.suffix in (".eml", ".sms") and gone.within(content):
            path.unlink(missing_ok=True)
            made += 1
    return made


def _decoded(mail: bytes) -> Iterator[bytes]:
    for part in message_from_bytes(mail).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content


def _day_files(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield from sorted(folder.rglob(f"*{SUFFIX}"))


def _regular(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _holding(paths: Iterable[Path], gone: ContactValues) -> tuple[str, ...]:
    """Return which files hold an address; those of the archive are looked into unpacked."""
    return tuple(str(path) for path in paths if gone and _holds(path, gone))


def _holds(path: Path, gone: ContactValues) -> bool:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as unpacked:
                return _found(unpacked.read, gone)
        with path.open("rb") as file:
            return _found(file.read, gone)
    except FileNotFoundError:
        return False  # the server removed it meanwhile


def _found(read: Callable[[int], bytes], gone: ContactValues) -> bool:
    before = b""
    while window := read(WINDOW):
        if gone.within(before + window):
            return True
        before = window[-OVERLAP:]
    return False
