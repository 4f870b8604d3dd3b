"""The store of an installation, for commands that look into it or change it while the service may be running.

Here: opening it and letting go of it. Not here: what is in it. An embedded server that the service is using is shared
with it and left running; one that nobody else uses is ended again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.settings import Settings
from engine.store.embedded import EmbeddedServer
from engine.store.port import Store
from engine.store.redis import RedisStore


async def answers(settings: Settings) -> bool:
    """Say whether there is a store that runs already; with `redis.url` it is taken for granted."""
    return settings.redis.url is not None or await EmbeddedServer(settings.redis_directory).answers()


@asynccontextmanager
async def storage(settings: Settings) -> AsyncIterator[Store]:
    """Open the store while the context lasts."""
    server = EmbeddedServer(settings.redis_directory) if settings.redis.url is None else None
    where = (
        await server.start() if server else str(settings.redis.url and settings.redis.url.get_secret_value())
    )
    store = RedisStore(
        where,
        settings.namespace,
        accept_weaker_durability=settings.redis.accept_weaker_durability,
        wait_replicas=settings.redis.wait_replicas,
    )
    try:
        await store.open()
        yield store
    finally:
        await store.close()
        if server is not None:
            await server.release()
