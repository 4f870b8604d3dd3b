"""What is kept of a person: all of it for them, and its erasure (UU PDP 27/2022).

Here: finding and erasing what names or reaches a person. Not here: what must stay: histories and the audit hold ids and
digests only, and the office that was told stays told. An id that no directory resolves any more names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from engine.alerting.alert import HistoryEntry, Notification, Rendered
from engine.alerting.credential import Credential
from engine.alerting.directory import Contents, Person
from engine.alerting.edit import without
from engine.errors import SiagaError, UnreadableRecordError
from engine.judging.instant import Instant
from engine.service.audit import AuditEntry, append_audit
from engine.service.books import DIRECTORY, Books
from engine.service.case_archive import CaseArchive
from engine.service.casebook import ALERTS, NOTIFICATIONS, history_log
from engine.service.notes import Notes
from engine.service.readable import readable, readable_entries
from engine.service.registry import Registry
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Put, Record, Store, Write

BARE = Rendered(to="", text="")
"""What is left of a message's words and address."""

T = TypeVar("T")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
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

    def __init__(self, records: Iterable[str]) -> None:
        names = ", ".join(sorted(records))
        super().__init__(
            f"erased but for what cannot be read: {names}; erase again when these are repaired or removed"
        )


class Persons:
    """The people of an installation, as somebody who asks what is kept of them."""

    def __init__(self, store: Store, books: Books, past: CaseArchive | None = None) -> None:
        """`past` is where alerts are that left the store; None: there is none on this machine."""
        self._store = store
        self._books = books
        self._past = past
        self._notes = Notes(store, past)
        self._unreadable: set[str] = set()

    async def kept(self, person_id: str, at: Instant, by: Credential) -> Kept:
        """Return all that is kept of a person; the look stands in the audit."""
        directory = await self._books.directory()
        contents = directory.contents
        held = [(a.region, a.role) for a in contents.assignments if a.person == person_id]
        served = [(d.region, d.role) for d in contents.roster if d.person == person_id]
        history = await self._history(person_id)
        past = await self._past.of_person(person_id) if self._past is not None else ([], [], {})
        messages = {n.id: n for n in (*past[0], *(n for n, _ in await self._notifications(person_id)))}
        found = Kept(
            person=directory.person(person_id),
            offices=tuple(dict.fromkeys((*held, *served))),
            notifications=tuple(sorted(messages.values(), key=lambda n: n.planned_at)),
            history=tuple({entry.id: entry for entry in (*past[1], *history)}.values()),
            notes={**past[2], **await self._texts(history)},
        )
        seen = AuditEntry(at, "seen", f"person/{person_id}", by=str(by))
        await self._store.write(Write(name="audit", appends=(append_audit(seen),)))
        return found

    async def erase(self, person_id: str, at: Instant, by: Credential) -> dict[str, int]:
        """Erase the person from the directory, the words and addresses of messages that are over, and their notes.

        Return how many of each. Raises `NobodyLeftError` before anything is erased. What still has to be sent to them
        keeps its words until it was; erase again then. Raises `ErasureIncompleteError` after everything else is erased
        where records cannot be read, which may hold something of the person.
        """
        self._unreadable.clear()
        known = (await self._books.directory()).person(person_id) is not None
        if known:
            await Registry(self._store, self._books).amend(
                lambda contents: without(contents, person_id), at, by
            )
        history = await self._history(person_id)
        texts = await self._texts(history)
        for key in texts:
            alert_id, _, digest = key.partition("/")
            await self._notes.erase(alert_id, digest)
        wiped = 0
        for notification, _ in await self._notifications(person_id):
            if _holds_words(notification):
                wiped += await self._wiped(notification.id)
        await self._erase_from_versions(person_id)
        # Behind the store: what left it until now is in the archive.
        archived = await self._past.erase_person(person_id) if self._past is not None else {}
        done = AuditEntry(at, "erased", f"person/{person_id}", by=str(by))
        await self._store.write(Write(name="audit", appends=(append_audit(done),)))
        if self._unreadable:
            raise ErasureIncompleteError(self._unreadable)
        return {
            "person": int(known),
            "messages": wiped + archived.get("message", 0),
            "notes": len(texts) + archived.get("note", 0),
        }

    async def _wiped(self, notification_id: str) -> bool:
        """Wipe the words and the address of a message that is over, whoever else changes it meanwhile."""
        while (record := (await self._store.get(NOTIFICATIONS, [notification_id]))[0]) is not None:
            notification = decode_record(NOTIFICATIONS, notification_id, record.value, Notification)
            if not _holds_words(notification):
                return False
            bare = msgspec.structs.replace(notification, rendered=BARE)
            put = Put(NOTIFICATIONS, notification_id, encode(bare), record.version)
            if isinstance(await self._store.write(Write(name="erase", puts=(put,))), Committed):
                return True
        return False

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


def _holds_words(notification: Notification) -> bool:
    """Say whether a message that is over still has words or an address."""
    return notification.rendered not in (None, BARE) and _is_over(notification)


def _is_over(notification: Notification) -> bool:
    return notification.final or (notification.state == "sent" and notification.due_at is None)
