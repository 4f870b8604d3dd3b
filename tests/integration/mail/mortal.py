"""A service in a process of its own that kills itself at a named write: `python -m tests.integration.mail.mortal`.

Here: one life: it opens the store, takes the event in, sends what is due and ends, unless it dies before. Arguments:
the settings as JSON, the server's socket, the seconds after the start, and, for a life that ends early, the name of the
write and the side of it (`before` or `after`).
"""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack

from engine.app import open_siaga
from engine.settings import Settings
from engine.store.redis.store import RedisStore
from tests.integration.mail.office import ROOT, START, report


async def live(settings: Settings, where: str, seconds: int, death: list[str]) -> None:
    def crash_point(name: str, side: str) -> None:
        if [name, side] == death:
            os.kill(os.getpid(), signal.SIGKILL)

    async with AsyncExitStack() as stack:
        store = RedisStore(where, settings.namespace, crash_point=crash_point)
        await store.open()
        stack.push_async_callback(store.close)
        siaga = await open_siaga(settings, stack, store=store)
        await report(siaga)
        await siaga.advance(START + seconds * 1_000)


if __name__ == "__main__":
    _, settings, where, seconds, *death = sys.argv
    asyncio.run(
        live(Settings.model_validate_json(settings, context={"home": ROOT}), where, int(seconds), death)
    )
