"""Commands that are asked for at the same time go to the server together, in one packet and one answer.

Here: gathering what the tasks of a process ask within one turn of the event loop. Not here: what is asked
(`store.redis`), the connection on which it goes (`store.wire`), and errors (`store.link`).

A heavy command goes at once and on a connection of its own, while its task still has its turn: else all requests that
came in with one turn of the loop were judged before the server heard of the first, and one always stood idle while the
other worked. Nothing is promised about the order of commands of different tasks; a task that waits for an answer before
it asks again is served in its order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from engine.store.wire import Wire, Word

HEAVY = 16_384
"""A command with so many bytes in one word keeps the server busy for longer than a packet costs: it goes at once."""


class Together:
    """Gathers the commands of one client."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire
        self._asked: list[tuple[tuple[Word, ...], asyncio.Future[Any]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, *words: Word) -> Any:
        """Send one command and return its answer; raise what the client raised for it.

        Whoever is cancelled while waiting does not know whether the command was done.
        """
        if any(len(word) >= HEAVY for word in words if type(word) is bytes):
            return await self._client.execute_command(*words)
        return await self._posted(words)

    async def ask_all(self, commands: Sequence[tuple[Word, ...]]) -> list[Any]:
        """Send short commands, in this order, and return their answers; raise what the client raised for the first."""
        answers = [self._posted(words) for words in commands]
        try:
            return [await answer for answer in answers]
        finally:
            for answer in answers:  # one was refused, or nobody waits any more
                if not answer.cancel() and not answer.cancelled():
                    answer.exception()

    def _posted(self, words: tuple[Word, ...]) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append((words, answer))
        if len(self._asked) == 1:
            asyncio.get_running_loop().call_soon(self._go)
        return answer

    def _go(self) -> None:
        asked, self._asked = self._asked, []
        if self._wire.send(asked):
            return
        task = asyncio.create_task(self._send(asked))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send(self, asked: list[tuple[tuple[Word, ...], asyncio.Future[Any]]]) -> None:
        try:
            await self._wire.ask(asked)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, whatever it is
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
        except asyncio.CancelledError:
            for _, answer in asked:
                answer.cancel()
            raise

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._wire.close()
