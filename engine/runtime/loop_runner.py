"""Loops: the turns of one role, one after the other, and all loops that run in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog

from engine.clock import Clock, monotonic
from engine.errors import StoreUnavailableError
from engine.metrics import Metrics
from engine.runtime.lock_step import LoopTurn
from engine.store.port import Store

PAUSE_AFTER_FAILURE = 1.0
LONGEST_WAIT = 1.0
"""Seconds after which a loop looks again though no signal came; a lost signal costs no more than this."""

log = structlog.get_logger(__name__)


def is_cancelled() -> bool:
    """Say whether the current task was asked to end; else a `CancelledError` comes from what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class LoopState(msgspec.Struct):
    """When the loop last ended a turn (seconds, monotonic) and how long it may take until the next is late."""

    last_turn: float
    bound: float


class TurnResult(Protocol):
    """What knows whether its last turn left something to do."""

    @property
    def more(self) -> bool: ...  # noqa: D102


class Loop:
    """Runs `turn` whenever a channel is signalled, a plan of the schedules is due, or `every` seconds passed."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], Awaitable[int]],
        *,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        channels: Sequence[str] = (),
        schedules: Sequence[str] = (),
        every: float = LONGEST_WAIT,
        of: TurnResult | None = None,
    ) -> None:
        """Name the loop and what it turns at; `of` is what turns, where that knows whether a turn left anything."""
        self.name = name
        self.state = LoopState(last_turn=monotonic(), bound=max(30.0, 4 * every))
        self._turn = turn
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._channels = (*channels, *schedules)
        self._schedules = schedules
        self._every = every
        self._of = of
        metrics.watch_loop(name, lambda: monotonic() - self.state.last_turn, self.state.bound)

    async def run(self) -> None:
        """Turn until cancelled. A turn that raises is logged with its trace, counted, and tried again after a pause.

        `CancelledError` out of something that the turn waited for is such a failure too: this task was not cancelled.
        """
        while True:
            try:
                busy = await self._turn()
                self.state.last_turn = monotonic()
                if not busy or not (self._of is None or self._of.more):  # what comes meanwhile signals
                    await self._store.wait(self._channels, await self._patience())
            except StoreUnavailableError as error:
                log.warning("store_unavailable", loop=self.name, error=str(error))
                self._metrics.loop_failed(self.name)
                await asyncio.sleep(PAUSE_AFTER_FAILURE)
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_cancelled():
                    raise
                log.exception("turn_failed", loop=self.name)
                self._metrics.loop_failed(self.name)
                await asyncio.sleep(PAUSE_AFTER_FAILURE)

    async def _patience(self) -> float:
        """Seconds until the next plan is due, at most `every`."""
        now, soonest = self._clock.now(), self._every
        for due in await asyncio.gather(*map(self._store.next_due, self._schedules)):
            if due is not None:
                soonest = min(soonest, max(0.0, (due - now) / 1000))
        return soonest


ROLE_OF = {
    "archivist": "auditor",
    "backlog": "auditor",
    "balances": "dispatcher",
    "bounces": "dispatcher",
    "case_archivist": "auditor",
    "own_alerts": "escalator",
    "proposals": "escalator",
    "records": "auditor",
    "retention": "auditor",
    "rules": "evaluator",
    "situations": "auditor",
}
"""The role of a loop that is not named by its role."""


class LoopRunner:
    """The loops of some roles."""

    def __init__(self, roles: Collection[str], *, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._roles = roles
        self._loop = partial(Loop, store=store, clock=clock, metrics=metrics)
        self._loops: dict[str, Loop] = {}

    def add(self, name: str, turn: LoopTurn, **when: Any) -> None:
        """Let a loop turn `when` it should (`channels`, `schedules`, `every`, `of` of `Loop`) if its role is wanted."""
        if ROLE_OF.get(name, name) in self._roles:
            self._loops[name] = self._loop(name, turn, **when)

    def __contains__(self, name: str) -> bool:
        return name in self._loops

    @property
    def states(self) -> Mapping[str, LoopState]:
        """When each loop last turned, and within what it must turn again."""
        return {name: loop.state for name, loop in self._loops.items()}

    async def run(self) -> None:
        """Run them until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, loop in self._loops.items():
                group.create_task(loop.run(), name=name)
