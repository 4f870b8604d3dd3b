"""Rounds: what several tasks ask while one round is under way is worked on together in the next.

Here: gathering what is asked and handing out the answers. Not here: what is asked, and what is done with it. Who asks
alone waits for nobody: a round begins as soon as none is under way. So one read and one write serve as many as came
meanwhile, and how many that is follows from the load by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from engine.errors import SiagaError

Q = TypeVar("Q")
A = TypeVar("A")

AT_MOST = 100
"""Questions of one round: a server does nothing else while it does a write."""


class RoundCancelledError(SiagaError):
    """The round was cancelled; whether its work was done is not known."""


class Batcher(Generic[Q, A]):
    """Rounds of one kind of work, which returns of each question its answer or what it raised."""

    def __init__(self, work: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]) -> None:
        self._work = work
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Have a question worked on with others; raise what the work raised for it, or for its whole round.

        Whoever is cancelled while waiting does not know whether the work was done. Raises `RoundCancelledError` where
        the round was cancelled: the caller itself was not, so its loop must go on.
        """
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._asked.append((question, answer))
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._go())
        return await answer

    async def _go(self) -> None:
        try:
            while self._asked:
                few, self._asked = self._asked[:AT_MOST], self._asked[AT_MOST:]
                await self._round([one for one in few if not one[1].done()])
        finally:
            self._under_way = None
            _give_up(self._asked)  # this was cancelled
            self._asked = []

    async def _round(self, few: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        found: Sequence[A | Exception]
        try:
            found = await self._work([question for question, _ in few])
        except Exception as error:  # noqa: BLE001 -- whoever asked is told, whatever it is
            found = [error] * len(few)
        except asyncio.CancelledError:
            _give_up(few)
            raise
        for (_, answer), one in zip(few, found, strict=True):
            if answer.done():
                continue
            if isinstance(one, Exception):
                answer.set_exception(one)
            else:
                answer.set_result(one)


def _give_up(few: Sequence[tuple[Any, asyncio.Future[Any]]]) -> None:
    """Tell whoever still waits that the round was cancelled."""
    for _, answer in few:
        if not answer.done():
            answer.set_exception(RoundCancelledError())
