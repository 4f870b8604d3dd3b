"""Changes: a tick for each thing that happened, for all who follow, and an end with the service."""

import asyncio

from engine.operations.ui_feed import EVENTS_EVERY, UiFeed
from engine.records.audit_log import AuditEntry, append_audit
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Write

HAPPENED = {
    "something was decided": Write(name="x", appends=(append_audit(AuditEntry(1, "history", "a")),)),
    "a message went": Write(name="x", plans=(Plan("outbox", "n", 5),)),
}
EVENT = Write(name="x", counts={"events_accepted": 1})


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


async def look(store: Looked) -> None:
    """Let the marks be read once more."""
    store.read.clear()
    store.go_on.set()
    await store.read.wait()


async def test_each_follower_hears_of_each_thing_that_happened():
    store = Looked()
    changes = UiFeed(store)
    followers = [changes.follow(), changes.follow()]
    for write in HAPPENED.values():
        hearing = [asyncio.ensure_future(anext(follower)) for follower in followers]
        await store.read.wait()
        await store.write(write)
        await look(store)
        assert await asyncio.gather(*hearing) == [True, True]
    changes.end()
    store.go_on.set()
    assert [await anext(follower, "over") for follower in followers] == ["over", "over"]


async def test_of_events_alone_it_tells_only_now_and_then():
    """Events come all day long; each open page would be made anew each second."""
    store = Looked()
    follower = UiFeed(store).follow()
    hearing = asyncio.ensure_future(anext(follower))
    await store.read.wait()
    for _ in range(EVENTS_EVERY - 1):
        await store.write(EVENT)
        await look(store)
        assert not hearing.done()
    await look(store)
    assert await hearing is True
    await follower.aclose()
    store.go_on.set()


async def test_nobody_looks_where_nobody_follows():
    """The store is asked while a page is open, and no longer."""
    store = Looked()
    changes = UiFeed(store)
    follower = changes.follow()
    hearing = asyncio.ensure_future(anext(follower))
    await store.read.wait()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await follower.aclose()
    store.go_on.set()
    await changes._looking
