"""Rules as they come out of their files: every key of the language that is built, defaults, versions."""

import re
from pathlib import Path

import msgspec
import pytest

from engine.core.judging.condition import Condition, Count, Distinct, EveryEvent, Value
from engine.core.judging.filter import EVERYTHING, AllOf, AnyOf, Filter, Limit, Test, Unless
from engine.core.judging.instant import DAY, HOUR, MINUTE, parse_instant
from engine.core.judging.rule import Clear, LevelStep, Rule, TellAgain
from engine.documents.finding import Findings
from engine.documents.kinds import load_kinds
from engine.documents.policies import load_policies
from engine.documents.reference_data import ANYTHING, ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import inline_rules, load_rules, read_rules, version_of
from engine.documents.yaml_tree import MappingNode, compose
from engine.errors import ConfigurationError

KEYS = {
    "id": "satu",
    "title": "Satu",
    "short_title": "Satu",
    "owner": "Biro",
    "why": "SKB",
    "guide": "sop/satu.md",
    "level": "siaga",
    "watch": "{severity: 2}",
    "alert_when": "every_event",
    "escalate": "netralitas",
}
COUNT = "{count: {at_least: 3, within: 7d}}"
VALUE = "{value: {field: metrics.tps, above: 5}}"


def text(head: str = "", **keys: str) -> str:
    lines = [f"{key}: {value}" for key, value in {**KEYS, **keys}.items()]
    return f"version: 1\n{head}rules:\n  - " + "\n    ".join(lines) + "\n"


def one(head: str = "", **keys: str) -> Rule:
    (rule,) = read_rules([("r.yaml", text(head, **keys).encode())], ReferenceData()).expect()
    return rule


def test_what_a_rule_leaves_out_follows_from_its_condition():
    """An event condition ends by hand, a state when it is no longer true; only what can be undone waits."""
    event, state, few = (
        one(),
        one(alert_when=VALUE),
        one(alert_when="{distinct: {of: incident, at_most: 3, within: 1d}}"),
    )
    assert (event.clear, event.wait_for_late) == (Clear("by_hand"), 0)
    assert (state.clear, state.wait_for_late) == (Clear("no_longer_true"), 0)
    assert (few.clear, few.wait_for_late) == (Clear("no_longer_true"), 10 * MINUTE)
    assert one(alert_when=VALUE, hold_for="1h").wait_for_late == 10 * MINUTE
    assert one(alert_when=VALUE, hold_for="1h", wait_for_late="0s").wait_for_late == 0
    assert (event.per, event.late_horizon, event.start_again) == (("region",), 72 * HOUR, False)
    assert (event.hold_for, event.keep_open_for, event.tell_again) == (0, 0, TellAgain())
    assert (event.effective_from, event.effective_until, event.source) == (None, None, "r.yaml:3")


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ("every_event", EveryEvent()),
        ("{every_event: {}}", EveryEvent()),
        ("{every_event: }", EveryEvent()),
        (COUNT, Count(3, 7 * DAY)),
        ("{count: {at_least: 2.5, within: 1h, weight: metrics.count}}", Count(2.5, HOUR, "metrics.count")),
        (
            "{distinct: {of: incident, at_least: 3, within: 7d}}",
            Distinct(("incident",), Limit("at_least", 3), 7 * DAY),
        ),
        (
            "{distinct: {of: [source.desk, incident], at_most: 0, within: 1h30m}}",
            Distinct(("source.desk", "incident"), Limit("at_most", 0), 90 * MINUTE),
        ),
        (VALUE, Value("metrics.tps", Limit("above", 5))),
        (
            "{value: {field: verification, one_of: [verified, refuted]}}",
            Value("verification", one_of=("verified", "refuted")),
        ),
    ],
)
def test_conditions(written: str, condition: Condition):
    assert one(alert_when=written).condition == condition


