"""Setbacks: one alert or message that cannot be worked on is put off, so that it does not hold up the others.

Here: what a loop does with an item whose work raised. Not here: a store that is away, which holds up everything and is
the loop's own business (`service.loop`).
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
    """Works on the items of one schedule, each apart from the others."""

    def __init__(self, loop: str, schedule: str, *, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._loop = loop
        self._schedule = schedule
        self._store = store
        self._clock = clock
        self._metrics = metrics

    async def spare_others(self, item: str, work: Awaitable[object]) -> None:
        """Do the work on one item. Where it raises that is logged with its trace and counted, and the item put off.

        Raises `StoreUnavailableError` where the store is away.
        """
        try:
            await work
        except StoreUnavailableError:
            raise
        except Exception:
            log.exception("put_off", loop=self._loop, item=item)
            self._metrics.loop_failed(self._loop)
            now = self._clock.now()
            plans = Plan(self._schedule, item, now + PUT_OFF), ask(Request("dead_letter"), now)
            await self._store.write(Write(name="put_off", plans=plans))
