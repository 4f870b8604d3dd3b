"""One life of the service: it goes through the scenario from some act on and ends, unless it is killed before.

Here: what a process does between its start and its end. Not here: the acts (`acts`), and who starts and kills it
(`world`). All roles run in this process, one after the other, so a kill at a named write is a kill in the role whose
write it is.
"""

import asyncio
import json
import logging
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple

import httpx
import structlog

from engine.app import open_siaga
from engine.settings import Settings
from engine.store.port import CrashPoint
from engine.store.redis.store import RedisStore
from engine.web.app import build
from tests.crash.acts import ACTS, Scene
from tests.crash.installation import ENVIRONMENT, ROOT


class Death(NamedTuple):
    """Where a life ends: at the n-th time (from 1) that it comes to this side of this point."""

    point: str
    side: str
    time: int = 1

    def __str__(self) -> str:
        return f"{self.side} {self.point} {self.time}"


class Plan(NamedTuple):
    """What a life is given: settings as JSON, the server's socket, the namespace, where it notes what it did.

    It goes from the act `first` on up to the act `end`, that one excluded. `death` is at a write; who dies of a message
    is killed by the server that gets it.
    """

    settings: str
    where: str
    notes: str
    first: int
    end: int
    token: str
    phones: str
    death: Death | None


def live(plan: Plan) -> None:
    """Live. What is done is noted act by act, with the writes that were crossed, for whoever comes after."""
    with Path(plan.notes).open("ab", buffering=0) as notes:
        asyncio.run(_live(plan, notes))


async def _live(plan: Plan, notes: RawIOBase) -> None:
    crossed: Counter[tuple[str, str]] = Counter()

    def crash_point(name: str, side: str) -> None:
        crossed[name, side] += 1
        if plan.death == (name, side, crossed[name, side]):
            os.kill(os.getpid(), signal.SIGKILL)

    def note(act: int) -> None:
        told = [[*point, count] for point, count in crossed.items()]
        notes.write(json.dumps({"act": act, "crossed": told}).encode() + b"\n")

    async with begun(plan, crash_point) as scene:
        for number in range(plan.first, plan.end):
            await ACTS[number](scene)
            note(number)
    note(plan.end - 1)


@asynccontextmanager
async def begun(plan: Plan, crash_point: CrashPoint) -> AsyncIterator[Scene]:
    """Open the service, let it do what was cut short, and give it to the acts."""
    os.environ.update(ENVIRONMENT)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    settings = Settings.model_validate_json(plan.settings, context={"home": ROOT})
    async with AsyncExitStack() as stack:
        store = RedisStore(plan.where, settings.namespace, crash_point=crash_point)
        await store.open()
        stack.push_async_callback(store.close)
        siaga = await open_siaga(settings, stack, store=store)
        await siaga.dispatcher.recover()
        transport = httpx.ASGITransport(build(siaga), raise_app_exceptions=True)
        client = httpx.AsyncClient(
            transport=transport,
            base_url="http://siaga.test",
            headers={"authorization": f"Bearer {plan.token}"},
        )
        await stack.enter_async_context(client)
        await siaga.advance(siaga.clock.now())  # what was cut short is done before anybody asks again
        yield Scene(siaga, client, settings, plan.phones)
