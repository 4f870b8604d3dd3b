"""The link to a Redis or Valkey server: connections, scripts, and errors in Siaga's own words.

Here: how a command gets to the server and what its failure is called. Not here: which keys and scripts there are
(`store.redis.store`) and what the server promises (`store.redis.store`).

No command is ever repeated here once it may have reached the server, since the client cannot know whether a write whose
answer was lost was done; who may repeat says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote, urlsplit

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engine.errors import ConfigurationError, StoreError, StoreUnavailableError
from engine.store.redis.connection import CommandBatcher, CommandWord, Subscriber, Wire, packed_command
from engine.store.redis.sentinel import PrimaryPool, watched

CONNECTIONS = 32
"""At most so many commands of one process are under way at once; others wait for a free connection."""
LONG = 16
"""Words from which on a command is a long one."""

_LATER = ("BUSY", "CLUSTERDOWN", "MASTERDOWN", "MISCONF", "NOREPLICAS", "TRYAGAIN", "UNKILLABLE")
"""Refusals that the client has no class for and that pass by themselves or by an operator's act."""


class _Packing:
    """Packs a long command in one go, which costs a third of the client's own way: it may hold thousands of words."""

    def pack_command(self, *words: CommandWord) -> list[bytes]:
        """Return the bytes of a command."""
        if len(words) < LONG:
            short: list[bytes] = super().pack_command(*words)  # type: ignore[misc]
            return short
        return [packed_command(words)]


class RedisClient:
    """Connections to one server, or to whichever is the primary of several.

    It is named by a URL (`redis://`, `rediss://`, `unix://`, `redis+sentinel://`) or the path of its socket.
    """

    def __init__(self, where: str, *, timeout: float, wait_replicas: int) -> None:
        """Connect to nothing yet. `timeout` (seconds) bounds connecting, each answer and the wait for replicas."""
        url = where if "://" in where else f"unix://{quote(where)}"
        self._timeout = timeout
        self._wait_replicas = wait_replicas
        try:
            self.name, pool = _pool(url, timeout)
            pool.connection_class = type("Packing", (_Packing, pool.connection_class), {})
        except ValueError as error:  # the address itself may hold a password, so it is not in the message
            raise ConfigurationError(f"redis.url is no address of a server: {error}") from None
        self._client: Any = Redis.from_pool(pool)  # the client leaves most of its methods untyped
        self._together = CommandBatcher(self._client, Wire(self._client, timeout))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._together.close()
        await self._client.aclose()

    async def command(self, *words: CommandWord) -> Any:
        """Send one command and return the answer."""
        with self._own_words():
            return await self._together.ask(*words)

    async def several(self, *commands: tuple[CommandWord, ...]) -> list[Any]:
        """Send commands that change nothing and are short, in this order, and return their answers."""
        with self._own_words():
            return await self._together.ask_all(commands)

    async def whole(self, *words: CommandWord) -> Any:
        """Send a command whose answer may be large, on a connection of its own: no other answer waits behind it."""
        with self._own_words():
            return await self._client.execute_command(*words)

    async def commands(self, commands: Sequence[Sequence[CommandWord]]) -> list[Any]:
        """Send several commands in one go and return their answers; the first refusal is raised."""
        with self._own_words():
            pipeline = self._client.pipeline(transaction=False)
            for words in commands:
                pipeline.execute_command(*words)
            answers: list[Any] = await pipeline.execute()
            return answers

    async def script(self, name: str, key: str, *arguments: CommandWord) -> Any:
        """Run a script of `store/scripts` on the key and return its answer once the replicas asked for have it too."""
        body, digest = _script(name)
        with self._own_words():
            try:
                return await self._run("EVALSHA", digest, 1, key, *arguments)
            except exceptions.NoScriptError:
                return await self._run("EVAL", body, 1, key, *arguments)

    async def reading_script(self, name: str, key: str, *arguments: CommandWord) -> Any:
        """Run a script that writes nothing and return its answer; the server refuses any write in it."""
        body, digest = _script(name)
        with self._own_words():
            try:
                return await self._together.ask("EVALSHA_RO", digest, 1, key, *arguments)
            except exceptions.NoScriptError:
                return await self._together.ask("EVAL_RO", body, 1, key, *arguments)

    async def _run(self, *words: CommandWord) -> Any:
        if not self._wait_replicas:
            return await self._together.ask(*words)
        # WAIT speaks of the writes of its own connection, so both go down the same one.
        pipeline = self._client.pipeline(transaction=False)
        pipeline.execute_command(*words)
        pipeline.execute_command("WAIT", self._wait_replicas, int(self._timeout * 500))
        answer, replicas = await pipeline.execute(raise_on_error=False)
        for result in (answer, replicas):
            if isinstance(result, Exception):
                raise result
        if replicas < self._wait_replicas:
            raise StoreUnavailableError(
                f"the store at {self.name} wrote, but {replicas} of {self._wait_replicas} replicas have it"
            )
        return answer

    async def listen(self, channels: Sequence[str], told: Callable[[str], None]) -> None:
        """Tell the channel of every message, and each channel once when it is heard, until the connection ends."""
        with self._own_words():
            connection = self._client.connection_pool.make_connection()
            await connection.connect()
            ear = Subscriber(connection, channels, told)
            try:
                await ear.over
            finally:
                ear.end(None)

    @contextmanager
    def _own_words(self) -> Iterator[None]:
        """Turn the client's errors into Siaga's."""
        try:
            yield
        except (exceptions.ReadOnlyError, exceptions.OutOfMemoryError, exceptions.BusyLoadingError) as error:
            raise StoreUnavailableError(f"the store at {self.name} takes no writes now: {error}") from error
        except exceptions.AuthenticationError as error:
            raise StoreUnavailableError(f"the store at {self.name} refuses the login: {error}") from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise StoreUnavailableError(f"the store at {self.name} does not answer: {error}") from error
        except exceptions.RedisError as error:
            if str(error).startswith(_LATER):
                raise StoreUnavailableError(f"the store at {self.name} cannot now: {error}") from error
            raise StoreError(f"the store at {self.name} refuses: {error}") from error


def _pool(url: str, timeout: float) -> tuple[str, BlockingConnectionPool]:
    """Return what the server is called in messages, and connections to it."""
    if (place := watched(url)) is not None:
        return place.name, PrimaryPool(place, most=CONNECTIONS, timeout=timeout)
    parts = urlsplit(url)
    name = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return name, pool


@cache
def _script(name: str) -> tuple[str, str]:
    """Return a script and the digest by which the server knows it once it has seen it."""
    body = (
        resources.files("engine.store.redis").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
    )
    return body, hashlib.sha1(body.encode(), usedforsecurity=False).hexdigest()
