"""What was replaced is gone at once: the evaluator looks for no cycles among its groups, which are many and stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
from hypothesis import given

from engine.core.judging.event import Event
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_state import Circumstances
from engine.core.judging.instant import HOUR, MINUTE
from engine.core.judging.rule import Rule
from tests.unit.judging.desk import event, rule
from tests.unit.judging.pattern_desk import CLASH_WITHOUT_POLICE, report, tell
from tests.unit.judging.test_order import clearing_of, rules
from tests.unit.judging.test_silence_laws import told, worlds


@pytest.fixture(scope="module", autouse=True)
def no_search() -> Iterator[None]:
    """Look for no cycles, as the evaluator does."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def gone(groups: list[Group]) -> bool:
    """Let a group fold anew, then let go of it; say whether its folds and it are no more."""
    group = groups.pop()
    folds, whole = [ref(group._fold)], ref(group)
    group._refold()
    folds.append(ref(group._fold))
    first = folds[0]() is None
    del group
    return first and folds[1]() is None and whole() is None


@given(one=rules())
def test_folds_and_groups_of_all_conditions(one: Rule) -> None:
    groups = [Group(one)]
    for minute in range(6):
        report = event(minute * MINUTE, x=minute, incident="A", **{"metrics.n": minute, "clear": minute == 3})
        groups[0].apply([report], received_at=minute * MINUTE, clearing=clearing_of(one, [report]))
    assert gone(groups)


@given(world=worlds())
def test_those_of_silences(world: tuple[Rule, list[Event], Circumstances]) -> None:
    one, reports, around = world
    groups = [Group(one, around=around)]
    groups[0].apply(**told(one, reports), received_at=HOUR)
    groups[0].look(now=2 * HOUR)
    assert gone(groups)


def test_those_of_patterns() -> None:
    groups = [Group(rule(condition=CLASH_WITHOUT_POLICE))]
    tell(groups[0], [report(0, 1), report(HOUR, 1)])
    assert gone(groups)
