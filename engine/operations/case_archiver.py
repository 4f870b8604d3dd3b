"""The archivist of cases: brings alerts that are long resolved, and old entries of the audit, into their archive.

Here: what leaves when, in pieces, and the write by which the store forgets it. Not here: records and reading them
(`records.case_archive`), and what ends without leaving anything (`operations.retention`).

In this order, so that a crash between any two steps leaves a case twice and never nowhere: the record is on the disk;
its texts are in the index; the store forgets it (write `case_archived`), only if nothing of it changed meanwhile. A
record that is there already is not written again. The audit keeps its chain across both: every entry stays behind its
mark.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from itertools import count, takewhile
from typing import NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import ALONE, Alert, HistoryEntry, Notification
from engine.core.judging.group_key import GroupKey
from engine.core.judging.instant import DAY, Instant, Millis
from engine.delivery.delivery_reports import RECEIPTS, receipt_key
from engine.errors import UnreadableRecordError
from engine.escalation.notes import NOTES, note_key
from engine.evaluation.groups import GROUPS, GroupHead
from engine.metrics import Metrics
from engine.operations.event_archiver import ARCHIVE
from engine.records.alert_repository import (
    ALERTS,
    CLOSINGS,
    LINKS,
    NOTIFICATIONS,
    Case,
    closed_in,
    history_log,
    load,
    off_all_lists,
)
from engine.records.audit_log import AUDIT, AuditEntry
from engine.records.case_archive import AUDIT as AUDIT_ENTRY
from engine.records.case_archive import (
    CASE,
    LINK,
    MESSAGE,
    ArchivedCase,
    CaseArchive,
    Leaving,
    bytes_of,
    entry_of,
    settled_texts,
    text_of,
    texts_of,
    words_of,
)
from engine.records.case_file import without_text
from engine.records.quarantine_acts import SETTLED, SettledRecord
from engine.records.statistics import archived_counts
from engine.records.tolerant_read import readable, readable_entries, readable_or
from engine.runtime.keys import Keys
from engine.settings_sections import RetentionSection
from engine.store.archive.case_index import FiledText
from engine.store.archive.day_file import ChainPosition, Damage, DamagedError
from engine.store.codec import decode, decode_record, encode
from engine.store.port import (
    MARK_LENGTH,
    Committed,
    Conflict,
    Cut,
    Drop,
    Entry,
    Plan,
    Put,
    Record,
    Store,
    Write,
    order_of,
)
from engine.texts.answer_link_token import token_fingerprint, token_for

EVERY_SECONDS = 60.0
SPACES = ("real", "exercise")
AT_ONCE = 25
"""Cases that leave in one turn: about a megabyte."""
AUDIT_AT_ONCE = 1_000
AUDIT_LINE = 200
"""Entries of the audit in one line of the archive."""
LATER: Millis = DAY
"""A case that something still speaks of is looked at again after this."""
LOOSE = ALONE | {"digest"}
"""Kinds of messages that belong to no single case."""
LISTED = "closed_listed"
"""Record of the table `archive` that is there where all resolved alerts are listed."""

log = structlog.get_logger("siaga.case_archivist")


class _Pieces(NamedTuple):
    """What leaves in one turn: cases and messages by id, plans of cases that stay for now, and beginnings of logs."""

    cases: dict[str, tuple[Case, Leaving]]
    later: Sequence[Plan]
    messages: dict[str, tuple[Notification, int]]
    audit: Sequence[bytes]
    settled: Sequence[bytes]

    @property
    def size(self) -> int:
        """How much that is."""
        return sum(map(len, self))


class CaseArchiver:
    """Moves what is over its time out of one store, while no other process does."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        archive: CaseArchive,
        keys: Keys,
        retention: RetentionSection,
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._archive = archive
        self._keys = keys
        self._retention = retention
        self._writes = False
        self._walking: AsyncIterator[dict[str, Record]] | None = None
        self._walked_at: Instant = -LATER
        self._listed = False
        self._walked = 0
        """Pieces of the messages that were looked through."""

    async def turn(self) -> int:
        """Let one piece of what is over its time leave; return how much that was.

        An archive that is damaged, or is another than the one that the store relies on, is left alone: that is logged
        and shown by a metric, and the store keeps everything.
        """
        try:
            return await self._turn()
        except DamagedError as error:
            self._metrics.archive_damaged.set(1)
            log.error("archive_damaged", **error.damage._asdict(), folder=str(self._archive.archive.folder))  # noqa: TRY400
            self.release()
            return 0

    def release(self) -> None:
        """Let another process write."""
        self._writes = False
        self._archive.archive.release()

    async def _turn(self) -> int:
        await self._list_closed()
        walked = self._walked
        cases, later = await self._cases()
        messages = await self._messages()
        pieces = _Pieces(cases, later, messages, await self._audit(), await self._settled())
        if not pieces.size:
            return self._walked - walked
        record = (await self._store.get(ARCHIVE, [LINK]))[0]
        told = decode_record(ARCHIVE, LINK, record.value, ChainPosition) if record else ChainPosition()
        if not self._writes:
            self._writes = await asyncio.to_thread(self._archive.take, told)
            if not self._writes:
                return 0
        if order_of(told.position) > order_of(self._archive.archive.link.position):
            raise DamagedError(Damage(told.position, 0, "end"))  # written meanwhile on another machine
        link = await self._file(pieces)
        return await self._forget(pieces, Put(ARCHIVE, LINK, encode(link), record.version if record else 0))

    # --- what leaves --------------------------------------------------------------------------------------------------

    async def _cases(self) -> tuple[dict[str, tuple[Case, Leaving]], list[Plan]]:
        """Return cases whose time is over, and plans for those of which something is still to come."""
        now, found = self._clock.now(), dict[str, tuple[Case, Leaving]]()
        later: list[Plan] = []
        for space in SPACES:
            days = self._retention.days_of(space)
            if not days:
                continue
            until = now - days * DAY
            due = await self._store.due(closed_in(space), until, AT_ONCE)
            lost: dict[str, UnreadableRecordError] = {}
            cases = await load(self._store, [alert for alert, _ in due], unreadable=lost) if due else {}
            spoken = await self._spoken_of(cases)
            for alert_id, at in due:
                case = cases.get(alert_id)
                if alert_id in lost or (case is not None and len(case.notifications) < len(case.versions)):
                    later.append(Plan(closed_in(space), alert_id, until + LATER, expected=at))
                elif case is None:
                    later.append(Plan(closed_in(space), alert_id, None, expected=at))
                elif alert_id in spoken or not _is_over(case):
                    later.append(Plan(closed_in(space), alert_id, until + LATER, expected=at))
                elif (leaving := await self._leaving(case)) is not None:
                    found[alert_id] = case, leaving
                else:
                    later.append(Plan(closed_in(space), alert_id, until + LATER, expected=at))
        return found, later

    async def _list_closed(self) -> None:
        """List the resolved alerts of a store that did not do so when they were resolved; once."""
        if self._listed:
            return
        if (await self._store.get(ARCHIVE, [LISTED]))[0] is None:
            async for records in self._store.walk(ALERTS):
                alerts = readable(ALERTS, records, Alert).values()
                plans = [
                    Plan(closed_in(alert.space), alert.id, alert.resolved_at)
                    for alert in alerts
                    if not alert.unresolved
                ]
                if plans:
                    await self._store.write(Write(name="case_archived", plans=tuple(plans)))
            await self._store.write(Write(name="case_archived", puts=(Put(ARCHIVE, LISTED, b""),)))
        self._listed = True

    async def _spoken_of(self, cases: dict[str, Case]) -> set[str]:
        """Return the alerts that judging may still change, or has not yet taken note of."""
        keys = {id_: str(_key_of(case.alert)) for id_, case in cases.items()}
        heads = await self._store.get(GROUPS, list(keys.values())) if keys else []
        closing = await self._store.planned_at(CLOSINGS, list(cases)) if cases else []
        spoken = {id_ for id_, at in zip(cases, closing, strict=True) if at is not None}
        for (id_, case), head in zip(cases.items(), heads, strict=True):
            read = readable_or(GROUPS, keys[id_], head, GroupHead, None)
            state = read.state if read else None
            if head is not None and read is None:
                spoken.add(id_)
            if state and any(opening.ordinal == case.alert.ordinal for opening in state.openings):
                spoken.add(id_)
        return spoken

    async def _leaving(self, case: Case) -> Leaving | None:
        """Return what is to be archived of a case; None where it changed since it was read."""
        alert = case.alert
        kept = await self._store.log(history_log(alert.id))
        history = tuple(readable_entries(history_log(alert.id), kept, HistoryEntry))
        if len(history) != alert.history:
            return None
        digests = [str(entry.details["note"]) for entry in history if "note" in entry.details]
        words = {n.id: said for n in case.notifications.values() if (said := words_of(n)) is not None}
        record = ArchivedCase(
            alert=alert, notifications=tuple(map(without_text, case.notifications.values())), history=history
        )
        names = [note_key(alert.id, digest) for digest in dict.fromkeys(digests)]
        records = await self._store.get(NOTES, names) if names else []
        notes = {name: one for name, one in zip(names, records, strict=True) if one is not None}
        return Leaving(
            record=record,
            words=words,
            notes={name.partition("/")[2]: text for name, text in readable(NOTES, notes, str).items()},
            note_versions={name: one.version for name, one in notes.items()},
            last=kept[-1] if kept else b"",
        )

    async def _messages(self) -> dict[str, tuple[Notification, int]]:
        """Return messages of no case that are over their time, of a piece of all: replies, situations, and digests.

        Once a day all are walked through.
        """
        days, now = self._retention.resolved_days, self._clock.now()
        if self._walking is None:
            if not days or now < self._walked_at + LATER:
                return {}
            self._walking, self._walked_at = self._store.walk(NOTIFICATIONS), now
        records = await anext(self._walking, None)
        if records is None:
            self._walking = None
            return {}
        self._walked += 1
        until = now - days * DAY
        found = {
            id_: (message, records[id_].version)
            for id_, message in readable(NOTIFICATIONS, records, Notification).items()
            if message.kind in LOOSE and message.due_at is None and message.planned_at < until
        }
        alerts = sorted({item.alert for message, _ in found.values() for item in message.items})
        there = dict(zip(alerts, await self._store.get(ALERTS, alerts) if alerts else (), strict=True))
        return {id_: one for id_, one in found.items() if not any(there[item.alert] for item in one[0].items)}

    async def _settled(self) -> list[bytes]:
        """Return the oldest settled records of the quarantine, as far as their time is over."""
        days = self._retention.resolved_days
        if not days:
            return []
        until = self._clock.now() - days * DAY
        entries = await self._store.log(SETTLED, 0, AT_ONCE)
        return list(takewhile(lambda entry: decode(entry, SettledRecord).at <= until, entries))

    async def _audit(self) -> list[bytes]:
        """Return the oldest entries of the audit, as they are kept, as far as their time is over."""
        days = self._retention.audit_days
        if not days:
            return []
        until = self._clock.now() - days * DAY
        found: list[bytes] = []
        for kept in await self._store.log(AUDIT, 0, AUDIT_AT_ONCE):
            if msgspec.json.decode(kept[MARK_LENGTH:], type=AuditEntry).at > until:
                break
            found.append(kept)
        return found

    # --- leaving ------------------------------------------------------------------------------------------------------

    async def _file(self, pieces: _Pieces) -> ChainPosition:
        """Write what is not in the archive yet; return where its chain stands then."""
        values: list[tuple[str, bytes]] = []
        texts: list[FiledText] = []
        for _, one in pieces.cases.values():
            if await self._lacks(one.record.alert.id, value := bytes_of(one.record)):
                values.append((CASE, value))
                texts += texts_of(one, self._retention)
        for message, _ in pieces.messages.values():
            if await self._lacks(message.id, value := bytes_of(without_text(message))):
                values.append((MESSAGE, value))
                texts += text_of(message, self._retention)
        audit = pieces.audit
        lines = [audit[first : first + AUDIT_LINE] for first in range(0, len(audit), AUDIT_LINE)]
        values += [(AUDIT_ENTRY, msgspec.json.encode([kept.decode() for kept in line])) for line in lines]
        texts += settled_texts(pieces.settled, self._retention)
        link = self._archive.archive.link
        if values or texts:
            entries = list(_entries(values, link, self._clock.now()))
            link = await asyncio.to_thread(self._archive.append, entries, texts)
        return link

    async def _lacks(self, id_: str, value: bytes) -> bool:
        """Say whether the archive has no record of these bytes: a crash may have come before the store forgot it.

        A message of no case is the same whenever it leaves.
        """
        place = await asyncio.to_thread(self._archive.index.position, id_)
        if place is None or place[1] not in ("", sha256(value).hexdigest()):
            return True
        # An index that is newer than the files, of a copy of the folder, names what is not there.
        return not await asyncio.to_thread(self._archive.archive.at, [place[0]])

    async def _forget(self, pieces: _Pieces, put: Put) -> int:
        """Let the store forget what is on the disk; what was changed meanwhile stays, and is looked at again."""
        while True:
            write = self._write(pieces, put)
            outcome = await self._store.write(write)
            committed = isinstance(outcome, Committed)
            self._metrics.commit(write.name, "committed" if committed else "conflict")
            if committed or not isinstance(outcome, Conflict):
                return pieces.size
            changed = {id_ for _, id_ in outcome.records}
            cases = {id_: one for id_, one in pieces.cases.items() if not changed & _records(*one)}
            messages = {id_: one for id_, one in pieces.messages.items() if id_ not in changed}
            left = pieces._replace(cases=cases, messages=messages)
            if left.size == pieces.size:
                return 0  # another process moved the chain or a log: the next turn sees what it told
            pieces = left

    def _write(self, pieces: _Pieces, put: Put) -> Write:
        drops: list[Drop] = []
        plans = list(pieces.later)
        cuts: list[Cut] = []
        for case, one in pieces.cases.values():
            alert = case.alert
            drops.append(Drop(ALERTS, alert.id, case.version))
            drops += [Drop(NOTIFICATIONS, n, version) for n, version in case.versions.items()]
            drops += [Drop(NOTES, name, version) for name, version in one.note_versions.items()]
            drops += self._found_by(case.notifications.values())
            plans += off_all_lists(case)
            if one.record.history:
                cuts.append(Cut(history_log(alert.id), len(one.record.history), one.last))
        for message, version in pieces.messages.values():
            drops.append(Drop(NOTIFICATIONS, message.id, version))
            drops += self._found_by([message])
        for log_name, entries in ((AUDIT, pieces.audit), (SETTLED, pieces.settled)):
            if entries:
                cuts.append(Cut(log_name, len(entries), entries[-1]))
        gone = [case for case, _ in pieces.cases.values()]
        return Write(
            name="case_archived",
            puts=(put,),
            drops=_once(drops),
            plans=tuple(plans),
            cuts=tuple(cuts),
            counts=archived_counts(
                [case.alert for case in gone],
                [
                    *(message for case in gone for message in case.notifications.values()),
                    *(message for message, _ in pieces.messages.values()),
                ],
            ),
        )

    def _found_by(self, messages: Iterable[Notification]) -> list[Drop]:
        """Return what takes away the links and receipts of messages."""
        drops = []
        for message in messages:
            drops += [
                Drop(LINKS, token_fingerprint(key, token_for(key, message.id, message.channel)))
                for key in self._keys.accepted
            ]
            if message.gateway and message.reference:
                drops.append(Drop(RECEIPTS, receipt_key(message.gateway, message.reference)))
        return drops


