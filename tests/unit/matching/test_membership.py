"""An event's way to the groups of a rule: fields under other names, and the parts of a pattern that it fits."""

from __future__ import annotations

from engine.core.judging.condition import AllItems, Guard, PatternPart, Sequence, SequenceStage
from engine.core.judging.filter import Test
from engine.core.judging.rule import Rule
from engine.matching.native import NativeMatcher
from tests.unit.judging.desk import event, rule

CLASH, POLICE = Test("kind", "equals", "conflict.clash"), Test("kind", "equals", "followup.police")
SEVERE = Test("severity", "at_least", 3)
FOLLOWED = Sequence(
    stages=(SequenceStage(parts=(PatternPart(watch=CLASH),)),),
    guards=(Guard(part=PatternPart(watch=POLICE, per=(("incident", "details_ref"),)), within=1),),
)


def groups(one: Rule, **fields: object) -> dict[str, int]:
    """The groups of a rule that an event with these fields reaches; none where it does not match."""
    matcher, report = NativeMatcher([one]), event(0, **fields)
    return dict(matcher.groups(one, report)) if matcher.match(report) else {}


def test_a_part_may_carry_the_key_in_another_field() -> None:
    """The clash names its incident, the police what their report is about."""
    one = rule(per=("incident",), condition=FOLLOWED)
    assert groups(one, incident="A", details_ref="B") == {"A": 1}
    assert groups(one, kind="followup.police", incident="A", details_ref="B") == {"B": 2}
    assert groups(one, kind="followup.police", incident="A") == {}


def test_what_must_not_come_need_not_be_watched() -> None:
    """`watch` holds for steps and items; an event that fits no part does not match at all."""
    one = rule(per=("nation",), condition=FOLLOWED, watch=SEVERE)
    assert groups(one, severity=2) == {}
    assert groups(one, severity=3) == {"00": 1}
    assert groups(one, severity=1, kind="followup.police", details_ref="B") == {"00": 2}
    assert groups(one, severity=4, kind="logistics.late") == {}


def test_an_event_may_fit_several_parts_in_one_group_or_in_two() -> None:
    """A bit for each part, in the order in which they are written."""
    by_place = PatternPart(watch=SEVERE, per=(("incident", "details_ref"),))
    one = rule(
        per=("incident",),
        condition=AllItems(items=(PatternPart(watch=CLASH), PatternPart(watch=SEVERE), by_place)),
    )
    assert groups(one, severity=3, incident="A", details_ref="A") == {"A": 7}
    assert groups(one, severity=3, incident="A", details_ref="B") == {"A": 3, "B": 4}


def test_other_rules_have_one_group_and_no_parts() -> None:
    """And none without the key."""
    assert groups(rule(per=("incident",)), incident="A") == {"A": 0}
    assert groups(rule(per=("incident",))) == {}
