"""The store in a Redis or Valkey server: one namespace, shared by every process of an installation.

A write runs as the script `write.lua`. Start-up refuses a server that would lose data at a restart.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from engine.clock import monotonic
from engine.core.judging.instant import Instant
from engine.errors import ConfigurationError, StoreError, StoreUnavailableError, WeakDurabilityError
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
    Drop,
    Entry,
    Expect,
    Fenced,
    Lease,
    Place,
    Plan,
    Put,
    Record,
    Write,
    WriteOutcome,
    order_of,
)
from engine.store.redis.client import RedisClient
from engine.store.signals import Signals
from engine.store.validation import (
    CONTENT_BYTES,
    check_arrivals,
    check_entry,
    check_forgetting,
    check_page,
    check_write,
)
from engine.store.write_names import WriteName

_WANTED = {
    "appendonly": ("yes", "nothing is kept over a restart of the server"),
    "appendfsync": ("always", "up to a second of accepted events is lost when its machine fails"),
    "maxmemory-policy": ("noeviction", "the server may throw away alerts and events when its memory is full"),
}

KEPT = "An accepted event is on the server's disk before it is answered."


_REPLAYS_AS = ("ACL GETUSER", "default")
_NEVER_WRITTEN = (
    " @admin acl bgrewriteaof bgsave client cluster config debug failover info keys latency module monitor psync "
    "replconf replicaof role save script shutdown slaveof slowlog sync "
)
"""Commands that no append-only file holds: the user `default` may lack them, as hosted servers want it."""
_LOSING = (
    "the user default lacks rights, and a server replays its append-only file as that user: a restart loses records; "
    "say ACL SETUSER default ~* &* +@all before any restart, and the same in its file of users "
    "(config/redis-users.acl) - `off` may stay"
)
_HIDDEN = (
    "the rights of the user default cannot be read: if it lacks any, a restart of the server loses records; "
    "allow this login +acl|getuser, or see that default has ~* &* +@all"
)


async def replay_losses(
    ask: Callable[..., Awaitable[Any]], found: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a restart of a server loses by the rights of its user `default`, and what cannot be known of that.

    `ask` sends a command. `found` are the settings of `durability_settings`. Each text has its remedy behind a
    semicolon. Raises `StoreUnavailableError` where the server does not answer.
    """
    if found.get("appendonly") == "no":
        return (), ()  # nothing is replayed; `durability_faults` says what that costs
    try:
        user = await ask(*_REPLAYS_AS)
    except StoreUnavailableError:
        raise
    except StoreError:
        return (), (_HIDDEN,)
    first, *others = [*user.get("categories", ()), *user.get("commands", ())] or [""]
    whole = first == "+@all" and "~*" in user.get("keys", ()) and all(map(_is_harmless, others))
    return () if whole else (_LOSING,), ()


def _is_harmless(right: str) -> bool:
    """Say whether a right, taken or given, concerns nothing that a server writes into its append-only file."""
    return right.startswith("+") or f" {right[1:]} " in _NEVER_WRITTEN or "|" in right


def durability_settings() -> tuple[str, ...]:
    """Return the names of the settings that `durability_faults` wants to know."""
    return tuple(_WANTED)


def durability_faults(found: Mapping[str, str]) -> tuple[str, ...]:
    """Return, for each setting that is not as it must be, what is lost by it and the remedy."""
    return tuple(
        f"{name} is {found[name]!r}: {loss}; say CONFIG SET {name} {wanted}, and the same in its configuration"
        if name in found
        else f"{name} cannot be read, so perhaps {loss}; allow CONFIG GET, or see that it is {wanted}"
        for name, (wanted, loss) in _WANTED.items()
        if found.get(name) != wanted
    )


_POSITION = struct.Struct(">HII")
"""The position of an entry as `append_events.lua` keeps it: its instant in six bytes, its number in four."""


def record_of_reply(stored: bytes) -> Record:
    """Return a record: its version in four bytes, and its value."""
    return Record(int.from_bytes(stored[:4], "big"), stored[4:])


