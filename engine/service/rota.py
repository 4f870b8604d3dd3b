"""The rota: the loops that turn in this process, and how each of them is.

Here: which role a loop belongs to, and running those of the roles that are wanted. Not here: what a turn does, and when
the next one comes (`service.loop`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from engine.clock import Clock
from engine.metrics import Metrics
from engine.service.lock_step import Turn
from engine.service.loop import Loop, LoopState
from engine.store.port import Store

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


class Rota:
    """The loops of some roles."""

    def __init__(self, roles: Collection[str], *, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._roles = roles
        self._loop = partial(Loop, store=store, clock=clock, metrics=metrics)
        self._loops: dict[str, Loop] = {}

    def add(self, name: str, turn: Turn, **when: Any) -> None:
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
