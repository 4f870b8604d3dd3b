"""Orders of arrival: every one that may change nothing, and no other."""

from math import factorial

from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.event import Event
from engine.core.judging.instant import DAY, HOUR
from engine.simulation.rule_test import RANDOM_ORDERS, arrival_orders


def event(id_: str, occurred_at: int) -> Event:
    return Event(desk="desk", id=id_, kind="a.b", region="00", severity=1, occurred_at=occurred_at)


def test_all_orders_of_a_few_events():
    """Five events inside the horizon: all 120 orders, the first that in which they occurred.

    Law: docs/specification/tests.md#arrival-orders.
    """
    events = [event(str(number), number * HOUR) for number in range(5)]
    found = list(arrival_orders(events, 3 * DAY))
    assert len({tuple(one.id for one, _ in order) for order in found}) == factorial(5)
    assert [one.id for one, _ in found[0]] == ["0", "1", "2", "3", "4"]
    assert [received for _, received in found[0]] == [one.occurred_at for one in events]


def test_an_order_beyond_the_horizon_is_left_out():
    """Two events four days apart cannot come in the other way round within three days."""
    assert len(list(arrival_orders([event("a", 0), event("b", 4 * DAY)], 3 * DAY))) == 1


def test_many_events_are_shuffled_the_same_way_at_every_run():
    """Two hundred orders, most of them different, the same again next time."""
    events = [event(str(number), number * HOUR) for number in range(8)]
    found = list(arrival_orders(events, 3 * DAY))
    assert found == list(arrival_orders(events, 3 * DAY))
    assert len(found) == RANDOM_ORDERS
    assert len({tuple(one.id for one, _ in order) for order in found}) > RANDOM_ORDERS // 2


@given(st.lists(st.integers(0, 10 * DAY), min_size=1, max_size=7))
def test_nothing_arrives_before_it_occurred_or_too_late(instants):
    """And no two events come in at one instant."""
    events = [event(str(number), at) for number, at in enumerate(instants)]
    for order in arrival_orders(events, 3 * DAY):
        received = [at for _, at in order]
        assert all(0 <= at - one.occurred_at <= 3 * DAY for one, at in order)
        assert received == sorted(set(received))
        assert {one.id for one, _ in order} == {one.id for one in events}


def test_no_events_have_one_order():
    """Which is empty."""
    assert list(arrival_orders([], DAY)) == [()]
