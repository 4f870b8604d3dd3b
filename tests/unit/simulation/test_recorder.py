"""Groups as tests name them, and the figure over a window."""

import pytest

from engine.core.judging.condition import Count
from engine.core.judging.group_state import GroupState, Point
from engine.core.judging.judgement import Evidence
from engine.core.judging.rule import Rule
from engine.simulation.recorder import figure_at, is_meant_group

RULE = Rule(id="r", title="", short_title="", owner="", why="", guide="", per=("region", "incident"))


@pytest.mark.parametrize(
    ("group", "text", "named"),
    [
        (None, "73.15|A", True),
        ("73.15|A", "73.15|A", True),
        ("73.15", "73.15|A", False),
        ({"region": "73.15", "incident": "A"}, "73.15|A", True),
        ({"incident": "A", "region": "73.15"}, "73.15|A", True),
        ({"region": "73.15"}, "73.15|A", True),
        ({"region": "73.16"}, "73.15|A", False),
        ({"province": "73"}, "73.15|A", False),
        ({"region": "73.15", "incident": "A|B"}, r"73.15|A\|B", True),
        ({"region": "73.15", "incident": "A\\"}, "73.15|A\\\\", True),
    ],
)
def test_a_group_is_meant_by_its_text_or_by_its_keys(group, text, named):
    """Keys that a test leaves out may be anything; keys that the rule has not mean no group of it."""
    assert is_meant_group(RULE, group, text) is named


def point(at: int, *, watched: bool = True) -> Point:
    evidence = Evidence(
        desk="d", id=str(at), kind="a.b", region="00", severity=1, occurred_at=at, received_at=at
    )
    return Point(evidence, None, watched)


@pytest.mark.parametrize(("at", "value"), [(0, 0), (1, 1), (10, 2), (11, 1), (19, 1), (20, 0)])
def test_the_window_at_an_instant_is_open_behind_and_closed_before(at, value):
    """(t-10, t]: what is exactly 10 old has left it; what clears is not counted."""
    rule = Rule(
        id="r", title="", short_title="", owner="", why="", guide="", condition=Count(at_least=1, within=10)
    )
    points = (point(1), point(5, watched=False), point(10))
    assert figure_at(rule, GroupState(points=points), at) == value
