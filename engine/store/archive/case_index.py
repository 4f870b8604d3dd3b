"""The index of the archive of cases: where each case lies, and the texts of it that may be erased.

Here: one SQLite file beside the archive's files. Not here: those files (`store.archive.events`) and what a case is
(`records.case_archive`). Which case lies where can be read again from the files; the texts are nowhere else, for what
is in a chained file cannot be erased (`docs/decisions/0028-cases-leave-for-the-archive.md`).

SQLite overwrites what is deleted. One process writes, the one that has the archive's lock, and whoever erases a person;
any number read.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from engine.core.judging.instant import Instant
from engine.errors import StoreError
from engine.store.port import START

FILE = "index.sqlite"
BUSY_SECONDS = 10.0
"""Whoever finds the file locked waits so long."""
FiledKind = Literal["message", "note", "settled"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS standing (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cases (
  id TEXT PRIMARY KEY, position TEXT NOT NULL, digest TEXT NOT NULL, space TEXT NOT NULL, rule TEXT NOT NULL,
  region TEXT NOT NULL, level INTEGER NOT NULL, detected_at INTEGER NOT NULL, resolved_at INTEGER NOT NULL,
  resolved_reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cases_by_detection ON cases (detected_at, id);
CREATE TABLE IF NOT EXISTS messages (
  id TEXT PRIMARY KEY, alert TEXT NOT NULL, position TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
  person TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (person, record)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (
  record TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, person TEXT NOT NULL, until INTEGER,
  value BLOB NOT NULL, PRIMARY KEY (record, kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS texts_by_person ON texts (person);
CREATE INDEX IF NOT EXISTS texts_by_end ON texts (until);
"""


class Filed(NamedTuple):
    """Where a record lies, and by what it is found: a case, or a message of no case (then there is no `rule`).

    `digest` is that of its bytes. `messages` are ids of its messages, `people` those it names.
    """

    id: str
    position: str
    digest: str
    space: str
    rule: str
    region: str
    level: int
    detected_at: Instant
    resolved_at: Instant
    resolved_reason: str
    messages: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class FiledText(NamedTuple):
    """Words that may be erased, and until when they stay.

    They are of a message (key: its id), a note (key: its digest), or a settled record of the quarantine (key: when).
    """

    record: str
    kind: FiledKind
    key: str
    person: str
    until: Instant | None
    value: bytes


class CaseRow(NamedTuple):
    """A case as a list shows it."""

    id: str
    space: str
    rule: str
    region: str
    level: int
    detected_at: Instant
    resolved_at: Instant
    resolved_reason: str


