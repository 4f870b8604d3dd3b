"""What an installation stands on: its store, its clock, and what it keeps of the past.

Here: opening each of them as the settings say. Not here: the service upon it (`app`).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import structlog

from engine.clock import Clock, WallClock
from engine.core.judging.instant import from_datetime, parse_instant
from engine.records.outages import alive_until
from engine.runtime.lock_step import stored_clock
from engine.settings import Settings
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.port import Store
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore

LOCK_STEP_START, _ = parse_instant("2024-01-01T00:00:00Z")

log = structlog.get_logger(__name__)


async def open_store(settings: Settings, stack: AsyncExitStack) -> tuple[str, RedisStore]:
    """Connect to the server of `redis.url`, or start (or adopt) the embedded one; return its address and the store.

    The embedded one is kept alive until `stack` lets go of it.
    """
    if settings.redis.url is None:
        server = EmbeddedServer(settings.redis_directory)
        where = await server.start()
        stack.push_async_callback(server.release)
        stack.push_async_callback(_end, asyncio.create_task(server.keep(), name="embedded_server"))
    else:
        where = settings.redis.url.get_secret_value()
    store = RedisStore(
        where,
        settings.namespace,
        accept_weaker_durability=settings.redis.accept_weaker_durability,
        wait_replicas=settings.redis.wait_replicas,
    )
    await store.open()
    stack.push_async_callback(store.close)
    (log.warning if store.is_weaker else log.info)("store", promise=store.promise())
    for said in store.unknown:
        log.warning("store_promise_unknown", says=said)
    return where, store


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def history_of(settings: Settings, store: Store) -> EventHistory:
    """Return what an installation keeps of the past: its archive, where there is one, and the stream."""
    folder = settings.archive_directory
    return EventHistory(store, None if folder is None else Archive(folder, settings.namespace))


async def clock_of(settings: Settings, store: Store) -> Clock:
    """Return the clock: the real one, which goes on from where the store was, or the manual one as it remembers it."""
    if settings.clock.mode == "real":
        return WallClock(not_before=await alive_until(store))
    start = settings.clock.start
    return await stored_clock(store, LOCK_STEP_START if start is None else from_datetime(start))
