"""Files of tests as values: what may be left out, what is typed by how it is written, and what is refused where."""

import pytest

from engine.core.judging.instant import HOUR, MINUTE, SECOND, parse_instant
from engine.core.judging.region import RegionTable
from engine.documents.test_files.policy_tests import load_policy_tests
from engine.documents.test_files.rule_tests import load_rule_tests

HEAD = "inline_rules: [{id: r, watch: {kind: a.b}, alert_when: every_event}]\n"


def rule_test(tmp_path, body: str):
    """Return the one test of a file, with what is wrong with the file."""
    path = tmp_path / "a.test.yaml"
    path.write_text(f"{HEAD}tests:\n  - name: uji\n    {body}\n", encoding="utf-8")
    loaded = load_rule_tests(path)
    return next(iter(loaded.value.tests), None), [finding.code for finding in loaded.findings]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2024-11-25 10:00 WITA", "2024-11-25T10:00:00+08:00"),
        ("2024-11-25 10:00:30.25 WIT", "2024-11-25T10:00:30.250+09:00"),
        ("2024-11-25T10:00:00.007+07:00", "2024-11-25T10:00:00.007+07:00"),
    ],
)
def test_a_start_may_carry_milliseconds(tmp_path, written, instant):
    """With an offset or with the name of a zone (docs/specification/tests.md#offsets)."""
    test, _ = rule_test(tmp_path, f'start: "{written}"')
    assert test.start == parse_instant(instant)[0]


def test_only_instant_and_kind_are_needed(tmp_path):
    """The rest has a default; names are made so that no two events are one.

    Law: docs/specification/tests.md#events-of-a-test.
    """
    test, findings = rule_test(tmp_path, "events: [{at: +0m, kind: a.b}, {at: +1m, kind: a.b}]")
    first, second = (occurrence.event for occurrence in test.events)
    assert findings == []
    assert (first.region, first.severity, first.fields) == ("00", 1, {})
    assert first.id != second.id
    assert first.desk != second.desk
    assert test.run_until == MINUTE


def test_fields_nest_and_are_typed_by_how_they_are_written(tmp_path):
    """Quoted is text; a list is numbered; an empty value is no field."""
    event = (
        '{at: +0m, kind: a.b, metrics: {dead: 2, note: "2"}, subject.role: sekda, tags: [x, true], empty: }'
    )
    test, _ = rule_test(tmp_path, f"events: [{event}]")
    assert test.events[0].event.fields == {
        "metrics.dead": 2,
        "metrics.note": "2",
        "subject.role": "sekda",
        "tags.0": "x",
        "tags.1": True,
    }


def test_a_repeat_is_so_many_events(tmp_path):
    """The first at its instant, the others every so much later, each as late as the first."""
    repeat = "{repeat: {every: 5m, times: 3}, at: +10m, late_by: 1h, kind: a.b, id: X}"
    test, _ = rule_test(tmp_path, f"events: [{repeat}]")
    assert [occurrence.at for occurrence in test.events] == [10 * MINUTE, 15 * MINUTE, 20 * MINUTE]
    assert {occurrence.arrives - occurrence.at for occurrence in test.events} == {HOUR}
    assert len({occurrence.event.id for occurrence in test.events}) == 3


def test_instants_of_reports_may_be_offsets(tmp_path):
    """As all instants of a test."""
    test, _ = rule_test(tmp_path, "events: [{at: +0m, kind: a.b, reported_at: +30s}]")
    assert test.events[0].event_from(test.start).fields["reported_at"] == test.start + 30 * SECOND


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("evnts: []", "unknown_key"),
        ("events: [{kind: a.b}]", "required"),
        ("events: [{at: +0m}]", "required"),
        ("events: [{at: 10, kind: a.b}]", "duration_without_unit"),
        ("events: [{at: +0m, kind: a.b, region: 73.10}]", "unquoted_region"),
        ("events: [{at: +0m, kind: a.b, clock: 10:00}]", "unquoted_time"),
        ("expect: [{at: +0m, state: open}]", "not_a_choice"),
        ("expect: [{at: +0m, state: closes, reason: bosan}]", "not_a_choice"),
        ("expect: [{at: +0m, state: opens, group: {region: 73.10}}]", "unquoted_region"),
        ("check: [{at: +0m, opn: true}]", "unknown_key"),
        ("any_arrival_order: yes", "not_a_boolean"),
    ],
)
def test_mistakes_are_found_where_they_stand(tmp_path, body, code):
    """And the file gives no test out."""
    test, findings = rule_test(tmp_path, body)
    assert test is None
    assert code in findings


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("timeline: [{at: +0m, answr: {who: x}}]", "unknown_key"),
        ("timeline: [{at: +0m, answer: {who: x, says: terima}}]", "not_a_choice"),
        ("timeline: [{at: +0m, gateway: {name: sms, state: mati}}]", "not_a_choice"),
        ("timeline: [{at: +0m, event: {region: '73'}}]", "required"),
        ("expect: [{at: +0m, message: pertama}]", "not_a_choice"),
        ("expect: [{at: +0m, to: x}]", "unknown_key"),
        ("expect: [{at: +0m, message: first, alert: opens}]", "unknown_key"),
        ("expect: [{between: [+2m, +1m], message: first}]", "until_before_from"),
        ("nothing_else: semua", "not_a_choice"),
    ],
)
def test_mistakes_of_policy_tests_too(tmp_path, body, code):
    """With the same findings as every other file (docs/specification/tests.md#acts)."""
    path = tmp_path / "a.policy-test.yaml"
    path.write_text(f"{HEAD}tests:\n  - name: uji\n    {body}\n", encoding="utf-8")
    loaded = load_policy_tests(path, RegionTable(()))
    assert code in [finding.code for finding in loaded.findings]
    assert loaded.value.tests == ()
    assert loaded.value.names == ("uji",)


def test_what_a_test_brings_replaces_what_its_file_says(tmp_path):
    """Its own policies also where the file names a file of them (docs/specification/tests.md#rules-of-a-test)."""
    path = tmp_path / "a.policy-test.yaml"
    own = "inline_policies: [{id: p, steps: [{to: [sekda], wait: 10m}]}]"
    path.write_text(
        f"{HEAD}policies: tidak-ada.yaml\ntests:\n  - {{name: satu}}\n  - name: dua\n    {own}\n",
        encoding="utf-8",
    )
    first, second = load_policy_tests(path, RegionTable(())).value.tests
    assert "file_unreadable" in [finding.code for finding in first.scene.unusable]
    assert second.scene.unusable == ()
    assert [policy.id for policy in second.scene.policies] == ["p"]
