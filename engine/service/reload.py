"""Reading the rule set and the reference tables from their files.

Here: which files there are, and that all of it is valid or nothing is given out (rule-language.md 1). Not here: the
forms of the files (`loading`), who may put them in force (`service.approval`), who looks for changes (`service.watch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.core.alerting.case_editor import NO_STAGES
from engine.core.alerting.credential import Credential
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable
from engine.documents.calendar import load_calendar
from engine.documents.desks import NO_LISTS, Desks, Lists, load_desks, load_expected
from engine.documents.directory import load_directory
from engine.documents.finding import Findings, at_start
from engine.documents.kinds import Kind, load_kinds
from engine.documents.loaded import Loaded, loaded
from engine.documents.policies import load_policies
from engine.documents.reference_data import Known
from engine.documents.reference_tables import load_tables
from engine.documents.regions import load_regions
from engine.documents.rules.rules import load_rules
from engine.errors import ConfigurationError
from engine.service.books import Books
from engine.service.rule_sets import RuleSet
from engine.settings import Paths


def load_rule_set(paths: Paths, regions: RegionTable, kinds: Mapping[str, Kind]) -> Loaded[RuleSet]:
    """Load policies, rules and calendar, with every finding of every file; empty where one of them is an error.

    An installation without a calendar file has no stages.
    """
    findings = Findings()
    calendar, policies, rules = NO_STAGES, {}, {}
    known_calendar = True
    if paths.calendar.exists():
        stages = load_calendar(paths.calendar)
        findings.extend(stages.findings)
        calendar, known_calendar = stages.value, stages.valid
    ids = frozenset(stage.id for stage in calendar.stages) if known_calendar else None
    read = load_policies(paths.policies, regions, ids)
    findings.extend(read.findings)
    policies = {policy.id: policy for policy in read.value}
    tables = load_tables(paths.tables, regions)
    findings.extend(tables.findings)
    desks: Loaded[Desks] = Loaded(())
    expected: Loaded[Lists] = Loaded(NO_LISTS)
    if paths.desks.exists():
        desks = load_desks(paths.desks, regions)
    if paths.expected.exists():
        expected = load_expected(paths.expected, regions)
    findings.extend((*desks.findings, *expected.findings))
    known = Known(
        kinds=frozenset(kinds),
        regions=regions,
        policies=frozenset(policies) if read.valid else None,
        calendar=calendar if known_calendar else None,
        tables=tables.value,
        desks=desks.value,
        expected=expected.value if expected.valid else None,
    )
    found = load_rules(paths.rules, known)
    findings.extend(found.findings)
    rules = {rule.id: rule for rule in found.value}
    return loaded(RuleSet(rules, policies, calendar), RuleSet({}, {}), findings)


def read_rule_set(paths: Paths, regions: RegionTable, kinds: Mapping[str, Kind]) -> RuleSet:
    """Read policies, rules and calendar; raise `ConfigurationError` with every finding where one is an error."""
    return load_rule_set(paths, regions, kinds).expect()


def as_they_lie(paths: Paths) -> Loaded[RuleSet]:
    """Load the rule set of an installation with the kinds and regions that lie there now."""
    try:
        return load_rule_set(paths, load_regions(paths.regions), load_kinds(paths.kinds))
    except ConfigurationError as error:
        findings = Findings()
        findings.add("config_unusable", at_start(paths.kinds), reason=error)
        return loaded(RuleSet({}, {}), RuleSet({}, {}), findings)


def files_of(paths: Paths) -> list[Path]:
    """Return the files on which the rule set of an installation rests, as they lie there now."""
    found: list[Path] = []
    for name in type(paths).model_fields:
        path: Path = getattr(paths, name)
        if name in _NO_RULES:
            continue
        found += sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES) if path.is_dir() else [path]
    return found


async def import_directory(
    books: Books, paths: Paths, at: Instant, by: Credential, *, replace: bool = True
) -> int:
    """Put the directory file in force; return its version. With `replace=False` only into a store without any."""
    held = await books.directory()
    if held.version and not replace:
        return held.version
    if not paths.directory.exists():
        if replace:
            raise ConfigurationError(f"{paths.directory}: there is no such directory file")
        return 0
    return await books.replace_directory(load_directory(paths.directory, books.regions).expect(), at, by)


_NO_RULES = ("directory", "templates", "var")
"""Places that no rule depends on."""
_SUFFIXES = (".yaml", ".yml", ".csv")