def _entries(values: Iterable[tuple[str, bytes]], link: ChainPosition, now: Instant) -> Iterable[Entry]:
    """Return the entries that hold values, behind the end of the chain."""
    before, number = order_of(link.position)
    at = max(now, before)
    numbers = count(number + 1 if at == before else 0)
    for type_, value in values:
        yield entry_of(type_, value, f"{at}-{next(numbers)}", at)


def _once(drops: Iterable[Drop]) -> tuple[Drop, ...]:
    """Return drops without repeats: two tries of a message may have come to one reference."""
    return tuple({(drop.table, drop.id): drop for drop in drops}.values())


def _records(case: Case, leaving: Leaving) -> set[str]:
    """Return the ids of the records of a case in the store."""
    return {case.alert.id, *case.notifications, *leaving.note_versions}


def _is_over(case: Case) -> bool:
    """Say whether nothing is to come of a case any more: it is resolved, and no message of it is under way."""
    messages = case.notifications.values()
    whole = len(messages) == len(
        case.alert.notifications
    )  # one that cannot be read is left out, and must not be lost
    return whole and not case.alert.unresolved and all(n.due_at is None for n in messages)


def _key_of(alert: Alert) -> GroupKey:
    return GroupKey(alert.space, alert.rule.id, alert.group)
