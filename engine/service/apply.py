"""Reading and changing single alerts: load, decide, commit, and again where somebody else was quicker.

Here: the one way by which answers, timers and deliveries change an alert (system.md 3.6). Not here: what they decide
(`alerting.decide`) and the evaluator's commit of whole batches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from engine.alerting.alert import Alert, HistoryEntry
from engine.alerting.command import Answer, Command
from engine.alerting.decide import decide
from engine.alerting.draft import Decision, Surroundings
from engine.clock import Clock
from engine.errors import StoreError
from engine.metrics import Metrics
from engine.service.books import Books
from engine.service.casebook import (
    ALERTS,
    CLOSINGS,
    Case,
    Changes,
    history_log,
    load,
    standing,
)
from engine.service.census import Summary, summarise, take
from engine.store.codec import decode as decode_value
from engine.store.names import WriteName
from engine.store.port import Committed, Plan, Put, Store

ATTEMPTS = 50
"""A command is decided anew this often when others change the same alert meanwhile; each round somebody got through."""

Beside = Callable[[Case, Decision], Awaitable[tuple[Sequence[Put], Sequence[Plan]]]]
"""What is written together with a decision, made anew at each attempt."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an answer: the alert after it, why it was refused (empty: recorded), whether it was a repeat."""

    alert: Alert
    reason: str
    refusal: str = ""
    repeated: bool = False


class Desk:
    """Reads and changes alerts."""

    def __init__(self, store: Store, clock: Clock, books: Books, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics

    async def case(self, alert_id: str) -> Case | None:
        """Return an alert with its notifications."""
        return (await load(self._store, [alert_id])).get(alert_id)

    async def alerts(self) -> list[Alert]:
        """Return all alerts, newest first by the instant they were detected."""
        records = (await self._store.scan(ALERTS)).values()
        alerts = [decode_value(record.value, Alert) for record in records]
        return sorted(alerts, key=lambda alert: (-alert.detected_at, alert.id))

    async def history(self, alert_id: str, since: int = 0) -> list[HistoryEntry]:
        """Return the history of an alert, oldest first, without its first `since` entries."""
        log = await self._store.log(history_log(alert_id), since)
        return [decode_value(entry, HistoryEntry) for entry in log]

    async def summary(self) -> Summary:
        """Return what the installation has done so far."""
        return summarise(await take(self._store), await self._store.counters())

    async def answer(self, alert_id: str, answer: Answer, beside: Beside | None = None) -> Answered | None:
        """Enter a person's answer; None where there is no such alert. `beside` is as in `change`."""
        decision = await self.change(alert_id, answer, "answer", beside)
        if decision is None:
            return None
        outcome = decision.refusal or decision.reason
        self._metrics.answer(answer.says, answer.via, "refused" if decision.refusal else "recorded")
        return Answered(
            alert=decision.alert, reason=outcome, refusal=decision.refusal, repeated=decision.repeated
        )

    async def _around(self, alert: Alert) -> Surroundings:
        """Return what a decision may look at; for a hidden alert with what is open of the rules that may hide it."""
        around = await self._books.surroundings()
        if not alert.hidden:
            return around
        found = await standing(self._store, alert.space, alert.hide_while)
        return msgspec.structs.replace(around, standing=frozenset(found.values()))

    async def change(
        self, alert_id: str, command: Command, name: WriteName, beside: Beside | None = None
    ) -> Decision | None:
        """Decide a command on the alert as it is now, and commit; None where there is no such alert.

        `beside` says what is written in the same step, also where the command changes nothing. Raises `StoreError`
        where `ATTEMPTS` commits in a row were overtaken.
        """
        for _ in range(ATTEMPTS):
            case = await self.case(alert_id)
            if case is None:
                return None
            around = await self._around(case.alert)
            decision = decide(case.alert, case.notifications, command, around, self._clock.now())
            changes = Changes()
            if decision.alert != case.alert or decision.notifications or decision.history:
                changes.add([decision], case)
                if _closed_by_hand(case.alert, decision.alert, self._books.rule_set.counted):
                    changes.plans.append(Plan(CLOSINGS, alert_id, decision.alert.resolved_at))
            elif beside is None:
                return decision
            if beside is not None:
                puts, plans = await beside(case, decision)
                changes.puts.extend(puts)
                changes.plans.extend(plans)
            outcome = await self._store.write(changes.write(name))
            self._metrics.commit(name, "committed" if isinstance(outcome, Committed) else "conflict")
            if isinstance(outcome, Committed):
                self._metrics.decided(decision)
                return decision
        raise StoreError(f"alert {alert_id} changes too quickly for {name}")


def _closed_by_hand(before: Alert, after: Alert, counted: Collection[str]) -> bool:
    """Say whether people closed an alert that other rules count: judging must learn of it, since no event tells it."""
    closed = before.unresolved and not after.unresolved and after.resolved_reason == "by_hand"
    return closed and after.rule.id in counted
