"""Connections to the server: commands that are asked for at the same time travel in one packet.

One connection sends commands without waiting for answers, another one listens to messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

import hiredis
from redis import exceptions
from redis._parsers import BaseParser

from engine.clock import monotonic

CommandWord = str | bytes | int
RedisCommand = tuple[tuple[CommandWord, ...], asyncio.Future[Any]]
"""A command and whom its answer is for."""
_NOTHING = object()
"""Read where no whole answer has come yet."""


class _Waiting(NamedTuple):
    """Who waits for an answer: to what, since when (seconds, monotonic)."""

    name: CommandWord
    since: float
    answer: asyncio.Future[Any]


class Wire:
    """The connection of one client; it is made when somebody asks."""

    def __init__(self, client: Any, timeout: float) -> None:
        """`timeout` (seconds) bounds how long an answer may stay away; then the connection is given up."""
        self._client = client  # the client leaves most of its methods untyped
        self._timeout = timeout
        self._line: _Line | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def ask(self, commands: Sequence[RedisCommand]) -> None:
        """Send commands in one packet, over a new connection where there is none.

        Their answers, or what the server refused, go to the futures. Raises what the client raises where no connection
        can be made; then nothing was sent.
        """
        while not self.send(commands):
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
            await asyncio.shield(self._connecting)

    def send(self, commands: Sequence[RedisCommand]) -> bool:
        """Send commands at once; return False, and do nothing, where there is no connection."""
        line = self._line
        if line is None or line.ended:
            return False
        if line.is_left():
            line.end(exceptions.ConnectionError("another server is the primary"))
            return False
        line.send(commands)
        return True

    async def close(self) -> None:
        """Give up what is under way."""
        if self._connecting is not None:
            self._connecting.cancel()
            with suppress(asyncio.CancelledError, exceptions.RedisError, OSError):
                await self._connecting
        if self._line is not None:
            self._line.end(None)

    async def _connect(self) -> None:
        try:
            connection = self._client.connection_pool.make_connection()
            await connection.connect()
            self._line = _Line(self._client, connection, self._timeout)
        finally:
            self._connecting = None


class _TakenOver(asyncio.Protocol):
    """One connection of the client's, taken over until it ends."""

    def __init__(self, connection: Any) -> None:
        self.ended = False
        self._answers = hiredis.Reader(
            protocolError=exceptions.InvalidResponse,
            replyError=BaseParser.parse_error,
            notEnoughData=_NOTHING,
        )
        # The client tells its stream in no other way, and would close what is read past it.
        self._writer, connection._reader, connection._writer = connection._writer, None, None  # noqa: SLF001
        self._transport = cast("asyncio.Transport", self._writer.transport)
        self._transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Take the answers that are whole now."""
        if self.ended:
            return  # it was given up: who waits now asked another one
        self._answers.feed(data)
        try:
            while (found := self._answers.gets()) is not _NOTHING:
                self._take(found)
        except exceptions.RedisError as error:
            self.end(error)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits that the server, or the way to it, is gone."""
        self.end(exceptions.ConnectionError(f"the server closed the connection: {error or 'no word'}"))

    def end(self, why: Exception | None) -> None:
        """Leave the connection and tell whoever waits why; None: they are cancelled."""
        if not self.ended:
            self.ended = True
            self._transport.abort()  # what is not sent yet stays so: a server that hangs would take it later
            self._tell_end(why)

    def _take(self, found: Any) -> None:
        """Take one answer; raise the client's error that ends the connection."""
        raise NotImplementedError

    def _tell_end(self, why: Exception | None) -> None:
        raise NotImplementedError


class Subscriber(_TakenOver):
    """A connection that hears messages, until `over` says why not any more."""

    def __init__(self, connection: Any, channels: Sequence[str], told: Callable[[str], None]) -> None:
        """Subscribe to channels; `told` is called with the channel of each message, and once for each subscription."""
        super().__init__(connection)
        self._told = told
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport.write(packed_command(("SUBSCRIBE", *channels)))

    def _take(self, found: Any) -> None:
        if isinstance(found, exceptions.RedisError):
            raise found
        self._told(found[1].decode())

    def _tell_end(self, why: Exception | None) -> None:
        if why is None:
            self.over.cancel()
        elif not self.over.done():
            self.over.set_exception(why)


