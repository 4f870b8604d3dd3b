"""Patterns as they come out of a rule file: what they mean, and what is wrong with them."""

from __future__ import annotations

import pytest

from engine.core.judging.condition import (
    AllItems,
    AnyItem,
    Condition,
    Guard,
    NotAllItems,
    PatternPart,
    Sequence,
    SequenceStage,
)
from engine.core.judging.filter import AllOf, AnyOf, Test
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.pattern import fits_of, watched_by
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.rules import read_rules
from tests.unit.documents.test_rules import one, text

A, B = Test("kind", "equals", "conflict.clash"), Test("kind", "equals", "followup.police")
CLASH, POLICE = "{kind: conflict.clash}", "{kind: followup.police}"
STEP = f"{{watch: {CLASH}}}"
BEFORE = f"{{but_not: {POLICE}, within: 30m}}"
LAST = f"{{watch: {CLASH}, name: dua, times: 3, within: 1h}}"
TWICE = f"{{watch: {POLICE}, times: 2, per: {{region: source.desk}}}}"


def unwatched(alert_when: str, **keys: str) -> str:
    """A file with one rule that has no `watch`."""
    return "\n".join(
        line
        for line in text(alert_when=alert_when, **keys).split("\n")
        if not line.strip().startswith("watch:")
    )


def codes(alert_when: str, **keys: str) -> list[str]:
    """What is found in a rule without `watch`."""
    file = unwatched(alert_when, **keys)
    return [found.code for found in read_rules([("r.yaml", file.encode())], ReferenceData()).findings]


def read(alert_when: str, **keys: str) -> Condition:
    """The condition of a rule without `watch`."""
    loaded = read_rules([("r.yaml", unwatched(alert_when, **keys).encode())], ReferenceData())
    assert loaded.findings == ()
    assert loaded.value is not None
    return loaded.value[0].condition


def part(watch: Test, times: int = 1, **per: str) -> PatternPart:
    """A part with fields under other names."""
    return PatternPart(watch=watch, times=times, per=tuple(per.items()))


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        (
            f"{{sequence: {{steps: [{STEP}, {{but_not: {POLICE}, within: 2h}}]}}}}",
            Sequence(
                stages=(SequenceStage(parts=(part(A),)),), guards=(Guard(part=part(B), within=2 * HOUR),)
            ),
        ),
        (
            f"{{sequence: {{within: 1d, steps: [{BEFORE}, {STEP}, {{but_not: {POLICE}}}, {LAST}]}}}}",
            Sequence(
                stages=(
                    SequenceStage(parts=(part(A),), guards=(Guard(part=part(B), within=30 * MINUTE),)),
                    SequenceStage(
                        parts=(part(A, 3),), guards=(Guard(part=part(B)),), name="dua", within=HOUR
                    ),
                ),
                within=DAY,
            ),
        ),
        (
            f"{{sequence: {{steps: [{{all_of: [{CLASH}, {POLICE}]}}, {{any_of: [{CLASH}, {POLICE}], times: 2}}]}}}}",
            Sequence(
                stages=(
                    SequenceStage(parts=(part(A), part(B)), every=True),
                    SequenceStage(parts=(PatternPart(watch=AnyOf((A, B)), times=2),)),
                )
            ),
        ),
        (
            f"{{all_of: {{items: [{CLASH}, {TWICE}], within: 1h}}}}",
            AllItems(items=(part(A), part(B, 2, region="source.desk")), within=HOUR),
        ),
        (
            f"{{any_of: {{items: [{CLASH}, {{watch: {POLICE}, per: source.desk}}]}}}}",
            AnyItem(items=(part(A), part(B, region="source.desk"))),
        ),
        (
            f"{{not_all_of: {{items: [{CLASH}, {POLICE}], within: 1h}}}}",
            NotAllItems(items=(part(A), part(B)), within=HOUR),
        ),
    ],
    ids=["but_not", "steps", "alternatives", "all_of", "any_of", "not_all_of"],
)
def test_a_pattern_as_it_is_written(written: str, condition: Condition) -> None:
    """Without `watch` the steps and items are what they say."""
    assert read(written) == condition


def test_watch_holds_for_steps_but_not_for_what_must_not_come() -> None:
    """What reaches a group is any event of a step (if it is watched) or of `but_not`."""
    steps = f"{{sequence: {{steps: [{STEP}, {{but_not: {POLICE}, within: 2h}}, {STEP}]}}}}"
    found = one(alert_when=steps, watch="{severity: {at_least: 3}}")
    severe = AllOf((Test("severity", "at_least", 3), A))
    assert fits_of(found.condition, found.watch) == (severe, B, severe)
    assert watched_by(found.condition, found.watch) == AnyOf((severe, B))


