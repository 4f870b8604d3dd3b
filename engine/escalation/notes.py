"""Free text that people leave with an answer: kept beside the history, so that it can be erased.

Here: keeping, reading and erasing it. Not here: the history, which holds only a digest
(docs/specification/escalation.md#history), and who may read it (`web.api.alerts`). A text erased leaves its digest: the
chain of the history stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from engine.core.alerting.case_editor import Decision
from engine.escalation.alert_commands import Beside
from engine.records.alert_repository import Case
from engine.records.case_archive import CaseArchive
from engine.records.tolerant_read import readable_of
from engine.store.codec import encode
from engine.store.port import Drop, Plan, Put, Store, Write

NOTES = "notes"
"""Table of the texts, by alert and digest."""
LONGEST = 500
"""Most characters of a note."""


def digest_of(alert_id: str, person: str, text: str) -> str:
    """Return what the history holds of a note; empty for an empty one. Equal words of two people differ."""
    if not text:
        return ""
    return blake2b(f"{alert_id}\0{person}\0{text}".encode(), digest_size=16).hexdigest()


def with_note(alert_id: str, digest: str, text: str) -> Beside | None:
    """Return what keeps the text of a digest in one write with what was said; a refused command leaves no text."""
    if not digest:
        return None

    async def beside(_case: Case, decision: Decision) -> tuple[Sequence[Put], Sequence[Plan]]:
        return () if decision.refusal else (Put(NOTES, note_key(alert_id, digest), encode(text)),), ()

    return beside


class Notes:
    """The notes of an installation."""

    def __init__(self, store: Store, past: CaseArchive | None = None) -> None:
        """`past` is where the notes are of alerts that left the store."""
        self._store = store
        self._past = past

    async def texts(self, alert_id: str, digests: Iterable[str]) -> dict[str, str]:
        """Return the texts that are still there, by digest."""
        wanted = list(dict.fromkeys(digests))
        names = [note_key(alert_id, digest) for digest in wanted]
        records = await self._store.get(NOTES, names) if names else []
        found = readable_of(NOTES, names, records, str)
        texts = {key.partition("/")[2]: text for key, text in found.items()}
        if len(texts) < len(wanted) and self._past is not None:
            texts |= await self._past.notes(alert_id, wanted)
        return texts

    async def erase(self, alert_id: str, digest: str) -> None:
        """Remove a text for good."""
        await self._store.write(Write(name="erase_note", drops=(Drop(NOTES, note_key(alert_id, digest)),)))
        if self._past is not None:  # behind the store: what left it until now is there
            await self._past.erase_note(alert_id, digest)


def note_key(alert_id: str, digest: str) -> str:
    """Return the id of the record of a note."""
    return f"{alert_id}/{digest}"
