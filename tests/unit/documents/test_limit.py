"""Ranges of figures: what the loader knows about limits, held against the meaning of a limit itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.filter import Limit
from engine.documents.rules.limit import Range

OPERATORS = st.sampled_from(["at_least", "at_most", "above", "below", "equals"])
LIMITS = st.lists(st.builds(Limit, OPERATORS, st.integers(-8, 8).map(lambda n: n / 2)), max_size=4)


@given(LIMITS, st.booleans())
def test_a_range_is_empty_exactly_if_no_figure_meets_all_limits(limits: list[Limit], whole: bool):
    left = Range(whole=whole)
    for limit in limits:
        left = left.under(limit)
    step = 4 if whole else 1  # quarters lie between all the limits, which are halves
    figures = [n / 4 for n in range(-40, 41) if n % step == 0]
    assert left.empty == (not any(all(limit.met_by(figure) for limit in limits) for figure in figures))


@pytest.mark.parametrize(
    ("operator", "number", "empty"), [("at_most", -1, True), ("at_most", 0, False), ("below", 0, True)]
)
def test_a_count_is_never_negative(operator: str, number: float, empty: bool):
    assert Range(low=0, whole=True).meeting(operator, number).empty == empty