def test_what_late_events_may_cancel_waits_for_them() -> None:
    """Ten minutes, unless the rule says otherwise; what they can only re-date opens on arrival."""
    guarded = f"{{sequence: {{steps: [{STEP}, {{but_not: {POLICE}, within: 2h}}]}}}}"
    missing = f"{{not_all_of: {{items: [{CLASH}, {POLICE}], within: 1h}}}}"
    waits = {
        name: one(alert_when=written).wait_for_late for name, written in (("b", guarded), ("n", missing))
    }
    assert waits == {"b": 10 * MINUTE, "n": 10 * MINUTE}
    assert one(alert_when=f"{{sequence: {{steps: [{STEP}, {STEP}]}}}}").wait_for_late == 0


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{sequence: {}}", "required"),
        ("{sequence: {steps: []}}", "list_length"),
        (f"{{sequence: {{steps: [{{watch: {CLASH}, dalam: 1h}}]}}}}", "unknown_key"),
        (f"{{sequence: {{steps: [{{but_not: {CLASH}, times: 2}}, {STEP}]}}}}", "required"),
        (f"{{sequence: {{steps: [{{but_not: {CLASH}}}, {STEP}]}}}}", "required"),
        (f"{{sequence: {{steps: [{STEP}, {{but_not: {CLASH}}}]}}}}", "required"),
        (f"{{sequence: {{steps: [{STEP}, {{all_of: [{CLASH}], times: 2}}]}}}}", "unknown_key"),
        (f"{{sequence: {{steps: [{{watch: {CLASH}, times: 0}}]}}}}", "number_out_of_bounds"),
        (f"{{sequence: {{steps: [{STEP}, {{watch: {CLASH}, within: 0s}}]}}}}", "duration_too_short"),
        (
            f"{{sequence: {{within: 1h, steps: [{STEP}, {{but_not: {POLICE}, within: 1h}}, {STEP}]}}}}",
            "step_never_filled",
        ),
        (
            f"{{sequence: {{steps: [{STEP}, {{but_not: {POLICE}}}, {{watch: {POLICE}, times: 2}}]}}}}",
            "step_never_filled",
        ),
        (f"{{all_of: {{items: [{{watch: {CLASH}, within: 1h}}]}}}}", "unknown_key"),
        (f"{{all_of: {{items: [{{watch: {CLASH}, per: [region, incident]}}]}}}}", "step_per"),
        (f"{{not_all_of: {{items: [{CLASH}]}}}}", "required"),
        ("{any_of: {items: [{jenis: conflict.clash}]}}", "unknown_field"),
    ],
)
def test_a_mistake_in_a_pattern(written: str, code: str) -> None:
    """Each is found where it stands."""
    assert code in codes(written)


@pytest.mark.parametrize(("steps", "found"), [(3, []), (4, ["list_length"])])
def test_a_pattern_has_at_most_sixty_parts(steps: int, found: list[str]) -> None:
    """They are bits of a number that is stored."""
    step = "{any_of: [" + ", ".join([CLASH] * 20) + "]}"
    assert codes("{sequence: {steps: [" + ", ".join([step] * steps) + "]}}") == found


@pytest.mark.parametrize(("hours", "found"), [(1, ["step_never_filled"]), (2, [])])
def test_a_step_must_be_able_to_come_after_what_must_not(hours: int, found: list[str]) -> None:
    """It is looked for from the end of the guard on, and must be nearer than its own `within`."""
    step = f"{{watch: {CLASH}, within: {hours}h}}"
    assert codes(f"{{sequence: {{steps: [{STEP}, {{but_not: {POLICE}, within: 1h}}, {step}]}}}}") == found


def test_only_patterns_may_leave_watch_out() -> None:
    """Elsewhere it is required."""
    assert codes("every_event") == ["required"]


def test_a_pattern_has_no_figure_and_is_no_state() -> None:
    """Neither a level map nor `hold_for` nor `no_longer_true` alone fits it."""
    written = f"{{all_of: {{items: [{CLASH}, {POLICE}]}}}}"
    assert codes(written, level="{waspada: always, siaga: {at_least: 5}}") == ["needs_figure"]
    assert codes(written, hold_for="1h") == ["hold_for_on_event"]
    assert codes(written, clear_when="no_longer_true") == ["clear_needs_keep_open"]
    assert codes(written, clear_when="no_longer_true", keep_open_for="1h") == []
