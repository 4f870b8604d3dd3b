"""A resolved rule written in the words of the language is, read again, the same rule."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest
import yaml

from engine.core.judging.calendar import Calendar
from engine.core.judging.calendar import Stage as CalendarStage
from engine.core.judging.condition import (
    AllItems,
    Deadline,
    Guard,
    PatternPart,
    Sequence,
    SequenceStage,
    SilenceCondition,
    Spread,
)
from engine.core.judging.filter import AllOf, AnyOf, Test
from engine.core.judging.rule import looks_at
from engine.documents.calendar import load_calendar
from engine.documents.finding import Findings
from engine.documents.reference_data import ANYTHING
from engine.documents.rules.columns import filled
from engine.documents.rules.resolved import condition_written, filter_written, written
from engine.documents.rules.rules import inline_rules, load_rules
from engine.documents.test_files.rule_tests import load_rule_tests
from engine.documents.yaml_tree import MappingNode, compose

ROOT = Path(__file__).parents[3]
CALENDAR = load_calendar(ROOT / "config/calendar.yaml").expect()
KNOWN = msgspec.structs.replace(
    ANYTHING,
    calendar=Calendar(
        [
            *CALENDAR.stages,
            CalendarStage(id="tenang", since=datetime.fromisoformat("2024-11-24"), until=1_732_600_000_000),
        ]
    ),
)
SHIPPED = load_rules(ROOT / "rules", KNOWN).expect()
TESTED = {
    rule.version: rule
    for path in sorted((ROOT / "tests/acceptance/rules").glob("*.test.yaml"))
    for test in load_rule_tests(path).value.tests
    for rule in test.rules
}
FULL = """
inline_rules:
  - id: penuh
    level: {waspada: always, awas: {above: 9.5}}
    watch: {kind: [a.b, "c.*"], region: "73.15", severity: {at_least: 2, below: 4}, any: [{x: true}, {x: "12"}],
            unless: {y: {exists: false}}}
    per: [province, incident]
    alert_when: {count: {at_least: 2.5, within: 1h30m, weight: z}}
    clear_when: {quiet_for: 2d}
    after_opening: start_again
    tell_again: [value_doubles, {from: 1h, growing_to: 12h}]
    active: {stage: tenang, from: "2024-11-24 00:00 local", until: "2024-12-01T00:00:00Z", hours: "22:00-05:00 local",
             days: mon..fri}
    wait_for_late: 5m
    effective: {from: "2024-11-27T00:00:00+09:00", until: "2024-12-01 08:00 WIT"}
  - id: diam
    watch: {kind: a.b}
    per: regency
    alert_when: {silence: {for: 2h, below: 2, expected_from: {region: "73", any: [{noken: true}, {zone: WITA}]}}}
    level: {waspada: always, awas: {at_least: 6h30m}}
    clear_when: {at_most: 30m}
  - {id: lama, watch: {kind: a.b}, alert_when: {silence: {for: 2h, expected_from: {seen: 7d}}}}
  - {id: tenggat, watch: {kind: a.b}, alert_when: {deadline: {by: "2024-11-27T11:00:00Z", expected_from: regions}}}
  - id: tetap
    alert_when: {aggregate: {function: percentile, p: 90, of: z, at_least: 3, within: 1d, missing: 0}}
    watch: {kind: a.b}
    hold_for: 2h
    keep_open_for: 30m
    clear_when: {below: 2}
  - {id: ubah, watch: {kind: a.b}, alert_when: {change: {of: s, from: a, to: [b, c], within: 1h}}, level: severity}
  - {id: baru, watch: {kind: a.b}, alert_when: {first_time: {of: [s, t], memory: 7d}}, clear_when: {event: {kind: z}}}
  - {id: nilai, watch: {where: dua}, alert_when: {value: {field: s, one_of: [merah, "7"]}}, tell_again: [{every: 4h}]}
