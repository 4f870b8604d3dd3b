"""Our own outages: how much of a stretch of time they cover."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.group_state import Gap, merged_gaps, outage_within

GAPS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(
        lambda span: Gap(since=span[0], until=span[0] + span[1])
    ),
    max_size=8,
)
EDGES = st.integers(0, 90)


def test_only_what_lies_between_counts() -> None:
    gaps = [Gap(since=10, until=20), Gap(since=30, until=40)]
    assert outage_within(gaps, 0, 100) == 20
    assert outage_within(gaps, 15, 35) == 10
    assert outage_within(gaps, 20, 30) == 0
    assert outage_within(gaps, 12, 13) == 1
    assert outage_within(gaps, 35, 15) == 0
    assert outage_within([], 0, 100) == 0


def test_gaps_that_touch_are_one() -> None:
    gaps = [
        Gap(since=30, until=40),
        Gap(since=10, until=20),
        Gap(since=20, until=25),
        Gap(since=12, until=13),
    ]
    assert merged_gaps(gaps) == (Gap(since=10, until=25), Gap(since=30, until=40))


def test_a_gap_stands_in_the_stream_as_from_and_until() -> None:
    assert msgspec.json.encode(Gap(since=1, until=2)) == b'{"from":1,"until":2}'


@given(gaps=GAPS, since=EDGES, until=EDGES)
def test_no_millisecond_counts_twice(gaps: list[Gap], since: int, until: int) -> None:
    """Counted one by one, in whatever order and however often the gaps are told."""
    down = sum(any(gap.since <= at < gap.until for gap in gaps) for at in range(since, until))
    assert outage_within(gaps, since, until) == down
    assert outage_within([*reversed(gaps), *gaps], since, until) == down
    assert outage_within(merged_gaps(gaps), since, until) == down
