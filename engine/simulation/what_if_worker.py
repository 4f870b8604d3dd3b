"""A what-if beside the service: the question of a user to a worker, and what became of it.

Judging and messages of the service go on meanwhile: a mistake, a long past or much memory of a what-if is its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from engine.runtime import logging as logs
from engine.runtime.worker import Bounds, Job, WorkerFailedError, Workers, serve
from engine.settings import Log, Settings
from engine.simulation.what_if import Question, WhatIfAnswer, what_if

BOUNDS = Bounds(memory=2 << 30, cpu_seconds=600, seconds=600.0)
"""What a what-if may take."""

log = structlog.get_logger(__name__)


class WhatIfTicket(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is told: the settings (their secrets masked, it needs none) and the question."""

    settings: dict[str, Any]
    question: Question


class WhatIf:
    """One question under way, asked beside the service."""

    def __init__(self, question: Question, job: Job) -> None:
        self.question = question
        self.answer: WhatIfAnswer | None = None
        self.failed = False
        """Whether it ended without an answer; the log says why."""
        self._job = job
        self._task = asyncio.create_task(self._follow(), name="what-if")

    @property
    def done(self) -> float:
        """Which share of the work is done, 0 to 1."""
        return self._job.done

    @property
    def pid(self) -> int | None:
        """The process that looks for the answer, once it runs."""
        return self._job.pid

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._task.done()

    async def wait(self) -> None:
        """Wait until it is over."""
        await asyncio.shield(self._task)

    async def _follow(self) -> None:
        try:
            self.answer = msgspec.json.decode(await self._job.result(), type=WhatIfAnswer)
        except (WorkerFailedError, msgspec.DecodeError) as error:
            self.failed = True
            log.warning("what_if_failed", error=str(error))


async def ask(workers: Workers, user: str, settings: Settings, question: Question) -> WhatIf:
    """Ask a question in place of the user's question before; raises `WorkersBusyError`, and leaves that one."""
    asked = WhatIfTicket(settings=settings.model_dump(mode="json"), question=question)
    return WhatIf(question, await workers.begin(f"what-if/{user}", __name__, asked, BOUNDS))


async def _answer(work: bytes, share: Callable[[float], None]) -> WhatIfAnswer:
    asked = msgspec.json.decode(work, type=WhatIfTicket)
    return await what_if(Settings.model_validate(asked.settings), asked.question, share)


def main() -> None:
    """Answer the question on standard input."""
    logs.set_up(Log(level="error"))
    logging.captureWarnings(capture=True)
    serve(_answer)


if __name__ == "__main__":
    main()
