"""`siaga check`: which files it reads as what, what it prints, how it ends."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.policy_staff.check import check
from engine.documents.check import inspect
from engine.settings import Paths

RULE = """version: 1
rules:
  - id: satu
    title: Satu
    short_title: Satu
    owner: Biro
    why: SKB
    guide: SE 1/2024
    level: siaga
    watch: {where: resmi}
    alert_when: every_event
    escalate: satu
"""
FILTERS = "version: 1\nfilters: {resmi: {source.channel: kpu}}\n"
POLICIES = "version: 1\npolicies: [{id: satu, steps: [{to: [sekda], wait: 30m}]}]\n"
TEST = "tests: [{expect: [{at: +0m, rule: satu}]}]\n"


@pytest.fixture
def places(tmp_path: Path) -> Paths:
    """An installation with one rule, one policy, one filter in a file of its own, and nothing else."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/satu.yaml").write_text(RULE)
    (tmp_path / "rules/filters.yaml").write_text(FILTERS)
    (tmp_path / "rules/satu.test.yaml").write_text(TEST)
    (tmp_path / "policies.yaml").write_text(POLICIES)
    missing = tmp_path / "missing"
    return Paths(
        rules=tmp_path / "rules",
        policies=tmp_path / "policies.yaml",
        directory=missing,
        regions=missing,
        calendar=missing,
        kinds=missing,
    )


def codes(paths: list[Path], places: Paths) -> list[tuple[str, str]]:
    return [(Path(finding.file).name, finding.code) for finding in inspect(paths, places).findings]


def run(*arguments: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(check)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout


def test_all_of_the_installation_where_nothing_is_named(places: Paths):
    inspected = inspect([], places)
    assert (inspected.findings, inspected.rules, inspected.policies) == ((), 1, 1)


def test_one_file_of_the_installation_is_read_with_the_others(places: Paths):
    """Its filter stands in another file, its policy and its test too."""
    assert codes([places.rules / "satu.yaml"], places) == []


def test_a_mistake_in_another_file_is_not_reported_for_this_one(places: Paths):
    (places.rules / "dua.yaml").write_text("version: 1\nrulez: []\n")
    assert codes([places.rules / "satu.yaml"], places) == []
    assert codes([places.rules], places) == [("dua.yaml", "unknown_key")]


def test_policies_named_beside_rules_are_those_that_count(places: Paths, tmp_path: Path):
    other = tmp_path / "other.yaml"
    other.write_text(POLICIES.replace("id: satu", "id: dua"))
    assert codes([places.rules, other], places) == [("satu.yaml", "unknown_policy")]


def test_a_bad_policy_file_is_reported_and_blames_no_rule(places: Paths):
    places.policies.write_text("version: 1\npolicies: [{id: dua}]\n")
    assert codes([places.rules, places.policies], places) == [("policies.yaml", "required")]


def test_the_syntax_of_a_test_is_checked(places: Paths):
    (places.rules / "dua.test.yaml").write_text("tests: [\n")
    assert codes([places.rules], places) == [("dua.test.yaml", "not_yaml")]


def test_fine_ends_with_0():
    exit_code, printed = run()
    assert exit_code == 0
    assert printed.splitlines()[-1].startswith("Sah: ")


def test_findings_end_with_1(tmp_path: Path):
    (tmp_path / "r.yaml").write_text(RULE)
    exit_code, printed = run(tmp_path / "r.yaml", "--lang", "en")
    assert exit_code == 1
    assert f"{tmp_path / 'r.yaml'}:10:20: unknown_filter there is no filter `resmi`" in printed
    assert "    watch: {where: resmi}\n                       ^\n" in printed
    assert "\x1b" not in printed, "plain where it is not a terminal"


def test_advice_alone_ends_with_0(tmp_path: Path):
    (tmp_path / "f.yaml").write_text(FILTERS)
    exit_code, printed = run(tmp_path / "f.yaml")
    assert (exit_code, "unused_filter" in printed) == (0, True)


@pytest.mark.parametrize("arguments", [("missing.yaml",), ("--lang", "fr"), ("--format", "xml")])
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]):
    assert run(*arguments)[0] == 2


def test_json_is_one_object(tmp_path: Path):
    (tmp_path / "r.yaml").write_text(RULE)
    exit_code, printed = run(tmp_path, "--format", "json")
    report = json.loads(printed)
    assert (exit_code, report["valid"], report["errors"]) == (1, False, 2)
    assert [finding["code"] for finding in report["findings"]] == [
        "untested",
        "unknown_filter",
        "unknown_policy",
    ]
    assert set(report["findings"][0]["message"]) == {"id", "en"}


def test_a_calendar_is_checked_as_one(tmp_path):
    """Its stages are read, not passed over."""
    path = tmp_path / "tahapan.yaml"
    path.write_text('version: 1\nstages: [{id: a, from: besok, until: "2024-11-28 00:00 local"}]\n')
    assert [finding.code for finding in inspect([path], Paths()).findings] == ["not_an_instant"]


def test_a_stage_must_stand_in_the_calendar(places: Paths, tmp_path: Path):
    """A step that waits for a stage nobody has would never start; a named calendar counts first."""
    step = "{to: [sekda], wait: 30m, when: {stage: hari_h}}"
    places.policies.write_text(f"version: 1\npolicies: [{{id: satu, steps: [{step}]}}]\n")
    assert codes([places.policies], places) == [("policies.yaml", "unknown_stage")]
    calendar = tmp_path / "calendar.yaml"
    span = 'from: "2024-11-27 00:00 local", until: "2024-11-28 00:00 local"'
    calendar.write_text(f"version: 1\nstages: [{{id: hari_h, {span}}}]\n")
    assert codes([places.policies, calendar], places) == []
