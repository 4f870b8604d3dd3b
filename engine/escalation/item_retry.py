"""Setbacks: one alert, message, report or mail that cannot be worked on is set aside, and the others go on.

Here: what becomes of an item whose work raised. Not here: a store that is away, which holds up everything and is the
loop's own business (`runtime.loop_runner`), and what raises in judging (`evaluation.dead_letters`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import structlog

from engine.clock import Clock
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.instant import MINUTE, Instant
from engine.errors import StoreUnavailableError, UnreadableRecordError
from engine.escalation.internal_alerts import ask
from engine.metrics import Metrics
from engine.runtime.loop_runner import is_cancelled
from engine.store.port import Committed, Plan, Store, Write

PUT_OFF = 5 * MINUTE
"""When an item that raised is tried again, in milliseconds."""

log = structlog.get_logger("siaga.setback")


class ItemRetry:
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

    async def spare_others(
        self, item: str, work: Awaitable[object], *, planned: Instant | None = None
    ) -> bool:
        """Do the work on one item and return whether it was done.

        Where it raises that is logged with its trace, counted and told to ops. The item is put off if it still stands
        in the schedule at `planned`, where this work found it; if not, somebody planned it anew. Raises
        `StoreUnavailableError` where the store is away.
        """
        try:
            await work
        except StoreUnavailableError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            log.exception("put_off", loop=self._loop, item=item)
            self._metrics.trouble.dead_letter("item")
            now = self._clock.now()
            unreadable = isinstance(error, UnreadableRecordError)
            asked = ask(InternalAlertRequest("unreadable" if unreadable else "dead_letter"), now)
            if self._schedule is not None:
                self._metrics.loop_failed(self._loop)
            put_off = self._schedule is not None and planned is not None
            later = (Plan(self._schedule or "", item, now + PUT_OFF, planned),) if put_off else ()
            outcome = await self._store.write(Write(name="put_off", plans=(asked, *later)))
            if not isinstance(outcome, Committed):
                await self._store.write(Write(name="put_off", plans=(asked,)))
            return False
        return True
