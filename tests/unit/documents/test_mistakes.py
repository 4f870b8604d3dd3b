"""Mistakes at the edges: in maps within maps, one step beside a bound, and two that must not breed a third."""

from pathlib import Path

import pytest

from engine.core.judging.region import RegionTable
from engine.documents.csv_table import read_table
from engine.documents.directory import load_directory
from engine.documents.finding import Findings
from engine.documents.policies import read_policies
from engine.documents.reference_data import ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import read_rules
from engine.documents.yaml_tree import compose

REGIONS = load_regions(Path("config/regions.csv"))
KEYS = {
    "id": "satu",
    "title": "Satu",
    "short_title": "Satu",
    "owner": "Biro",
    "why": "SKB",
    "guide": "sop/satu.md",
    "level": "siaga",
    "watch": "{severity: 2}",
    "alert_when": "{count: {at_least: 3, within: 7d}}",
    "escalate": "netralitas",
}
VALUE = "{value: {field: metrics.tps, above: 5}}"
ONE_OF = "{value: {field: stage, one_of: [pungut]}}"


def in_rule(head: str = "", **keys: str) -> list[str]:
    """Return the codes of the findings on one rule with these keys."""
    lines = "\n    ".join(f"{key}: {value}" for key, value in {**KEYS, **keys}.items())
    text = f"version: 1\n{head}rules:\n  - {lines}\n"
    return [
        finding.code
        for finding in read_rules([("r.yaml", text.encode())], ReferenceData(regions=REGIONS)).findings
    ]


def in_policy(keys: str, step: str = "") -> list[str]:
    text = f"version: 1\npolicies: [{{id: a, steps: [{{to: [sekda], wait: 30m{step}}}]{keys}}}]\n"
    findings = Findings()
    node = compose(text.encode(), "p.yaml", findings)
    assert node is not None
    return [finding.code for finding in read_policies(node, findings, REGIONS).findings]


def in_directory(folder: Path, text: str, name: str = "d.yaml") -> list[str]:
    (folder / name).write_text(text)
    return [finding.code for finding in load_directory(folder / name, REGIONS).findings]


@pytest.mark.parametrize(
    "keys",
    [
        {"alert_when": "{count: {at_least: 3, within: 7d, x: 1}}"},
        {"alert_when": "{every_event: {x: 1}}"},
        {"clear_when": "{quiet_for: 1d, x: 1}"},
        {"level": "{waspada: always, siaga: {at_least: 5, x: 1}}"},
        {"tell_again": "[{every: 4h, x: 1}]"},
        {"effective": "{from: 2024-11-24 00:00 WIB, x: 1}"},
    ],
)
def test_an_unknown_key_within_a_rule(keys: dict[str, str]):
    assert in_rule(**keys) == ["unknown_key"]


@pytest.mark.parametrize(
    ("keys", "step"),
    [
        (", repeat: {times: 1, x: 1}", ""),
        (", acknowledge: {grade: 2, x: 1}", ""),
        (", quiet: {hours: '22:00-05:00 local', levels: [waspada], x: 1}", ""),
        (", inform: [{role: sekda, x: 1}]", ""),
        ("", ", x: 1"),
        ("", ", when: {not_resolved: true, x: 1}"),
        ("", ", when: {level: {at_least: siaga, x: 1}}"),
    ],
)
def test_an_unknown_key_within_a_policy(keys: str, step: str):
    assert in_policy(keys, step) == ["unknown_key"]


CONTACT = '{channel: sms, value: "+628110000001"}'
PERSON = f"version: 1\npeople: [{{id: a, contacts: [{CONTACT}]}}]\n"


