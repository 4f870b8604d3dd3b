"""The door: events in, durably, each exactly once, or kept aside for a person, or refused with a reason.

Here: one request from bytes to counts, the quarantine and the ways out of it. Not here: what an event is
(`intake.event_schema`), who may come in (`people.tokens`), HTTP (`web.api.events`), and what events mean.

Order of a request: judge every document, append all good events in one step, then keep aside what is not an event, in
one write, and only then answer. A process that dies between the two has answered nothing, so the sender comes again:
the good ones are then duplicates, and a record of the quarantine is named by a digest of its content, so that the same
document never makes two. The append goes first because only the store can say that an id is already taken by another
content; so one write holds all that the request leaves in quarantine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec
import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.ids import derive
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.correction import named_by
from engine.core.judging.instant import DAY, Instant
from engine.core.judging.region import RegionTable, cut
from engine.documents.event_fields import FieldFaultKind, public_name
from engine.documents.finding import Language
from engine.documents.sheets.event_columns import CellFault
from engine.errors import StoreUnavailableError
from engine.escalation.internal_alerts import ask
from engine.intake.awas_rules import AwasRules
from engine.intake.backpressure import Admission, Pressure
from engine.intake.event_schema import (
    GRAVE,
    Accepted,
    EventRefusal,
    EventSchema,
    KeptAside,
    Refused,
    SchemaVerdict,
    split_documents,
)
from engine.intake.grave_evidence import grave_evidence
from engine.intake.token_rates import RateExceededError, TokenRates, TooMuchAtOnceError
from engine.matching.awas_alone import BY_SEVERITY
from engine.metrics import Metrics
from engine.people.tokens import ANY_DESK, Scope, Token
from engine.people.tokens import TABLE as TOKENS
from engine.records.audit_log import append_audit
from engine.records.quarantine import (
    QUARANTINE,
    Quarantined,
    QuarantineListPage,
    QuarantineShare,
    fitting,
    leaving,
    listed,
    page_of,
    share_of,
)
from engine.records.quarantine_acts import SETTLED, QuarantineAct, SettledRecord, audited, lowered, settled_of
from engine.records.tolerant_read import readable_or
from engine.runtime.cooperative import Pieces
from engine.settings import Settings
from engine.store.codec import decode_record, encode
from engine.store.port import Append, Committed, Conflict, Place, Put, Store, Write

LANGUAGES: tuple[Language, ...] = ("id", "en")
_LINES_KEPT = 1_000
"""Faults whose words are kept: the events of a flood mostly have the same."""
_MEANT: Mapping[Language, str] = {"id": "mungkin maksud Anda {}?", "en": "did you mean {}?"}

log = structlog.get_logger("siaga.intake")


class FaultLine(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a document: where it is (empty: the whole), its code, its words, and what is offered instead.

    `text` and `suggestion` are by language: what is wrong, and what to send instead.
    """

    field: str
    reason: str
    text: dict[str, str]
    suggestion: dict[str, str]
    instead: str = ""


class KeptLine(msgspec.Struct, frozen=True, kw_only=True):
    """Answer for one document that was kept aside: its place in the request (from 0), and the id to find it by.

    `field` and `reason` are those of the first of all its `faults`.
    """

    index: int
    id: str
    field: str
    reason: FieldFaultKind
    mended: dict[str, str] = {}
    faults: tuple[FaultLine, ...] = ()


class FlaggedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Answer for one event that was taken in with a remark: its place in the request (from 0), and the remarks."""

    index: int
    remarks: tuple[FaultLine, ...]


class RefusedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Answer for one document of which nothing is kept: its place in the request (from 0)."""

    index: int
    field: str
    reason: EventRefusal


class IntakeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request: every document is in exactly one of the first four.

    `flagged` names events among the accepted that were taken in with a remark. `dry_run`: nothing was taken in, this
    is what would become of the request. Both are left out of the answer where they say nothing.
    """

    accepted: int = 0
    duplicate: int = 0
    quarantined: tuple[KeptLine, ...] = ()
    rejected: tuple[RefusedLine, ...] = ()
    flagged: tuple[FlaggedLine, ...] | msgspec.UnsetType = msgspec.UNSET
    dry_run: bool | msgspec.UnsetType = msgspec.UNSET

    @property
    def full(self) -> bool:
        """Whether nothing was kept, and something of it only because the token's share of the quarantine is full."""
        return self.all_rejected and any(line.reason == "quarantine_full" for line in self.rejected)

    @property
    def all_rejected(self) -> bool:
        """Whether nothing of the request was kept."""
        return bool(self.rejected) and not (self.accepted or self.duplicate or self.quarantined)


class Resubmitted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a record sent again: `accepted`, `duplicate`, `verify_needed`, or still not an event, and why.

    `lowered` names the fields that only somebody with the right `verify` may lower; `source.token`: the token that
    brought the record is disowned.
    """

    outcome: str
    field: str = ""
    mended: dict[str, str] = {}
    lowered: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the record left the quarantine."""
        return self.outcome in ("accepted", "duplicate", "dropped")


