"""Silences in the store: making, ending and listing them, and telling the alerts they concern.

Here: the one record that holds all of them, so that every process sees them by its version, and the look at each
alert when one is made or ended, asked for with the same write. Not here: what a silence does (`core.alerting.silence`,
`core.alerting.escalation`); beginnings and ends that fall due are the escalator's.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.clock import Clock
from engine.core.alerting.command import RecheckSilence
from engine.core.alerting.credential import ESCALATOR, Credential
from engine.core.alerting.ids import derive
from engine.core.alerting.silence import Match, Silence, SilenceWish
from engine.core.judging.instant import DAY, Instant, Millis
from engine.escalation.alert_commands import AlertCommands
from engine.records.additional_writes import NOTHING, SettledPart
from engine.records.alert_repository import unresolved_pages
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.runtime_config import ALL, SILENCES, RuntimeConfig
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Expect, Plan, Put, Store, Write

KEPT: Millis = 30 * DAY
"""A silence that is over is listed this much longer."""

KeptSilences = tuple[Silence, ...]


class Silences:
    """The silences of an installation."""

    def __init__(self, store: Store, clock: Clock, books: RuntimeConfig, desk: AlertCommands) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._desk = desk

    async def list(self) -> KeptSilences:
        """Return the silences in force, to come, and over for less than `KEPT`, in the order of their beginning."""
        return tuple(sorted(await self._books.silences(), key=lambda s: s.since))

    async def make(
        self,
        match: Match,
        *,
        since: Instant,
        until: Instant,
        reason: str,
        by: Credential,
        include_awas: bool = False,
    ) -> Silence:
        """Keep the alerts of `match` quiet in [since, until); return the silence. Its author is the credential `by`."""
        wish = SilenceWish(match=match, since=since, until=until, reason=reason, include_awas=include_awas)
        return await self.make_wish(wish, by=by)

    async def make_wish(self, wish: SilenceWish, *, by: Credential) -> Silence:
        """Make a silence that needs one person."""
        return await self.make_approved(wish, by=by, approved_by=None, settled=None)

    async def make_approved(
        self,
        wish: SilenceWish,
        *,
        by: Credential,
        approved_by: Credential | None,
        settled: SettledPart | None,
    ) -> Silence:
        """Make a silence that `by` proposed and `approved_by` approved, in one write with its proposal.

        `settled` returns what that write holds of the proposal as it is now. It raises where the proposal does not wait
        any more: then no silence is made.
        """
        now = self._clock.now()

        def add(kept: KeptSilences, version: int) -> KeptSilences:
            silence = Silence(
                id=derive("silence", self._books.namespace, str(version + 1)),
                match=wish.match,
                since=now if wish.since is None else max(wish.since, now),
                until=wish.until,
                reason=wish.reason,
                author=str(by),
                include_awas=wish.include_awas,
                approved_by="" if approved_by is None else str(approved_by),
            )
            return (*kept, silence)

        return (await self._change(add, lambda kept: kept[-1], by=approved_by or by, settled=settled))[-1]

    async def end(self, silence_id: str, by: Credential) -> Silence | None:
        """End a silence now; None where there is no such one. One that is over already stays as it was."""
        now = self._clock.now()

        def shorten(kept: KeptSilences, _version: int) -> KeptSilences:
            return tuple(
                msgspec.structs.replace(s, until=max(now, s.since), ended_by=str(by))
                if s.id == silence_id and s.until > now
                else s
                for s in kept
            )

        def mine(kept: KeptSilences) -> Silence | None:
            return next((s for s in kept if s.id == silence_id), None)

        return mine(await self._change(shorten, mine, by=by))

    async def _change(
        self,
        change: Callable[[KeptSilences, int], KeptSilences],
        concerned: Callable[[KeptSilences], Silence | None],
        *,
        by: Credential,
        settled: SettledPart | None = None,
    ) -> KeptSilences:
        """Change the record, whoever else changes it meanwhile, and let alerts look; what is long over is dropped.

        Where it changes nothing, nothing is written. The audit says who changed the silence that is concerned, if there
        is one.
        """
        while True:
            record = (await self._store.get(SILENCES, [ALL]))[0]
            version = record.version if record else 0
            before = decode_record(SILENCES, ALL, record.value, KeptSilences) if record else ()
            recent = tuple(s for s in before if s.until > self._clock.now() - KEPT)
            after = change(recent, version)
            if after == before:
                return after
            one = concerned(after)
            done = one and AuditEntry(
                self._clock.now(), "silence", one.id, digest_of_contents(encode(one)), str(by)
            )
            now = self._clock.now()
            further = NOTHING if settled is None else await settled()
            write = Write(
                name="silence",
                puts=(Put(SILENCES, ALL, encode(after), version), *further.puts),
                plans=((Plan(SILENCES, one.id, now),) if one else ()) + further.plans,
                appends=((append_audit(done),) if done else ()) + further.appends,
            )
            if isinstance(await self._store.write(write), Committed):
                break
        if one is not None:
            await look_at_silence(self._store, self._desk, one.id, now)
        return after


async def look_at_silence(store: Store, desk: AlertCommands, silence_id: str, planned: Instant) -> None:
    """Let every unresolved alert that a silence concerns look at it; no message of theirs goes out meanwhile.

    The silence stands in the schedule `SILENCES` at `planned` from the write that made or ended it until its alerts
    have looked, so that the escalator goes on where a process died over it. What opens after that write was decided by
    it (`WriteBuilder`); if the silences change meanwhile, it stays in the schedule and they look again.
    """
    record = (await store.get(SILENCES, [ALL]))[0]
    kept = decode_record(SILENCES, ALL, record.value, KeptSilences) if record else ()
    silence = next((one for one in kept if one.id == silence_id), None)
    if silence is not None:
        async for piece in unresolved_pages(store):
            for alert in filter(silence.concerns, piece):
                await desk.change(alert.id, RecheckSilence(), "cover", by=ESCALATOR)
    same = Expect(SILENCES, ALL, record.version if record else 0)
    looked = Plan(SILENCES, silence_id, None, planned)
    await store.write(Write(name="replan", plans=(looked,), expects=(same,)))
