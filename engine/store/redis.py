"""The store in a Redis or Valkey server: one namespace, shared by every process of an installation.

Here: the port on keys and scripts. Not here: connections and errors (`store.link`), what the server promises
(`store.durability`), or starting a server (`store.embedded`).

All keys begin with the hash tag `{siaga:<namespace>}`: `:state` (cursor, epoch, position, trimmed), `:lease`,
`:counters`, `:entries` (stream), `:seen:<2 bytes>` (de-duplication), `:table:<name>` (hash), `:schedule:<name>`
(sorted set), `:log:<name>` (list); signals go by the channels `:signal:<name>`. Everything that writes is one of the
scripts, so that it is atomic there; the append-only file holds each as one transaction.

Reads are tried again a few times. A write whose answer was lost raises `StoreUnavailableError` and may have been done,
and so may one that was cancelled: whoever wrote reads again (a fenced write that was done is refused as `cursor_moved`
when given again, one with expected versions as a conflict). Only an append is repeated, once, since it de-duplicates;
events that the lost answer spoke of come back as duplicates then.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal

from engine.clock import monotonic
from engine.errors import ConfigurationError, StoreError, StoreUnavailableError, WeakDurabilityError
from engine.judging.instant import Instant
from engine.store import durability, reply
from engine.store.check import (
    CONTENT_BYTES,
    check_arrivals,
    check_entry,
    check_forgetting,
    check_page,
    check_write,
)
from engine.store.gathered import gathered
from engine.store.link import Link
from engine.store.names import WriteName
from engine.store.port import (
    ENTRY_BYTES,
    ENTRY_EVENTS,
    PIECE,
    START,
    Appended,
    Arrival,
    Committed,
    Conflict,
    CrashPoint,
    Entry,
    Fenced,
    Lease,
    Outcome,
    Place,
    Record,
    Write,
    order_of,
)
from engine.store.signal import Signals

READ_PAUSES = (0.05, 0.25)
"""A read that finds no server is tried again after each of these pauses, in seconds."""
REWRITE_SECONDS, REWRITE_PAUSE = 600.0, 0.05
"""How long the server may take to write its file anew, and how often it is asked whether it has."""
CANCEL_SECONDS = 0.1
"""The listener is told to end again where it did not end within so many seconds."""
RESTORING = "restoring"
"""The key that is there while a restore is under way, or was interrupted."""
OLDEST_SERVER = 7
"""The major version of Redis whose commands we need (`XADD` with a given millisecond)."""

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_RESULTS: dict[str, Literal["accepted", "duplicate", "id_conflict"]] = {
    "a": "accepted",
    "d": "duplicate",
    "c": "id_conflict",
}


class RedisStore:
    """A `Store` in a server that others may share."""

    def __init__(
        self,
        where: str,
        namespace: str,
        *,
        accept_weaker_durability: bool = False,
        wait_replicas: int = 0,
        timeout: float = 5.0,
        crash_point: CrashPoint | None = None,
    ) -> None:
        """Name the server by a URL or the path of its socket.

        With `wait_replicas` every write waits until so many replicas have it; `timeout` (seconds) bounds each command.
        """
        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigurationError(f"namespace {namespace!r}: take letters, digits, '.', '_' and '-'")
        self._base = base_of(namespace)
        self._link = Link(where, timeout=timeout, wait_replicas=wait_replicas)
        self._wait_replicas = wait_replicas
        self._timeout = timeout
        self._accept_weaker = accept_weaker_durability
        self._faults: tuple[str, ...] = ()
        self._unknown: tuple[str, ...] = ()
        self._crash_point = crash_point or (lambda _name, _side: None)
        self._signals = Signals()
        self._heard: frozenset[str] = frozenset()
        self._listener: asyncio.Task[None] | None = None
        self._listeners: set[asyncio.Task[None]] = set()

    async def open(self, *, restoring: bool = False, examining: bool = False) -> None:
        """Connect, and refuse a server that is too old or does not keep what it accepts, and half a backup.

        `accept_weaker_durability` never accepts a server whose restart loses its records. Only who is `examining`
        opens that one.
        """
        server = await self._read("INFO", "server")
        if int(str(server.get("redis_version", "0")).split(".")[0]) < OLDEST_SERVER:
            raise ConfigurationError(
                f"the store at {self._link.name} is Redis {server.get('redis_version')}; "
                f"take Redis {OLDEST_SERVER} or newer, or Valkey"
            )
        found: dict[str, str] = {}
        with suppress(StoreError):  # a server that hides its settings cannot show that it keeps anything
            found = await self._read("CONFIG GET", *durability.settings())
        self._faults = durability.faults(found)
        losing, self._unknown = await durability.replay(self._read, found)
        if (losing or (self._faults and not self._accept_weaker)) and not examining:
            raise WeakDurabilityError(f"the store at {self._link.name}: " + ". ".join(self._faults + losing))
        if not restoring and await self._read("EXISTS", self._key(RESTORING)):
            raise StoreError(
                f"a restore into the store at {self._link.name} is not finished: wait, or restore again"
            )

    @property
    def is_weaker(self) -> bool:
        """Return whether the server may lose what it accepted; after `open`."""
        return bool(self._faults)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return what the server does not let us see of what it keeps, each with its remedy; after `open`."""
        return self._unknown

    def promise(self) -> str:
        """Say what the server keeps, for the log and for people; after `open`."""
        kept = ". ".join(self._faults) if self._faults else durability.KEPT
        return kept + (f" {self._wait_replicas} replicas have it, too." if self._wait_replicas else "")

    async def close(self) -> None:
        """Let go of all connections."""
        while self._listeners:
            for listener in self._listeners:
                listener.cancel()  # under Python 3.11 the client may lose one that comes while it connects
            await asyncio.wait(tuple(self._listeners), timeout=CANCEL_SECONDS)
        self._listener, self._heard = None, frozenset()
        await self._link.aclose()

    async def write(self, write: Write) -> Outcome:
        """Do the whole write, or nothing of it; see the module for a lost answer."""
        check_write(write)
        answer = await self._change(write.name, "write", *gathered(write))
        verdict, *rest = (part.decode() for part in answer)
        if verdict == "committed":
            return Committed()
        if verdict == "fenced":
            return Fenced("stale_epoch" if rest[0] == "stale_epoch" else "cursor_moved")
        found = set(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
        records, plans = (sorted((a, b) for what, a, b in found if what == of) for of in ("record", "plan"))
        return Conflict(
            tuple(records), tuple(plans), tuple(sorted(a for what, a, _ in found if what == "log"))
        )

    async def get(self, table: str, ids: Sequence[str]) -> list[Record | None]:
        """Return the records of these ids, in order."""
        if not ids:
            return []
        found = await self._read("HMGET", self._key("table", table), *ids)
        return [None if stored is None else reply.record(stored) for stored in found]

    async def collect(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[Record | None]]:
        """Return records of several tables, read in this order."""
        asked = [("HMGET", self._key("table", table), *ids) for table, ids in wanted if ids]
        answers = iter(await self._read(*asked, ask=self._link.several) if asked else ())
        return [
            [None if stored is None else reply.record(stored) for stored in (next(answers) if ids else ())]
            for _, ids in wanted
        ]

    async def scan(self, table: str) -> dict[str, Record]:
        """Return a whole table, as it is at one moment."""
        stored = await self._read("HGETALL", self._key("table", table), ask=self._link.whole)
        return {id_.decode(): reply.record(value) for id_, value in stored.items()}

    async def walk(self, table: str) -> AsyncIterator[dict[str, Record]]:
        """Yield a table in small pieces, each as it is then."""
        cursor, came = 0, set[bytes]()
        while True:
            cursor, stored = await self._read("HSCAN", self._key("table", table), cursor, "COUNT", PIECE)
            yield {id_.decode(): reply.record(value) for id_, value in stored.items() if id_ not in came}
            came.update(stored)  # what the server moves while its table grows it tells twice
            if not cursor:
                return

    async def due(self, schedule: str, until: Instant, limit: int) -> list[tuple[str, Instant]]:
        """Return members planned at or before `until`, earliest first (equal instants: by member)."""
        key = self._key("schedule", schedule)
        found = await self._read("ZRANGE", key, "-inf", until, "BYSCORE", "LIMIT", 0, limit, "WITHSCORES")
        return reply.members(found)

    async def count_due(self, schedule: str, until: Instant) -> int:
        """Return how many members are planned at or before `until`."""
        return int(await self._read("ZCOUNT", self._key("schedule", schedule), "-inf", until))

    async def next_due(self, schedule: str) -> Instant | None:
        """Return the earliest planned instant of a schedule."""
        found = reply.members(await self._read("ZRANGE", self._key("schedule", schedule), 0, 0, "WITHSCORES"))
        return found[0][1] if found else None

    async def page(
        self, schedule: str, limit: int, after: Place | None = None, *, latest_first: bool = False
    ) -> list[tuple[str, Instant]]:
        """Return some members of a schedule from behind a place on."""
        check_page(limit, after)
        if after is None:
            key, order = self._key("schedule", schedule), ("REV",) if latest_first else ()
            return reply.members(await self._read("ZRANGE", key, 0, limit - 1, *order, "WITHSCORES"))
        words = (schedule, limit, int(latest_first), after.at, after.member)
        found = reply.members(await self._read("page", self._base, *words, ask=self._link.reading_script))
        return found[::-1] if latest_first else found

    async def sizes(self, schedules: Sequence[str]) -> list[int]:
        """Return how many members each of these schedules has."""
        asked = [("ZCARD", self._key("schedule", schedule)) for schedule in schedules]
        return [int(number) for number in await self._read(*asked, ask=self._link.several)] if asked else []

    async def planned(self, schedule: str) -> dict[str, Instant]:
        """Return a whole schedule."""
        key = self._key("schedule", schedule)
        return dict(reply.members(await self._read("ZRANGE", key, 0, -1, "WITHSCORES", ask=self._link.whole)))

    async def planned_at(self, schedule: str, members: Sequence[str]) -> list[Instant | None]:
        """Return the instants of members of a schedule, in order."""
        if not members:
            return []
        found = await self._read("ZMSCORE", self._key("schedule", schedule), *members)
        return [None if at is None else int(at) for at in found]

    async def log(self, log: str, start: int = 0, limit: int | None = None) -> list[bytes]:
        """Return entries of a log from index `start` on (negative: from the end)."""
        end = -1 if limit is None or start < 0 else start + limit - 1
        if limit is not None and limit <= 0:
            return []
        entries: list[bytes] = await self._read("LRANGE", self._key("log", log), start, end)
        return entries[:limit]

    async def mark(self, log: str) -> bytes:
        """Return the newest mark of a chained log, empty for one without entries."""
        mark: bytes | None = await self._read("HGET", self._key("marks"), log)
        return mark or b""

    async def fill(self) -> float:
        """Return the share that the server has taken of its `maxmemory`, else of the machine's memory."""
        memory = await self._read("INFO", "memory")
        bound = int(memory.get("maxmemory") or 0) or int(memory.get("total_system_memory") or 0)
        return int(memory["used_memory"]) / bound if bound else 0.0

    async def counters(self) -> dict[str, int]:
        """Return all counters."""
        found = await self._read("HGETALL", self._key("counters"))
        return {name.decode(): int(number) for name, number in found.items()}

    async def append(self, arrivals: Sequence[Arrival], received_at: Instant, day: int) -> Appended:
        """De-duplicate and append the events of one request; repeated once when the answer is lost."""
        check_arrivals(arrivals, received_at, day)
        identities = b"".join([arrival.identity for arrival in arrivals])
        arguments: tuple[int | str | bytes, ...] = (
            received_at,
            day,
            ENTRY_EVENTS,
            ENTRY_BYTES,
            identities,
            identities.hex(),
            b"".join([arrival.content for arrival in arrivals]),
            b"\n".join([*(arrival.value for arrival in arrivals), b""]),
        )
        try:
            answer = await self._change("append_events", "append_events", *arguments)
        except StoreUnavailableError:
            answer = await self._change("append_events", "append_events", *arguments)
        return Appended(tuple(_RESULTS[letter] for letter in answer[1].decode()), int(answer[0]))

    async def known(self, identities: Sequence[bytes]) -> list[bytes | None]:
        """Return the content digests of identities that are remembered; one question each, for they are few."""
        found = [await self._read("HGET", self._key("seen", i[:2].hex()), i) for i in identities]
        return [content[:CONTENT_BYTES] if content else None for content in found]

    async def forget_identities(self, before_day: int, part: int) -> int:
        """Forget identities that came in before a day, of 256 buckets; return how many."""
        check_forgetting(before_day, part)
        return int(await self._change("forget_identities", "forget_identities", before_day, part))

    async def bearers(self, ids: Sequence[bytes]) -> list[list[str]]:
        """Return the positions of the entries with events that bear these ids; one question each, for they are few."""
        found = [await self._read("HGETALL", self._key("seen", id_[:2].hex())) for id_ in ids]
        return [reply.bearers(bucket, id_) for bucket, id_ in zip(found, ids, strict=True)]

    async def append_entry(self, type_: str, value: bytes, received_at: Instant) -> str:
        """Append one entry of another type and return its position."""
        check_entry(type_, received_at)
        answer: bytes = await self._change("append_entry", "append_entry", type_, value, received_at)
        return answer.decode()

    async def read(self, after: str, limit: int) -> list[Entry]:
        """Return up to `limit` entries after a position, whole requests only."""
        entries = await self._entries(after, limit)
        whole = len(entries)
        while whole and not entries[whole - 1].last:
            whole -= 1
        if whole:
            return entries[:whole]
        while entries and not entries[-1].last:
            for entry in await self._entries(entries[-1].position, limit):
                entries.append(entry)
                if entry.last:
                    break
        return entries

    async def _entries(self, after: str, limit: int) -> list[Entry]:
        found = await self._read("XRANGE", self._key("entries"), f"({after}", "+", "COUNT", limit)
        return [reply.entry(position.decode(), fields) for position, fields in found]

    async def entries(self, positions: Sequence[str]) -> list[Entry | None]:
        """Return the entries at these positions, in order; one question each, for they are few."""
        key = self._key("entries")
        found = [await self._read("XRANGE", key, position, position) for position in positions]
        return [reply.entry(one[0][0].decode(), one[0][1]) if one else None for one in found]

    async def trim(self, until: str) -> None:
        """Remove the entries up to a position, none beyond the cursor."""
        await self._change("trim", "trim", *order_of(until))

    async def trimmed(self) -> str:
        """Return the position up to which entries were removed."""
        return await self._state("trimmed")

    async def last_position(self) -> str:
        """Return the position of the newest entry that ever was, `START` if there was none."""
        return await self._state("position")

    async def cursor(self) -> str:
        """Return the evaluator's cursor, `START` before the first commit."""
        return await self._state("cursor")

    async def _state(self, field: str) -> str:
        found: bytes | None = await self._read("HGET", self._key("state"), field)
        return found.decode() if found else START

    async def lease(self, holder: str, seconds: float) -> Lease | None:
        """Take or renew the evaluator's lease; None while another holder has it."""
        epoch = await self._change("lease", "lease", holder, max(1, int(seconds * 1000)))
        return None if epoch is None else Lease(holder, epoch)

    async def release(self, holder: str) -> None:
        """Give the lease back, if this holder has it."""
        await self._change("release", "release", holder)

    async def wait(self, channels: Sequence[str], seconds: float) -> None:
        """Return when one of the channels was signalled since the last wait, or after so many seconds.

        The first wait for a channel returns as soon as it is heard, and so does the first after the server was away,
        since something may have been missed.
        """
        deaf = self._listener is None or self._listener.done() or not self._heard.issuperset(channels)
        if channels and deaf:  # who only waits for time needs no connection of its own
            self._heard |= frozenset(channels)
            for listener in self._listeners:
                listener.cancel()
            self._listener = asyncio.create_task(self._listen(self._heard))
            self._listeners.add(self._listener)
            self._listener.add_done_callback(self._listeners.discard)
        await self._signals.wait(channels, seconds)

    async def rewrite_files(self, seconds: float = REWRITE_SECONDS) -> None:
        """Let the server write its append-only file anew, without what is gone; return when that is on the disk.

        Raises `StoreError` where the user may not ask for it (`BGREWRITEAOF`), it fails, or it takes longer.
        """
        ends, asked = monotonic() + seconds, False
        while monotonic() < ends:
            found = await self._read("INFO", "persistence")
            if not int(found.get("aof_rewrite_in_progress", 0)) and not int(
                found.get("aof_rewrite_scheduled", 0)
            ):
                if asked:
                    if (status := str(found.get("aof_last_bgrewrite_status", "ok"))) != "ok":
                        raise StoreError(f"the store at {self._link.name} rewrote its file: {status}")
                    return
                try:
                    await self._link.command("BGREWRITEAOF")
                    asked = True
                except StoreError as error:
                    if "in progress" not in str(error):
                        raise  # else somebody was quicker: theirs may have begun too early
            await asyncio.sleep(REWRITE_PAUSE)
        raise StoreError(
            f"the store at {self._link.name} is still writing its file anew after {seconds:.0f} s"
        )

    async def erase(self) -> None:
        """Remove everything of this namespace from the server: for demonstrations and tests, never for a live desk."""
        cursor: bytes | str = "0"
        pattern = self._base.replace("[", r"\[") + ":*"
        while True:
            cursor, keys = await self._read("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            if keys:
                await self._link.command("UNLINK", *keys)
            if cursor in (b"0", "0", 0):
                return

    async def _listen(self, channels: Iterable[str]) -> None:
        prefix = self._key("signal", "")

        def told(channel: str) -> None:
            self._signals.signal(channel.removeprefix(prefix))

        while True:
            with suppress(StoreError):
                await self._link.listen([prefix + channel for channel in channels], told)
            await asyncio.sleep(READ_PAUSES[0])

    async def _change(self, name: WriteName, script: str, *arguments: str | bytes | int) -> Any:
        """Do a write. Every write goes through here under its name: these names are the crash points."""
        self._crash_point(name, "before")
        answer = await self._link.script(script, self._base, *arguments)
        self._crash_point(name, "after")
        return answer

    async def _read(self, *words: Any, ask: Callable[..., Awaitable[Any]] | None = None) -> Any:
        """Do a command that changes nothing, again where the server does not answer; `ask` by another way than most."""
        began, ask = monotonic(), ask or self._link.command
        for pause in READ_PAUSES:
            try:
                return await ask(*words)
            except StoreUnavailableError:
                if monotonic() - began > self._timeout:
                    raise  # it hangs; asking again would only hold the caller up
                await asyncio.sleep(pause)
        return await ask(*words)

    def _key(self, *parts: str) -> str:
        return ":".join((self._base, *parts))


def base_of(namespace: str) -> str:
    """Return what all keys of a namespace begin with."""
    return f"{{siaga:{namespace}}}"