class Intake:
    """Takes events in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        regions: RegionTable,
        kinds: Collection[str],
        settings: Settings,
        metrics: Metrics,
        *,
        rates: TokenRates | None = None,
        awas: AwasRules | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Take in what tokens may bring by `rates`; None: whatever comes, as in a rehearsal.

        `awas` says which events may open an awas alert alone; None: those of severity 4.

        `admission` lets long requests wait; None: none waits, as in a rehearsal.
        """
        self._store = store
        self._clock = clock
        self._schema = EventSchema(regions, kinds, settings.intake)
        self._remembered = settings.intake.dedup_days * DAY
        self._max_events = settings.http.max_events
        self._metrics = metrics
        self._rates = rates
        self._awas = awas
        self.admission = admission or Admission(0.0)
        self._bound = QuarantineShare(settings.intake.quarantine_entries, settings.intake.quarantine_bytes)
        self._pressure = Pressure(store, clock, metrics, most_waiting=settings.intake.max_waiting)
        self._pieces = Pieces()

    async def submit(self, body: bytes, media_type: str, scope: Scope) -> IntakeResult:
        """Take in one request; when this returns, whatever it says is in the store.

        `media_type` is `application/x-ndjson` for one document a line, anything else for one object or an array.
        Raises `StoreUnavailableError`, `BusyError` and `RateExceededError`, after which the same request may come
        again, and `TooMuchAtOnceError`, after which it may come in parts.
        """
        began = monotonic()
        await self._pressure.check()
        received_at = self._clock.now()
        cut = split_documents(body, media_type)
        if cut is None or len(cut) > self._max_events:
            return await self._all_refused(cut)
        if self._rates is None:
            return await self._take_in(cut, scope, received_at, began)
        self._rates.take(scope, "events", len(cut))
        try:
            return await self._take_in(cut, scope, received_at, began)
        except StoreUnavailableError:
            self._rates.give_back(scope, "events", len(cut))
            raise

    async def examine(self, body: bytes, media_type: str, scope: Scope) -> IntakeResult:
        """Say what would become of a request, and take nothing in; its documents count into the token's rate.

        A record's id is the one it would have in quarantine. Raises `RateExceededError`.
        """
        received_at = self._clock.now()
        cut = split_documents(body, media_type)
        if cut is None or len(cut) > self._max_events:
            return IntakeResult(rejected=(_whole(cut, self._max_events),), dry_run=True)
        if self._rates is not None:
            self._rates.take(scope, "events", len(cut))
        verdicts = await self._examined(cut, scope, received_at)
        good = [(index, one) for index, one in enumerate(verdicts) if isinstance(one, Accepted)]
        known = await self._store.known([one.identity for _, one in good]) if good else []
        oldest = received_at - self._remembered
        aside = [(index, one) for index, one in enumerate(verdicts) if isinstance(one, KeptAside)]
        fresh: list[tuple[int, Accepted]] = []
        for (index, one), content in zip(good, known, strict=True):
            if content is not None and content != one.content:
                aside.append((index, kept_aside(one, cut[index], "id_conflict")))
            elif content is None and one.event.occurred_at < oldest:
                aside.append((index, kept_aside(one, cut[index], "too_late")))
            elif content is None:
                fresh.append((index, one))
        aside.sort(key=lambda pair: pair[0])
        repeated_within = len(fresh) - len({one.identity for _, one in fresh})
        return IntakeResult(
            accepted=len(fresh) - repeated_within,
            duplicate=sum(one is not None for one in known)
            - sum(kept.fault == "id_conflict" for _, kept in aside)
            + repeated_within,
            quarantined=tuple(
                _kept_line(index, kept, record(kept, scope, received_at)) for index, kept in aside
            ),
            rejected=tuple(
                RefusedLine(index=index, field=one.field, reason=one.refusal)
                for index, one in enumerate(verdicts)
                if isinstance(one, Refused)
            ),
            flagged=self._flagged(fresh),
            dry_run=True,
        )

    def _flagged(self, events: Iterable[tuple[int, Accepted]]) -> tuple[FlaggedLine, ...] | msgspec.UnsetType:
        """Return the remarks on events that were taken in, by their places; unset where there are none."""
        found = []
        for index, one in events:
            remarks = []
            for flag in one.event.flags:
                if flag == "kind_unknown":
                    remarks.append(
                        _line("kind", flag, "kind_flagged", self._schema.kind_meant(one.event.kind))
                    )
                else:
                    remarks.append(_line("occurred_at", flag, "offset_flagged"))
            if remarks:
                found.append(FlaggedLine(index=index, remarks=tuple(remarks)))
        return tuple(found) or msgspec.UNSET

    async def _take_in(
        self, cut: Sequence[bytes], scope: Scope, received_at: Instant, began: float
    ) -> IntakeResult:
        """Take in the documents of one request, which began at `began` (monotonic seconds)."""
        good: list[Accepted] = []
        places: list[int] = []
        old: list[tuple[int, Accepted]] = []
        aside: list[tuple[int, KeptAside]] = []
        refused: list[RefusedLine] = []
        oldest = received_at - self._remembered
        for index, verdict in enumerate(await self._examined(cut, scope, received_at)):
            if isinstance(verdict, Accepted):
                if verdict.event.occurred_at < oldest:
                    old.append((index, verdict))
                else:
                    good.append(verdict)
                    places.append(index)
            elif isinstance(verdict, KeptAside):
                aside.append((index, verdict))
            else:
                refused.append(RefusedLine(index=index, field=verdict.field, reason=verdict.refusal))
        results = await self._append_within_bounds(good, scope, received_at)
        if "id_conflict" in results:
            aside += [
                (index, kept_aside(accepted, cut[index], "id_conflict"))
                for index, accepted, result in zip(places, good, results, strict=True)
                if result == "id_conflict"
            ]
        repeated, too_late = await self._old(old, cut)
        aside = sorted([*aside, *too_late], key=lambda pair: pair[0])
        records = await self._pieces.each(lambda pair: record(pair[1], scope, received_at), aside)
        full = await self._keep(records, len(refused), repeated)
        refused += [
            RefusedLine(index=index, field=kept.field, reason="quarantine_full")
            for (index, _), kept in zip(aside, records, strict=True)
            if kept.id in full
        ]
        refused.sort(key=lambda line: line.index)
        self._count(good, results, [kept for kept in records if kept.id not in full], refused)
        self._metrics.events("duplicate", repeated)
        self._metrics.intake_seconds.observe(monotonic() - began)
        return IntakeResult(
            accepted=results.count("accepted"),
            duplicate=results.count("duplicate") + repeated,
            quarantined=tuple(
                _kept_line(index, verdict, kept)
                for (index, verdict), kept in zip(aside, records, strict=True)
                if kept.id not in full
            ),
            rejected=tuple(refused),
            flagged=self._flagged(
                (index, one)
                for index, one, result in zip(places, good, results, strict=True)
                if one.event.flags and result == "accepted"
            ),
        )

    async def _examined(
        self, cut: Sequence[bytes], scope: Scope, received_at: Instant
    ) -> list[SchemaVerdict]:
        """Return the verdict on each document, in order."""
        token = str(scope.credential)
        return await self._pieces.each(lambda raw: self._schema.examine(raw, scope, received_at, token), cut)

    async def quarantined(
        self, scope: Scope, limit: int = 100, after: Place | None = None
    ) -> QuarantineListPage:
        """Return a page of the records of the scope's region, oldest first, from behind a place on."""
        return await page_of(self._store, scope.region, limit, after)

    async def kept(self, record_id: str, scope: Scope) -> Quarantined | None:
        """Return one record; None where the scope's region has none of this id."""
        found = (await self._store.get(QUARANTINE, [record_id]))[0]
        record_ = decode_record(QUARANTINE, record_id, found.value, Quarantined) if found else None
        return record_ if record_ is not None and scope.covers(record_.region) else None

    async def resubmit(
        self, record_id: str, event: bytes | None, scope: Scope, *, mended: bool = False
    ) -> Resubmitted | None:
        """Send a record again: as it is, with what was offered instead (`mended`), or as the given document.

        None where the scope has no such record. While it is not an event the record stays as it was, and so it does
        where the event says less than the record (`quarantine_acts.lowered`) and the scope lacks the right `verify`.
        """
        found = (await self._store.get(QUARANTINE, [record_id]))[0]
        kept = decode_record(QUARANTINE, record_id, found.value, Quarantined) if found else None
        if found is None or kept is None or not scope.covers(kept.region):
            return None
        raw = event if event is not None else _mended(kept) if mended else kept.raw
        now = self._clock.now()
        verdict = self._schema.examine(raw, _on_behalf(scope, kept), now, kept.by or f"token:{kept.token_id}")
        if isinstance(verdict, KeptAside):
            return Resubmitted(outcome=verdict.fault, field=verdict.field, mended=verdict.mended)
        if isinstance(verdict, Refused):
            return Resubmitted(outcome=verdict.refusal, field=verdict.field)
        if verdict.event.occurred_at < now - self._remembered:
            return Resubmitted(outcome="too_late", field="occurred_at")
        less = lowered(kept, verdict.event) + await self._disowned(kept)
        if less and "verify" not in scope.rights:
            return Resubmitted(outcome="verify_needed", field=less[0], lowered=less)
        (result,) = await self._append([verdict])
        if result == "id_conflict":
            return Resubmitted(outcome=result, field="id")
        act: QuarantineAct = (
            "resubmitted" if raw == kept.raw else "mended" if mended and event is None else "replaced"
        )
        # A crash before this write leaves the record; sent again it is a duplicate and is settled then.
        await self._settle(_settled(kept, raw, act, scope, now), found.version, changed=result == "accepted")
        self._metrics.events(result)
        return Resubmitted(outcome=result)

    async def _disowned(self, kept: Quarantined) -> tuple[str, ...]:
        """Return the field `source.token` where the token that brought a record is disowned since; else nothing."""
        (found,) = await self._store.get(TOKENS, [kept.token_id])
        token = readable_or(TOKENS, kept.token_id, found, Token, None)
        since = None if token is None else token.disowned_since
        return () if since is None or kept.received_at < since else ("source.token",)

    async def drop(self, record_id: str, scope: Scope) -> Resubmitted | None:
        """Let a record go that becomes no event; its document is kept with the settled ones.

        None where the scope has no such record. It needs the right `verify`: nobody will judge what it says.
        """
        found = (await self._store.get(QUARANTINE, [record_id]))[0]
        kept = decode_record(QUARANTINE, record_id, found.value, Quarantined) if found else None
        if found is None or kept is None or not scope.covers(kept.region):
            return None
        if "verify" not in scope.rights:
            return Resubmitted(outcome="verify_needed", lowered=lowered(kept, None))
        settled = _settled(kept, b"", "dropped", scope, self._clock.now())
        done = await self._settle(settled, found.version, changed=False)
        return Resubmitted(outcome="dropped") if done else None

    async def _settle(self, settled: SettledRecord, version: int, *, changed: bool) -> bool:
        """Take a record out of the quarantine, with its entry in the audit; return whether this act did.

        Somebody else may just have done so. Where this act `changed` what is judged and theirs was another one, only
        the record of this act is written.
        """
        kept = settled.record
        recorded = (Append(SETTLED, (encode(settled),)), append_audit(audited(settled)))
        while True:
            drop, plans, put = leaving(kept, version, await share_of(self._store, kept.token_id))
            outcome = await self._store.write(
                Write(
                    name="resubmit",
                    puts=(put,),
                    drops=(drop,),
                    plans=tuple(plans),
                    appends=recorded,
                    counts={} if settled.act == "dropped" else {"events_resubmitted": 1},
                )
            )
            self._metrics.commit("resubmit", "committed" if isinstance(outcome, Committed) else "conflict")
            if not isinstance(outcome, Conflict):
                return True
            if (QUARANTINE, kept.id) in outcome.records:
                break  # else only the share of the token was changed meanwhile: once more
        others = await settled_of(self._store, kept.id)
        if changed and all(one.sent != settled.sent for one in others):
            await self._store.write(Write(name="resubmit", appends=recorded))
        return False

    async def _noted(self, good: Sequence[Accepted]) -> Sequence[Accepted]:
        """Note in corrections and refutations without the right `verify` whether a siaga or awas alert is at stake."""
        if not any(_may_undo(one) for one in good):
            return good
        evidence = await grave_evidence(self._store)
        return [
            _against_alert(one)
            if _may_undo(one) and evidence.holds((one.event.desk, named_by(one.event)))
            else one
            for one in good
        ]

    async def _append_within_bounds(
        self, good: Sequence[Accepted], scope: Scope, received_at: Instant
    ) -> Sequence[str]:
        """Append the events of one request; raise where new ones that may open an awas alert are too many."""
        if self._rates is None:
            return await self._append(good)
        alone = BY_SEVERITY if self._awas is None else await self._awas.current()
        grave = [(one, opened) for one in good if (opened := alone.opens(one.event)) is not None]
        if not grave:
            return await self._append(good)
        known = await self._store.known([one.identity for one, _ in grave])
        new = {
            (opened, one.event.exercise)
            for (one, opened), content in zip(grave, known, strict=True)
            if content is None
        }
        exercise = sum(is_exercise for _, is_exercise in new)
        real = len(new) - exercise
        try:
            self._rates.take_awas(scope, real, exercise, received_at)
        except (RateExceededError, TooMuchAtOnceError):
            if real and self._rates.storm_is_new(scope, received_at):
                log.warning("token_storm", token=scope.token_id, region=scope.region, awas=real)
                plan = ask(InternalAlertRequest("token-storm", scope.region), received_at)
                await self._store.write(Write(name="token_storm", plans=(plan,)))
                self._rates.storm_told(scope, received_at)
            raise
        try:
            return await self._append(good)
        except StoreUnavailableError:
            self._rates.give_awas_back(scope, real, exercise)
            raise

    async def _append(self, good: Sequence[Accepted]) -> Sequence[str]:
        """Append the events of one request in one step, received as of now; return what became of each.

        So no timer passes by events that were still examined, or waited, when it was judged.
        """
        if not good:
            return ()
        if any(one.event.severity >= GRAVE for one in good):
            self.admission.grave_comes()
        else:
            await self.admission.enter(len(good))
        noted, received_at = await self._noted(good), self._clock.now()
        return (await self._store.append(noted, received_at, received_at // DAY)).results

    async def _old(
        self, old: Sequence[tuple[int, Accepted]], cut: Sequence[bytes]
    ) -> tuple[int, list[tuple[int, KeptAside]]]:
        """Return how many events older than `dedup_days` are repeats that are still remembered, and all others.

        The others are kept aside: whether they are repeats cannot be known any more.
        """
        known = await self._store.known([accepted.identity for _, accepted in old]) if old else []
        aside, repeated = [], 0
        for (index, accepted), content in zip(old, known, strict=True):
            if content == accepted.content:
                repeated += 1
            else:
                fault: FieldFaultKind = "too_late" if content is None else "id_conflict"
                aside.append((index, kept_aside(accepted, cut[index], fault)))
        return repeated, aside

    async def _all_refused(self, cut: list[bytes] | None) -> IntakeResult:
        """Refuse a whole request: it is no JSON, or holds too many documents to name each."""
        line = _whole(cut, self._max_events)
        await self._keep([], len(cut or (None,)))
        for _ in cut or (None,):
            self._metrics.rejected(line.reason)
        return IntakeResult(rejected=(line,))

    async def _keep(self, records: Sequence[Quarantined], refused: int, repeated: int = 0) -> frozenset[str]:
        """Write the records that are not there yet, and count; again where another request was quicker.

        Returns the ids of those that the token's share of the quarantine has no room for: nothing is kept of them.
        """
        by_id = {kept.id: kept for kept in records}
        while True:
            ids = list(by_id)
            there = await self._store.get(QUARANTINE, ids) if ids else []
            new = [by_id[known] for known, found in zip(ids, there, strict=True) if found is None]
            if not new and not refused and not repeated:
                return frozenset()
            taken, puts = list[Quarantined](), list[Put]()
            if new:
                place = await share_of(self._store, new[0].token_id)  # all of a request are of one token
                taken, share = fitting(place.share, new, self._bound)
                puts = await self._pieces.each(_put, taken)
                puts += [place.put(share)] if taken else []
            full = frozenset(kept.id for kept in new) - {kept.id for kept in taken}
            # A grave report that finds no room is somebody's business as much as one that is kept.
            calls = [ask(request, kept.received_at) for kept in new if (request := _own_alert(kept))]
            write = Write(
                name="quarantine",
                puts=tuple(puts),
                plans=(*calls, *(plan for kept in taken for plan in listed(kept, kept.received_at))),
                counts={
                    "events_quarantined": len(taken),
                    "events_rejected": refused + len(full),
                    "events_duplicate": repeated,
                },
            )
            outcome = await self._store.write(write)
            self._metrics.commit("quarantine", "committed" if isinstance(outcome, Committed) else "conflict")
            if isinstance(outcome, Committed):
                if full:
                    log.error("quarantine_share_full", token=new[0].token_id, refused=len(full))
                return full

    def _count(
        self,
        good: Sequence[Accepted],
        results: Sequence[str],
        records: Sequence[Quarantined],
        refused: Sequence[RefusedLine],
    ) -> None:
        for result in ("accepted", "duplicate"):
            self._metrics.events(result, results.count(result))
        flags = Counter(
            flag
            for accepted, result in zip(good, results, strict=True)
            if accepted.event.flags and result == "accepted"
            for flag in accepted.event.flags
        )
        for flag, number in flags.items():
            self._metrics.flagged(flag, number)
        for kept in records:
            self._metrics.quarantined(kept.reason)
            log.info("event_quarantined", record=kept.id, reason=kept.reason, field=public_name(kept.field))
        for line in refused:
            self._metrics.rejected(line.reason)


def _put(kept: Quarantined) -> Put:
    return Put(QUARANTINE, kept.id, encode(kept), expected=0)


def _whole(cut: Sequence[bytes] | None, most: int) -> RefusedLine:
    """Return why a whole request is refused: it is no JSON, or holds more than `most` documents."""
    return RefusedLine(
        index=0 if cut is None else most, field="", reason="not_json" if cut is None else "too_many"
    )


def _kept_line(index: int, verdict: KeptAside, kept: Quarantined) -> KeptLine:
    """Return the answer for a document that is kept aside."""
    faults = tuple(_line(one.field, one.reason, one.reason, one.instead) for one in verdict.faults)
    return KeptLine(
        index=index,
        id=kept.id,
        field=kept.field,
        reason=kept.reason,
        mended=kept.mended,
        faults=faults or (_line(kept.field, kept.reason, kept.reason),),
    )


@lru_cache(maxsize=_LINES_KEPT)
def _line(field: str, reason: str, words: str, instead: str = "") -> FaultLine:
    """Return a fault or remark with the words of the code `words` in both languages."""
    texts = {language: CellFault(code=words).text(language) for language in LANGUAGES}
    return FaultLine(
        field=field,
        reason=reason,
        text={language: text.message for language, text in texts.items()},
        suggestion={
            language: f"{_MEANT[language].format(instead)} {text.suggestion}" if instead else text.suggestion
            for language, text in texts.items()
        },
        instead=instead,
    )


def kept_aside(accepted: Accepted, raw: bytes, fault: FieldFaultKind) -> KeptAside:
    """Return what is kept of an event whose id is taken by another content (`id_conflict`), or that is `too_late`."""
    event = accepted.event
    return KeptAside(
        fault=fault,
        field="id" if fault == "id_conflict" else "occurred_at",
        raw=raw,
        content=accepted.identity + accepted.content,
        desk=event.desk,
        event_id=event.id,
        kind=event.kind,
        region=event.region,
        severity=event.severity,
        exercise=event.exercise,
    )


def record(kept: KeptAside, scope: Scope, received_at: Instant) -> Quarantined:
    """Return the record of a document that is kept aside; equal contents give equal ids."""
    return Quarantined(
        id=derive("quarantine", kept.content.hex()),
        reason=kept.fault,
        field=kept.field,
        raw=kept.raw,
        received_at=received_at,
        token_id=scope.token_id,
        region=kept.region or scope.region,
        desk=kept.desk,
        event_id=kept.event_id,
        kind=kept.kind,
        severity=kept.severity,
        exercise=kept.exercise,
        mended=kept.mended,
        by=str(scope.credential),
        desks=scope.desks or (scope.region,),
    )


def _settled(kept: Quarantined, sent: bytes, act: QuarantineAct, scope: Scope, now: Instant) -> SettledRecord:
    """Return what is kept of an act by which a record leaves the quarantine."""
    return SettledRecord(
        record=kept, sent=sent, token_id=scope.token_id, at=now, act=act, by=str(scope.credential)
    )


def _on_behalf(scope: Scope, kept: Quarantined) -> Scope:
    """Return the scope of whoever sends a record again: the event may be of any desk that its sender speaks for."""
    return msgspec.structs.replace(scope, desks=(scope.desk, *scope.desks, *(kept.desks or (ANY_DESK,))))


def _may_undo(accepted: Accepted) -> bool:
    """Say whether an event corrects or refutes another one, by a sender who is no verifier."""
    return bool(named_by(accepted.event)) and not accepted.event.by_verifier


def _against_alert(accepted: Accepted) -> Accepted:
    event = msgspec.structs.replace(accepted.event, against_alert=True)
    return msgspec.structs.replace(accepted, event=event, value=msgspec.json.encode(event))


def _mended(kept: Quarantined) -> bytes:
    """Return the document with the offered values in place."""
    document = msgspec.json.decode(kept.raw)
    if isinstance(document, dict):
        document.update(kept.mended)
    return msgspec.json.encode(document)


def _own_alert(kept: Quarantined) -> InternalAlertRequest | None:
    """Return the alert to the posko that a grave report in quarantine is; None for the others, and in exercises."""
    if kept.severity < GRAVE or kept.exercise:
        return None
    return InternalAlertRequest("quarantine", cut(kept.region, "regency") or kept.region, kept.severity)