@pytest.mark.parametrize(
    ("written", "watch"),
    [
        ("{}", EVERYTHING),
        ("{kind: neutrality.asn}", Test("kind", "equals", "neutrality.asn")),
        ("{kind: neutrality.*}", Test("kind", "prefix", "neutrality.")),
        (
            "{kind: [conflict.*, attack.office]}",
            AnyOf((Test("kind", "equals", "attack.office"), Test("kind", "prefix", "conflict."))),
        ),
        ('{region: "73"}', Test("region", "lies_in", ("73",))),
        ('{region: ["73.15", "00"]}', Test("region", "lies_in", ("73.15", "00"))),
        ('{region: {equals: "73"}}', Test("region", "lies_in", ("73",))),
        ('{region: "73.*"}', Test("region", "prefix", "73.")),
        ("{severity: 3}", Test("severity", "equals", 3)),
        ("{severity: [2, 3]}", Test("severity", "one_of", (2, 3))),
        (
            "{severity: {at_least: 2, below: 4}}",
            AllOf((Test("severity", "at_least", 2), Test("severity", "below", 4))),
        ),
        ('{incident: "12"}', Test("incident", "equals", "12")),
        ("{incident: {matches: '^A[0-9]+$'}}", Test("incident", "matches", "^A[0-9]+$")),
        ("{incident: {exists: false}}", Test("incident", "exists", value=False)),
        ("{source.channel: {in_list: resmi}}", Test("source.channel", "one_of", ("bawaslu", "polri"))),
        ("{where: resmi}", Test("source.channel", "one_of", ("bawaslu", "polri"))),
        (
            "{where: [resmi, berat]}",
            AllOf((Test("source.channel", "one_of", ("bawaslu", "polri")), Test("severity", "at_least", 3))),
        ),
        ("{unless: {where: berat}}", Unless(Test("severity", "at_least", 3))),
        (
            "{any: [{where: berat}, {stage: pungut}], severity: 2}",
            AllOf(
                (
                    AnyOf((Test("severity", "at_least", 3), Test("stage", "equals", "pungut"))),
                    Test("severity", "equals", 2),
                )
            ),
        ),
    ],
)
def test_filters(written: str, watch: Filter):
    head = (
        "lists: {resmi: [bawaslu, polri]}\n"
        "filters: {resmi: {source.channel: {in_list: resmi}}, berat: {severity: {at_least: 3}}}\n"
    )
    assert one(head, watch=written).watch == watch


@pytest.mark.parametrize(
    ("written", "levels", "by_severity"),
    [
        ("awas", (LevelStep(4),), False),
        ("severity", (), True),
        (
            "{awas: {above: 20}, waspada: always, siaga: {at_least: 5}}",
            (LevelStep(2), LevelStep(3, Limit("at_least", 5)), LevelStep(4, Limit("above", 20))),
            False,
        ),
    ],
)
def test_levels(written: str, levels: tuple[LevelStep, ...], by_severity: bool):
    rule = one(level=written, alert_when=COUNT)
    assert (rule.levels, rule.by_severity) == (levels, by_severity)


@pytest.mark.parametrize(
    ("written", "clear"),
    [
        ("by_hand", Clear("by_hand")),
        ("no_longer_true", Clear("no_longer_true")),
        ("{quiet_for: 12h}", Clear("quiet", quiet_for=12 * HOUR)),
        ("{at_most: 1}", Clear("limit", limit=Limit("at_most", 1))),
        ("{below: 3}", Clear("limit", limit=Limit("below", 3))),
        ("{event: {kind: followup.police}}", Clear("event", event=Test("kind", "equals", "followup.police"))),
    ],
)
def test_endings(written: str, clear: Clear):
    assert one(alert_when=COUNT, clear_when=written).clear == clear


