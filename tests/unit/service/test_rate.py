"""A rate: a burst at once, then evenly, each key by itself, and bounded in all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.service.rate import REMEMBERED, Rate


def test_a_burst_goes_at_once_and_then_one_by_one():
    rate = Rate(per_second=2, at_once=3)
    assert [rate.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert rate.take("a", 0.0) == pytest.approx(0.5)
    assert rate.wait("a", 0.25) == pytest.approx(0.25)
    assert rate.take("a", 0.5) == 0
    assert rate.take("b", 0.5) == 0


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.integers(1, 10))
def test_no_more_go_than_allowed_in_any_span(pauses, per_second, at_once):
    rate, now, went = Rate(per_second, at_once), 0.0, []
    for pause in pauses:
        now += pause
        if rate.take("a", now) == 0:
            went.append(now)
    for first in range(len(went)):
        for last in range(first, len(went)):
            allowed = at_once + (went[last] - went[first]) * per_second
            assert last - first + 1 <= allowed + 1e-6


def test_what_was_not_seen_for_longest_is_forgotten():
    rate = Rate(per_second=0.001, at_once=1)
    for number in range(REMEMBERED + 1):
        rate.take(str(number), 0.0)
    assert rate.take("0", 1.0) == 0
    assert rate.take(str(REMEMBERED), 1.0) > 0
