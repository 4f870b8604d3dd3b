"""One connection on which commands follow each other without waiting for answers.

Here: packing commands, handing out the answers in their order, and the end of a connection. Not here: which commands go
together (`store.together`), what failures are called (`store.link`), and the connection itself: that is the client's
(login, TLS, who is primary, the bytes). The client's own way of asking takes twice as long: it takes a connection out
of its pool for every packet, looks it over, and waits for each answer with a clock of its own.

A command is never sent again here. When the connection ends, whoever waits is told so; the next to ask makes a new one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import Any, NamedTuple

from redis import exceptions

from engine.clock import monotonic

Word = str | bytes | int


class _Waiting(NamedTuple):
    """Who waits for an answer: to what, since when (seconds, monotonic)."""

    name: Word
    since: float
    answer: asyncio.Future[Any]


class Wire:
    """The connection of one client; it is made when somebody asks."""

    def __init__(self, client: Any, timeout: float) -> None:
        """`timeout` (seconds) bounds how long an answer may stay away; then the connection is given up."""
        self._client = client  # the client leaves most of its methods untyped
        self._timeout = timeout
        self._connection: Any = None
        self._listener: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._waiting: deque[_Waiting] = deque()

    async def ask(self, commands: Sequence[tuple[tuple[Word, ...], asyncio.Future[Any]]]) -> None:
        """Send commands in one packet; their answers, or what the server refused, go to the futures.

        Raises what the client raises where no connection can be made; then nothing was sent.
        """
        if self._connection is not None and self._is_left():
            self._give_up(exceptions.ConnectionError("another server is the primary"))
        while self._connection is None:
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
            await asyncio.shield(self._connecting)
        now = monotonic()
        self._waiting.extend(_Waiting(words[0], now, answer) for words, answer in commands)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._timeout, self._look)
        connection, packet = self._connection, b"".join([packed(words) for words, _ in commands])
        try:
            await connection.send_packed_command(packet, check_health=False)
        except (exceptions.RedisError, OSError) as error:
            self._end(connection, error)  # at once: the client would connect this one again behind our back

    async def close(self) -> None:
        """Give up what is under way."""
        for task in (self._connecting, self._listener):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError, exceptions.RedisError, OSError):
                    await task
        for one in self._waiting:
            one.answer.cancel()
        self._waiting.clear()

    async def _connect(self) -> None:
        try:
            connection = self._client.connection_pool.make_connection()
            await connection.connect()
            self._connection = connection
            self._listener = asyncio.create_task(self._listen(connection))
        finally:
            self._connecting = None

    async def _listen(self, connection: Any) -> None:
        """Hand out answers until the connection ends."""
        why: Exception = exceptions.ConnectionError("the server closed the connection")
        try:
            while True:
                try:
                    found = await connection.read_response(timeout=inf, disconnect_on_error=False)
                except exceptions.ResponseError as refusal:
                    found = refusal
                if self._connection is not connection:
                    return  # it was given up: who waits now asked another one
                self._hand_out(found)
        except (exceptions.RedisError, OSError) as error:
            why = error
        finally:
            self._end(connection, why)
            with suppress(exceptions.RedisError, OSError):
                await connection.disconnect(nowait=True)

    def _hand_out(self, found: Any) -> None:
        name, _, answer = self._waiting.popleft()
        if answer.done():
            return
        if isinstance(found, exceptions.ReadOnlyError):
            # A primary that was put down: the next connection asks anew who is it.
            answer.set_exception(exceptions.ConnectionError("the previous primary only reads now"))
            raise exceptions.ConnectionError("the previous primary only reads now")
        if isinstance(found, Exception):
            answer.set_exception(found)
            return
        means = self._client.response_callbacks.get(name)
        try:
            answer.set_result(found if means is None else means(found))
        except Exception as error:  # noqa: BLE001 -- whoever asked is told that the answer was none
            answer.set_exception(error)

    def _look(self) -> None:
        """Give the connection up where the oldest answer stays away; else look again when that would be so."""
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0].since + self._timeout - monotonic()
        if left > 0:
            self._watch = asyncio.get_running_loop().call_later(left, self._look)
            return
        self._give_up(exceptions.TimeoutError("the server does not answer"))

    def _is_left(self) -> bool:
        """Say whether the client has found another primary since: this one may hang long before it is known dead."""
        primary = getattr(self._client.connection_pool, "master_address", None)
        return primary is not None and primary != (self._connection.host, self._connection.port)

    def _give_up(self, why: Exception) -> None:
        """Leave the connection: whoever waits is told so, and its listener ends it."""
        self._end(self._connection, why)
        if self._listener is not None:
            self._listener.cancel()

    def _end(self, connection: Any, why: Exception) -> None:
        """Tell whoever waits that this connection has ended."""
        if connection is None or self._connection is not connection:
            return
        self._connection = None
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            if not one.answer.done():
                one.answer.set_exception(why)


def packed(words: Sequence[Word]) -> bytes:
    """Return the bytes of a command; a name of two words (`CONFIG GET`) is two."""
    name, *rest = words
    encoded = [*str(name).encode().split(), *[w if type(w) is bytes else str(w).encode() for w in rest]]
    return b"*%d\r\n%b" % (len(encoded), b"".join([b"$%d\r\n%b\r\n" % (len(w), w) for w in encoded]))
