"""Reading the rule set and the reference tables from their files.

Here: all of it is valid or nothing changes (rule-language.md 1). Not here: the forms of the files (`loading`) and
switching a running service to another rule set, which comes with reload itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.alerting.draft import NO_STAGES
from engine.errors import ConfigurationError
from engine.judging.region import RegionTable
from engine.loading.calendar import load_calendar
from engine.loading.directory import load_directory
from engine.loading.kinds import Kind
from engine.loading.known import Known
from engine.loading.policies import load_policies
from engine.loading.reference_tables import load_tables
from engine.loading.rules import load_rules
from engine.service.books import Books
from engine.service.rule_sets import RuleSet
from engine.settings import Paths


def read_rule_set(paths: Paths, regions: RegionTable, kinds: Mapping[str, Kind]) -> RuleSet:
    """Read policies, rules and calendar; raise `ConfigurationError` with every finding where one is an error.

    An installation without a calendar file has no stages.
    """
    calendar = load_calendar(paths.calendar).expect() if paths.calendar.exists() else NO_STAGES
    stages = frozenset(stage.id for stage in calendar.stages)
    policies = {policy.id: policy for policy in load_policies(paths.policies, regions, stages).expect()}
    known = Known(
        kinds=frozenset(kinds),
        regions=regions,
        policies=frozenset(policies),
        calendar=calendar,
        tables=load_tables(paths.tables, regions).expect(),
    )
    rules = {rule.id: rule for rule in load_rules(paths.rules, known).expect()}
    return RuleSet(rules, policies, calendar)


async def import_directory(books: Books, paths: Paths, *, replace: bool = True) -> int:
    """Put the directory file in force; return its version. With `replace=False` only into a store without any."""
    held = await books.directory()
    if held.version and not replace:
        return held.version
    if not paths.directory.exists():
        if replace:
            raise ConfigurationError(f"{paths.directory}: there is no such directory file")
        return 0
    return await books.replace_directory(load_directory(paths.directory, books.regions).expect())
