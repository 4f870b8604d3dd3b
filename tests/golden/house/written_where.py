"""Which tables, schedules, logs and counters each write of the service touches, and which channels wake.

The writes are those of the scenario of the crash tests, in which every write of the service has its occasion; it runs
undisturbed on a store in memory.
"""

import asyncio
import logging
import os
import re
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import structlog

from engine.app import open_siaga
from engine.clock import ManualClock
from engine.people.tokens import RIGHTS, Tokens
from engine.store.memory import MemoryStore
from engine.store.port import Committed, Write, WriteOutcome
from engine.web.app import build
from tests.crash.acts import ACTS, Scene
from tests.crash.installation import ENVIRONMENT, START, installation
from tests.crash.world import Mails, Phones, Watch
from tests.credentials import OPERATOR
from tests.golden.house.record import Documents

_NUMBER = re.compile(r"\d+")


class Noting(MemoryStore):
    """A store in memory that notes what each write that was done touches."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: dict[str, set[str]] = defaultdict(set)

    async def write(self, write: Write) -> WriteOutcome:
        """Do the whole write; see `Store`."""
        outcome = await super().write(write)
        if isinstance(outcome, Committed):
            self.touched[write.name] |= _touched(write)
        return outcome


def _touched(write: Write) -> set[str]:
    """Return what a write touches, without the ids of what it is about."""
    found = {f"puts {put.table}" for put in write.puts} | {f"drops {drop.table}" for drop in write.drops}
    found |= {f"expects {one.table}" for one in write.expects}
    found |= {f"plans {plan.schedule.partition(':')[0]}" for plan in write.plans}
    found |= {f"appends to {one.log.partition(':')[0]}{' (chained)' * one.chained}" for one in write.appends}
    found |= {f"cuts {one.log.partition(':')[0]}" for one in write.cuts}
    found |= {f"counts {_NUMBER.sub('N', name)}" for name in write.counts}
    if write.note is not None:
        found.add(f"enters {write.note.type}")
    if write.fence is not None:
        found.add("is fenced")
    return found


def writes() -> Documents:
    """Return what each write touches, and all names of tables, schedules, logs and counters."""
    touched = asyncio.run(_touched_by_all())
    found = {name: "\n".join(sorted(what)) for name, what in touched.items()}
    for word in ("puts", "plans", "appends to", "counts"):
        names = {
            line.removeprefix(f"{word} ")
            for what in touched.values()
            for line in what
            if line.startswith(f"{word} ")
        }
        found[f"all: {word}"] = "\n".join(sorted(names))
    return found


async def _touched_by_all() -> dict[str, set[str]]:
    watch, store = Watch(), Noting()
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder:
        async with AsyncExitStack() as stack:
            os.environ.update(ENVIRONMENT)
            stack.callback(lambda: (os.environ.clear(), os.environ.update(before)))
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
            stack.callback(structlog.reset_defaults)
            mails, phones = Mails(watch), Phones(watch)
            await stack.enter_async_context(mails.open())
            await stack.enter_async_context(phones.open())
            settings = installation(Path(folder), smtp=mails.port, sms=phones.port)
            token = await Tokens(store, ManualClock(START)).create(
                RIGHTS, person="sekda-7315", desks=("*",), by=OPERATOR
            )
            siaga = await open_siaga(settings, stack, store=store)
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(build(siaga)),
                base_url="http://siaga.test",
                headers={"authorization": f"Bearer {token.text}"},
            )
            await stack.enter_async_context(client)
            scene = Scene(siaga, client, settings, phones.url)
            for act in ACTS:
                await act(scene)
    return store.touched
