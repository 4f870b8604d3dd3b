"""Another event of the newest instant, after a late one before it: the fold goes back to how it stands now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.core.judging import fold
from engine.core.judging.condition import Value
from engine.core.judging.filter import Limit
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Closing
from engine.core.judging.instant import MINUTE
from engine.core.judging.judgement import Judgement, Opened
from engine.core.judging.rule import Clear
from tests.unit.judging.desk import event, rule

HIGH = rule(condition=Value("metrics.n", Limit("at_least", 2)), clear=Clear("by_hand"), wait_for_late=0)


@pytest.fixture(autouse=True, params=[2, 32])
def remembering(request) -> Iterator[int]:
    """As in the other tests of judging, and as in the service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "REMEMBERED_EVERY", request.param)
        yield request.param


def high(group: Group, number: int, minute: int, at: int, n: int, **more: object) -> tuple[Judgement, ...]:
    """Let a group take a reading of a minute that comes in at another one."""
    report = event(minute * MINUTE, f"e{number:03}", received_at=at * MINUTE, **{"metrics.n": n})
    return group.apply([report], received_at=at * MINUTE, **more)


def test_a_state_that_was_false_before_the_newest_instant_opens_again_at_it(remembering):
    """Closed by hand, false at 50 as a late reading says, true again at 60: that is another alert."""
    group, many = Group(HIGH), remembering - 1
    for number in range(many):
        high(group, number, 1 + number, 1 + number, 3)
    opening = group.open
    assert opening is not None
    floor = group.points.keys[-1]
    closed = Closing(ordinal=opening.ordinal, floor=floor, at=40 * MINUTE)
    assert high(group, 100, 60, 60, 0, closed=closed) == ()
    assert high(group, 101, 50, 61, 0) == ()
    said = high(group, 102, 60, 61, 3)
    assert [(one.ordinal, one.happened_at) for one in said if isinstance(one, Opened)] == [(2, 60 * MINUTE)]
    assert group.spells == Group(HIGH, group.frozen()).spells
