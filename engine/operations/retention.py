"""Retention: what ends without leaving anything, after its time (`docs/retention.md` has it table by table).

Here: what holds personal data (UU PDP 27/2022): words and addresses of messages, free text beside histories, versions
of the directory that are over; and once a day what nothing leads to any more. Not here: what leaves for the archive
(`operations.case_archiver`), groups (`evaluation.evaluator`), and erasing one person (`operations.personal_data`).

Every drop expects the version that was read, and every table is looked through in pieces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal

import msgspec
import structlog

from engine.answers.verification import VERIFICATIONS
from engine.clock import Clock
from engine.core.alerting.alert import Alert, Notification, Rendered
from engine.core.alerting.directory import Contents
from engine.core.judging.instant import DAY, Instant
from engine.delivery.delivery_reports import RECEIPTS, GatewayReference
from engine.delivery.send_budgets import ACCOUNTS
from engine.escalation.notes import NOTES
from engine.evaluation.dead_letters import DEAD_LETTERS
from engine.intake.event_families import FAMILIES, KnownEvents
from engine.people.proposal_records import DECIDED, PROPOSALS, ChangeProposal, waiting_in
from engine.people.proposal_records import KEPT as PROPOSALS_KEPT
from engine.people.sessions import SESSIONS
from engine.people.tokens import TABLE as TOKENS
from engine.people.tokens import Token
from engine.records.alert_repository import ALERTS, LINKS, NOTIFICATIONS
from engine.records.case_archive import CaseArchive
from engine.records.rule_sets import RELOADS, RULE_SETS, RULES, ActivationProgress, InForce, Proposal
from engine.records.runtime_config import DIRECTORY
from engine.records.tolerant_read import UNREADABLE, readable, readable_entries, readable_of, readable_or
from engine.settings_sections import RetentionSection
from engine.store.codec import encode
from engine.store.port import (
    IDENTITY_PARTS,
    Committed,
    Cut,
    Drop,
    Plan,
    Put,
    Store,
    Write,
    order_of,
)

UNREADABLE_DAYS = 30
"""How long the bytes of an unreadable record that was replaced or removed are kept."""
RETENTION = "retention"
"""Table: `directory` says which versions of the directory were seen when, `day` on which day everything was looked
through last, `rule_sets` which of them were named nowhere then."""
EARLY_DAYS = 7
"""A report on a message that is none of ours so far is kept so long."""
ACCOUNTS_DAYS = 31
TOKENS_DAYS = 400
DEAD_LETTERS_KEPT = 10_000
RELOADS_KEPT = 1_000
RULE_SETS_KEPT = 50
"""So many of the latest rule sets stay besides that in force, to go back to."""
EVERY_SECONDS = 3_600.0
BATCH = 200
BARE = Rendered(to="", text="")
"""What is left of a message's words and address."""

log = structlog.get_logger(__name__)


class SeenRecords(msgspec.Struct, frozen=True):
    """Versions of the directory by when each was first seen in force, oldest first; all up to `dropped` are gone."""

    versions: tuple[tuple[int, Instant], ...] = ()
    dropped: int = 0


