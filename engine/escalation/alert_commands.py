"""Reading and changing single alerts: load, decide, commit, and again where somebody else was quicker.

Here: the one way by which answers, timers and deliveries change an alert
(docs/specification/trust.md#one-way-to-change-an-alert). Not here: what they decide (`core.alerting.decide`) and the
evaluator's commit of whole batches.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.alert import Alert, HistoryEntry
from engine.core.alerting.case_editor import Decision, DecisionContext
from engine.core.alerting.command import Answer, Command
from engine.core.alerting.credential import Credential
from engine.core.alerting.decide import decide
from engine.core.alerting.ids import alert_id
from engine.core.judging.instant import SECOND
from engine.errors import StoreError, StoreUnavailableError
from engine.metrics import Metrics
from engine.records.alert_lists import AlertsPage, WantedList, newest_of, page_of
from engine.records.alert_repository import ALERTS, CLOSINGS, Case, WriteBuilder, history_log, load, standing
from engine.records.case_archive import CaseArchive
from engine.records.runtime_config import RuntimeConfig
from engine.records.statistics import Summary, summarise, take
from engine.records.tolerant_read import readable, readable_entries
from engine.runtime.batcher import Batcher
from engine.store.codec import decode as decode_value
from engine.store.port import Committed, Expect, Place, Plan, Put, Store, Write
from engine.store.write_names import WriteName

ATTEMPTS = 50
"""A command is decided anew this often when others change the same alert meanwhile; each round somebody got through."""

Beside = Callable[[Case, Decision], Awaitable[tuple[Sequence[Put], Sequence[Plan]]]]
"""What is written together with a decision, made anew at each attempt."""

log = structlog.get_logger(__name__)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an answer: the alert after it, why it was refused (empty: recorded), whether it was a repeat."""

    alert: Alert
    reason: str
    refusal: str = ""
    repeated: bool = False


