"""The evaluator's lease, and signals."""

import asyncio

from engine.store.port import START, Arrival, Lease, Plan, Write


async def test_one_holder_at_a_time(store):
    """A holder renews under its epoch; others get nothing until it gives the lease back."""
    assert await store.lease("one", 60) == Lease("one", 1)
    assert await store.lease("two", 60) is None
    assert await store.lease("one", 60) == Lease("one", 1)
    await store.release("two")
    assert await store.lease("two", 60) is None
    await store.release("one")
    assert await store.lease("two", 60) == Lease("two", 2)


async def test_a_holder_that_comes_back_is_a_new_one(store):
    """Who gave the lease back, or let it end, may have been overtaken: its epoch is new."""
    await store.lease("one", 60)
    await store.release("one")
    assert await store.lease("one", 60) == Lease("one", 2)


async def test_a_lease_ends_by_itself(store):
    """The next evaluator need not be told that the one before died."""
    await store.lease("dead", 0.001)
    async with asyncio.timeout(30):
        while (lease := await store.lease("next", 60)) is None:
            await store.wait(["never"], 0.001)
    assert lease == Lease("next", 2)


async def test_two_processes_wake_each_other(namespace):
    """Each of 50 entries is answered by a plan; a lost signal would let the limit of a wait pass by."""
    rounds, patience = 50, 1_000

    async def evaluate(store) -> None:
        after = START
        for number in range(rounds):
            while not (entries := await store.read(after, 1)):
                await store.wait(["entries", "unheard"], patience)
            after = entries[-1].position
            await store.write(Write(name="plan", plans=(Plan("alerts", str(number), number),)))

    async with namespace.store() as here, namespace.store() as there, asyncio.timeout(60):
        evaluator = asyncio.create_task(evaluate(there))
        for number in range(rounds):
            await here.append([Arrival(number.to_bytes(12), b"c" * 8, b"{}")], 0, 0)
            while not await here.due("alerts", number, 1):
                await here.wait(["alerts"], patience)
            await here.write(Write(name="plan", plans=(Plan("alerts", str(number), None),)))
        await evaluator


async def test_a_wait_ends_at_its_limit(store):
    """Nothing happened, and still it returns."""
    async with asyncio.timeout(30):
        for _ in range(3):
            await store.wait(["entries", "alerts"], 0.001)


async def test_a_plan_taken_off_wakes_nobody(store):
    """Only what may fall due is worth waking for; a signal that nobody waited for is kept for who will."""
    async with asyncio.timeout(30):
        for _ in range(
            3
        ):  # the first waits may end early: a channel that was just subscribed counts as signalled
            await store.wait(["alerts", "never"], 0.1)
        await store.write(Write(name="plan", plans=(Plan("alerts", "a", None),)))
        waiting = asyncio.create_task(store.wait(["alerts"], 1_000))
        await store.wait(["never"], 0.1)
        assert not waiting.done()
        await store.write(Write(name="plan", plans=(Plan("alerts", "a", 1),)))
        await waiting
        await store.write(Write(name="plan", plans=(Plan("alerts", "a", 0),)))
        await store.wait(["never"], 0.1)
        await store.wait(["alerts"], 1_000)


async def test_a_plan_behind_the_earliest_wakes_nobody(store):
    """Who waits for a schedule wakes at its earliest instant anyway, and looks again then."""
    async with asyncio.timeout(30):
        await store.write(Write(name="plan", plans=(Plan("alerts", "a", 10),)))
        for _ in range(3):  # as above
            await store.wait(["alerts", "never"], 0.1)
        waiting = asyncio.create_task(store.wait(["alerts"], 1_000))
        await store.wait(["never"], 0.1)
        await store.write(Write(name="plan", plans=(Plan("alerts", "b", 10), Plan("alerts", "c", 11))))
        await store.write(Write(name="plan", plans=(Plan("alerts", "a", 12),)))
        await store.wait(["never"], 0.1)
        assert not waiting.done()
        await store.write(Write(name="plan", plans=(Plan("alerts", "d", 11), Plan("alerts", "c", 9))))
        await waiting
