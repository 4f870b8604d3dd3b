"""Leadership: one leads, the other stands by and takes over; a long turn keeps the lease, a late one learns of it."""

import pytest

from engine.errors import FencedError
from engine.evaluation.leadership import LEASE_SECONDS, RENEWAL_SECONDS, Leadership
from engine.metrics import Metrics
from engine.runtime.loop_runner import LONGEST_WAIT
from engine.store.memory import MemoryStore

TAKEN_OVER_WITHIN = 5.0
"""Seconds from the death of the leader, as issue and documentation promise."""


class Two:
    """Two evaluators of one store, and the seconds that they measure by."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.store = MemoryStore(monotonic=lambda: self.seconds)
        self.one, self.other = (
            Leadership(self.store, Metrics(), name, monotonic=lambda: self.seconds)
            for name in ("one", "other")
        )


def test_a_standby_leads_within_the_promised_time():
    """The lease of the dead, then the look of the standby."""
    assert LEASE_SECONDS + LONGEST_WAIT <= TAKEN_OVER_WITHIN


async def test_a_standby_takes_over_when_the_lease_is_over():
    """Law: docs/specification/rules.md#one-evaluator."""
    two = Two()
    first = await two.one.take()
    assert await two.other.take() is None
    two.seconds = LEASE_SECONDS - 0.001
    assert await two.other.take() is None
    two.seconds = LEASE_SECONDS
    second = await two.other.take()
    assert (first.epoch, second.epoch) == (1, 2)
    assert await two.one.take() is None


async def test_a_long_turn_renews_the_lease_on_its_way():
    two = Two()
    await two.one.take()
    for _ in range(10):
        two.seconds += RENEWAL_SECONDS
        await two.one.keep()
        assert await two.other.take() is None
    assert (await two.one.take()).epoch == 1


async def test_a_turn_that_renewed_nothing_learns_that_another_led():
    two = Two()
    await two.one.take()
    two.seconds = LEASE_SECONDS
    await two.other.take()
    with pytest.raises(FencedError, match="another one led"):
        await two.one.keep()
    await two.other.give_back()
    assert (await two.one.take()).epoch == 3


async def test_a_lease_that_was_away_for_a_while_is_another_lease():
    """Nobody may have led meanwhile, but somebody may: what the turn began under is over."""
    two = Two()
    await two.one.take()
    two.seconds = LEASE_SECONDS
    with pytest.raises(FencedError):
        await two.one.keep()