@pytest.mark.parametrize(
    "text",
    [
        PERSON + "x: 1\n",
        PERSON.replace("id: a", "id: a, x: 1"),
        PERSON.replace("channel: sms", "channel: sms, x: 1"),
        PERSON.replace("id: a", "id: a, away: [{from: 2024-11-26, x: 1}]"),
        PERSON + 'assignments: [{position: {region: "73", role: sekda}, person: a, x: 1}]\n',
        PERSON + 'assignments: [{position: {region: "73", role: sekda, x: 1}, person: a}]\n',
        PERSON + "deputies: [{of: a, deputy: a, x: 1}]\n",
        PERSON + 'roster: [{position: {region: "73", role: posko}, person: a, x: 1}]\n',
    ],
)
def test_an_unknown_key_within_a_directory(text: str, tmp_path: Path):
    assert in_directory(tmp_path, text) == ["unknown_key"]


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        ({"per": "[regency, incidnt]"}, ["unknown_group_key"]),
        ({"alert_when": "{distinct: {of: [incidnt], at_least: 3, within: 7d}}"}, ["unknown_field"]),
        ({"watch": "{exercise: 1}"}, ["not_a_boolean"]),
        ({"watch": "{exercise: true}"}, []),
        ({"watch": "{confidence: 1}"}, []),
        ({"watch": "{confidence: 1.5}"}, ["limit_never_met"]),
        ({"watch": "{severity: siaga}"}, ["severity_by_number"]),
        ({"watch": "{severity: {at_least: 4, at_most: 4}}"}, []),
        ({"watch": "{severity: {at_least: 4, below: 4}}"}, ["limit_never_met"]),
        ({"watch": "{region: {in_list: x}}"}, ["unknown_list"]),
        ({"watch": "{any: []}"}, ["list_length"]),
        ({"alert_when": "{count: {at_least: 1, within: 7d}}"}, []),
        ({"alert_when": "{count: {at_least: 0.5, within: 7d, weight: metrics.count}}"}, []),
        ({"alert_when": "{count: {at_least: 3}}"}, ["required"]),
        ({"alert_when": "{value: {field: severity, above: 4}}"}, ["limit_never_met"]),
        ({"alert_when": "{value: {field: stage, at_least: 4}}"}, ["field_not_a_number"]),
        ({"alert_when": "{value: {field: severity}}"}, ["limit_missing"]),
        ({"tell_again": "{from: 1h, growing_to: 1h}"}, []),
        ({"tell_again": "{from: 1h}"}, ["tell_again_form"]),
        ({"tell_again": "value_doubles", "alert_when": "every_event"}, ["needs_figure"]),
        ({"level": "{waspada: always, siaga: {at_least: 5}}", "alert_when": ONE_OF}, ["needs_figure"]),
        ({"level": "{waspada: always, siaga: {at_most: 2}}"}, ["limit_never_met"]),
        ({"level": "{waspada: always, siaga: {at_least: 5}, awas: {at_least: 4}}"}, ["level_hides_lower"]),
        ({"clear_when": "{below: 1}", "alert_when": ONE_OF}, ["needs_figure"]),
        ({"clear_when": "{at_most: 2}"}, []),
        ({"clear_when": "{at_most: -1}"}, ["limit_never_met"]),
        ({"clear_when": "{at_most: 5}", "alert_when": VALUE}, []),
        ({"clear_when": "{below: 6}", "alert_when": VALUE}, ["clear_on_wrong_side"]),
        ({"clear_when": "{at_most: 1}", "keep_open_for": "1h"}, []),
        ({"clear_when": "{quiet_for: 1d}", "keep_open_for": "1h"}, ["keep_open_in_vain"]),
        ({"clear_when": "no_longer_true"}, []),
        ({"clear_when": "no_longer_true", "alert_when": "every_event", "keep_open_for": "1h"}, []),
        ({"keep_open_for": "1h", "alert_when": VALUE}, []),
        ({"hold_for": "1h", "alert_when": "{distinct: {of: incident, at_most: 2, within: 1d}}"}, []),
        ({"hold_for": "0s"}, []),
        ({"level": "1"}, ["not_a_level"]),
        ({"level": "2"}, ["level_by_number"]),
        ({"watch": "{stage: pu*}"}, []),
        ({"watch": "{stage: x*}"}, ["not_a_choice"]),
        ({"alert_when": "{distinct: {of: incident, at_most: -1, within: 7d}}"}, ["limit_never_met"]),
    ],
)
def test_what_fits_together_in_a_rule(keys: dict[str, str], codes: list[str]):
    assert in_rule(**keys) == codes


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        # the condition is unusable, so nothing is said of what would have to fit it
        (
            {"alert_when": "{count: {at_least: 9, within: 7}}", "clear_when": "{at_most: 9}"},
            ["duration_without_unit"],
        ),
        ({"alert_when": "{distinct: {of: incident, at_least: tiga, within: 7d}}"}, ["not_a_number"]),
        ({"level": "{waspada: always, siaga: {at_least: lima}}"}, ["not_a_number"]),
        ({"watch": "{severity: 2, any: [{kindd: x}]}"}, ["unknown_field"]),
    ],
)
def test_a_mistake_does_not_breed_another(keys: dict[str, str], codes: list[str]):
    assert in_rule(**keys) == codes


def test_what_no_rule_uses_is_checked_all_the_same():
    head = "lists: {a: [10:00]}\nfilters: {b: {severity: 9}}\n"
    assert in_rule(head) == ["unused_list", "unquoted_time", "unused_filter", "limit_never_met"]


