"""The escalator: alert timers, beginnings and ends of silences, and what a closing shows; all through `apply`.

Here: only the turn of its loop. Not here: what a timer does (`alerting.decide`). Any number may run. What falls due
together is asked for together: `apply` reads and writes many alerts at once, each decided by itself.
"""

from __future__ import annotations

import asyncio

from engine.alerting.command import Cover, Wake
from engine.clock import Clock
from engine.judging.region import NATION, lineage
from engine.metrics import Metrics
from engine.service.apply import Desk
from engine.service.casebook import ALERTS, COVERS, REVEALS, hidden_by
from engine.service.setback import Setbacks
from engine.store.port import Plan, Store, Write

BATCH = 200
LATE_MS = 30_000
"""A timer that runs later than this after its instant is counted as late."""


class Escalator:
    """Wakes alerts at the instants they planned."""

    def __init__(self, store: Store, clock: Clock, desk: Desk, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._desk = desk
        self._metrics = metrics
        self._setbacks, self._covers, self._reveals = (
            Setbacks("escalator", schedule, store=store, clock=clock, metrics=metrics)
            for schedule in (ALERTS, COVERS, REVEALS)
        )

    async def lift(self) -> int:
        """Look at the alerts for which a silence begins or ends now, or what hid them closed; return how many.

        In lock-step this comes before everything else that falls due at an instant (escalation.md 3.2).
        """
        revealed = await self._reveal()
        due = await self._store.due(COVERS, self._clock.now(), BATCH)
        await asyncio.gather(*(self._covers.spare_others(alert, self._cover(alert)) for alert, _ in due))
        return revealed + len(due)

    async def _cover(self, alert_id: str) -> None:
        decision = await self._desk.change(alert_id, Cover(), "cover")
        at_instead = decision.alert.cover_changes_at if decision else None
        await self._store.write(Write(name="replan", plans=(Plan(COVERS, alert_id, at_instead),)))

    async def _reveal(self) -> int:
        """Let the alerts look again that were hidden by what closed; return how many closings there were.

        An alert that opens hidden looks once more after its own commit (it is planned in `COVERS`), and what closes is
        planned with its commit: so none stays hidden for nothing, whichever of both comes first or dies.
        """
        due = await self._store.due(REVEALS, self._clock.now(), BATCH)
        for closed, _ in due:
            await self._reveals.spare_others(closed, self._look_behind(closed))
        return len(due)

    async def _look_behind(self, closed: str) -> None:
        space, rule, region, _alert = closed.split("|")
        for member in await self._store.planned(hidden_by(space, rule)):
            own, _, alert_id = member.partition("|")
            if region == NATION or region in lineage(own)[:2]:
                await self._desk.change(alert_id, Cover(), "reveal")
        await self._store.write(Write(name="replan", plans=(Plan(REVEALS, closed, None),)))

    async def turn(self) -> int:
        """Wake the alerts that are due now; return how many there were."""
        if lifted := await self.lift():
            return lifted
        now = self._clock.now()
        due = await self._store.due(ALERTS, now, BATCH)
        for _, at in due:
            if now - at > LATE_MS:
                self._metrics.late_timer()
        await asyncio.gather(*(self._setbacks.spare_others(alert, self._wake(alert)) for alert, _ in due))
        return len(due)

    async def _wake(self, alert_id: str) -> None:
        decision = await self._desk.change(alert_id, Wake(), "escalate")
        if decision is None or decision.reason == "nothing_due":
            # The plan is stale (a crash between reading and planning cannot leave one, an import may).
            at_instead = decision.alert.wake_at if decision else None
            await self._store.write(Write(name="replan", plans=(Plan(ALERTS, alert_id, at_instead),)))