def positions_of_reply(bucket: dict[bytes, bytes], id_: bytes) -> list[str]:
    """Return the positions in a bucket of identities of those that begin so, each once and in order."""
    found = {
        _POSITION.unpack(kept[-_POSITION.size :])
        for identity, kept in bucket.items()
        if identity.startswith(id_)
    }
    return [f"{(high << 32) + low}-{number}" for high, low, number in sorted(found)]


def members(found: Sequence[bytes]) -> list[tuple[str, Instant]]:
    """Return the members of a schedule with their instants."""
    return [(member.decode(), int(at)) for member, at in zip(found[::2], found[1::2], strict=True)]


def entry_of_reply(position: str, fields: dict[bytes, bytes]) -> Entry:
    """Return an entry of the stream."""
    type_, joined = fields[b"type"].decode(), fields[b"values"]
    return Entry(
        position,
        type_,
        int(position.partition("-")[0]),
        tuple(joined.split(b"\n")) if type_ == "events" else (joined,),
        fields[b"last"] == b"1",
    )


def packed_write(write: Write) -> list[bytes]:
    """Pack a write as `write.lua` takes it: what changes, table by table and log by log, and then all values.

    The values stand apart because the server's msgpack knows texts but no bytes.
    """
    puts: defaultdict[str, list[Put]] = defaultdict(list)
    for put in write.puts:
        puts[put.table].append(put)
    drops: defaultdict[str, list[Drop]] = defaultdict(list)
    for drop in write.drops:
        drops[drop.table].append(drop)
    expects: defaultdict[str, list[Expect]] = defaultdict(list)
    for expect in write.expects:
        expects[expect.table].append(expect)
    schedules: defaultdict[str, dict[str, Instant | None]] = defaultdict(dict)
    conditions: defaultdict[str, list[str | int]] = defaultdict(list)
    for plan in write.plans:
        schedules[plan.schedule][plan.member] = plan.at  # of two plans for one member the last holds
        if plan.expected is not UNSET:
            conditions[plan.schedule] += _condition(plan)
    fence = write.fence
    changes = (
        (fence.epoch, fence.cursor, fence.next_cursor) if fence else None,
        [_versions(table, changes) for table, changes in puts.items()],
        [_versions(table, changes) for table, changes in drops.items()],
        [
            (
                schedule,
                [word for member, at in plans.items() if at is not None for word in (at, member)],
                [member for member, at in plans.items() if at is None],
                conditions[schedule],
            )
            for schedule, plans in schedules.items()
        ],
        [(append.log, len(append.entries), append.chained) for append in write.appends],
        [word for count in write.counts.items() for word in count],
        (write.note.type, write.note.received_at) if write.note else None,
        [(t, [one.id for one in some], [one.version for one in some]) for t, some in expects.items()],
        [(cut.log, cut.count) for cut in write.cuts],
    )
    values = [put.value for puts_ in puts.values() for put in puts_]
    entries = [entry for append in write.appends for entry in append.entries]
    noted = [write.note.value] if write.note else []
    return [msgspec.msgpack.encode(changes), *values, *entries, *noted, *(cut.last for cut in write.cuts)]


def _versions(table: str, changes: Sequence[Put | Drop]) -> tuple[str, list[str], list[int]]:
    expected = [-1 if change.expected is None else change.expected for change in changes]
    return table, [change.id for change in changes], expected