@pytest.mark.parametrize(
    ("written", "again"),
    [
        ("[value_doubles]", TellAgain(value_doubles=True)),
        ("value_doubles", TellAgain(value_doubles=True)),
        ("{every: 4h}", TellAgain(every=4 * HOUR)),
        (
            "[value_doubles, {from: 1h, growing_to: 12h}]",
            TellAgain(value_doubles=True, every=HOUR, growing_to=12 * HOUR),
        ),
    ],
)
def test_telling_again(written: str, again: TellAgain):
    assert one(alert_when=COUNT, tell_again=written).tell_again == again


def test_the_other_keys():
    rule = one(
        alert_when=VALUE,
        per="[regency, incident]",
        hold_for="30m",
        keep_open_for="1h",
        after_opening="start_again",
        late_horizon="2d",
        effective="{from: 2024-11-24T00:00:00+07:00, until: 2024-11-28 00:00 WIT}",
    )
    assert (rule.per, rule.hold_for, rule.keep_open_for) == (("regency", "incident"), 30 * MINUTE, HOUR)
    assert (rule.start_again, rule.late_horizon) == (True, 2 * DAY)
    assert rule.effective_from == parse_instant("2024-11-24T00:00:00+07:00")[0]
    assert rule.effective_until == parse_instant("2024-11-27T15:00:00Z")[0]


def test_defaults_stand_under_the_rules_of_their_file_only():
    head = "defaults: {owner: Biro Otda, level: awas}\n"
    bare = text(head).replace("    owner: Biro\n", "").replace("    level: siaga\n", "")
    (rule,) = read_rules([("r.yaml", bare.encode())], ReferenceData()).expect()
    assert (rule.owner, rule.levels) == ("Biro Otda", (LevelStep(4),))
    own = one(head)
    assert (own.owner, own.levels) == ("Biro", (LevelStep(3),))
    other = bare.replace(head, "").replace("id: satu", "id: dua")
    findings = read_rules([("r.yaml", bare.encode()), ("s.yaml", other.encode())], ReferenceData()).findings
    assert [(f.file, f.code, dict(f.facts)["key"]) for f in findings] == [
        ("s.yaml", "required", "level"),
        ("s.yaml", "required", "owner"),
    ]


def test_a_mistake_in_defaults_is_found_once_even_where_no_rule_uses_it():
    two = text("defaults: {late_horizon: 3}\n", late_horizon="1d")
    findings = read_rules([("r.yaml", two.encode())], ReferenceData()).findings
    assert [(f.code, f.line) for f in findings] == [("duration_without_unit", 2)]


def test_lists_and_filters_are_known_in_every_file():
    shared = b"version: 1\nlists: {resmi: [kpu]}\nfilters: {resmi: {source.channel: {in_list: resmi}}}\n"
    rules = read_rules(
        [("a.yaml", text(watch="{where: resmi}").encode()), ("b.yaml", shared)], ReferenceData()
    ).expect()
    assert [rule.watch for rule in rules] == [Test("source.channel", "equals", "kpu")]


def test_all_of_it_is_valid_or_nothing_is_loaded():
    """Law: docs/specification/rules.md#rule-set."""
    good, bad = text().encode(), text(id="dua", level="merah").encode()
    loaded = read_rules([("a.yaml", good), ("b.yaml", bad)], ReferenceData())
    assert (loaded.value, loaded.valid) == ((), False)
    with pytest.raises(ConfigurationError, match=r"b\.yaml:9:12: not_a_level"):
        loaded.expect()


def test_advice_does_not_keep_rules_from_loading():
    loaded = read_rules([("a.yaml", text("lists: {a: [x]}\n").encode())], ReferenceData())
    assert [finding.severity for finding in loaded.findings] == ["warning"]
    assert len(loaded.expect()) == 1


def test_the_version_is_of_the_content_alone():
    rule = one()
    assert re.fullmatch(r"[0-9a-f]{12}", rule.version)
    moved = read_rules([("elsewhere.yaml", ("# moved\n" + text()).encode())], ReferenceData()).expect()[0]
    assert (moved.version, moved.source) == (rule.version, "elsewhere.yaml:4")
    assert version_of(rule) == rule.version