class Retention:
    """Lets go of what is over its time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: RetentionSection,
        *,
        dedup_days: int = 0,
        past: CaseArchive | None = None,
    ) -> None:
        """`dedup_days` is how long ids of events are remembered, 0 for good; `past` is where archived texts are."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._dedup_days = dedup_days
        self._past = past

    async def turn(self) -> int:
        """Let everything go whose time is over; return 0, since nothing is left to do at once."""
        now = self._clock.now()
        gone = {
            "messages": await self._messages(now),
            "notes": await self._notes(now),
            "directory": await self._versions(now),
        }
        if self._past is not None:
            past = self._past
            gone["archived_texts"] = sum((await asyncio.to_thread(past.index.end_texts, now)).values())
        gone |= await self._look_through(now)
        if any(gone.values()):
            log.info("retention", **gone)
        return 0

    async def _daily(self, now: Instant) -> dict[str, int]:
        """Let go of what is looked through once a day."""
        gone = {
            "links": await self._links(),
            "receipts": await self._receipts(now),
            "accounts": await self._accounts(now),
            "verifications": await self._verifications(),
            "tokens": await self._tokens(now),
            "sessions": await self._sessions(now),
            "rule_sets": await self._rule_sets(),
            "proposals": await self._proposals(now),
            "unreadable": await self._unreadable(now),
            "dead_letters": await self._shorten(DEAD_LETTERS, DEAD_LETTERS_KEPT),
            "reloads": await self._shorten(RELOADS, RELOADS_KEPT),
        }
        if self._dedup_days:
            gone["identities"] = await self._identities(now)
            gone["families"] = await self._families(now)
        return gone

    async def _look_through(self, now: Instant) -> dict[str, int]:
        """Do what is done once a day, where nobody has done it today. Two processes at once do no harm."""
        record = (await self._store.get(RETENTION, ["day"]))[0]
        today = now // DAY
        if readable_or(RETENTION, "day", record, int, 0) >= today:
            return {}
        gone = await self._daily(now)
        put = Put(RETENTION, "day", encode(today), record.version if record else 0)
        await self._store.write(Write(name="expire", puts=(put,)))
        return gone

    # --- what holds personal data -------------------------------------------------------------------------------------

    async def _messages(self, now: Instant) -> int:
        """Wipe messages whose alert is long over; replies and digests, which have none of their own, by their age."""
        days, made = self._settings.messages_days, 0
        if not days:
            return 0
        async for records in self._store.walk(NOTIFICATIONS):
            found = {
                id_: (message, records[id_].version)
                for id_, message in readable(NOTIFICATIONS, records, Notification).items()
                if message.rendered not in (None, BARE) and message.due_at is None
            }
            resolved = await self._resolved(message.alert for message, _ in found.values())
            puts = []
            for id_, (message, version) in found.items():
                over = resolved.get(message.alert) if message.alert else message.planned_at
                if over is not None and over < now - days * DAY:
                    bare = msgspec.structs.replace(message, rendered=BARE)
                    puts.append(Put(NOTIFICATIONS, id_, encode(bare), version))
            made += await self._written(puts, "erase")
        return made

    async def _notes(self, now: Instant) -> int:
        days, made = self._settings.notes_days, 0
        if not days:
            return 0
        async for records in self._store.walk(NOTES):
            resolved = await self._resolved(key.partition("/")[0] for key in records)
            drops = []
            for key, record in records.items():
                over = resolved.get(key.partition("/")[0])
                if over is not None and over < now - days * DAY:
                    drops.append(Drop(NOTES, key, record.version))
            made += await self._written(drops, "erase")
        return made

    async def _resolved(self, alerts: Iterable[str]) -> dict[str, Instant]:
        """Return since when alerts are resolved; those that are not, or are not there, are left out."""
        ids = sorted(set(alerts) - {""})
        records = await self._store.get(ALERTS, ids) if ids else []
        return {
            id_: alert.resolved_at
            for id_, alert in readable_of(ALERTS, ids, records, Alert).items()
            if alert.resolved_at is not None
        }

    # --- what nothing leads to any more -------------------------------------------------------------------------------

    async def _links(self) -> int:
        """Drop the links of messages that left the store."""
        made = 0
        async for records in self._store.walk(LINKS):
            messages = {
                key: record.value.decode(errors="replace").rpartition("/")[2]
                for key, record in records.items()
            }
            there = await self._there(NOTIFICATIONS, messages.values())
            gone = [key for key, message in messages.items() if message not in there]
            made += await self._written([Drop(LINKS, key, records[key].version) for key in gone])
        return made

    async def _receipts(self, now: Instant) -> int:
        """Drop the receipts of messages that left the store, and those that never became one of ours."""
        made = 0
        async for records in self._store.walk(RECEIPTS):
            found = readable(RECEIPTS, records, GatewayReference)
            there = await self._there(NOTIFICATIONS, (one.notification for one in found.values()))
            gone = [
                key
                for key, one in found.items()
                if (one.notification and one.notification not in there)
                or (not one.notification and one.at < now - EARLY_DAYS * DAY)
            ]
            made += await self._written([Drop(RECEIPTS, key, records[key].version) for key in gone])
        return made

    async def _there(self, table: str, ids: Iterable[str]) -> set[str]:
        wanted = sorted(set(ids) - {""})
        records = await self._store.get(table, wanted) if wanted else []
        return {id_ for id_, record in zip(wanted, records, strict=True) if record is not None}

    async def _accounts(self, now: Instant) -> int:
        """Drop the accounts of budgets from which nothing went for long."""
        made, until = 0, now - ACCOUNTS_DAYS * DAY
        async for records in self._store.walk(ACCOUNTS):
            gone = [
                Drop(ACCOUNTS, key, records[key].version)
                for key, went in readable(ACCOUNTS, records, tuple[Instant, ...]).items()
                if max(went, default=0) < until
            ]
            made += await self._written(gone)
        return made

    async def _verifications(self) -> int:
        """Drop what contacts were asked that the directory has no more."""
        current = (await self._store.get(DIRECTORY, ["current"]))[0]
        record = (await self._store.get(DIRECTORY, [f"v{current.version}"]))[0] if current else None
        contents = readable_or(DIRECTORY, "in force", record, Contents, None)
        if contents is None:
            return 0
        made, contacts = 0, {contact.id for person in contents.people for contact in person.contacts}
        async for records in self._store.walk(VERIFICATIONS):
            gone = [
                Drop(VERIFICATIONS, key, one.version) for key, one in records.items() if key not in contacts
            ]
            made += await self._written(gone)
        return made

    async def _tokens(self, now: Instant) -> int:
        """Drop tokens that ended long ago."""
        made, until = 0, now - TOKENS_DAYS * DAY
        async for records in self._store.walk(TOKENS):
            gone = []
            for key, token in readable(TOKENS, records, Token).items():
                ends = [at for at in (token.revoked_at, token.ends_at) if at is not None]
                if ends and min(ends) < until:
                    gone.append(Drop(TOKENS, key, records[key].version))
            made += await self._written(gone)
        return made

    async def _sessions(self, now: Instant) -> int:
        """Drop sessions that are over; each sign-in drops some, too."""
        made = 0
        while over := await self._store.due(SESSIONS, now, BATCH):
            write = Write(
                name="expire",
                drops=tuple(Drop(SESSIONS, id_) for id_, _ in over),
                plans=tuple(Plan(SESSIONS, id_, None) for id_, _ in over),
            )
            await self._store.write(write)
            made += len(over)
        return made

    async def _rule_sets(self) -> int:
        """Drop rule sets that are not in force, wait for nothing, and are none of the latest; met twice, a day apart.

        One that was proposed a moment ago is named nowhere until its entry of the stream is read: it is met once.
        """
        log_ = await self._store.log(RELOADS, start=-RULE_SETS_KEPT)
        named = {one.rule_set for one in readable_entries(RELOADS, log_, InForce)}
        records = await self._store.get(RULES, ["in_force", "pending", "progress"])
        in_force, pending, progress = records
        held = (
            readable_or(RULES, "in_force", in_force, InForce, None),
            readable_or(RULES, "pending", pending, Proposal, None),
            readable_or(RULES, "progress", progress, ActivationProgress, None),
        )
        if any(one is None and record is not None for one, record in zip(held, records, strict=True)):
            return 0  # it may name a rule set that is needed
        named |= {one.rule_set for one in held if one is not None}
        async for piece in self._store.walk(PROPOSALS):
            proposals = readable(PROPOSALS, piece, ChangeProposal)
            if len(proposals) < len(piece):
                return 0
            named |= {one.subject.rule_set for one in proposals.values() if one.state == "waiting"}
        kept = (await self._store.get(RETENTION, ["rule_sets"]))[0]
        met = dict(readable_or(RETENTION, "rule_sets", kept, tuple[tuple[str, int], ...], ()))
        found = {
            key: record.version
            for key, record in (await self._store.scan(RULE_SETS)).items()
            if key not in named
        }
        gone = [Drop(RULE_SETS, key, version) for key, version in found.items() if met.get(key) == version]
        made = await self._written(gone)
        left = tuple(sorted(found.items() - {(drop.id, drop.expected) for drop in gone}))
        if left != tuple(sorted(met.items())):
            put = Put(RETENTION, "rule_sets", encode(left), kept.version if kept else 0)
            await self._store.write(Write(name="expire", puts=(put,)))
        return made

    async def _proposals(self, now: Instant) -> int:
        """Drop proposals that were decided long ago."""
        made = 0
        while over := await self._store.due(DECIDED, now - PROPOSALS_KEPT, BATCH):
            write = Write(
                name="expire",
                drops=tuple(Drop(PROPOSALS, id_) for id_, _ in over),
                plans=tuple(Plan(DECIDED, id_, None) for id_, _ in over),
            )
            await self._store.write(write)
            made += len(over)
        return made

    async def _unreadable(self, now: Instant) -> int:
        """Drop the bytes of unreadable records that were replaced or removed, so many days after they were first met.

        They may hold personal data, and nothing else says how old they are.
        """
        found, today = await self._store.scan(UNREADABLE), now // DAY
        kept = (await self._store.get(RETENTION, ["unreadable"]))[0]
        met = dict(readable_or(RETENTION, "unreadable", kept, tuple[tuple[str, int], ...], ()))
        gone = [key for key in found if met.get(key, today) <= today - UNREADABLE_DAYS]
        made = await self._written([Drop(UNREADABLE, key, found[key].version) for key in gone])
        left = tuple(sorted((key, met.get(key, today)) for key in found if key not in gone))
        if left != tuple(sorted(met.items())):
            put = Put(RETENTION, "unreadable", encode(left), kept.version if kept else 0)
            await self._store.write(Write(name="expire", puts=(put,)))
        return made

    async def _shorten(self, log_name: str, most: int) -> int:
        """Cut what a log has above so many entries, some at a time."""
        made = 0
        while True:
            # What is read of the beginning is cut as long as so many entries lie behind it.
            entries = await self._store.log(log_name, 0, BATCH)
            if len(entries) < BATCH or not await self._store.log(log_name, BATCH + most - 1, 1):
                return made
            cut = Cut(log_name, len(entries), entries[-1])
            if not isinstance(await self._store.write(Write(name="expire", cuts=(cut,))), Committed):
                return made
            made += len(entries)

    # --- events that came in long ago ---------------------------------------------------------------------------------

    async def _identities(self, now: Instant) -> int:
        """Forget the ids of events that came in before the days for which repeats are recognised.

        A repeat is looked for by when its event occurred, which is at most a day before it came in by our clock.
        """
        before, forgotten = now // DAY - self._dedup_days - 1, 0
        for part in range(IDENTITY_PARTS if before > 0 else 0):
            forgotten += await self._store.forget_identities(before, part)
        return forgotten

    async def _families(self, now: Instant) -> int:
        """Drop what is known of corrections where all events of it came in before those days."""
        made, before = 0, now - (self._dedup_days + 1) * DAY
        async for records in self._store.walk(FAMILIES):
            found = readable(FAMILIES, records, KnownEvents)
            acts = sorted({act for known in found.values() for act in known.named_by})
            named = await self._store.get(FAMILIES, acts) if acts else []
            newest = {
                act: _newest(one) for act, one in readable_of(FAMILIES, acts, named, KnownEvents).items()
            }
            lost = {
                act for act, one in zip(acts, named, strict=True) if one is not None and act not in newest
            }
            gone = [
                Drop(FAMILIES, key, records[key].version)
                for key, known in found.items()
                if max([_newest(known), *(newest.get(act, 0) for act in known.named_by)]) < before
                and lost.isdisjoint(known.named_by)
            ]
            made += await self._written(gone)
        return made

    # --- the directory ------------------------------------------------------------------------------------------------

    async def _versions(self, now: Instant) -> int:
        """Drop versions of the directory that another one followed long ago; what is in force always stays."""
        days = self._settings.directory_days
        current, record = (
            (await self._store.get(DIRECTORY, ["current"]))[0],
            (await self._store.get(RETENTION, ["directory"]))[0],
        )
        if not days or current is None:
            return 0
        seen = readable_or(RETENTION, "directory", record, SeenRecords, SeenRecords())
        versions = seen.versions
        if not versions or versions[-1][0] != current.version:
            versions = (*versions, (current.version, now))
        old = [version for version, at in versions if at < now - days * DAY]
        keep_from = max(old, default=0)
        for one in await waiting_in(self._store):  # an objection brings back a contact as that version has it
            change = one.subject.contact
            keep_from = min(keep_from, change.version) if change is not None and change.is_done else keep_from
        gone = range(seen.dropped + 1, keep_from)
        dropped = await self._written([Drop(DIRECTORY, f"v{version}") for version in gone], "erase")
        after = SeenRecords(
            tuple(pair for pair in versions if pair[0] >= keep_from), max(seen.dropped, keep_from - 1)
        )
        if after != seen:
            put = Put(RETENTION, "directory", encode(after), record.version if record else 0)
            await self._store.write(Write(name="erase", puts=(put,)))
        return dropped

    async def _written(
        self, changes: Iterable[Put | Drop], name: Literal["erase", "expire"] = "expire"
    ) -> int:
        """Write changes some at a time; return how many were made. Who was overtaken is met again in an hour."""
        made, rest = 0, list(changes)
        while rest:
            batch, rest = rest[:BATCH], rest[BATCH:]
            puts = tuple(one for one in batch if isinstance(one, Put))
            drops = tuple(one for one in batch if isinstance(one, Drop))
            outcome = await self._store.write(Write(name=name, puts=puts, drops=drops))
            made += len(batch) if isinstance(outcome, Committed) else 0
        return made


def _newest(known: KnownEvents) -> Instant:
    """Return when the newest of the events that bear an id came in; 0 where none does."""
    return max((order_of(bearer.position)[0] for bearer in known.bearers), default=0)