def test_a_region_in_a_list_needs_quotes_where_the_list_is_used_for_regions():
    head = "lists: {sulsel: [73.15, '73.16']}\n"
    assert in_rule(head, watch="{region: {in_list: sulsel}}") == ["unquoted_region"]
    assert in_rule(head, watch="{metrics.tps: {in_list: sulsel}}") == ["not_a_number"]


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        ('"73.51"', "did you mean `73.15`?"),  # among the regencies of the same province
        ('"37"', "did you mean `73`?"),
        ("32.1", 'write `"32.10"`'),  # what plain YAML has made 32.1 of
    ],
)
def test_what_is_suggested_for_a_region(written: str, suggestion: str):
    text = f"version: 1\nfilters: {{a: {{region: {written}}}}}\n"
    findings = read_rules([("r.yaml", text.encode())], ReferenceData(regions=REGIONS)).findings
    assert findings[-1].text("en").suggestion == suggestion


@pytest.mark.parametrize(
    ("spans", "codes"),
    [
        ("away: [{from: 2024-11-26, until: 2024-11-26}]", []),
        ("away: [{from: 2024-11-26, until: 2024-11-25}]", ["until_before_from"]),
    ],
)
def test_a_last_day_may_be_the_first(spans: str, codes: list[str], tmp_path: Path):
    assert in_directory(tmp_path, PERSON.replace("id: a", f"id: a, {spans}")) == codes


@pytest.mark.parametrize(("until", "codes"), [("06:00", ["until_before_from"]), ("06:01", [])])
def test_a_shift_ends_after_it_begins(until: str, codes: list[str], tmp_path: Path):
    duty = f'person: a, from: "2024-11-27 06:00", until: "2024-11-27 {until}"'
    text = PERSON + f'roster: [{{position: {{region: "73", role: posko}}, {duty}}}]\n'
    assert in_directory(tmp_path, text) == codes


@pytest.mark.parametrize(("second", "codes"), [("14:00", []), ("13:59", ["overlapping_duties"])])
def test_shifts_that_touch_do_not_overlap(second: str, codes: list[str], tmp_path: Path):
    position = '{position: {region: "73", role: posko}, person: a'
    text = (
        f'{PERSON}roster:\n  - {position}, from: "2024-11-27 {second}", until: "2024-11-27 22:00"}}\n'
        f'  - {position}, from: "2024-11-27 06:00", until: "2024-11-27 14:00"}}\n'
    )
    assert in_directory(tmp_path, text) == codes


def test_offices_without_a_role_do_not_overlap(tmp_path: Path):
    """What is missing is said once for each; that both lack it makes them no pair."""
    offices = '{position: {region: "73"}, person: a}, ' * 2
    assert in_directory(tmp_path, PERSON + f"assignments: [{offices}]\n") == ["required", "required"]


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("https://a.example/x?y=1", True),
        ("https://a.example:8443/", True),
        ("https:///x", False),
        ("https://a.example:0/", False),
        ("https://a.example:99999/", False),
        ("https://[::1", False),
        ("ftp://a.example", False),
    ],
)
def test_webhooks(value: str, good: bool, tmp_path: Path):
    text = f"version: 1\npeople: [{{id: a, contacts: [{{channel: webhook, value: '{value}'}}]}}]\n"
    assert in_directory(tmp_path, text) == ([] if good else ["not_a_webhook"])


def test_tables_that_cannot_be_read(tmp_path: Path):
    table = tmp_path / "t.csv"

    def codes(limit: int = 100) -> list[tuple[str, int]]:
        findings = Findings()
        assert read_table(table, ["a"], ["b"], findings, limit) == []
        return [(finding.code, finding.line) for finding in findings]

    assert codes() == [("file_unreadable", 1)]
    table.write_bytes(b"a\nx\n\xff\n")
    assert codes() == [("not_utf8", 3)]
    table.write_bytes(b"# nothing\n\n")
    assert codes() == [("file_empty", 1)]
    table.write_bytes(b"a\n" + b"#" * 99)
    assert codes() == [("file_too_large", 1)]
    assert codes(101) == []


@pytest.mark.parametrize(("outer", "codes"), [(25, []), (26, ["too_deep"])])
def test_depth_is_counted_through_aliases(outer: int, codes: list[str]):
    """A map, `outer` lists, and in them an alias of 24 lists: fifty levels are good, one more is not."""
    findings = Findings()
    text = f"a: &a {'[' * 24}x{']' * 24}\nb: {'[' * (outer - 1)}*a{']' * (outer - 1)}\n"
    compose(text.encode(), "x.yaml", findings)
    assert [finding.code for finding in findings] == codes


def test_rules_of_an_unknown_country_are_not_held_against_a_table():
    text = b"version: 1\nfilters: {a: {region: '99.99'}}\n"
    assert [f.code for f in read_rules([("r.yaml", text)], ReferenceData()).findings] == ["unused_filter"]
    empty = ReferenceData(regions=RegionTable(()))
    assert [f.code for f in read_rules([("r.yaml", text)], empty).findings] == [
        "unused_filter",
        "unknown_region",
    ]
