"""Repair of records that cannot be read: removing one, and judging a group anew from the stored past.

Only an unreadable record is removed. Its bytes are kept in the table `unreadable`. A group is never removed: a switch
at an entry of the stream judges it anew by stream and archive (`service.changeover`), as a changed rule is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from engine.core.alerting.internal_alerts import MATTERS, PREFIX
from engine.core.judging.group_key import Key
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.errors import SiagaError
from engine.service.alert_lists import any_list, listed
from engine.service.audit import AuditEntry, append_audit, digest_of_contents
from engine.service.backdrop import REAL
from engine.service.books import Books
from engine.service.casebook import (
    ALERTS,
    CLOSINGS,
    COVERS,
    NOTIFICATIONS,
    OUTBOX,
    UNRESOLVED,
    closed_in,
    hidden_by,
    standing_of,
)
from engine.service.dead_letters import LETTERS, PUT_OFF_GROUPS
from engine.service.groups import GROUPS, POINTS
from engine.service.readable import kept_bytes
from engine.service.record_audit import TYPES, fault_of
from engine.service.rule_sets import RULE_SETS, RULES, Proposal, note_of
from engine.service.sessions import SESSIONS
from engine.store.port import Committed, Drop, Plan, Store, Write

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


async def remove(store: Store, books: Books, record: str, at: Instant, by: str) -> None:
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


async def _lists_of(store: Store, books: Books, alert_id: str) -> list[Plan]:
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


async def rebuild(store: Store, books: Books, group: str, at: Instant, by: str) -> Key:
    """Ask the evaluator to judge a group anew from the stored past; return the group.

    Raises `SiagaError` where the text names no group of a rule in force.
    """
    parts = group_named(group).split("|", 2)
    await books.follow()
    if len(parts) != 3 or parts[1] not in books.rule_set.rules:
        raise SiagaError(f"{group} is no group of a rule in force; write it as `siaga records list` shows it")
    key = Key(*parts)
    proposal = Proposal(rule_set="", author=by, groups=(str(key),))
    done = AuditEntry(at, "record", f"{GROUPS}/{key}", "", by)
    await store.write(Write(name="mend_record", note=note_of(proposal, at), appends=(append_audit(done),)))
    return key
