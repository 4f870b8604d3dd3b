"""The store of an installation, for commands that look into it or change it while the service may be running.

Here: opening it and letting go of it, and the books over it that the directory needs. Not here: what is in it.
An embedded server that the service is using is shared with it and left running; one that nobody else uses is ended.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.clock import WallClock
from engine.core.judging.instant import HOUR, from_datetime
from engine.documents.regions import load_regions
from engine.errors import ConfigurationError
from engine.people.contact_changes import ContactChanges
from engine.people.proposal_records import ProposalRecords
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.runtime.keys import agreed_keys
from engine.runtime.lock_step import stored_clock
from engine.settings import Settings
from engine.store.port import Store
from engine.store.redis.embedded import EmbeddedServer
from engine.store.redis.store import RedisStore


async def answers(settings: Settings) -> bool:
    """Say whether there is a store that runs already; with `redis.url` it is taken for granted."""
    return settings.redis.url is not None or await EmbeddedServer(settings.redis_directory).answers()


@asynccontextmanager
async def server_of(settings: Settings) -> AsyncIterator[str]:
    """Give the address of the server of the store, which runs while the context lasts."""
    if settings.redis.url is not None:
        yield settings.redis.url.get_secret_value()
        return
    _as_its_owner(settings.paths.var)
    server = EmbeddedServer(settings.redis_directory)
    where = await server.start()
    try:
        yield where
    finally:
        await server.release()


@asynccontextmanager
async def store_at(where: str, settings: Settings, *, restoring: bool = False) -> AsyncIterator[RedisStore]:
    """Open the store on a server while the context lasts; one that is `restoring` need not be whole."""
    store = RedisStore(
        where,
        settings.namespace,
        accept_weaker_durability=settings.redis.accept_weaker_durability,
        wait_replicas=settings.redis.wait_replicas,
    )
    try:
        await store.open(restoring=restoring)
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def storage(settings: Settings) -> AsyncIterator[RedisStore]:
    """Open the store while the context lasts."""
    async with server_of(settings) as where, store_at(where, settings) as store:
        yield store


def books_of(settings: Settings, store: Store) -> RuntimeConfig:
    """Return the books as far as the directory and the people in it need them."""
    regions = load_regions(settings.paths.regions)
    return RuntimeConfig(
        store, namespace=settings.namespace, regions=regions, kinds={}, rule_set=RuleSet({}, {})
    )


async def contact_changes_of(settings: Settings, store: Store) -> ContactChanges:
    """Return what notifies of changed contacts; no rule set need be in force."""
    start = settings.clock.start
    clock = (
        WallClock()
        if settings.clock.mode == "real"
        else await stored_clock(store, 0 if start is None else from_datetime(start))
    )
    books = books_of(settings, store)
    keys = await agreed_keys(store, settings.key_file, os.environ)
    records = ProposalRecords(store, clock, books)
    return ContactChanges(store, clock, books, records, keys, settings.contacts.objection_hours * HOUR)


def _as_its_owner(var: Path) -> None:
    """Refuse to work as root in a folder of another user: what root wrote there the service could not read."""
    owner = var.stat().st_uid if var.is_dir() else os.geteuid()
    if os.geteuid() == 0 and owner != 0:
        raise ConfigurationError(f"{var} belongs to user {owner}: run this as them (sudo -u '#{owner}' ...)")
