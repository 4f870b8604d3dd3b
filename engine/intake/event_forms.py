"""Reports of people: one that was filled in on a form, a sign of life, or a sheet; taken in by the door like any event.

Here: from what a form sent to what became of it. Not here: reading words and sheets (`intake.form_input`), the door
itself (`intake.submission`), pages (`web.console`).

A form carries an id of its own from the moment it is shown, so that sending it twice reports once. The same id with
other words is no conflict for the quarantine: somebody went back and changed a form that was sent already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from engine.clock import Clock
from engine.core.judging.instant import Instant
from engine.documents.finding import Language
from engine.documents.sheets.event_columns import CellFault
from engine.intake.event_schema import Accepted, EventSchema, identity_of
from engine.intake.form_input import NIHIL, EventInput, Faulty, Given, Givens, fault_of
from engine.intake.sheet_worker import SheetReader
from engine.intake.submission import Intake, IntakeResult
from engine.people.tokens import Scope
from engine.settings import Settings
from engine.store.port import Store

JSON, LINES = "application/json", "application/x-ndjson"
FormResult = Literal["accepted", "duplicate", "changed", "faulty", "kept", "refused"]
"""What became of a form: taken in; it was taken in before; before, but with other words; something is to be corrected;
kept aside for the posko; nothing is kept."""


class FormAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a form. `as_it_is` says that it can be sent as it is, to be kept aside."""

    became: FormResult
    faults: tuple[CellFault, ...] = ()
    as_it_is: bool = False


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a sheet: numbers, the rows that were not taken in, and a sheet of those to correct."""

    accepted: int = 0
    duplicate: int = 0
    good: int = 0
    kept: tuple[Faulty, ...] = ()
    refused: tuple[Faulty, ...] = ()
    faulty: tuple[Faulty, ...] = ()
    to_correct: bytes = b""


class EventForms:
    """Takes reports of people in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        intake: Intake,
        givens: Givens,
        schema: EventSchema,
        settings: Settings,
        sheets: SheetReader,
    ) -> None:
        self._store = store
        self._clock = clock
        self._intake = intake
        self._givens = givens
        self._schema = schema
        self._at_once = settings.http.max_events
        self._sheets = sheets

    async def report(
        self, words: Mapping[str, str], scope: Scope, *, at: Instant, as_it_is: bool = False
    ) -> FormAnswer:
        """Take in one event of these words by field, `id` among them; without a date it happened at `at`."""
        given = self._givens.words(words, at=at, desk=scope.desk, scope=scope, now=self._clock.now())
        faults = tuple(fault for faulty in given.faulty for fault in faulty.faults)
        if not given.events:
            return FormAnswer(became="faulty", faults=faults)
        (event,) = given.events
        if faults and not as_it_is:
            return FormAnswer(became="faulty", faults=faults, as_it_is=True)
        verdict = self._schema.examine(event.json, scope, self._clock.now())
        if isinstance(verdict, Accepted):
            (known,) = await self._store.known([verdict.identity])
            if known is not None and known != verdict.content:
                return FormAnswer(became="changed")
        return _became(await self._intake.submit(event.json, JSON, scope))

    async def nihil(self, region: str, id_: str, scope: Scope) -> FormAnswer:
        """Take in that there is nothing to report; a second tap changes nothing."""
        (known,) = await self._store.known([identity_of(scope.desk, id_)])
        if known is not None:
            return FormAnswer(became="duplicate")
        return await self.report({**NIHIL, "region": region, "id": id_}, scope, at=self._clock.now())

    async def upload(self, data: bytes, scope: Scope, language: Language, *, send: bool) -> Uploaded:
        """Take in the rows of a sheet that need no correcting, or only check them all.

        Raises `NotASheet`, `WorkersBusyError` and `WorkerReplacedError`.
        """
        given = await self._sheets.read(data, scope, self._clock.now(), language)
        uploaded = Uploaded(good=len(given.events), faulty=given.faulty, to_correct=given.to_correct)
        return await self._sent(given, uploaded, scope) if send else uploaded

    async def _sent(self, given: Given, uploaded: Uploaded, scope: Scope) -> Uploaded:
        for start in range(0, len(given.events), self._at_once):
            events = given.events[start : start + self._at_once]
            result = await self._intake.submit(b"\n".join(event.json for event in events), LINES, scope)
            kept = [(line.index, line.reason, line.field) for line in result.quarantined]
            refused = [(line.index, line.reason, line.field) for line in result.rejected]
            uploaded = msgspec.structs.replace(
                uploaded,
                accepted=uploaded.accepted + result.accepted,
                duplicate=uploaded.duplicate + result.duplicate,
                kept=(*uploaded.kept, *_named(kept, events)),
                refused=(*uploaded.refused, *_named(refused, events)),
            )
        return uploaded


def _became(result: IntakeResult) -> FormAnswer:
    """Return what became of the one event of a request."""
    if result.accepted or result.duplicate:
        return FormAnswer(became="accepted" if result.accepted else "duplicate")
    for line in result.quarantined:
        return FormAnswer(became="kept", faults=(fault_of(line.reason, line.field),))
    return FormAnswer(
        became="refused", faults=tuple(fault_of(line.reason, line.field) for line in result.rejected)
    )


def _named(lines: Sequence[tuple[int, str, str]], events: Sequence[EventInput]) -> list[Faulty]:
    return [Faulty(row=events[i].row, faults=(fault_of(reason, field),)) for i, reason, field in lines]
