"""The schemas for editors: what ships is valid, and schema and loader know the same keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
import yaml

from engine.cli.config import text_of
from engine.core.judging.region import RegionTable
from engine.documents.finding import Findings
from engine.documents.policies import read_policies
from engine.documents.reference_data import ANYTHING
from engine.documents.rules.conditions import words
from engine.documents.rules.filters import Filters
from engine.documents.rules.rule_document import RuleDocumentReader
from engine.documents.rules.rules import read_rules
from engine.documents.rules.schema import documents, keys_of, schema_of
from engine.documents.test_files.policy_tests import load_policy_tests
from engine.documents.test_files.rule_tests import load_rule_tests
from engine.documents.yaml_tree import compose

ROOT = Path(__file__).parents[3]
STRANGE = "zzz_kunci_asing"


class _Plain(yaml.SafeLoader):
    """YAML as editors read it: no dates, no numbers in base 60, no `yes`."""

    yaml_implicit_resolvers: ClassVar = {
        sign: [
            (tag, form) for tag, form in pairs if tag in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:null")
        ]
        for sign, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Plain.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_Plain.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))


def files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def shipped() -> Iterator[tuple[str, Path]]:
    for path in files("rules/**/*.yaml"):
        kind = "policy-test" if path.name.endswith(".policy-test.yaml") else "rules"
        yield "test" if path.name.endswith(".test.yaml") else kind, path
    for path in files("tests/acceptance/**/*.test.yaml"):
        yield "test", path
    for path in files("tests/acceptance/**/*.policy-test.yaml"):
        yield "policy-test", path
    for path in files("config/policies.yaml", "config/demo/*policies*.yaml"):
        yield "policy", path


@pytest.mark.parametrize(
    ("document", "path"), list(shipped()), ids=lambda value: getattr(value, "name", value)
)
def test_what_ships_is_valid(document: str, path: Path) -> None:
    value = yaml.load(path.read_text(), Loader=_Plain)  # noqa: S506 -- a safe loader with fewer tags
    errors = [
        f"{error.json_path}: {error.message[:200]}"
        for error in jsonschema.Draft202012Validator(schema_of(document)).iter_errors(value)
    ]
    assert errors == []


@pytest.mark.parametrize("document", documents())
def test_the_schemas_are_schemas_and_stand_in_docs(document: str) -> None:
    """Made again by `siaga schema --out docs/schema`."""
    jsonschema.Draft202012Validator.check_schema(schema_of(document))
    assert (ROOT / f"docs/schema/{document}.schema.json").read_text() == text_of(document)


def test_a_mistake_in_a_key_is_seen() -> None:
    validator = jsonschema.Draft202012Validator(schema_of("rules"))
    assert validator.is_valid(
        {"version": 1, "rules": [{"id": "a", "watch": {"kind": "a.b"}, "alert_when": "every_event"}]}
    )
    assert not validator.is_valid({"version": 1, "rules": [{"id": "a", "wacth": {}}]})
    assert not validator.is_valid(
        {"version": 1, "rules": [{"id": "a", "alert_when": {"count": {}, "distinct": {}}}]}
    )


# --- the loader's own keys -------------------------------------------------------------------------------------------


def test_keys_of_a_rule_are_those_of_the_loader() -> None:
    findings = Findings()
    known = set(RuleDocumentReader(ANYTHING, Filters(ANYTHING, findings), findings).keys) | {"like"}
    assert set(keys_of("rule")) == known
    assert set(keys_of("rule_defaults")) == known - {"id", "title", "watch", "alert_when"}


def test_conditions_are_those_of_the_loader() -> None:
    assert set(keys_of("condition")) == set(words())


def told(findings) -> set[str]:
    """The keys that the loader names where it meets a strange one."""
    (found,) = [
        finding
        for finding in findings
        if finding.code == "unknown_key" and dict(finding.facts)["word"] == STRANGE
    ]
    return set(dict(found.facts)["choices"].split(", "))


CONDITIONS = {
    "value": ("value_condition", "{field: n, at_least: 1, %s: 1}"),
    "count": ("count", "{at_least: 1, within: 1d, %s: 1}"),
    "distinct": ("distinct", "{of: n, at_least: 2, within: 1d, %s: 1}"),
    "aggregate": ("aggregate", "{function: percentile, of: n, p: 5, at_least: 1, within: 1d, %s: 1}"),
    "share": ("share", "{part: n, whole: m, above: 2%%, within: 1d, %s: 1}"),
    "compare": ("compare", "{within: 1d, with: previous_window, rises_to: 3x, %s: 1}"),
    "change": ("change", "{of: n, %s: 1}"),
    "first_time": ("first_time", "{of: n, memory: 1d, %s: 1}"),
    "sequence": ("sequence", "{steps: [{watch: {kind: a.b}}, {watch: {kind: a.c}}], %s: 1}"),
    "all_of": ("items_maybe", "{items: [{kind: a.b}], %s: 1}"),
    "any_of": ("items_maybe", "{items: [{kind: a.b}], %s: 1}"),
    "not_all_of": ("items_within", "{items: [{kind: a.b}], within: 1d, %s: 1}"),
    "spread": ("spread", "{over: n, at_least: 2, within: 1d, %s: 1}"),
    "silence": ("silence", "{for: 1h, expected_from: regions, %s: 1}"),
    "deadline": ("deadline", "{by: '2024-11-27 11:00 local', expected_from: regions, %s: 1}"),
    "rules": ("bond", "{open: [a], at_least: 2, %s: 1}"),
}
IN_A_RULE = {
    "clearing": "clear_when: {event: {kind: a.b}, %s: 1}",
    "active": "active: {hours: '06:00-22:00 local', %s: 1}",
    "span": "effective: {from: '2024-01-01T00:00:00Z', %s: 1}",
    "repetition": "tell_again: {every: 4h, %s: 1}",
    "limit": "level: {waspada: always, siaga: {at_least: 2, %s: 1}}",
    "reference": "alert_when: {compare: {figure: count, with: {before: 1h, not_older_than: 2h, %s: 1}, rises_to: 3x}}",
    "floor": "alert_when: {share: {part: n, whole: m, above: 2%%, only_if: {field: n, at_least: 1, %s: 1}}}",
}


@pytest.mark.parametrize("word", CONDITIONS)
def test_keys_of_conditions_are_those_of_the_loader(word: str) -> None:
    shape, body = CONDITIONS[word]
    text = (
        f"version: 1\nrules:\n  - {{id: a, watch: {{kind: a.b}}, alert_when: {{{word}: {body % STRANGE}}}}}\n"
    )
    assert told(read_rules([("a.yaml", text.encode())], ANYTHING).findings) == set(keys_of(shape))


@pytest.mark.parametrize("shape", IN_A_RULE)
def test_keys_inside_a_rule_are_those_of_the_loader(shape: str) -> None:
    text = f"version: 1\nrules:\n  - id: a\n    watch: {{kind: a.b}}\n    {IN_A_RULE[shape] % STRANGE}\n"
    assert told(read_rules([("a.yaml", text.encode())], ANYTHING).findings) == set(keys_of(shape))


def test_keys_of_a_rule_file_are_those_of_the_loader() -> None:
    text = f"version: 1\n{STRANGE}: 1\nrules: []\n"
    assert told(read_rules([("a.yaml", text.encode())], ANYTHING).findings) == set(keys_of("rule_file"))


POLICIES = {
    "policy_file": "version: 1\npolicies: []\n%s: 1\n",
    "policy_defaults": "version: 1\ndefaults: {%s: 1}\npolicies: []\n",
    "policy": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h}], %s: 1}]\n",
    "policy_step": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h, %s: 1}]}]\n",
    "target": "version: 1\npolicies: [{id: a, steps: [{to: [{role: sekda, %s: 1}], wait: 1h}]}]\n",
    "step_when": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h, when: {%s: 1}}]}]\n",
    "rounds": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h}], repeat: {times: 1, %s: 1}}]\n",
    "acknowledge": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h}], acknowledge: {%s: 1}}]\n",
    "quiet": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h}], quiet: {%s: 1}}]\n",
    "digest": "version: 1\npolicies: [{id: a, steps: [{to: [sekda], wait: 1h}], digest: {%s: 1}}]\n",
}


@pytest.mark.parametrize("shape", POLICIES)
def test_keys_of_policies_are_those_of_the_loader(shape: str) -> None:
    findings = Findings()
    node = compose((POLICIES[shape] % STRANGE).encode(), "p.yaml", findings)
    assert node is not None
    also = {"id", "steps"} if shape == "policy_defaults" else set()
    assert told(read_policies(node, findings).findings) == set(keys_of(shape)) | also


TESTS = {
    "test_file": "tests: []\n%s: 1\n",
    "rule_test": "tests: [{name: a, %s: 1}]\n",
    "expected": "tests: [{name: a, expect: [{at: +1m, state: opens, %s: 1}]}]\n",
    "check": "tests: [{name: a, check: [{at: +1m, %s: 1}]}]\n",
    "reload_rules": "tests: [{name: a, events: [{at: +1m, reload: {inline_rules: [], %s: 1}}]}]\n",
    "restart": "tests: [{name: a, events: [{at: +1m, restart: {%s: 1}}]}]\n",
    "repeat": "tests: [{name: a, events: [{at: +1m, kind: a.b, repeat: {every: 1m, times: 2, %s: 1}}]}]\n",
}


@pytest.mark.parametrize("shape", TESTS)
def test_keys_of_rule_tests_are_those_of_the_loader(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "a.test.yaml"
    file.write_text(
        "inline_rules: [{id: a, watch: {kind: a.b}, alert_when: every_event}]\n" + TESTS[shape] % STRANGE
    )
    assert told(load_rule_tests(file).findings) == set(keys_of(shape))


POLICY_TESTS = {
    "policy_test_file": "tests: []\n%s: 1\n",
    "policy_test": "tests: [{name: a, %s: 1}]\n",
    "act": "tests: [{name: a, timeline: [{at: +1m, %s: 1}]}]\n",
    "awaited": "tests: [{name: a, expect: [{at: +1m, message: first, %s: 1}]}]\n",
}


@pytest.mark.parametrize("shape", POLICY_TESTS)
def test_keys_of_policy_tests_are_those_of_the_loader(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "a.policy-test.yaml"
    file.write_text(POLICY_TESTS[shape] % STRANGE)
    known = told(load_policy_tests(file, RegionTable(())).findings)
    either = {"at", "between", "message", "alert", "notification", "audit"} if shape == "awaited" else set()
    assert known | either == set(keys_of(shape))