class _Line(_TakenOver):
    """A connection on which commands follow each other."""

    def __init__(self, client: Any, connection: Any, timeout: float) -> None:
        super().__init__(connection)
        self._client = client
        self._connection = connection
        self._timeout = timeout
        self._waiting: deque[_Waiting] = deque()
        self._watch: asyncio.TimerHandle | None = None

    def is_left(self) -> bool:
        """Say whether the client has found another primary since: this one may hang long before it is known dead."""
        primary = getattr(self._client.connection_pool, "master_address", None)
        return primary is not None and primary != (self._connection.host, self._connection.port)

    def send(self, commands: Sequence[RedisCommand]) -> None:
        """Send commands. Nobody waits for room on the way, since everybody waits for an answer anyway."""
        now = monotonic()
        self._waiting.extend([_Waiting(words[0], now, answer) for words, answer in commands])
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._timeout, self._look)
        self._transport.write(b"".join([packed_command(words) for words, _ in commands]))

    def _tell_end(self, why: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        for one in self._waiting:
            if why is None:
                one.answer.cancel()
            elif not one.answer.done():
                one.answer.set_exception(why)
        self._waiting.clear()

    def _take(self, found: Any) -> None:
        if not self._waiting:
            raise exceptions.InvalidResponse("an answer that nobody asked for")
        name, _, answer = self._waiting.popleft()
        if isinstance(found, exceptions.ReadOnlyError):
            # A primary that was put down: the next connection asks anew who is it.
            found = exceptions.ConnectionError("the previous primary only reads now")
        if answer.done():
            pass
        elif isinstance(found, Exception):
            answer.set_exception(found)
        else:
            means = self._client.response_callbacks.get(name)
            try:
                answer.set_result(found if means is None else means(found))
            except Exception as error:  # noqa: BLE001 -- whoever asked is told that the answer was none
                answer.set_exception(error)
        if isinstance(found, exceptions.ConnectionError):
            raise found

    def _look(self) -> None:
        """Give the connection up where the oldest answer stays away; else look again when that would be so."""
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0].since + self._timeout - monotonic()
        if left > 0:
            self._watch = asyncio.get_running_loop().call_later(left, self._look)
        else:
            self.end(exceptions.TimeoutError("the server does not answer"))


def packed_command(words: Sequence[CommandWord]) -> bytes:
    """Return the bytes of a command; a name of two words (`CONFIG GET`) is two."""
    name, *rest = words
    encoded = [*str(name).encode().split(), *[w if type(w) is bytes else str(w).encode() for w in rest]]
    return b"*%d\r\n%b" % (len(encoded), b"".join([b"$%d\r\n%b\r\n" % (len(w), w) for w in encoded]))


HEAVY = 16_384
"""A command with so many bytes in one word keeps the server busy for longer than a packet costs: it goes at once."""


class CommandBatcher:
    """Gathers the commands of one client."""

    def __init__(self, client: Any, wire: Wire) -> None:
        self._client = client
        self._wire = wire
        self._asked: list[tuple[tuple[CommandWord, ...], asyncio.Future[Any]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, *words: CommandWord) -> Any:
        """Send one command and return its answer; raise what the client raised for it.

        Whoever is cancelled while waiting does not know whether the command was done.
        """
        if any(len(word) >= HEAVY for word in words if type(word) is bytes):
            return await self._client.execute_command(*words)
        return await self._posted(words)

    async def ask_all(self, commands: Sequence[tuple[CommandWord, ...]]) -> list[Any]:
        """Send short commands, in this order, and return their answers; raise what the client raised for the first."""
        answers = [self._posted(words) for words in commands]
        try:
            return [await answer for answer in answers]
        finally:
            for answer in answers:  # one was refused, or nobody waits any more
                if not answer.cancel() and not answer.cancelled():
                    answer.exception()

    def _posted(self, words: tuple[CommandWord, ...]) -> asyncio.Future[Any]:
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

    async def _send(self, asked: list[tuple[tuple[CommandWord, ...], asyncio.Future[Any]]]) -> None:
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
