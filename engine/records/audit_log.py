"""The audit: one chained log of everything that was done, in ids and digests only.

Here: what an entry holds, how it is appended with the write it belongs to, and reading. Not here: proving the log
(`operations.audit_proof`), and the history of one alert, which has a chain of its own (`core.alerting.invariants`).

Whoever can write to the store could write the whole chain anew; therefore its newest mark is told outside: `siaga audit
head` prints it, to be kept where the store's owner cannot reach it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from hashlib import blake2b
from typing import Literal

import msgspec

from engine.core.alerting.alert import HistoryEntry
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import Instant
from engine.store.port import MARK_LENGTH, Append, Store, Write

AUDIT = "audit"
"""The chained log."""
PAGE = 5_000
"""Entries read at once."""

What = Literal[
    "history",
    "directory",
    "quarantine",
    "silence",
    "rules",
    "proposal",
    "token",
    "user",
    "sign_in",
    "stop_asked",
    "code_guessed",
    "seen",
    "exported",
    "erased",
    "record",
]


class AuditEntry(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One thing that was done: when, what, of which subject, the digest of what it was afterwards, and by whom.

    `subject` is an id (of an alert and its entry, a silence, a token, a user), never a name or an address. `by` is
    the id of the credential, such as `user:siti` or `service:escalator`.
    `seen`: personal data was looked at. `quarantine`: `digest` is that of what was sent in place of a record, empty
    where it was dropped, and `before` that of the record's document.
    """

    at: Instant
    what: What
    subject: str
    digest: str = ""
    by: str = ""
    before: str = ""


def append_audit(*entries: AuditEntry) -> Append:
    """Return what appends entries to the log, for the write they belong to."""
    return Append(AUDIT, tuple(msgspec.json.encode(entry) for entry in entries), chained=True)


def append_histories(entries: Iterable[HistoryEntry]) -> Append:
    """Return what appends entries of alerts' histories to the log."""
    return append_audit(
        *(AuditEntry(entry.at, "history", entry.id, entry.digest, entry.by) for entry in entries)
    )


def digest_of_contents(value: bytes) -> str:
    """Return what the log holds of a stored value."""
    return blake2b(value, digest_size=16).hexdigest()


async def note_seen(store: Store, at: Instant, subject: str, by: Credential) -> None:
    """Keep that somebody looked at personal data; `by` is their credential."""
    entry = AuditEntry(at, "seen", subject, by=str(by))
    await store.write(Write(name="audit", appends=(append_audit(entry),)))


async def newest(store: Store, limit: int) -> list[AuditEntry]:
    """Return the newest entries, the newest first."""
    kept = await store.log(AUDIT, start=-limit)
    return [msgspec.json.decode(entry[MARK_LENGTH:], type=AuditEntry) for entry in reversed(kept)]


async def pages(store: Store) -> AsyncIterator[list[bytes]]:
    """Yield the log as it is kept, some thousand entries at a time."""
    start = 0
    while page := await store.log(AUDIT, start, PAGE):
        yield page
        start += len(page)


async def entries(store: Store) -> AsyncIterator[AuditEntry]:
    """Yield the entries, oldest first, without proving them."""
    decoder = msgspec.json.Decoder(AuditEntry)
    async for page in pages(store):
        for kept in page:
            yield decoder.decode(kept[MARK_LENGTH:])
