"""Patterns against every choice of events, tried one by one (docs/specification/rules.md#conditions)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.judging.condition import (
    AllItems,
    AnyItem,
    Guard,
    NotAllItems,
    Pattern,
    PatternPart,
    Sequence,
    SequenceStage,
)
from engine.core.judging.condition_folds import pattern_of
from engine.core.judging.filter import EVERYTHING
from engine.core.judging.group_state import Point
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import evidence_of
from engine.core.judging.pattern import parts_of
from tests.unit.judging.choices import Choices
from tests.unit.judging.desk import event

SPANS = st.one_of(st.none(), st.none(), st.integers(1, 12))


@st.composite
def parts(draw: st.DrawFn) -> PatternPart:
    """A part that needs one event or, at times, two. What fits it is drawn with the events."""
    return PatternPart(watch=EVERYTHING, times=draw(st.sampled_from([1, 1, 1, 1, 2])))


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    """Sequences of up to three stages with guards anywhere."""
    stages = []
    for place in range(draw(st.integers(1, 3))):
        guards = draw(
            st.lists(st.builds(Guard, part=parts(), within=SPANS if place else st.integers(1, 6)), max_size=1)
        )
        stages.append(
            SequenceStage(
                parts=tuple(draw(st.lists(parts(), min_size=1, max_size=draw(st.sampled_from([1, 1, 2]))))),
                every=draw(st.booleans()),
                within=draw(SPANS),
                guards=tuple(guards),
            )
        )
    last = draw(st.lists(st.builds(Guard, part=parts(), within=st.integers(1, 6)), max_size=1))
    return Sequence(stages=tuple(stages), guards=tuple(last), within=draw(SPANS))


def patterns() -> st.SearchStrategy[Pattern]:
    """Patterns of all four words."""
    items = st.lists(parts(), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        sequences(),
        st.builds(AllItems, items=items, within=SPANS),
        st.builds(AnyItem, items=items, within=SPANS),
        st.builds(NotAllItems, items=items, within=st.integers(1, 12)),
    )


@st.composite
def points(draw: st.DrawFn, condition: Pattern) -> list[Point]:
    """Up to seven events at few instants, each fitting a part or, at times, several."""
    count = len(parts_of(condition))
    one = st.integers(0, count - 1).map(lambda place: 1 << place)
    bits = st.one_of(one, one, st.integers(1, 2**count - 1))
    rows = draw(st.lists(st.tuples(st.integers(0, 15), bits), max_size=7))
    found = [Point(evidence_of(event(at, f"e{place}")), fits) for place, (at, fits) in enumerate(rows)]
    return sorted(found, key=lambda point: point.key)


def instants(condition: Pattern, found: list[Point], since: Instant | None = None) -> set[Instant]:
    """The instants at which the pattern says that something is complete."""
    pattern, complete = pattern_of(condition, since=since), set()
    rest = list(found)
    for at in range(40):
        while rest and rest[0].key.occurred_at == at:
            pattern.enter(rest.pop(0))
        due = pattern.next_due()
        if pattern.take(at):
            complete.add(at)
        else:
            assert due is None or due > at
    return complete


@settings(max_examples=1_000)
@given(condition=patterns(), data=st.data(), since=st.sampled_from([None, 0, 3]))
def test_a_pattern_is_complete_where_some_choice_fits(
    condition: Pattern, data: st.DataObject, since: Instant | None
) -> None:
    """Existence, not greed: the instants are those that trying every choice finds."""
    found = data.draw(points(condition))
    assert instants(condition, found, since) == Choices(condition, found, since).instants()
