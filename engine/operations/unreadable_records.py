"""Stored records that cannot be read: found by a regular audit, and removed or rebuilt by an operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import structlog

from engine.answers.verification import CODE_REQUESTS, VERIFICATIONS, CodeRequest, PendingCode
from engine.clock import Clock, monotonic
from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.directory import Contents
from engine.core.alerting.gateway_route import Breaker
from engine.core.alerting.internal_alerts import MATTERS, PREFIX, InternalAlertRequest
from engine.core.alerting.silence import Silence
from engine.core.judging.group_key import GroupKey
from engine.core.judging.group_state import Gap, Point
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.delivery.delivery_reports import RECEIPTS, GatewayReference
from engine.delivery.reply_codes import CODE_MISSES, CODES, OF_ALERTS, TOLD
from engine.delivery.send_budgets import ACCOUNTS
from engine.errors import SiagaError, UnreadableRecordError
from engine.escalation.internal_alerts import OWN, ask
from engine.escalation.notes import NOTES
from engine.evaluation.dead_letters import LETTERS, PUT_OFF_GROUPS, DeadLetterNote, PutOff
from engine.evaluation.group_context import REAL
from engine.evaluation.groups import FLOORS, GROUPS, POINTS, GroupHead
from engine.intake.event_families import FAMILIES, KnownEvents
from engine.metrics import Metrics
from engine.operations.auditor import REST
from engine.operations.case_archiver import LISTED
from engine.operations.erasure_list import DUE, ErasureDue
from engine.operations.event_archiver import ARCHIVE
from engine.operations.retention import RETENTION, SeenRecords
from engine.people.proposal_records import PROPOSALS, ChangeProposal
from engine.people.sessions import SESSIONS, Session
from engine.people.tokens import TABLE as TOKENS
from engine.people.tokens import Token
from engine.people.users import TABLE as USERS
from engine.people.users import User
from engine.records.alert_lists import LAYOUT, any_list, listed
from engine.records.alert_repository import (
    ALERTS,
    CLOSINGS,
    COVERS,
    LINKS,
    NOTIFICATIONS,
    OUTBOX,
    UNRESOLVED,
    closed_in,
    hidden_by,
    standing_of,
)
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.backup_record import BACKUPS, BackupRecord
from engine.records.outages import GAPS, INTAKE
from engine.records.quarantine import QUARANTINE, SHARES, Quarantined, QuarantineShare
from engine.records.rule_sets import (
    RULE_SETS,
    RULES,
    ActivationProgress,
    InForce,
    Proposal,
    StoredRuleSet,
    note_of,
)
from engine.records.runtime_config import BREAKERS, DIRECTORY, SILENCES, RuntimeConfig
from engine.records.tolerant_read import UNREADABLE, kept_bytes
from engine.runtime.keys import INSTALLATION, KnownKey
from engine.runtime.lock_step import CLOCK
from engine.store.archive.day_file import ChainPosition
from engine.store.codec import decode_record
from engine.store.port import Committed, Drop, Plan, Record, Store, Write
from engine.texts.conversation import Conversation, SentCode

EVERY_SECONDS = 300.0
"""Seconds between two passes over all tables."""
AT_ONCE = 25
"""Records that are decoded before whatever else waits has its turn."""

log = structlog.get_logger(__name__)

_RULES: Mapping[str, Any] = {"in_force": InForce, "pending": Proposal, "progress": ActivationProgress}
_INSTALLATION: Mapping[str, Any] = {
    "backup": BackupRecord,
    BACKUPS: tuple[BackupRecord, ...],
    DUE: tuple[ErasureDue, ...],
}
_RETENTION: Mapping[str, Any] = {
    "day": int,
    "rule_sets": tuple[tuple[str, int], ...],
    "unreadable": tuple[tuple[str, int], ...],
}

TYPES: Mapping[str, Callable[[str], Any]] = {
    ACCOUNTS: lambda _id: tuple[Instant, ...],
    ALERTS: lambda _id: Alert,
    ARCHIVE: lambda id_: None if id_ == LISTED else ChainPosition,
    BREAKERS: lambda _id: Breaker,
    CLOCK: lambda _id: int,
    CODES: lambda _id: Conversation,
    CODE_REQUESTS: lambda _id: tuple[CodeRequest, ...],
    CODE_MISSES: lambda _id: tuple[Instant, ...],
    TOLD: lambda _id: SentCode,
    OF_ALERTS: lambda _id: str,
    DIRECTORY: lambda id_: int if id_ == "current" else Contents,
    FAMILIES: lambda _id: KnownEvents,
    GAPS: lambda _id: tuple[Gap, ...],
    FLOORS: lambda _id: int,
    GROUPS: lambda _id: GroupHead,
    INSTALLATION: lambda id_: _INSTALLATION.get(id_, KnownKey),
    INTAKE: lambda _id: int,
    LAYOUT: lambda _id: int,
    LETTERS: lambda _id: DeadLetterNote,
    NOTES: lambda _id: str,
    NOTIFICATIONS: lambda _id: Notification,
    OWN: lambda _id: tuple[int, str],
    POINTS: lambda _id: tuple[Point, ...],
    PROPOSALS: lambda _id: ChangeProposal,
    PUT_OFF_GROUPS: lambda _id: PutOff,
    QUARANTINE: lambda _id: Quarantined,
    SHARES: lambda _id: QuarantineShare,
    RECEIPTS: lambda _id: GatewayReference,
    RETENTION: lambda id_: _RETENTION.get(id_, SeenRecords),
    RULES: lambda id_: _RULES.get(id_, Proposal),
    RULE_SETS: lambda _id: StoredRuleSet,
    SESSIONS: lambda _id: Session,
    SILENCES: lambda _id: tuple[Silence, ...],
    TOKENS: lambda _id: Token,
    USERS: lambda _id: User,
    VERIFICATIONS: lambda _id: PendingCode,
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


async def unreadable_records(store: Store, *, rest: float = 0.0) -> AsyncIterator[Unread]:
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
        found = [one async for one in unreadable_records(self._store, rest=REST)]
        names = frozenset(one.record for one in found)
        for one in found:
            log.error("record_unreadable", record=one.record, reason=one.reason)
        for table in TYPES:
            count = sum(one.table == table for one in found)
            self._metrics.trouble.records_unreadable[table].set(count)
        if names - self.found:
            asked = ask(InternalAlertRequest("unreadable"), self._clock.now())
            await self._store.write(Write(name="own_alert", plans=(asked,)))
        self.found = names
        return 0


Remedy = Literal["rebuild", "remove", "restore"]
"""What helps: judge the group anew, remove the record, or restore a backup."""

OF_GROUPS = (GROUPS, POINTS, LETTERS, PUT_OFF_GROUPS)
"""Tables of which `siaga records rebuild` makes the records anew."""
NEVER_REMOVED = (*OF_GROUPS, RULES, RULE_SETS, "archive", "clock", "installation")
SCHEDULES = {
    ALERTS: (ALERTS, COVERS, UNRESOLVED, CLOSINGS, closed_in(REAL), closed_in("exercise")),
    NOTIFICATIONS: (OUTBOX,),
    SESSIONS: (SESSIONS,),
}
"""Schedules in which the records of a table stand by their id."""


def remedy_of(record: str) -> Remedy:
    """Return what helps where a record cannot be read."""
    table, _, id_ = record.partition("/")
    if table in OF_GROUPS:
        return "rebuild"
    return "restore" if table in NEVER_REMOVED and id_ not in ("pending", "progress") else "remove"


def group_named(record: str) -> str:
    """Return the group (`space|rule|group`) of a record of a group, or of the group itself."""
    table, slash, id_ = record.partition("/")
    if not slash or table not in OF_GROUPS:
        return record
    return id_.rpartition("#")[0] if table in (POINTS, LETTERS) else id_


async def remove_record(store: Store, books: RuntimeConfig, record: str, at: Instant, by: str) -> None:
    """Remove an unreadable record, and its plans; its bytes are kept. `by` is the id of who does it, for the audit.

    Raises `SiagaError` where there is no such record, it can be read, or another remedy helps.
    """
    table, _, id_ = record.partition("/")
    if table not in TYPES or (found := (await store.get(table, [id_]))[0]) is None:
        raise SiagaError(f"there is no record {record}; `siaga records list` shows those that cannot be read")
    if fault_of(table, id_, found) is None:
        raise SiagaError(f"{record} can be read; only a record that cannot be read is removed")
    if (remedy := remedy_of(record)) != "remove":
        raise SiagaError(f"{record} is not removed: {remedy} helps (docs/runbook.md, SiagaRecordsUnreadable)")
    done = AuditEntry(at, "record", record, digest_of_contents(found.value), by)
    write = Write(
        name="mend_record",
        puts=(kept_bytes(table, id_, found.value),),
        drops=(Drop(table, id_, found.version),),
        plans=(
            *(Plan(schedule, id_, None) for schedule in SCHEDULES.get(table, ())),
            *(await _lists_of(store, books, id_) if table == ALERTS else ()),
        ),
        appends=(append_audit(done),),
    )
    if not isinstance(await store.write(write), Committed):
        raise SiagaError(f"{record} was changed meanwhile; look again with `siaga records list`")


async def _lists_of(store: Store, books: RuntimeConfig, alert_id: str) -> list[Plan]:
    """Return what takes an alert off every list; its region and its rule are found by the lists themselves."""
    await books.follow()
    rules = [*books.rule_set.rules, *(f"{PREFIX}{matter}" for matter in MATTERS)]
    (there,) = await store.planned_at(listed(NATION), [alert_id])
    regions = [region.code for region in books.regions] if there is not None else []
    found = [NATION]
    for region in regions:
        (at,) = await store.planned_at(listed(region), [alert_id])
        found += [region] if at is not None else []
    names = dict.fromkeys(name for region in found for rule in rules for name in any_list(region, rule))
    plans = []
    for name in names:
        (at,) = await store.planned_at(name, [alert_id])
        plans += [Plan(name, alert_id, None)] if at is not None else []
    return plans + await _standing_plans(store, rules, alert_id)


async def _standing_plans(store: Store, rules: Sequence[str], alert_id: str) -> list[Plan]:
    """Return what takes an alert off the lists of what is open and what is hidden, by rule."""
    spaces = (REAL, "exercise")
    lists = [name(space, rule) for space in spaces for rule in rules for name in (standing_of, hidden_by)]
    return [
        Plan(schedule, member, None)
        for schedule in lists
        for member in await store.planned(schedule)
        if member.rpartition("|")[2] == alert_id
    ]


async def rebuild_group(store: Store, books: RuntimeConfig, group: str, at: Instant, by: str) -> GroupKey:
    """Ask the evaluator to judge a group anew from the stored past; return the group.

    Raises `SiagaError` where the text names no group of a rule in force.
    """
    parts = group_named(group).split("|", 2)
    await books.follow()
    if len(parts) != 3 or parts[1] not in books.rule_set.rules:
        raise SiagaError(f"{group} is no group of a rule in force; write it as `siaga records list` shows it")
    key = GroupKey(*parts)
    proposal = Proposal(rule_set="", author=by, groups=(str(key),))
    done = AuditEntry(at, "record", f"{GROUPS}/{key}", "", by)
    await store.write(Write(name="mend_record", note=note_of(proposal, at), appends=(append_audit(done),)))
    return key
