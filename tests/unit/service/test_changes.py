"""Changes: a tick for each thing that happened, for all who follow, and an end with the service."""

import asyncio

from engine.service.audit import AuditEntry, append_audit
from engine.service.changes import Changes
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Write

HAPPENED = {
    "an event came": Write(name="x", counts={"events_accepted": 1}),
    "something was decided": Write(name="x", appends=(append_audit(AuditEntry(1, "history", "a")),)),
    "a message went": Write(name="x", plans=(Plan("outbox", "n", 5),)),
}


class Looked(MemoryStore):
    """A store that says when its marks were read, and whose waits last until then."""

    def __init__(self) -> None:
        super().__init__()
        self.read = asyncio.Event()
        self.go_on = asyncio.Event()

    async def wait(self, channels, seconds):
        self.read.set()
        await self.go_on.wait()
        self.go_on.clear()


async def test_each_follower_hears_of_each_thing_that_happened():
    store = Looked()
    changes = Changes(store)
    followers = [changes.follow(), changes.follow()]
    for write in HAPPENED.values():
        hearing = [asyncio.ensure_future(anext(follower)) for follower in followers]
        await store.read.wait()
        await store.write(write)
        store.read.clear()
        store.go_on.set()
        assert await asyncio.gather(*hearing) == [True, True]
    changes.end()
    store.go_on.set()
    assert [await anext(follower, "over") for follower in followers] == ["over", "over"]


async def test_nobody_looks_where_nobody_follows():
    """The store is asked while a page is open, and no longer."""
    store = Looked()
    changes = Changes(store)
    follower = changes.follow()
    hearing = asyncio.ensure_future(anext(follower))
    await store.read.wait()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await follower.aclose()
    store.go_on.set()
    await changes._looking
