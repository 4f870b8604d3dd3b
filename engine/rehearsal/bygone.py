"""Bygone alerts: the course of each alert of a run, and forgetting the messages of those that nothing can change now.

Here: reading an alert's course from its history, and when it is bygone. Not here: the ledger they go into
(`rehearsal.ledger`) and the run (`rehearsal.backtest`). A service forgets no alert; a backtest over a whole election
would otherwise hold the messages of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.core.alerting.alert import Alert, HistoryEntry
from engine.core.judging.instant import DAY, Instant
from engine.core.judging.rule import Rule
from engine.core.judging.window import kept_for
from engine.rehearsal.ledger import Course
from engine.rehearsal.observation import UNDONE
from engine.service.apply import Desk
from engine.service.casebook import NOTIFICATIONS, history_log
from engine.store.memory import MemoryStore
from engine.store.port import Drop, Write


class Bygone:
    """The courses of the alerts of a run, those among them that nothing can change any more without their messages."""

    def __init__(self, store: MemoryStore, desk: Desk, rules: Mapping[str, Rule]) -> None:
        """Take the store and the desk of a run, and its rules, which say how far they reach back."""
        self._store = store
        self._desk = desk
        self._reach = {id_: kept_for(rule.condition) + rule.late_horizon + DAY for id_, rule in rules.items()}
        self._courses: dict[str, Course] = {}

    async def let_go(self, now: Instant, awaits: Callable[[Alert], bool] = lambda _alert: False) -> None:
        """Forget messages and histories of the alerts that have been resolved for longer than anything reaches back.

        Those are kept of which somebody will say something yet, as `awaits` says: a closing may be withdrawn late.
        The alerts themselves stay: a group learns of a closing by hand only when it is judged again.
        """
        for alert in await self._desk.alerts():
            if alert.id in self._courses or alert.resolved_at is None or awaits(alert):
                continue
            if alert.resolved_at + self._reach[alert.rule.id] < now:
                self._courses[alert.id] = await self._course(alert)
                drops = tuple(Drop(NOTIFICATIONS, id_) for id_ in alert.notifications)
                await self._store.write(Write(name="forget", drops=drops))
                self._store.forget_log(history_log(alert.id))

    async def courses(self) -> tuple[Course, ...]:
        """Return the courses of all alerts, in the order in which they were detected."""
        alerts = reversed(await self._desk.alerts())
        return tuple([self._courses.get(alert.id) or await self._course(alert) for alert in alerts])

    async def _course(self, alert: Alert) -> Course:
        history = await self._desk.history(alert.id)
        return Course(
            id=alert.id,
            rule=alert.rule.id,
            group=alert.group,
            ordinal=alert.ordinal,
            level=alert.level,
            happened_at=_happened_at(alert, history),
            detected_at=alert.detected_at,
            hidden=any(entry.name == "hidden" for entry in history[:2]),
            closed_at=alert.resolved_at,
            reason=alert.resolved_reason,
            undone=alert.resolved_reason in UNDONE or any(entry.name == "corrected" for entry in history),
        )


def _happened_at(alert: Alert, history: Iterable[HistoryEntry]) -> Instant:
    """Return when the opening happened, as last dated; a closed alert is re-dated in its history only."""
    dated = [int(entry.details["happened_at"]) for entry in history if entry.name == "redated"]
    return dated[-1] if dated else alert.happened_at
