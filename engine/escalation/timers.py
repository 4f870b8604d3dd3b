"""Timers of alerts: due steps, beginnings and ends of silences, and what a closing shows; all through `AlertCommands`.

Here: only the turn of its loop. Not here: what a timer does (`core.alerting.decide`). Any number may run. What falls
due together is asked for together: `AlertCommands` reads and writes many alerts at once, each decided by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.clock import Clock
from engine.core.alerting.case_editor import Decision
from engine.core.alerting.command import RecheckSilence, TimerDue
from engine.core.alerting.credential import ESCALATOR
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION, lineage
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.item_retry import ItemRetry
from engine.escalation.silences import look_at_silence
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, COVERS, REVEALS, Case, hidden_by, timers
from engine.records.runtime_config import SILENCES
from engine.store.port import Expect, Plan, Put, Store, Write

BATCH = 200
LATE_MS = 30_000
"""A timer that runs later than this after its instant is counted as late."""


class AlertTimers:
    """Wakes alerts at the instants they planned."""

    def __init__(self, store: Store, clock: Clock, desk: AlertCommands, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._desk = desk
        self._metrics = metrics
        self._setbacks, self._covers, self._reveals, self._silences = (
            ItemRetry("escalator", schedule, store=store, clock=clock, metrics=metrics)
            for schedule in (ALERTS, COVERS, REVEALS, SILENCES)
        )

    async def lift(self) -> int:
        """Look at the alerts for which a silence begins or ends now, or what hid them closed; return how many.

        In lock-step this comes before everything else that falls due at an instant
        (docs/specification/escalation.md#order-at-an-instant).
        """
        lifted = await self._reveal() + await self._silence()
        due = await self._store.due(COVERS, self._clock.now(), BATCH)
        await asyncio.gather(
            *(self._covers.spare_others(alert, self._cover(alert, at), planned=at) for alert, at in due)
        )
        return lifted + len(due)

    async def _cover(self, alert_id: str, planned: Instant) -> None:
        if await self._desk.change(alert_id, RecheckSilence(), "cover", _timers_anew, by=ESCALATOR) is None:
            await self._forget(COVERS, alert_id, planned)

    async def _silence(self) -> int:
        """Let alerts look that a silence concerns which was made or ended in a process that died over it."""
        due = await self._store.due(SILENCES, self._clock.now(), BATCH)
        for silence, at in due:
            work = look_at_silence(self._store, self._desk, silence, at)
            await self._silences.spare_others(silence, work, planned=at)
        return len(due)

    async def _reveal(self) -> int:
        """Let the alerts look again that were hidden by what closed; return how many closings there were.

        An alert that opens hidden looks once more after its own commit (it is planned in `COVERS`), and what closes is
        planned with its commit: so none stays hidden for nothing, whichever of both comes first or dies.
        """
        due = await self._store.due(REVEALS, self._clock.now(), BATCH)
        for closed, at in due:
            await self._reveals.spare_others(closed, self._look_behind(closed, at), planned=at)
        return len(due)

    async def _look_behind(self, closed: str, planned: Instant) -> None:
        space, rule, region, _alert = closed.split("|")
        for member in await self._store.planned(hidden_by(space, rule)):
            own, _, alert_id = member.partition("|")
            if region == NATION or region in lineage(own)[:2]:
                await self._desk.change(alert_id, RecheckSilence(), "reveal", by=ESCALATOR)
        await self._store.write(Write(name="replan", plans=(Plan(REVEALS, closed, None, planned),)))

    async def turn(self) -> int:
        """Wake the alerts that are due now; return how many there were."""
        if lifted := await self.lift():
            return lifted
        now = self._clock.now()
        due = await self._store.due(ALERTS, now, BATCH)
        for _, at in due:
            if now - at > LATE_MS:
                self._metrics.late_timer()
        await asyncio.gather(
            *(self._setbacks.spare_others(alert, self._wake(alert, at), planned=at) for alert, at in due)
        )
        return len(due)

    async def _wake(self, alert_id: str, planned: Instant) -> None:
        if await self._desk.change(alert_id, TimerDue(), "escalate", _timers_anew, by=ESCALATOR) is None:
            await self._forget(ALERTS, alert_id, planned)

    async def _forget(self, schedule: str, alert_id: str, planned: Instant) -> None:
        """Take an alert off a schedule that the store does not have, unless somebody opened or planned it meanwhile."""
        off, gone = Plan(schedule, alert_id, None, planned), Expect(ALERTS, alert_id, 0)
        await self._store.write(Write(name="replan", plans=(off,), expects=(gone,)))


async def _timers_anew(_case: Case, decision: Decision) -> tuple[Sequence[Put], Sequence[Plan]]:
    """Plan an alert as its record says, also where nothing was due: the plan was stale then."""
    return (), timers(decision.alert)