@pytest.mark.parametrize(
    "change",
    [{"watch": "{severity: 3}"}, {"owner": "Biro Hukum"}, {"escalate": "lain"}, {"alert_when": COUNT}],
)
def test_every_change_of_content_is_another_version(change: dict[str, str]):
    assert one(**change).version != one().version


def test_a_changed_list_changes_the_version_of_the_rules_that_use_it():
    first = one("lists: {a: [kpu, polri]}\n", watch="{source.channel: {in_list: a}}")
    second = one("lists: {a: [kpu, media]}\n", watch="{source.channel: {in_list: a}}")
    written_out = one(watch="{source.channel: [kpu, polri]}")
    assert first.version != second.version
    assert first.version == written_out.version


def test_a_key_that_a_later_version_adds_changes_no_version():
    """The encoding of a rule that says nothing special is known, so a change of it does not go unseen."""
    assert one().version == "d38f91bce5fa"


def test_filters_may_lie_in_each_other_but_not_endlessly():
    def nested(depth: int) -> str:
        return "{unless: " * (depth - 1) + "{severity: 2}" + "}" * (depth - 1)

    def chained(length: int) -> str:
        names = "".join(f"f{n}: {{unless: {{any: [{{where: f{n - 1}}}]}}}}, " for n in range(1, length))
        return f"filters: {{f0: {{severity: 2}}, {names}}}\n"

    assert isinstance(one(watch=nested(20)).watch, Unless)
    for head, watch in (("", nested(21)), (chained(40), "{where: f39}"), (chained(400), "{where: f399}")):
        codes = {
            f.code
            for f in read_rules([("r.yaml", text(head, watch=watch).encode())], ReferenceData()).findings
        }
        assert "filter_too_large" in codes


def test_what_only_an_unused_filter_names_is_unused_too():
    head = "lists: {a: [kpu]}\nfilters: {b: {where: c}, c: {source.channel: {in_list: a}}}\n"
    findings = read_rules([("r.yaml", text(head).encode())], ReferenceData()).findings
    assert [finding.code for finding in findings] == ["unused_list", "unused_filter", "unused_filter"]


def test_inline_rules_of_a_test_need_little_and_know_any_name():
    body = compose(
        b"filters: {f: {warna: merah}}\n"
        b"inline_rules:\n"
        b"  - {id: a, watch: {kind: apa.saja, region: '99.99', where: f}, alert_when: every_event}\n",
        "x.test.yaml",
        Findings(),
    )
    assert isinstance(body, MappingNode)
    (rule,) = inline_rules(body, ANYTHING).expect()
    assert (rule.title, rule.short_title, rule.levels) == ("a", "a", (LevelStep(3),))
    assert rule.watch == AllOf(
        (
            Test("kind", "equals", "apa.saja"),
            Test("region", "lies_in", ("99.99",)),
            Test("warna", "equals", "merah"),
        )
    )


def test_rules_go_through_the_codec_unchanged():
    rule = one(alert_when=COUNT, watch="{any: [{severity: [2, 3]}, {unless: {stage: pungut}}]}")
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule


def test_the_shipped_rules_are_clean():
    """No finding but what an installation must bring itself (desks, figures of its regions); every rule has a test."""
    policies = load_policies(Path("config/policies.yaml")).expect()
    known = ReferenceData(
        kinds=frozenset(load_kinds(Path("config/kinds.yaml"))),
        regions=load_regions(Path("config/regions.csv")),
        policies=frozenset(policy.id for policy in policies),
    )
    loaded = load_rules(Path("rules"), known)
    assert {finding.code for finding in loaded.findings} <= {"nobody_expected", "column_incomplete"}
    assert {policy.id for policy in policies} == {rule.escalate for rule in loaded.expect()}
