"""Time in which something could have been reported: without outages, inside `active`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.absence import Stopwatch
from engine.core.judging.calendar import Active, NamedSpan, Spans
from engine.core.judging.group_state import Gap, merged_gaps

GAP = (Gap(since=10, until=20),)


@pytest.mark.parametrize(
    ("since", "length", "at"),
    [
        (0, 10, 10),  # reached as the outage begins
        (0, 11, 21),
        (5, 5, 10),
        (15, 1, 21),
        (20, 3, 23),
        (0, 0, 0),
    ],
)
def test_an_outage_puts_off(since: int, length: int, at: int):
    assert Stopwatch(GAP).reached(since, length) == at


def test_what_is_reached_as_a_span_ends_is_reached_as_the_next_begins():
    stages = (NamedSpan(id="a", since=0, until=10), NamedSpan(id="b", since=100, until=110))
    clock = Stopwatch((), Spans(Active(stages=stages), "WIB"))
    assert [clock.reached(0, length) for length in (9, 10, 11, 19, 20)] == [9, 100, 101, 109, None]
    assert clock.between(5, 105) == 10


def test_what_was_reached_waits_for_no_outage():
    """Nothing more need count where the next span begins, so it does not matter that nobody could report then."""
    stages = (NamedSpan(id="a", since=0, until=5), NamedSpan(id="b", since=6, until=7))
    clock = Stopwatch((Gap(since=5, until=7),), Spans(Active(stages=stages), "WIB"))
    assert clock.reached(0, 5) == 6


INSTANTS = st.integers(0, 40)


@given(
    rows=st.lists(st.tuples(INSTANTS, st.integers(1, 9)), max_size=4),
    stages=st.none() | st.lists(st.tuples(INSTANTS, st.integers(1, 9)), min_size=1, max_size=3),
    since=INSTANTS,
    length=st.integers(0, 30),
)
def test_it_counts_instant_by_instant(
    rows: list[tuple[int, int]], stages: list[tuple[int, int]] | None, since: int, length: int
):
    """Held against looking at every millisecond."""
    gaps = merged_gaps(Gap(since=at, until=at + long) for at, long in rows)
    named = tuple(NamedSpan(id="t", since=at, until=at + long) for at, long in stages or ())
    clock = Stopwatch(gaps, None if stages is None else Spans(Active(stages=named), "WIB"))

    def inside(at: int) -> bool:
        return stages is None or any(one.since <= at < one.until for one in named)

    def counted(until: int) -> int:
        return sum(
            inside(at) and not any(g.since <= at < g.until for g in gaps) for at in range(since, until)
        )

    found = clock.reached(since, length)
    first = next((at for at in range(since, 200) if inside(at) and counted(at) >= length), None)
    if length:
        assert found == first
    if found is not None:
        assert clock.between(since, found) == counted(found)
