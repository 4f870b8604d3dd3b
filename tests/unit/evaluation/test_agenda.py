"""What a turn of the evaluator takes: whole requests, up to so many events, and timers behind them."""

from engine.clock import ManualClock
from engine.evaluation import poll
from engine.evaluation.poll import Pace
from engine.store.memory import MemoryStore
from engine.store.port import START, Arrival, Plan, Write

NOW = 1_732_500_000_000


async def waiting(*requests: int) -> MemoryStore:
    """A store in which requests of so many events wait, one each second."""
    store, number = MemoryStore(), 0
    for place, events in enumerate(requests):
        arrivals = []
        for _ in range(events):
            number += 1
            arrivals.append(Arrival(number.to_bytes(12, "big"), bytes(8), b"{}"))
        await store.append(arrivals, NOW + 1_000 * place, 0)
    return store


async def taken(store: MemoryStore, cursor: str = START) -> poll.EvaluatorPoll:
    pace = Pace()
    pace.events = 250
    return await poll.read_poll(store, ManualClock(NOW + 60_000), cursor, pace)


async def test_a_batch_ends_behind_the_request_with_which_it_has_enough():
    store = await waiting(100, 450, 1)
    first = await taken(store)
    assert (sum(len(entry.values) for entry in first.entries), first.entries[-1].last) == (550, True)
    assert not first.drained
    second = await taken(store, first.entries[-1].position)
    assert (sum(len(entry.values) for entry in second.entries), second.drained) == (1, True)


async def test_timers_are_looked_at_up_to_what_was_read():
    """What is left behind the batch may have come before them."""
    store = await waiting(300, 300)
    plans = (Plan(poll.WINDOWS, "s|r|early", NOW - 1), Plan(poll.WINDOWS, "s|r|late", NOW + 30_000))
    await store.write(Write(name="plan", plans=plans))
    first = await taken(store)
    assert (first.horizon, first.due()) == (NOW - 1, (["s|r|early"], []))
    second = await taken(store, first.entries[-1].position)
    assert second.due() == (["s|r|early", "s|r|late"], [])
