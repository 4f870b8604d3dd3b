"""A server as it is now: its product, what it promises, its replicas, its memory, and who holds the evaluator's lease.

Here: asking it, for people who run it. Not here: what is kept there (`store.redis.store`), and what any of it means for
a restart (`operations.status`) or an installation (`operations.doctor`). Nothing is changed and nothing is refused
here.
"""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import Any

import msgspec

from engine.core.judging.instant import SECOND, Instant
from engine.errors import StoreError
from engine.store.redis import store
from engine.store.redis.client import RedisClient
from engine.store.redis.store import base_of

TIMEOUT = 5.0


class Replica(msgspec.Struct, frozen=True):
    """A replica: seconds since it last spoke, and bytes that it has not confirmed."""

    lag: int
    behind: int


class Holder(msgspec.Struct, frozen=True):
    """Who holds the evaluator's lease, and for how many milliseconds from now."""

    name: str
    left: int


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself.

    `product` is `redis` or `valkey`. `faults` are of its durability, each with its remedy; `losing` are those of them
    that no setting accepts, and `unknown` is what this login may not see of it. `memory` and `most_memory`
    are bytes (0: no limit), `writes_fail` is what it says of its append-only file, empty while all is well. `now` is
    its own clock.
    """

    product: str
    version: str
    primary: bool
    faults: tuple[str, ...]
    losing: tuple[str, ...]
    unknown: tuple[str, ...]
    replicas: tuple[Replica, ...]
    needs_replicas: int
    memory: int
    most_memory: int
    writes_fail: str
    now: Instant
    holder: Holder | None


async def look(where: str, namespace: str) -> ServerStatus:
    """Ask a server; raises `StoreUnavailableError` where it does not answer."""
    async with aclosing(RedisClient(where, timeout=TIMEOUT, wait_replicas=0)) as link:
        info: dict[str, Any] = await link.command("INFO")
        settings: dict[str, str] = {}
        with suppress(StoreError):  # one that hides its settings says so by its faults
            settings = await link.command("CONFIG GET", *store.durability_settings(), "min-replicas-to-write")
        losing, unknown = await store.replay_losses(link.command, settings)
        key = f"{base_of(namespace)}:lease"
        name, left, (seconds, micros) = await link.commands([("GET", key), ("PTTL", key), ("TIME",)])
    product = "valkey" if info.get("server_name") == "valkey" else "redis"
    written = info.get("aof_last_write_status", "ok"), info.get("aof_last_bgrewrite_status", "ok")
    return ServerStatus(
        product=product,
        version=str(info.get(f"{product}_version", info.get("redis_version", ""))),
        primary=info.get("role") == "master",
        faults=store.durability_faults(settings),
        losing=losing,
        unknown=unknown,
        replicas=tuple(_replicas(info)),
        needs_replicas=int(settings.get("min-replicas-to-write", 0)),
        memory=int(info.get("used_memory", 0)),
        most_memory=int(info.get("maxmemory", 0)),
        now=int(seconds) * SECOND + int(micros) // 1000,
        writes_fail="" if written == ("ok", "ok") else f"append {written[0]}, rewrite {written[1]}",
        holder=Holder(name.decode(), left) if name else None,
    )


def _replicas(info: dict[str, Any]) -> list[Replica]:
    offset = int(info.get("master_repl_offset", 0))
    found = [info.get(f"slave{number}") for number in range(int(info.get("connected_slaves", 0)))]
    return [
        Replica(int(one["lag"]), max(0, offset - int(one["offset"])))
        for one in found
        if isinstance(one, dict) and one.get("state") == "online"
    ]
