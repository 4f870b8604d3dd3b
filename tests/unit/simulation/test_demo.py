"""The demo's data together: facts, rules, policies and directory fit each other (what opens: tests/acceptance)."""

from pathlib import Path

import pytest

from engine.core.alerting.directory import Contents
from engine.core.alerting.policy import Policy
from engine.core.judging.event import Event
from engine.core.judging.instant import HOUR, MINUTE, parse_instant
from engine.core.judging.region import RegionTable, level_of
from engine.core.judging.rule import Rule
from engine.documents.calendar import load_calendar
from engine.documents.directory import load_directory
from engine.documents.kinds import load_kinds
from engine.documents.policies import load_policies
from engine.documents.reference_data import ReferenceData
from engine.documents.regions import load_regions
from engine.documents.rules.rules import load_rules
from engine.intake.event_schema import Accepted, EventSchema
from engine.people.tokens import Scope
from engine.settings import IntakeSection


@pytest.fixture(scope="module")
def regions() -> RegionTable:
    return load_regions(Path("config/regions.csv"))


@pytest.fixture(scope="module")
def policies(regions: RegionTable) -> tuple[Policy, ...]:
    loaded = load_policies(Path("config/policies.yaml"), regions)
    assert [finding.format("en") for finding in loaded.findings] == []
    return loaded.expect()


@pytest.fixture(scope="module")
def directory(regions: RegionTable) -> Contents:
    loaded = load_directory(Path("config/directory.csv"), regions)
    assert [finding.format("en") for finding in loaded.findings] == []
    return loaded.expect()


@pytest.fixture(scope="module")
def events(regions: RegionTable) -> list[Event]:
    schema = EventSchema(regions, load_kinds(Path("config/kinds.yaml")), IntakeSection())
    desk = Scope(desks=("*",), rights=frozenset(["submit"]), region="00", token_id="demo")
    accepted = []
    for line in Path("config/demo/pilkada-2024.jsonl").read_bytes().splitlines():
        occurred_at = line.partition(b'"occurred_at":"')[2].partition(b'"')[0].decode()
        verdict = schema.examine(line, desk, parse_instant(occurred_at)[0])
        assert isinstance(verdict, Accepted), verdict
        accepted.append(verdict.event)
    return accepted


@pytest.fixture(scope="module")
def rules(regions: RegionTable, policies: tuple[Policy, ...]) -> tuple[Rule, ...]:
    known = ReferenceData(
        kinds=frozenset(load_kinds(Path("config/kinds.yaml"))),
        regions=regions,
        policies=frozenset(policy.id for policy in policies),
        calendar=load_calendar(Path("config/calendar.yaml")).expect(),
    )
    loaded = load_rules(Path("rules"), known)
    assert {finding.code for finding in loaded.findings} <= {"nobody_expected", "column_incomplete"}
    return loaded.expect()


def test_all_facts_come_in_and_none_is_flagged(events: list[Event]) -> None:
    assert len(events) == 115
    assert [event.id for event in events if event.flags] == []


def test_all_levels_of_alarm_occur(rules: tuple[Rule, ...]) -> None:
    assert {rule.levels[0].level for rule in rules} == {2, 3, 4}


def test_every_rule_has_its_guide(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        assert f"`{rule.id}`" in (Path("docs") / rule.guide).read_text(encoding="utf-8")


def test_every_policy_a_rule_names_exists_and_is_used(
    rules: tuple[Rule, ...], policies: tuple[Policy, ...]
) -> None:
    assert {rule.escalate for rule in rules} == {policy.id for policy in policies}


def test_every_target_is_an_office_of_the_directory(
    policies: tuple[Policy, ...], directory: Contents
) -> None:
    offices = {(level_of(assignment.region), assignment.role) for assignment in directory.assignments}
    for policy in policies:
        targets = [target for step in policy.steps for target in (*step.to, *step.inform)]
        levels = {"region": ("regency", "province"), "province": ("province",), "nation": ("nation",)}
        wanted = {(level, target.role) for target in targets for level in levels[target.at]}
        assert wanted <= offices


def test_every_policy_reaches_the_nation(policies: tuple[Policy, ...]) -> None:
    assert {target.at for policy in policies for target in policy.steps[-1].to} == {"nation"}


@pytest.mark.parametrize(("level", "longest"), [(4, 10 * MINUTE), (3, 2 * HOUR), (2, 24 * HOUR)])
def test_the_graver_the_shorter_the_wait(
    rules: tuple[Rule, ...], policies: tuple[Policy, ...], level: int, longest: int
) -> None:
    used = {rule.escalate for rule in rules if rule.levels[0].level == level}
    assert max(step.wait for policy in policies if policy.id in used for step in policy.steps) == longest
