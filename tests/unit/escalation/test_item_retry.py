"""One item that raises does not hold up the others; a store that is away does."""

import pytest

from engine.clock import ManualClock
from engine.errors import StoreUnavailableError
from engine.escalation.item_retry import PUT_OFF, ItemRetry
from engine.metrics import Metrics
from engine.store.memory import MemoryStore
from engine.store.port import Plan, Write

NOW = 1_732_500_000_000


async def raises(error: Exception) -> None:
    raise error


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def setbacks(store) -> ItemRetry:
    return ItemRetry("escalator", "alerts", store=store, clock=ManualClock(NOW), metrics=Metrics())


async def test_what_raises_is_put_off_and_the_rest_stays_due(store, setbacks):
    await store.write(Write(name="plan", plans=(Plan("alerts", "bad", NOW), Plan("alerts", "good", NOW))))
    await setbacks.spare_others("bad", raises(ValueError("a policy that cannot be")), planned=NOW)
    assert await store.due("alerts", NOW, 10) == [("good", NOW)]
    assert await store.planned("alerts") == {"good": NOW, "bad": NOW + PUT_OFF}


async def test_a_store_that_is_away_is_the_loops_business(store, setbacks):
    await store.write(Write(name="plan", plans=(Plan("alerts", "a", NOW),)))
    with pytest.raises(StoreUnavailableError):
        await setbacks.spare_others("a", raises(StoreUnavailableError()))
    assert await store.planned("alerts") == {"a": NOW}