class AlertCommands:
    """Reads and changes alerts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        past: CaseArchive | None = None,
    ) -> None:
        """Take the parts; `past` is where alerts are that left the store."""
        self._past = past
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._rounds: dict[WriteName, Batcher[_Given, Decision | None]] = {}

    async def case(self, alert_id: str) -> Case | None:
        """Return an alert with its notifications."""
        return (await load(self._store, [alert_id])).get(alert_id)

    async def page(self, wanted: WantedList, limit: int, after: Place | None = None) -> AlertsPage:
        """Return a page of the wanted alerts, newest first; it may be short and yet have a next one."""
        return await page_of(self._store, wanted, limit, after)

    async def newest(self, wanted: WantedList) -> Alert | None:
        """Return the newest of the wanted alerts; None where there is none."""
        async for alert in newest_of(self._store, wanted):
            return alert
        return None

    async def alerts(self) -> list[Alert]:
        """Return all alerts, newest first by the instant they were detected: for rehearsals, never for a request."""
        alerts = readable(ALERTS, await self._store.scan(ALERTS), Alert).values()
        return sorted(alerts, key=lambda alert: (-alert.detected_at, alert.id))

    async def found(self, alert_id: str) -> Case | None:
        """Return an alert with its notifications, from the archive where it left the store."""
        case = await self.case(alert_id)
        if case is not None or self._past is None:
            return case
        archived = await self._past.case(alert_id)
        # Between the two looks it may have left the store, but never the archive.
        return archived[0] if archived else None

    async def left(self, notification_id: str) -> bool:
        """Say whether a message left the store for the archive, with its alert or alone."""
        return self._past is not None and await self._past.alert_of(notification_id) is not None

    async def history(self, alert_id: str, since: int = 0) -> list[HistoryEntry]:
        """Return the history of an alert, oldest first, without its first `since` entries; also from the archive."""
        name = history_log(alert_id)
        log = await self._store.log(name, since)
        if not log and self._past is not None and (archived := await self._past.case(alert_id)) is not None:
            return list(archived[1][since:])
        return readable_entries(name, log, HistoryEntry, since)

    async def summary(self) -> Summary:
        """Return what the installation has done so far."""
        return summarise(await take(self._store), await self._store.counters())

    async def answer(
        self, alert_id: str, answer: Answer, beside: Beside | None = None, *, by: Credential
    ) -> Answered | None:
        """Enter a person's answer; None where there is no such alert. `beside` and `by` are as in `change`."""
        decision = await self.change(alert_id, answer, "answer", beside, by=by)
        if decision is None:
            return None
        outcome = decision.refusal or decision.reason
        self._metrics.answer(answer.says, answer.via, "refused" if decision.refusal else "recorded")
        return Answered(
            alert=decision.alert, reason=outcome, refusal=decision.refusal, repeated=decision.repeated
        )

    async def change(
        self,
        alert_id: str,
        command: Command,
        name: WriteName,
        beside: Beside | None = None,
        known: Case | None = None,
        *,
        by: Credential,
    ) -> Decision | None:
        """Decide a command on the alert as it is now, and commit; None where there is no such alert.

        Commands that others give under the same name meanwhile are committed in the same write. `beside` says what is
        written in the same step, also where the command changes nothing; then the alert is still as it was read.
        `known` is the case as it was read before. `by` is the credential that gave the command; the history names it.
        Raises `StoreError` where `ATTEMPTS` commits in a row were overtaken, and `StoreUnavailableError` where the
        store cannot be reached: then nothing of the command was done, unless the store could not even say so.
        """
        if name not in self._rounds:
            self._rounds[name] = Batcher(partial(self._round, name))
        return await self._rounds[name].ask(_Given(alert_id, command, beside, known, by))

    async def _round(self, name: WriteName, given: Sequence[_Given]) -> list[Decision | Exception | None]:
        """Carry out what was given together; what is overtaken goes alone after that.

        Of several commands on one alert each is decided on what the one before left. Where the store goes away in the
        middle, what was committed before is answered all the same: whoever gave it must not give it again.
        """
        ended: dict[int, Decision | Exception | None] = {}
        tries = Counter[int]()
        while left := [place for place in range(len(given)) if place not in ended]:
            first: dict[str, int] = {}
            for place in left:
                first.setdefault(given[place].alert_id, place)
            fresh = [place for place in first.values() if not tries[place]]
            tries.update(first.values())
            for places in (fresh, *([place] for place in first.values() if place not in fresh)):
                try:
                    outcomes = await self._tried(name, [given[place] for place in places])
                except StoreUnavailableError as error:
                    return [ended.get(place, error) for place in range(len(given))]
                for place, outcome in zip(places, outcomes, strict=True):
                    if not isinstance(outcome, _Overtaken):
                        ended[place] = outcome
                    elif tries[place] >= ATTEMPTS:
                        text = f"alert {given[place].alert_id} changes too quickly for {name}"
                        ended[place] = StoreError(text)
        return [ended[place] for place in range(len(given))]

    async def _tried(
        self, name: WriteName, few: Sequence[_Given]
    ) -> list[Decision | Exception | _Overtaken | None]:
        """Try commands on different alerts in one write; where that raises each goes alone, for it was one of them."""
        try:
            return await self._try(name, few)
        except StoreUnavailableError:
            raise
        except Exception as error:
            if len(few) == 1:
                return [error]
            log.exception("not_changed_together", name=name, alerts=len(few))
            return [outcome for one in few for outcome in await self._tried(name, [one])]

    async def _try(
        self, name: WriteName, few: Sequence[_Given]
    ) -> list[Decision | Exception | _Overtaken | None]:
        known = {one.alert_id: one.known for one in few if one.known is not None}
        cases, around = await asyncio.gather(
            load(self._store, [one.alert_id for one in few], known), self._books.surroundings()
        )
        outcomes: list[Decision | Exception | _Overtaken | None] = []
        first_messages: list[tuple[int, float]] = []
        changes, written = WriteBuilder(), False
        for one in few:
            case = cases.get(one.alert_id)
            if case is None:
                outcomes.append(None)
                continue
            decision = decide(
                case.alert,
                case.notifications,
                one.command,
                await self._around(case.alert, one.command, around),
                self._clock.now(),
                by=one.by,
            )
            outcomes.append(decision)
            if decision.alert != case.alert or decision.notifications or decision.history:
                written = True
                changes.add([decision], case)
                first_messages += _first_message(case, decision)
                self._tell_judging(changes, case.alert, decision)
            elif one.beside is not None:
                changes.expects.append(Expect(ALERTS, one.alert_id, case.version))
            if one.beside is not None:
                written = True
                puts, plans = await one.beside(case, decision)
                changes.puts.extend(puts)
                changes.plans.extend(plans)
        if not written:
            return outcomes
        if not await self._committed(changes.write(name)):
            return [_Overtaken()] * len(few)
        for done in outcomes:
            if isinstance(done, Decision):
                self._metrics.decided(done)
        for level, seconds in first_messages:
            self._metrics.first_message(level, seconds)
        return outcomes

    async def _committed(self, write: Write) -> bool:
        """Write and return whether it was done; raise `StoreUnavailableError` where that is not known."""
        try:
            committed = isinstance(await self._store.write(write), Committed)
        except StoreUnavailableError:
            committed = await self._was_done(write)
            if not committed:
                raise
        self._metrics.commit(write.name, "committed" if committed else "conflict")
        return committed

    async def _was_done(self, write: Write) -> bool:
        """Say whether a write whose answer was lost is in the store, by the place of its entry in a history.

        False also where it holds no entry of a history: then nothing proves it. An entry holds the digest of all before
        it and its own number, so no other write puts the same entry there.
        """
        for append in write.appends:
            if append.log.startswith(history_log("")) and append.entries:
                number = decode_value(append.entries[0], HistoryEntry).number
                return await self._store.log(append.log, number - 1, 1) == [append.entries[0]]
        return False

    def _tell_judging(self, changes: WriteBuilder, before: Alert, decision: Decision) -> None:
        """Let judging take note where people closed an alert that other rules count, or reopened one."""
        after = decision.alert
        if _closed_by_hand(before, after, self._books.rule_set.counted):
            changes.plans.append(Plan(CLOSINGS, after.id, after.resolved_at))
        if decision.reason == "reopened":
            changes.plans.append(Plan(CLOSINGS, after.id, after.reopened_at))
            changes.expects.append(Expect(ALERTS, self._successor(after), 0))

    def _successor(self, alert: Alert) -> str:
        """Return the id that the next alert of the same group has."""
        namespace, rule = self._books.namespace, alert.rule.id
        return alert_id(namespace, alert.space, rule, alert.group, alert.ordinal + 1)

    async def _around(self, alert: Alert, command: Command, around: DecisionContext) -> DecisionContext:
        """Return what a decision may look at.

        For a hidden alert with what is open of the rules that may hide it, for reopening with whether another followed.
        """
        if isinstance(command, Answer) and command.says == "reopened":
            (successor,) = await self._store.get(ALERTS, [self._successor(alert)])
            around = msgspec.structs.replace(around, has_successor=successor is not None)
        if not alert.hidden:
            return around
        found = await standing(self._store, alert.space, alert.hide_while)
        return msgspec.structs.replace(around, standing=frozenset(found.values()))


class _Given(NamedTuple):
    """A command on an alert, as it is to be carried out."""

    alert_id: str
    command: Command
    beside: Beside | None
    known: Case | None
    by: Credential


class _Overtaken:
    """Somebody changed an alert of the write meanwhile."""


def _first_message(case: Case, decision: Decision) -> list[tuple[int, float]]:
    """Return level and seconds since what opened the alert came in, where this decision sent its first message."""
    alert, before = case.alert, case.notifications.values()
    if alert.exercise or len(case.notifications) != len(alert.notifications):
        return []  # an exercise waits for everything real; of an alert that lost old messages nobody knows its first
    sent = [one.sent_at for one in decision.notifications if one.sent_at is not None]
    if not sent or any(one.sent_at is not None for one in before):
        return []
    return [(alert.level, (min(sent) - alert.detected_at) / SECOND)]


def _closed_by_hand(before: Alert, after: Alert, counted: Collection[str]) -> bool:
    """Say whether people closed an alert that other rules count: judging must learn of it, since no event tells it."""
    closed = before.unresolved and not after.unresolved and after.resolved_reason == "by_hand"
    return closed and after.rule.id in counted
