"""Rate limits: a burst at once, then evenly, each key by itself, and bounded in all."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.rate_limit import REMEMBERED, RateLimit, RateLimiter

SLOW = RateLimit(per_second=0.001, burst=1)


def test_a_burst_goes_at_once_and_then_one_by_one():
    limiter, limit = RateLimiter(), RateLimit(per_second=2, burst=3)
    assert [limiter.take("a", limit, 0.0) for _ in range(3)] == [0, 0, 0]
    assert limiter.take("a", limit, 0.0) == pytest.approx(0.5)
    assert limiter.wait("a", limit, 0.25) == pytest.approx(0.25)
    assert limiter.take("a", limit, 0.5) == 0
    assert limiter.take("b", limit, 0.5) == 0


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 6)), max_size=60),
    st.integers(1, 5),
    st.integers(1, 10),
)
def test_no_more_goes_than_allowed_in_any_span(asked, per_second, burst):
    limiter, limit, now, went = RateLimiter(), RateLimit(per_second, burst), 0.0, []
    for pause, amount in asked:
        now += pause
        if limiter.take("a", limit, now, amount) == 0:
            went.append((now, amount))
    for first in range(len(went)):
        total = 0
        for at, amount in went[first:]:
            total += amount
            assert total <= burst + (at - went[first][0]) * per_second + 1e-6


@given(st.floats(0, 1e6), st.integers(1, 100), st.integers(1, 100))
def test_what_is_asked_again_after_the_wait_goes(now, burst, amount):
    limiter, limit = RateLimiter(), RateLimit(0.5, burst)
    while (wait := limiter.take("a", limit, now, amount)) == 0:
        assert amount <= burst
    if math.isfinite(wait):
        assert limiter.take("a", limit, now + wait + 1e-6, amount) == 0
    else:
        assert amount > burst


def test_more_than_a_bucket_holds_never_goes():
    assert RateLimiter().take("a", RateLimit(10, 5), 0.0, 6) == math.inf


def test_what_was_given_back_can_be_taken_again():
    limiter = RateLimiter()
    assert limiter.take("a", SLOW, 0.0) == 0
    limiter.give_back("a")
    assert limiter.take("a", SLOW, 0.0) == 0
    limiter.give_back("a", 5)
    assert [limiter.take("a", SLOW, 0.0) > 0 for _ in range(2)] == [False, True]


def test_a_clock_that_steps_back_refills_nothing_and_takes_nothing():
    limiter, limit = RateLimiter(), RateLimit(1, 2)
    assert limiter.take("a", limit, 100.0) == 0
    assert limiter.take("a", limit, 0.0) == 0
    assert limiter.take("a", limit, 0.0) == pytest.approx(1)


def test_what_was_not_used_for_longest_is_forgotten():
    limiter = RateLimiter()
    for number in range(REMEMBERED + 1):
        limiter.take(str(number), SLOW, 0.0)
    assert limiter.take("0", SLOW, 1.0) == 0
    assert limiter.take(str(REMEMBERED), SLOW, 1.0) > 0
