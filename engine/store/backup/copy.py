"""A copy of everything that a namespace holds: read out of one server, put into another of any product.

Here: keys of the server as parts that name no product, and a server that is kept still meanwhile. Not here: the file
of a backup (`store.backup.file`) and what the keys mean (`store.redis.store`).

A copy is of one moment: while it is read the server keeps every writer waiting (`CLIENT PAUSE WRITE`), reads go on, and
nothing has to be undone when the reader dies, because the pause ends by itself. A pause that ran out is an error, never
a copy of two moments. The evaluator's lease is not copied: it belongs to a process. Putting a copy into a server goes
past the named writes, since no service may run there until it is whole: a mark says so, which `RedisStore.open` obeys.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Literal

import msgspec

from engine.clock import monotonic
from engine.errors import StoreError, StoreUnavailableError
from engine.store.port import START, order_of
from engine.store.redis.client import RedisClient
from engine.store.redis.store import RESTORING, base_of

PAUSE_SECONDS = 4.0
"""A pause that nobody renews ends after this; below the 5 s after which writers give up."""
RENEWS_SECONDS = 1.0
AT_ONCE = 1_000
"""Items of a part at most, and keys that are asked for in one go."""
_ENTRIES = 100
"""Entries of the stream that are read in one go; each may have 64 KiB."""
_WORDS = 50_000
"""About so many words are sent in one go."""
_TIMEOUT = 30.0

KeyKind = Literal["hash", "zset", "list", "stream"]
_SIZE: Mapping[KeyKind, str] = {"hash": "HLEN", "zset": "ZCARD", "list": "LLEN", "stream": "XLEN"}


class KeyPart(msgspec.Struct, frozen=True, array_like=True):
    """Some items of one key, whose name is without the namespace.

    `items` of a hash are field and value in turn, of a zset member and instant, of a list its entries, of a stream
    position, number of words, and words.
    """

    key: str
    kind: KeyKind
    items: tuple[bytes, ...]


class Size(msgspec.Struct, frozen=True):
    """How many keys, and items in them, by the first word of the name (`table:alerts` and the like by both)."""

    keys: int
    items: dict[str, int]


def size_of(keys: Sequence[str], items: Mapping[str, int]) -> Size:
    """Return the size of keys that hold so many items by name."""
    return Size(len(keys), dict(sorted(items.items())))


@asynccontextmanager
async def stillness(link: RedisClient) -> AsyncIterator[None]:
    """Keep all writers of a server waiting while the context lasts; raise `StoreError` where some did not wait."""
    until = 0.0

    async def renew() -> None:
        nonlocal until
        sent = monotonic()
        try:
            await link.command("CLIENT PAUSE", round(PAUSE_SECONDS * 1000), "WRITE")
        except StoreUnavailableError:
            raise
        except StoreError as error:
            raise StoreError(
                f"{error}; a backup must keep writers waiting: allow CLIENT PAUSE and UNPAUSE"
            ) from None
        if until and monotonic() > until:
            raise StoreError(_LAPSED)
        until = sent + PAUSE_SECONDS

    async def keep() -> None:
        while True:
            await asyncio.sleep(RENEWS_SECONDS)
            await renew()

    await renew()
    keeping = asyncio.create_task(keep())
    try:
        yield
        if keeping.done():
            await keeping
        if monotonic() > until:
            raise StoreError(_LAPSED)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError, StoreError):
            await keeping
        await link.command("CLIENT UNPAUSE")


_LAPSED = (
    "the server could not be kept still while it was copied: try again in a quieter moment, or stop Siaga"
)


class Namespace:
    """All keys of one namespace on one server."""

    def __init__(self, where: str, namespace: str) -> None:
        """Name the server by a URL or the path of its socket."""
        self._link = RedisClient(where, timeout=_TIMEOUT, wait_replicas=0)
        self._base = base_of(namespace) + ":"

    async def aclose(self) -> None:
        """Let go of the server."""
        await self._link.aclose()

    def still(self) -> Any:
        """Return the context in which nobody writes to the server."""
        return stillness(self._link)

    async def server(self) -> str:
        """Return the product and version of the server, as `SERVER` of an embedded one names them."""
        found = await self._link.command("INFO", "server")
        product = "valkey" if found.get("server_name") == "valkey" else "redis"
        return f"{product} {found.get(f'{product}_version', found.get('redis_version'))}"

    async def used(self) -> int:
        """Return how many bytes of memory the server takes for all that it holds."""
        return int((await self._link.command("INFO", "memory"))["used_memory"])

    async def keys(self) -> list[str]:
        """Return the names of all keys but the lease and the mark of a restore, sorted, without the namespace."""
        pattern = self._base.replace("[", r"\[") + "*"
        found: set[str] = set()
        cursor: bytes | str | int = "0"
        while True:
            cursor, some = await self._link.command("SCAN", cursor, "MATCH", pattern, "COUNT", AT_ONCE)
            found.update(key.decode().removeprefix(self._base) for key in some)
            if cursor in (b"0", "0", 0):
                return sorted(found - {"lease", RESTORING})

    async def size(self, keys: Sequence[str]) -> Size:
        """Count what is in keys."""
        items: Counter[str] = Counter()
        for some in _pieces(keys, AT_ONCE):
            for key, _, length in await self._measured(some):
                items[name_of(key)] += length
        return size_of(keys, items)

    async def parts(self, keys: Sequence[str], items: Counter[str]) -> AsyncGenerator[tuple[KeyPart, bool]]:
        """Yield what is in keys, each with whether it is the last of its key; within `still` it is of one moment.

        What is in them is added to `items` on the way, as `size` counts it.
        """
        for some in _pieces(keys, AT_ONCE):
            measured = await self._measured(some)
            small: dict[str, KeyKind] = {}
            for key, kind, length in measured:
                items[name_of(key)] += length
                if length <= AT_ONCE and kind != "stream":
                    small[key] = kind
            for few in _pieces(list(small), max(1, AT_ONCE // 10)):
                answers = await self._link.commands([self._whole(key, small[key]) for key in few])
                for key, answer in zip(few, answers, strict=True):
                    yield KeyPart(key, small[key], tuple(_items(small[key], answer))), True
            for key, kind, length in measured:
                if key in small:
                    continue
                async with aclosing(self._pieces_of(key, kind, length)) as pieces:
                    async for piece in pieces:
                        yield KeyPart(key, kind, piece), False
                yield KeyPart(key, kind, ()), True

    async def _measured(self, keys: Sequence[str]) -> list[tuple[str, KeyKind, int]]:
        """Return the kind of each key and how much is in it."""
        kinds = await self._kinds(keys)
        asked = [(_SIZE[kind], self._base + key) for key, kind in kinds.items()]
        lengths = await self._link.commands(asked)
        return [(key, kind, length) for (key, kind), length in zip(kinds.items(), lengths, strict=True)]

    async def _kinds(self, keys: Sequence[str]) -> dict[str, KeyKind]:
        answers = await self._link.commands([("TYPE", self._base + key) for key in keys])
        kinds = {key: kind.decode() for key, kind in zip(keys, answers, strict=True)}
        for key, kind in kinds.items():
            if kind not in _SIZE:
                raise StoreError(f"{key} is a {kind}, and a copy knows none: it would not be whole")
        return kinds

    def _whole(self, key: str, kind: KeyKind) -> tuple[str | int, ...]:
        name = self._base + key
        match kind:
            case "hash":
                return "HGETALL", name
            case "zset":
                return "ZRANGE", name, 0, -1, "WITHSCORES"
            case "list":
                return "LRANGE", name, 0, -1
            case "stream":
                return "XRANGE", name, "-", "+"

    async def _pieces_of(self, key: str, kind: KeyKind, size: int) -> AsyncGenerator[tuple[bytes, ...]]:
        name = self._base + key
        cursor: Any
        match kind:
            case "hash":
                cursor = "0"
                while cursor is not None:
                    cursor, answer = await self._link.command("HSCAN", name, cursor, "COUNT", AT_ONCE)
                    yield tuple(_items(kind, answer))
                    cursor = None if cursor in (b"0", "0", 0) else cursor
            case "stream":
                cursor = "-"
                while answer := await self._link.command("XRANGE", name, cursor, "+", "COUNT", _ENTRIES):
                    yield tuple(_items(kind, answer))
                    cursor = f"({answer[-1][0].decode()}"
            case "list" | "zset":
                command, *words = ("LRANGE",) if kind == "list" else ("ZRANGE", "WITHSCORES")
                for first in range(0, size, AT_ONCE):
                    last = first + AT_ONCE - 1
                    yield tuple(_items(kind, await self._link.command(command, name, first, last, *words)))

    # --- putting in ---------------------------------------------------------------------------------------------------

    async def interrupted(self) -> bool:
        """Say whether a restore into this namespace was not finished."""
        return bool(await self._link.command("EXISTS", self._base + RESTORING))

    async def begin(self) -> None:
        """Say that what is here is not whole: no service opens it."""
        await self._link.command("SET", self._base + RESTORING, "1")

    async def finish(self) -> None:
        """Say that it is whole."""
        await self._link.command("DEL", self._base + RESTORING)

    async def put(self, parts: Sequence[KeyPart]) -> None:
        """Put parts in, after those that were put in before."""
        await self._link.commands([words for part in parts for words in self._puts(part)])

    def _puts(self, part: KeyPart) -> Iterator[tuple[str | bytes, ...]]:
        name, items = self._base + part.key, part.items
        if not items:
            return
        match part.kind:
            case "hash":
                yield "HSET", name, *items
            case "zset":
                yield "ZADD", name, *(w for pair in zip(items[1::2], items[::2], strict=True) for w in pair)
            case "list":
                yield "RPUSH", name, *items
            case "stream":
                at = 0
                while at < len(items):
                    number = int(items[at + 1])
                    yield "XADD", name, items[at], *items[at + 2 : at + 2 + number]
                    at += 2 + number

    async def end_stream(self) -> None:
        """Let the stream go on behind the newest position that ever was, though that entry was trimmed."""
        stream = self._base + "entries"
        found = await self._link.command("HGET", self._base + "state", "position")
        position = found.decode() if found else START
        newest = await self._link.command("XREVRANGE", stream, "+", "-", "COUNT", 1)
        if position != START and (not newest or order_of(newest[0][0].decode()) < order_of(position)):
            await self._link.command("XADD", stream, position, "type", "none")
            await self._link.command("XDEL", stream, position)

    async def erase(self) -> None:
        """Remove every key but the mark."""
        for some in _pieces(await self.keys(), AT_ONCE):
            await self._link.command("UNLINK", *(self._base + key for key in some))


def batches(parts: Iterator[KeyPart]) -> Iterator[list[KeyPart]]:
    """Gather parts that go to the server at once."""
    batch: list[KeyPart] = []
    words = 0
    for part in parts:
        batch.append(part)
        words += len(part.items) + 2
        if words >= _WORDS or len(batch) >= AT_ONCE:
            yield batch
            batch, words = [], 0
    if batch:
        yield batch


def _items(kind: KeyKind, answer: Any) -> Iterator[bytes]:
    match kind:
        case "hash":
            for field, value in answer.items():
                yield field
                yield value
        case "stream":
            for position, fields in answer:
                yield position
                yield b"%d" % (2 * len(fields))
                for name, value in fields.items():
                    yield name
                    yield value
        case "list" | "zset":
            yield from answer


def _pieces(items: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]


def name_of(key: str) -> str:
    """Return under which name the items of a key are counted: `table:alerts`, but all histories as one."""
    parts = key.split(":")
    return ":".join(parts[:2]) if parts[0] in ("table", "schedule", "log") else parts[0]
