"""Disowning a token: every event that it brought since an instant is refuted, by the ordinary law of refutation.

Siaga itself sends a refutation of each event, in the name of the event's desk and with the right `verify`. So alerts
are judged anew and those who were told get their RALAT, as if people had refuted the events one by one. The id of a
refutation follows from its event: after a crash the same command adds only what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from hashlib import blake2b

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import Alert
from engine.core.alerting.credential import Credential
from engine.core.alerting.ids import derive
from engine.core.judging.correction import is_refuted, named_by
from engine.core.judging.event import Event
from engine.core.judging.instant import DAY, Instant
from engine.intake.event_families import events_of
from engine.intake.event_schema import identity_of
from engine.people.tokens import TABLE, Token
from engine.records.alert_repository import ALERTS
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.tolerant_read import readable
from engine.store.archive.history import EventHistory
from engine.store.codec import decode_record, encode
from engine.store.port import Arrival, Committed, Put, Store, Write

PIECE = 100
"""Refutations that are appended in one step, unless it is said otherwise."""

log = structlog.get_logger("siaga.disowning")


class DisowningOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """What disowning a token would change, by level of the alert (1 to 4).

    `events` are to be refuted. `touched` counts the alerts that are not resolved and rest on one of these events;
    `alone` counts those of them that rest on nothing else, which close.
    """

    events: int
    touched: Mapping[int, int]
    alone: Mapping[int, int]


class DisowningProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How many events were found so far, and how many of them this run refuted; the others were refuted before."""

    events: int = 0
    refuted: int = 0


class Disowning:
    """Takes the events of tokens out."""

    def __init__(self, store: Store, history: EventHistory, clock: Clock, *, piece: int = PIECE) -> None:
        """Find events in `history`, and send refutations to `store`, at most `piece` in one step."""
        self._piece = piece
        self._store = store
        self._history = history
        self._clock = clock

    async def outlook(self, token_id: str, since: Instant) -> DisowningOutlook:
        """Return what it would change to disown a token since an instant; nothing is changed."""
        source = _source(token_id)
        events = 0
        async with aclosing(self._events(token_id, since)) as found:
            async for _ in found:
                events += 1
        touched, alone = Counter[int](), Counter[int]()
        async for piece in self._store.walk(ALERTS):
            for alert in readable(ALERTS, piece, Alert).values():
                ours = [one.token == source and one.received_at >= since for one in alert.evidence]
                if alert.unresolved and any(ours):
                    touched[alert.level] += 1
                    alone[alert.level] += all(ours)
        return DisowningOutlook(events=events, touched=touched, alone=+alone)

    async def carry_out(
        self, token_id: str, since: Instant, *, by: Credential, keep: bool = False
    ) -> DisowningProgress:
        """Refute every event of a token since an instant, and end the token unless it is to be kept.

        Raises `LookupError` where there is no such token.
        """
        await self._begin(token_id, since, by, keep=keep)
        return await self.refute(token_id, since, by=by)

    async def refute(self, token_id: str, since: Instant, *, by: Credential) -> DisowningProgress:
        """Refute, in pieces, those of its events that are not refuted so yet."""
        progress, piece = DisowningProgress(), list[Event]()
        async with aclosing(self._events(token_id, since)) as found:
            async for event in found:
                piece.append(event)
                if len(piece) == self._piece:
                    progress = await self._refute(piece, by, progress)
                    piece = []
        return await self._refute(piece, by, progress)

    async def _begin(self, token_id: str, since: Instant, by: Credential, *, keep: bool) -> None:
        """End the token, and enter into the audit that it is disowned."""
        while (record := (await self._store.get(TABLE, [token_id]))[0]) is not None:
            token, now = decode_record(TABLE, token_id, record.value, Token), self._clock.now()
            ended = token if keep or token.revoked_at is not None else _ended(token, now)
            ended = msgspec.structs.replace(ended, disowned_since=min(since, ended.disowned_since or since))
            done = AuditEntry(now, "token", token_id, digest_of_contents(encode(ended)), str(by))
            put = Put(TABLE, token_id, encode(ended), expected=record.version)
            write = Write(name="disown_token", puts=(put,), appends=(append_audit(done),))
            if isinstance(await self._store.write(write), Committed):
                log.warning("token_disowned", token=token_id, kept=keep)
                return
        raise LookupError(token_id)

    async def _events(self, token_id: str, since: Instant) -> AsyncGenerator[Event]:
        """Yield the events of a token that were received since an instant and say or change something."""
        source = _source(token_id)
        async with aclosing(self._history.entries(since)) as entries:
            async for entry in entries:
                if entry.type == "events":
                    for event in events_of(entry):
                        if event.token == source and (named_by(event) or not is_refuted(event)):
                            yield event

    async def _refute(
        self, events: list[Event], by: Credential, before: DisowningProgress
    ) -> DisowningProgress:
        if not events:
            return before
        now, refuted, left = self._clock.now(), before.refuted, [(event, 0) for event in events]
        while left:
            arrivals = [_refutation(event, now, by, turn) for event, turn in left]
            results = (await self._store.append(arrivals, now, now // DAY)).results
            refuted += results.count("accepted")
            left = [
                (event, turn + 1)
                for (event, turn), result in zip(left, results, strict=True)
                if result == "id_conflict"
            ]
        return DisowningProgress(events=before.events + len(events), refuted=refuted)


def _source(token_id: str) -> str:
    """Return what events of a token hold as their `source.token`."""
    return str(Credential("token", token_id))


def _ended(token: Token, now: Instant) -> Token:
    return msgspec.structs.replace(token, revoked_at=now)


def _refutation(event: Event, now: Instant, by: Credential, turn: int) -> Arrival:
    """Return the refutation of an event: the same one whenever it is made again, but for its instants.

    It is reported after whatever the event says of itself, so that it holds against acts of the same token.
    Whoever knows the event can reckon the id and take it before: `turn` counts how often that was so.
    """
    reported = event.fields.get("reported_at")
    parts = ("disown", event.token, event.desk, event.id, *([str(turn)] if turn else []))
    refutation = Event(
        desk=event.desk,
        id=f"disown-{derive(*parts)}",
        kind="correction",
        region=event.region,
        severity=1,
        occurred_at=now,
        fields={
            "corrects": event.id,
            "verification": "refuted",
            "reported_at": max(now, reported + 1 if isinstance(reported, int) else 0),
        },
        exercise=event.exercise,
        by_verifier=True,
        token=str(by),
    )
    identity = identity_of(refutation.desk, refutation.id)
    return Arrival(
        identity=identity,
        content=blake2b(identity, digest_size=8).digest(),
        value=msgspec.json.encode(refutation),
    )
