"""Setbacks: one alert, message, report or mail that cannot be worked on is set aside, and the others go on.

Here: what becomes of an item whose work raised. Not here: a store that is away, which holds up everything and is the
loop's own business (`service.loop`), and what raises in judging (`service.dead_letters`).
"""

from __future__ import annotations

from collections.abc import Awaitable

import structlog

from engine.alerting.own import Request
from engine.clock import Clock
from engine.errors import StoreUnavailableError
from engine.judging.instant import MINUTE
from engine.metrics import Metrics
from engine.service.own_alerts import ask
from engine.store.port import Plan, Store, Write

PUT_OFF = 5 * MINUTE
"""When an item that raised is tried again, in milliseconds."""

log = structlog.get_logger("siaga.setback")


class Setbacks:
    """Works on items of one kind, each apart from the others."""

    def __init__(
        self, loop: str, schedule: str | None = None, *, store: Store, clock: Clock, metrics: Metrics
    ) -> None:
        """Take the schedule in which the items stand; None: whoever brought them brings them again."""
        self._loop = loop
        self._schedule = schedule
        self._store = store
        self._clock = clock
        self._metrics = metrics

    async def spare_others(self, item: str, work: Awaitable[object]) -> bool:
        """Do the work on one item and return whether it was done.

        Where it raises that is logged with its trace, counted and told to ops, and the item is put off. Raises
        `StoreUnavailableError` where the store is away.
        """
        try:
            await work
        except StoreUnavailableError:
            raise
        except Exception:
            log.exception("put_off", loop=self._loop, item=item)
            self._metrics.trouble.dead_letter("item")
            now = self._clock.now()
            plans = [ask(Request("dead_letter"), now)]
            if self._schedule is not None:
                self._metrics.loop_failed(self._loop)
                plans.append(Plan(self._schedule, item, now + PUT_OFF))
            await self._store.write(Write(name="put_off", plans=tuple(plans)))
            return False
        return True
