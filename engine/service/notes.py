"""Free text that people leave with an answer: kept beside the history, so that it can be erased.

Here: keeping, reading and erasing it. Not here: the history, which holds only a digest (system.md 3), and who may read
it (`web.alerts`). A text erased leaves its digest: the chain of the history stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from engine.alerting.draft import Decision
from engine.service.apply import Beside
from engine.service.casebook import Case
from engine.store.codec import decode, encode
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
        return () if decision.refusal else (Put(NOTES, _key(alert_id, digest), encode(text)),), ()

    return beside


class Notes:
    """The notes of an installation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def texts(self, alert_id: str, digests: Iterable[str]) -> dict[str, str]:
        """Return the texts that are still there, by digest."""
        wanted = list(dict.fromkeys(digests))
        records = (
            await self._store.get(NOTES, [_key(alert_id, digest) for digest in wanted]) if wanted else []
        )
        found = zip(wanted, records, strict=True)
        return {digest: decode(record.value, str) for digest, record in found if record is not None}

    async def erase(self, alert_id: str, digest: str) -> None:
        """Remove a text for good."""
        await self._store.write(Write(name="erase_note", drops=(Drop(NOTES, _key(alert_id, digest)),)))


def _key(alert_id: str, digest: str) -> str:
    return f"{alert_id}/{digest}"
