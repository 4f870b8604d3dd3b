"""Of several things that a source said in turn the last one holds."""

from __future__ import annotations

from engine.core.judging.rule_dependency import Hearing
from engine.core.judging.upstream_interval import IntervalSource
from engine.evaluation.dead_letters import newest


def hearing(name: str, at: int, closed_at: int | None = None) -> Hearing:
    return Hearing(source=IntervalSource(name), stretches=(), at=at, closed_at=closed_at)


def test_the_last_hearing_of_each_source_keeps_when_people_closed_its_alert():
    """That is said only once, and the end of the stretch is the instant of the act."""
    said = [hearing("a|73", 1, 1), hearing("b|73", 2), hearing("a|73", 3), hearing("b|73", 4, 4)]
    assert [(one.source.name, one.at, one.closed_at) for one in newest(said)] == [
        ("a|73", 3, 1),
        ("b|73", 4, 4),
    ]


def test_a_later_closing_takes_the_place_of_an_earlier_one():
    """Another alert of the group was closed meanwhile."""
    (one,) = newest([hearing("a|73", 1, 1), hearing("a|73", 5, 5)])
    assert (one.at, one.closed_at) == (5, 5)
