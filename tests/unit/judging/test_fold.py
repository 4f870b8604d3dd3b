"""A fold that goes back to where it stood walks over few points again, and finds what a new one finds."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import Count, Distinct
from engine.core.judging.filter import Limit
from engine.core.judging.fold import Fold
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import MINUTE
from tests.unit.judging.desk import event, rule


def test_a_late_event_is_walked_until_no_window_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many points come behind it."""
    group = Group(rule(condition=Count(10**6, 5 * MINUTE)))
    for number in range(1_000):
        group.apply([event(number * MINUTE)], received_at=number * MINUTE)
    walked, step = [], Fold._step

    def counting(self: Fold) -> None:
        walked.append(self.now)
        step(self)

    monkeypatch.setattr(Fold, "_step", counting)
    late = event(500 * MINUTE + 1, "late", received_at=1_000 * MINUTE)
    group.apply([late], received_at=1_000 * MINUTE)
    assert 0 < len(walked) <= 10
    group.apply([], received_at=1_000 * MINUTE, withdrawn={(late.desk, late.id): "refuted"})
    assert 0 < len(walked) <= 20


def test_what_was_taken_out_leaves_the_window_at_once() -> None:
    """Though the fold stands at a later instant as it stood while that was in the window."""
    group = Group(rule(condition=Distinct(("incident",), Limit("at_least", 9), 2 * MINUTE)))
    for number, at in enumerate((1, 2, 0, 0)):
        group.apply([event(at * MINUTE, f"e{number}", incident=f"i{number}")], received_at=3 * MINUTE)
    group.apply([], received_at=3 * MINUTE, withdrawn={("7315", "e0"): "refuted"})
    group.apply([event(3 * MINUTE, "e4", incident="i4")], received_at=3 * MINUTE)
    again = Group(group.rule, group.frozen())
    assert group._fold.counted == again._fold.counted
    assert group._fold.figure == again._fold.figure == 2.0
