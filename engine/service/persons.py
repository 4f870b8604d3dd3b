"""What is kept of a person: all of it for them, and its erasure (UU PDP 27/2022).

Here: finding and erasing what names or reaches a person. Not here: what must stay: histories and the audit hold ids and
digests only, and the office that was told stays told. An id that no directory resolves any more names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.alerting.alert import Alert, HistoryEntry, Notification, Rendered
from engine.alerting.credential import Credential
from engine.alerting.directory import Contents, Person
from engine.alerting.edit import without
from engine.judging.instant import Instant
from engine.service.audit import AuditEntry, append_audit
from engine.service.books import DIRECTORY, Books
from engine.service.casebook import ALERTS, NOTIFICATIONS, history_log
from engine.service.notes import Notes
from engine.service.registry import Registry
from engine.store.codec import decode, encode
from engine.store.port import Committed, Put, Store, Write

BATCH = 500


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


class Persons:
    """The people of an installation, as somebody who asks what is kept of them."""

    def __init__(self, store: Store, books: Books) -> None:
        self._store = store
        self._books = books
        self._notes = Notes(store)

    async def kept(self, person_id: str, at: Instant, by: Credential) -> Kept:
        """Return all that is kept of a person; the look stands in the audit."""
        directory = await self._books.directory()
        contents = directory.contents
        held = [(a.region, a.role) for a in contents.assignments if a.person == person_id]
        served = [(d.region, d.role) for d in contents.roster if d.person == person_id]
        found = Kept(
            person=directory.person(person_id),
            offices=tuple(dict.fromkeys((*held, *served))),
            notifications=tuple(n for n, _ in await self._notifications(person_id)),
            history=tuple(await self._history(person_id)),
            notes=await self._texts(await self._history(person_id)),
        )
        seen = AuditEntry(at, "seen", f"person/{person_id}", by=str(by))
        await self._store.write(Write(name="audit", appends=(append_audit(seen),)))
        return found

    async def erase(self, person_id: str, at: Instant, by: Credential) -> dict[str, int]:
        """Erase the person from the directory, the words and addresses of messages that are over, and their notes.

        Return how many of each. Raises `NobodyLeftError` before anything is erased. What still has to be sent to them
        keeps its words until it was; erase again then.
        """
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
        for notification, version in await self._notifications(person_id):
            if notification.rendered is None or not _is_over(notification):
                continue
            bare = msgspec.structs.replace(notification, rendered=Rendered(to="", text=""))
            put = Put(NOTIFICATIONS, notification.id, encode(bare), version)
            wiped += isinstance(await self._store.write(Write(name="erase", puts=(put,))), Committed)
        await self._erase_from_versions(person_id)
        done = AuditEntry(at, "erased", f"person/{person_id}", by=str(by))
        await self._store.write(Write(name="audit", appends=(append_audit(done),)))
        return {"person": int(known), "messages": wiped, "notes": len(texts)}

    async def _erase_from_versions(self, person_id: str) -> None:
        """Take the person out of all versions of the directory that are kept; the audit has them by digest only."""
        for version, record in (await self._store.scan(DIRECTORY)).items():
            if version == "current":
                continue
            contents = decode(record.value, Contents)
            left = without(contents, person_id)
            if left != contents:
                put = Put(DIRECTORY, version, encode(left), record.version)
                await self._store.write(Write(name="erase", puts=(put,)))

    async def _notifications(self, person_id: str) -> list[tuple[Notification, int]]:
        records = (await self._store.scan(NOTIFICATIONS)).values()
        found = [(decode(record.value, Notification), record.version) for record in records]
        return sorted(
            ((n, version) for n, version in found if n.person == person_id),
            key=lambda pair: pair[0].planned_at,
        )

    async def _history(self, person_id: str) -> list[HistoryEntry]:
        found = []
        for record in (await self._store.scan(ALERTS)).values():
            alert = decode(record.value, Alert)
            entries = [decode(e, HistoryEntry) for e in await self._store.log(history_log(alert.id))]
            found += [entry for entry in entries if entry.person == person_id]
        return sorted(found, key=lambda entry: (entry.at, entry.id))

    async def _texts(self, history: Iterable[HistoryEntry]) -> dict[str, str]:
        texts = {}
        for entry in history:
            digest = str(entry.details.get("note", ""))
            if digest:
                found = await self._notes.texts(entry.alert, [digest])
                texts.update({f"{entry.alert}/{digest}": text for text in found.values()})
        return texts


def _is_over(notification: Notification) -> bool:
    return notification.final or (notification.state == "sent" and notification.due_at is None)