def _condition(plan: Plan) -> tuple[str, int]:
    """Return a member and the instant that it must have, -1 for none."""
    return plan.member, plan.expected if isinstance(plan.expected, int) else -1


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
        self._link = RedisClient(where, timeout=timeout, wait_replicas=wait_replicas)
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
            found = await self._read("CONFIG GET", *durability_settings())
        self._faults = durability_faults(found)
        losing, self._unknown = await replay_losses(self._read, found)
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
        kept = ". ".join(self._faults) if self._faults else KEPT
        return kept + (f" {self._wait_replicas} replicas have it, too." if self._wait_replicas else "")

    async def close(self) -> None:
        """Let go of all connections."""
        while self._listeners:
            for listener in self._listeners:
                listener.cancel()  # under Python 3.11 the client may lose one that comes while it connects
            await asyncio.wait(tuple(self._listeners), timeout=CANCEL_SECONDS)
        self._listener, self._heard = None, frozenset()
        await self._link.aclose()

    async def write(self, write: Write) -> WriteOutcome:
        """Do the whole write, or nothing of it; see the module for a lost answer."""
        check_write(write)
        answer = await self._change(write.name, "write", *packed_write(write))
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
        return [None if stored is None else record_of_reply(stored) for stored in found]

    async def collect(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[Record | None]]:
        """Return records of several tables, read in this order."""
        asked = [("HMGET", self._key("table", table), *ids) for table, ids in wanted if ids]
        answers = iter(await self._read(*asked, ask=self._link.several) if asked else ())
        return [
            [None if stored is None else record_of_reply(stored) for stored in (next(answers) if ids else ())]
            for _, ids in wanted
        ]

    async def scan(self, table: str) -> dict[str, Record]:
        """Return a whole table, as it is at one moment."""
        stored = await self._read("HGETALL", self._key("table", table), ask=self._link.whole)
        return {id_.decode(): record_of_reply(value) for id_, value in stored.items()}

    async def walk(self, table: str) -> AsyncIterator[dict[str, Record]]:
        """Yield a table in small pieces, each as it is then."""
        cursor, came = 0, set[bytes]()
        while True:
            cursor, stored = await self._read("HSCAN", self._key("table", table), cursor, "COUNT", PIECE)
            yield {id_.decode(): record_of_reply(value) for id_, value in stored.items() if id_ not in came}
            came.update(stored)  # what the server moves while its table grows it tells twice
            if not cursor:
                return

    async def due(self, schedule: str, until: Instant, limit: int) -> list[tuple[str, Instant]]:
        """Return members planned at or before `until`, earliest first (equal instants: by member)."""
        key = self._key("schedule", schedule)
        found = await self._read("ZRANGE", key, "-inf", until, "BYSCORE", "LIMIT", 0, limit, "WITHSCORES")
        return members(found)

    async def count_due(self, schedule: str, until: Instant) -> int:
        """Return how many members are planned at or before `until`."""
        return int(await self._read("ZCOUNT", self._key("schedule", schedule), "-inf", until))

    async def next_due(self, schedule: str) -> Instant | None:
        """Return the earliest planned instant of a schedule."""
        found = members(await self._read("ZRANGE", self._key("schedule", schedule), 0, 0, "WITHSCORES"))
        return found[0][1] if found else None

    async def page(
        self, schedule: str, limit: int, after: Place | None = None, *, latest_first: bool = False
    ) -> list[tuple[str, Instant]]:
        """Return some members of a schedule from behind a place on."""
        check_page(limit, after)
        if after is None:
            key, order = self._key("schedule", schedule), ("REV",) if latest_first else ()
            return members(await self._read("ZRANGE", key, 0, limit - 1, *order, "WITHSCORES"))
        words = (schedule, limit, int(latest_first), after.at, after.member)
        found = members(await self._read("page", self._base, *words, ask=self._link.reading_script))
        return found[::-1] if latest_first else found

    async def sizes(self, schedules: Sequence[str]) -> list[int]:
        """Return how many members each of these schedules has."""
        asked = [("ZCARD", self._key("schedule", schedule)) for schedule in schedules]
        return [int(number) for number in await self._read(*asked, ask=self._link.several)] if asked else []

    async def planned(self, schedule: str) -> dict[str, Instant]:
        """Return a whole schedule."""
        key = self._key("schedule", schedule)
        return dict(members(await self._read("ZRANGE", key, 0, -1, "WITHSCORES", ask=self._link.whole)))

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
        return [positions_of_reply(bucket, id_) for bucket, id_ in zip(found, ids, strict=True)]

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
        return [entry_of_reply(position.decode(), fields) for position, fields in found]

    async def entries(self, positions: Sequence[str]) -> list[Entry | None]:
        """Return the entries at these positions, in order; one question each, for they are few."""
        key = self._key("entries")
        found = [await self._read("XRANGE", key, position, position) for position in positions]
        return [entry_of_reply(one[0][0].decode(), one[0][1]) if one else None for one in found]

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