filters: {dua: {any: [{p: a*}, {p: {matches: "^b"}}], unless: {q: [1, 2]}}}
"""


def read(text: str):
    node = compose(text.encode(), "tes", Findings())
    assert isinstance(node, MappingNode)
    return inline_rules(node, KNOWN).expect()


EXAMPLES = [*SHIPPED, *TESTED.values(), *read(FULL)]


def looked_at(rule):
    """Return the rule and those of its file that it looks at, and that these look at."""
    found, left = {rule.id: rule}, [rule]
    while left:
        ids = looks_at(left.pop()) - found.keys()
        near = {one.id: one for one in EXAMPLES if one.id in ids and file_of(one) == file_of(rule)}
        found |= near
        left += near.values()
    return found.values()


def file_of(rule):
    return rule.source.rpartition(":")[0]


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: f"{rule.id}-{rule.version}")
def test_a_written_rule_is_the_same_rule(rule):
    """Nothing is lost and nothing is added, but for roster and tables, which no rule file holds."""
    rules = [written(one) for one in looked_at(rule)]
    again, *_ = read(yaml.safe_dump({"inline_rules": rules}, sort_keys=False, allow_unicode=True))
    assert bare(again) == bare(rule)


def bare(rule):
    """Return a rule without its place and without what it has from rosters and tables."""
    condition = filled(rule.condition, rule.per, KNOWN)
    if isinstance(condition, Spread) and condition.children is not None:
        condition = msgspec.structs.replace(condition, children=())
    if isinstance(condition, SilenceCondition | Deadline):
        nobody = msgspec.structs.replace(condition.expected, members=())
        condition = msgspec.structs.replace(condition, expected=nobody)
    exemptions = tuple(
        msgspec.structs.replace(one, variant=one.variant and bare(one.variant)) for one in rule.exemptions
    )
    return msgspec.structs.replace(rule, condition=condition, exemptions=exemptions, version="", source="")


def test_every_condition_of_the_shipped_and_tested_rules_is_written():
    """The examples are not all of one word."""
    assert len({type(rule.condition) for rule in EXAMPLES}) >= 8


def test_tests_of_one_field_stand_together_and_others_apart():
    """Two questions under one key are asked in two maps, one of which says twice that it must not fail."""
    low, high = Test("severity", "at_least", 2), Test("severity", "below", 4)
    one, other = Test("x", "equals", 1), Test("x", "equals", 2)
    assert filter_written(AllOf((low, high))) == {"severity": {"at_least": 2, "below": 4}}
    assert filter_written(AllOf((one, low, other))) == {
        "any": [{"x": 1, "severity": {"at_least": 2}}],
        "unless": {"unless": {"x": 2}},
    }
    assert filter_written(AllOf((AnyOf((one, low)), AnyOf((low, high)))))["unless"] == {
        "unless": {"any": [{"severity": {"at_least": 2}}, {"severity": {"below": 4}}]}
    }
    assert filter_written(AnyOf((one, Test("x", "prefix", "a")))) == {"x": [1, "a*"]}


def test_a_pattern_is_written_with_its_guards_in_their_places():
    """`but_not` stands before the step that it guards, or after the last one."""
    late = PatternPart(watch=Test("kind", "equals", "c"))
    first = SequenceStage(parts=(PatternPart(watch=Test("kind", "equals", "a"), times=2),), within=3_600_000)
    second = SequenceStage(
        parts=(late, PatternPart(watch=Test("kind", "equals", "d"), per=(("incident", "of"),))),
        name="akhir",
        guards=(Guard(part=PatternPart(watch=Test("x", "exists", value=True))),),
    )
    pattern = Sequence(stages=(first, second), guards=(Guard(part=late, within=60_000),), within=86_400_000)
    assert condition_written(pattern) == {
        "sequence": {
            "steps": [
                {"watch": {"kind": "a"}, "times": 2, "within": "1h"},
                {"but_not": {"x": {"exists": True}}},
                {
                    "name": "akhir",
                    "any_of": [
                        {"watch": {"kind": "c"}},
                        {"watch": {"kind": "d"}, "per": {"incident": "of"}},
                    ],
                },
                {"but_not": {"kind": "c"}, "within": "1m"},
            ],
            "within": "1d",
        }
    }
    assert condition_written(AllItems(items=(late,))) == {"all_of": {"items": [{"watch": {"kind": "c"}}]}}