class CaseIndex:
    """The index in one folder; a folder without one holds nothing."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    @property
    def is_there(self) -> bool:
        """Whether there is an index."""
        return self._file.exists()

    # --- writing ------------------------------------------------------------------------------------------------------

    def indexed(self) -> str:
        """Return the position up to which the files are indexed, `START` where nothing is."""
        with self._reading() as connection:
            found = connection and connection.execute("SELECT value FROM standing WHERE name = 'indexed'")
            row = found.fetchone() if found else None
            return str(row[0]) if row else START

    def file(self, records: Iterable[Filed], texts: Iterable[FiledText], indexed: str) -> None:
        """Keep where records lie, up to a position; when this returns it is on the disk.

        What was kept of the same record before is replaced, its texts too.
        """
        with self._writing() as connection:
            for one in records:
                self._forget(connection, one.id)
                if one.rule:
                    connection.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", one[:10])
                    messages: Sequence[str] = one.messages
                else:
                    messages = (one.id,)
                connection.executemany(
                    "INSERT OR REPLACE INTO messages VALUES (?, ?, ?)",
                    [(message, one.id if one.rule else "", one.position) for message in messages],
                )
                connection.executemany(
                    "INSERT OR IGNORE INTO people VALUES (?, ?)", [(person, one.id) for person in one.people]
                )
            connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?, ?)", texts)
            connection.execute("INSERT OR REPLACE INTO standing VALUES ('indexed', ?)", (indexed,))

    @staticmethod
    def _forget(connection: sqlite3.Connection, record: str) -> None:
        connection.execute("DELETE FROM cases WHERE id = ?", (record,))
        connection.execute("DELETE FROM messages WHERE alert = ? OR id = ?", (record, record))
        connection.execute("DELETE FROM people WHERE record = ?", (record,))
        connection.execute("DELETE FROM texts WHERE record = ?", (record,))

    def erase_person(self, person: str) -> dict[str, int]:
        """Erase the texts of a person; return how many by kind."""
        return self._erase("SELECT record, kind, key FROM texts WHERE person = ?", (person,))

    def erase_note(self, record: str, digest: str) -> dict[str, int]:
        """Erase one note of a case; return how many by kind."""
        return self._erase(
            "SELECT record, kind, key FROM texts WHERE record = ? AND key = ?", (record, digest)
        )

    def rewrite(self, change: Callable[[FiledText], bytes]) -> int:
        """Give every text other bytes where `change` does; return how many were changed."""
        if not self.is_there:
            return 0
        made = 0
        with self._writing() as connection:
            for row in connection.execute("SELECT * FROM texts ORDER BY record, kind, key").fetchall():
                text = FiledText(*row)
                value = change(text)
                if value != text.value:
                    made += 1
                    connection.execute(
                        "UPDATE texts SET value = ? WHERE record = ? AND kind = ? AND key = ?",
                        (value, text.record, text.kind, text.key),
                    )
        return made

    def end_texts(self, now: Instant) -> dict[str, int]:
        """Erase the texts whose time is over; return how many by kind."""
        return self._erase("SELECT record, kind, key FROM texts WHERE until <= ?", (now,))

    def _erase(self, found_by: str, given: Sequence[object]) -> dict[str, int]:
        if not self.is_there:
            return {}
        with self._writing() as connection:
            found = connection.execute(found_by, given).fetchall()
            connection.executemany("DELETE FROM texts WHERE record = ? AND kind = ? AND key = ?", found)
            return dict(Counter(str(kind) for _, kind, _ in found))

    # --- reading ------------------------------------------------------------------------------------------------------

    def position(self, record: str) -> tuple[str, str] | None:
        """Return where a case or a message of no case lies, and the digest of a case's bytes."""
        with self._reading() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT position, digest FROM cases WHERE id = ?", (record,)).fetchone()
            if row is None:
                row = connection.execute(
                    "SELECT position, '' FROM messages WHERE id = ? AND alert = ''", (record,)
                ).fetchone()
            return (str(row[0]), str(row[1])) if row else None

    def alert_of(self, message: str) -> str | None:
        """Return the case of a message, empty for a message of none; None for one that is not here."""
        with self._reading() as connection:
            found = connection and connection.execute("SELECT alert FROM messages WHERE id = ?", (message,))
            row = found.fetchone() if found else None
            return str(row[0]) if row else None

    def texts(self, record: str) -> list[FiledText]:
        """Return the texts of a record that are still there."""
        with self._reading() as connection:
            if connection is None:
                return []
            return [
                FiledText(*row)
                for row in connection.execute("SELECT * FROM texts WHERE record = ?", (record,))
            ]

    def of_person(self, person: str) -> list[str]:
        """Return the records that name a person."""
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT record FROM people WHERE person = ? ORDER BY record", (person,))
            return [str(record) for (record,) in rows]

    def everybody(self) -> set[str]:
        """Return all people whom records or texts name."""
        with self._reading() as connection:
            if connection is None:
                return set()
            rows = connection.execute("SELECT person FROM people UNION SELECT person FROM texts")
            return {person for (person,) in rows}

    def page(
        self, limit: int, before: tuple[Instant, str] | None = None, *, region: str = ""
    ) -> list[CaseRow]:
        """Return cases, the newest detected first, from behind a place on; only of a region and what lies in it."""
        with self._reading() as connection:
            if connection is None:
                return []
            at, id_ = before or (2**62, "")
            nation = region in ("", "00")
            rows = connection.execute(
                "SELECT id, space, rule, region, level, detected_at, resolved_at, resolved_reason FROM cases "
                "WHERE (detected_at, id) < (?, ?) AND (? OR region = ? OR region LIKE ? || '.%') "
                "ORDER BY detected_at DESC, id DESC LIMIT ?",
                (at, id_, nation, region, region, limit),
            )
            return [CaseRow(*row) for row in rows]

    def count(self) -> int:
        """Return how many cases there are."""
        with self._reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM cases").fetchone()[0]) if connection else 0

    def copy(self, target: Path) -> None:
        """Write a copy of one moment of the whole index, for a backup."""
        with self._reading() as connection, closing(sqlite3.connect(target)) as copied:
            if connection is not None:
                connection.backup(copied)

    # --- the file -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the file for one transaction; it is made where there is none."""
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with self._told(), closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.executescript(_SCHEMA)
            with connection:
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give the file, None where there is none or nothing was ever written to it."""
        if not self._file.exists() or not self._file.stat().st_size:
            yield None
            return
        where = f"{self._file.absolute().as_uri()}?mode=ro"
        with self._told(), closing(sqlite3.connect(where, timeout=BUSY_SECONDS, uri=True)) as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the index of the archive of cases, {self._file}: {error}") from error
