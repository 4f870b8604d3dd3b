"""A what-if beside the service: in a process of its own, of the lowest priority, that ends by itself or is ended.

Here: both ends of that process: starting it, what is said over its pipes, its bounds. Not here: the question and its
answer (`rehearsal.what_if`). Judging and messages of the service go on meanwhile: a mistake, a long past or much memory
of a what-if is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import sys
from typing import Any

import msgspec
import structlog

from engine.errors import SiagaError
from engine.rehearsal.what_if import Answer, Question, what_if
from engine.service import logs
from engine.settings import Log, Settings

LONGEST_SECONDS = 600.0
"""After this it is ended."""
MOST_MEMORY = 4 << 30
"""Bytes of address space that it may take."""
LONGEST_LINE = 64 << 20
"""Bytes of its answer."""
LOWEST = 19
"""Priority, as `nice` counts."""

log = structlog.get_logger(__name__)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told, as one line: the settings (their secrets masked, it needs none) and the question."""

    settings: dict[str, Any]
    question: Question


class Share(msgspec.Struct, frozen=True, tag="share"):
    """Which share of the work is done, 0 to 1."""

    done: float


class Found(msgspec.Struct, frozen=True, tag="found"):
    """The answer; the last line."""

    answer: Answer


class NoAnswerError(SiagaError):
    """The process ended without an answer, or took too long."""


class WhatIf:
    """One question under way, asked beside the service."""

    def __init__(self, settings: Settings, question: Question) -> None:
        """Begin at once."""
        self.question = question
        self.done = 0.0
        """Which share of the work is done, 0 to 1."""
        self.answer: Answer | None = None
        self.failed = False
        """Whether it ended without an answer; the log says why."""
        self._process: asyncio.subprocess.Process | None = None
        self._task = asyncio.create_task(self._ask(settings), name="what-if")

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._task.done()

    async def end(self) -> None:
        """End it, wherever it is."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def wait(self) -> None:
        """Wait until it is over."""
        await asyncio.shield(self._task)

    async def _ask(self, settings: Settings) -> None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._exchange(settings)
        except (NoAnswerError, TimeoutError) as error:
            self.failed = True
            log.warning("what_if_failed", error=type(error).__name__)
        finally:
            if self._process is not None and self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()

    async def _exchange(self, settings: Settings) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.rehearsal.aside",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process was started without its pipes")
        order = Order(settings=settings.model_dump(mode="json"), question=self.question)
        process.stdin.write(msgspec.json.encode(order))
        process.stdin.close()
        async for line in process.stdout:
            said = msgspec.json.decode(line, type=Share | Found)
            if isinstance(said, Share):
                self.done = said.done
            else:
                self.answer = said.answer
        if self.answer is None:
            raise NoAnswerError(f"it ended with {await process.wait()}")


async def _answer(order: Order) -> None:
    """Answer in the process itself; its log goes to standard error like the service's."""
    settings = Settings.model_validate(order.settings)
    told = 0.0

    def share(done: float) -> None:
        nonlocal told
        if done - told >= 0.01:
            told = done
            _say(Share(done))

    _say(Found(await what_if(settings, order.question, share)))


def _say(said: Share | Found) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Answer the question on standard input."""
    os.nice(LOWEST)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    logs.set_up(Log(level="error"))
    logging.captureWarnings(capture=True)
    asyncio.run(_answer(msgspec.json.decode(sys.stdin.buffer.read(), type=Order)))


if __name__ == "__main__":
    main()
