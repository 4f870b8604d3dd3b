"""The lists and shares of the quarantine: what the records say, also in a store that is older than they are."""

from collections import Counter

from engine.records.quarantine import (
    QUARANTINE,
    SHARES,
    Quarantined,
    QuarantineShare,
    all_of,
    build,
    fitting,
    page_of,
    waiting_in,
)
from engine.store.codec import decode, encode
from engine.store.memory import MemoryStore
from engine.store.port import Put, Write


def record(number, **changes):
    fields = {
        "id": f"q{number:03}",
        "reason": "missing",
        "field": "id",
        "raw": b"x" * 10,
        "received_at": 1_000 + number // 7,
        "token_id": f"t{number % 3}",
        "region": ("73.15", "73.15.02", "94", "00")[number % 4],
    }
    return Quarantined(**fields | changes)


async def old_store(number=250):
    """Return a store of before there were lists."""
    store = MemoryStore()
    puts = tuple(Put(QUARANTINE, one.id, encode(one)) for one in map(record, range(number)))
    await store.write(Write(name="quarantine", puts=puts))
    return store


async def test_an_old_store_gets_lists_and_shares_once():
    store = await old_store()
    assert await build(store) == 250
    found = {region: len(await store.planned(waiting_in(region))) for region in ("00", "73", "73.15", "94")}
    assert found == {"00": 250, "73": 126, "73.15": 126, "94": 62}
    shares = {id_: decode(kept.value, QuarantineShare) for id_, kept in (await store.scan(SHARES)).items()}
    assert shares == {
        "t0": QuarantineShare(84, 840),
        "t1": QuarantineShare(83, 830),
        "t2": QuarantineShare(83, 830),
    }
    assert await build(store) == 0


async def test_an_interrupted_start_begins_again_and_counts_nothing_twice():
    store = await old_store()
    writes = [0]

    class Dies(Exception):
        pass

    class Mortal:
        def __getattr__(self, name):
            return getattr(store, name)

        async def write(self, write):
            writes[0] += 1
            if writes[0] == 3:
                raise Dies
            return await store.write(write)

    try:
        await build(Mortal())
    except Dies:
        assert await build(store) == 250
    assert decode((await store.get(SHARES, ["t0"]))[0].value, QuarantineShare) == QuarantineShare(84, 840)


async def test_a_region_below_a_regency_is_read_out_of_the_regencys_list():
    store = await old_store()
    await build(store)
    came, after = [], None
    while True:
        page = await page_of(store, "73.15.02", 20, after)
        came += page.records
        after = page.after
        if after is None:
            break
    assert {one.region for one in came} == {"73.15.02"}
    assert len(came) == len({one.id for one in came}) == 63


async def test_a_record_that_cannot_be_read_hides_no_other():
    store = await old_store(20)
    await store.write(Write(name="quarantine", puts=(Put(QUARANTINE, "q003", b"\xff"),)))
    await build(store)
    assert len((await page_of(store, "00", 50)).records) == 19
    assert sum([len(some) async for some in all_of(store)]) == 19


def test_a_share_takes_what_fits_in_order():
    records = [record(n, raw=b"x" * size) for n, size in enumerate((10, 90, 10, 10))]
    taken, share = fitting(QuarantineShare(), records, QuarantineShare(3, 100))
    assert [one.id for one in taken] == ["q000", "q001"]
    assert share == QuarantineShare(2, 100)
    assert Counter(one.token_id for one in taken) == {"t0": 1, "t1": 1}
