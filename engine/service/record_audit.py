"""The record audit: reads every record of the store from time to time and counts those that cannot be read.

Each process isolates the unreadable records that it meets. This audit also finds those that nobody reads now, sets the
gauge from the store alone, and asks for an own alert when a new one appears. It walks in pieces and rests after each,
so that no message waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.directory import Contents
from engine.core.alerting.internal_alerts import Request
from engine.core.alerting.route import Breaker
from engine.core.alerting.silence import Silence
from engine.core.judging.group_state import Gap, Point
from engine.core.judging.instant import Instant
from engine.errors import UnreadableRecordError
from engine.metrics import Metrics
from engine.service.accounts import ACCOUNTS
from engine.service.alert_lists import LAYOUT
from engine.service.archivist import ARCHIVE
from engine.service.auditor import REST
from engine.service.backup_record import BACKUPS, BackupRecord
from engine.service.books import BREAKERS, DIRECTORY, SILENCES
from engine.service.case_archivist import LISTED
from engine.service.casebook import ALERTS, LINKS, NOTIFICATIONS
from engine.service.code_misses import CODE_MISSES
from engine.service.dead_letters import LETTERS, PUT_OFF_GROUPS, Letter, PutOff
from engine.service.families import FAMILIES, Known
from engine.service.groups import FLOORS, GROUPS, POINTS, Head
from engine.service.key import INSTALLATION, KnownKey
from engine.service.lock_step import CLOCK
from engine.service.notes import NOTES
from engine.service.outages import GAPS, INTAKE
from engine.service.own_alerts import OWN, ask
from engine.service.phones import CODES, OF_ALERTS, TOLD
from engine.service.proposal_records import PROPOSALS, ChangeProposal
from engine.service.quarantine import QUARANTINE, SHARES, Quarantined, Share
from engine.service.readable import UNREADABLE
from engine.service.receipts import RECEIPTS, Receipt
from engine.service.retention import RETENTION, Seen
from engine.service.rule_sets import RULE_SETS, RULES, InForce, Progress, Proposal, StoredRuleSet
from engine.service.sessions import SESSIONS, Session
from engine.service.tokens import TABLE as TOKENS
from engine.service.tokens import Token
from engine.service.users import TABLE as USERS
from engine.service.users import User
from engine.service.verification import VERIFICATIONS, Asked
from engine.store.archive.day_file import Link
from engine.store.codec import decode_record
from engine.store.port import Record, Store, Write
from engine.texts.conversation import Line, Told

EVERY_SECONDS = 300.0
"""Seconds between two passes over all tables."""
AT_ONCE = 25
"""Records that are decoded before whatever else waits has its turn."""

log = structlog.get_logger(__name__)

_RULES: Mapping[str, Any] = {"in_force": InForce, "pending": Proposal, "progress": Progress}
_INSTALLATION: Mapping[str, Any] = {"backup": BackupRecord, BACKUPS: tuple[BackupRecord, ...]}
_RETENTION: Mapping[str, Any] = {
    "day": int,
    "rule_sets": tuple[tuple[str, int], ...],
    "unreadable": tuple[tuple[str, int], ...],
}

TYPES: Mapping[str, Callable[[str], Any]] = {
    ACCOUNTS: lambda _id: tuple[Instant, ...],
    ALERTS: lambda _id: Alert,
    ARCHIVE: lambda id_: None if id_ == LISTED else Link,
    BREAKERS: lambda _id: Breaker,
    CLOCK: lambda _id: int,
    CODES: lambda _id: Line,
    CODE_MISSES: lambda _id: tuple[Instant, ...],
    TOLD: lambda _id: Told,
    OF_ALERTS: lambda _id: str,
    DIRECTORY: lambda id_: int if id_ == "current" else Contents,
    FAMILIES: lambda _id: Known,
    GAPS: lambda _id: tuple[Gap, ...],
    FLOORS: lambda _id: int,
    GROUPS: lambda _id: Head,
    INSTALLATION: lambda id_: _INSTALLATION.get(id_, KnownKey),
    INTAKE: lambda _id: int,
    LAYOUT: lambda _id: int,
    LETTERS: lambda _id: Letter,
    NOTES: lambda _id: str,
    NOTIFICATIONS: lambda _id: Notification,
    OWN: lambda _id: tuple[int, str],
    POINTS: lambda _id: tuple[Point, ...],
    PROPOSALS: lambda _id: ChangeProposal,
    PUT_OFF_GROUPS: lambda _id: PutOff,
    QUARANTINE: lambda _id: Quarantined,
    SHARES: lambda _id: Share,
    RECEIPTS: lambda _id: Receipt,
    RETENTION: lambda id_: _RETENTION.get(id_, Seen),
    RULES: lambda id_: _RULES.get(id_, Proposal),
    RULE_SETS: lambda _id: StoredRuleSet,
    SESSIONS: lambda _id: Session,
    SILENCES: lambda _id: tuple[Silence, ...],
    TOKENS: lambda _id: Token,
    USERS: lambda _id: User,
    VERIFICATIONS: lambda _id: Asked,
}
"""The type of the value of a record, by table and id; None where the record is a mark without a value."""
RAW = (LINKS, UNREADABLE)
"""Tables whose records hold bytes that mean nothing to the codec."""


class Unread(NamedTuple):
    """A record that cannot be read, and why. `record` is its name, `table/id`."""

    record: str
    reason: str

    @property
    def table(self) -> str:
        """The table of the record."""
        return self.record.partition("/")[0]


def fault_of(table: str, id_: str, record: Record) -> UnreadableRecordError | None:
    """Return why a record cannot be read; None where it can."""
    type_ = TYPES[table](id_)
    if type_ is None:
        return None
    try:
        decode_record(table, id_, record.value, type_)
    except UnreadableRecordError as error:
        return error
    return None


async def unreadable(store: Store, *, rest: float = 0.0) -> AsyncIterator[Unread]:
    """Yield every record of the store that cannot be read; rest so many times as long as the work takes."""
    for table in sorted(TYPES):
        async for records in store.walk(table):
            ids = list(records)
            for first in range(0, len(ids), AT_ONCE):
                began = monotonic()
                for id_ in ids[first : first + AT_ONCE]:
                    if (error := fault_of(table, id_, records[id_])) is not None:
                        yield Unread(error.record, error.reason)
                await asyncio.sleep(rest * (monotonic() - began))


class RecordAudit:
    """Takes passes over all tables."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self.found: frozenset[str] = frozenset()
        """The records that the newest pass could not read, as `table/id`."""

    async def turn(self) -> int:
        """Take one pass; return 0, since nothing is left to do at once."""
        found = [one async for one in unreadable(self._store, rest=REST)]
        names = frozenset(one.record for one in found)
        for one in found:
            log.error("record_unreadable", record=one.record, reason=one.reason)
        for table in TYPES:
            count = sum(one.table == table for one in found)
            self._metrics.trouble.records_unreadable[table].set(count)
        if names - self.found:
            asked = ask(Request("unreadable"), self._clock.now())
            await self._store.write(Write(name="own_alert", plans=(asked,)))
        self.found = names
        return 0
