"""What the words of a command name: a rule, a group of a rule.

Here: finding them, or saying what is wrong with the name and what may have been meant. Not here: what a command does
with them, and names inside files (`loading`).
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.judging.group_key import REGION_WORDS, key_values
from engine.core.judging.region import RegionTable, level_of
from engine.core.judging.rule import Rule
from engine.documents.fields import code_of
from engine.documents.suggestion import meant
from engine.errors import ConfigurationError


def rule_named(rules: Mapping[str, Rule], rule_id: str) -> Rule:
    """Return the rule of this id; raise `ConfigurationError` with the likeliest one, and all there are."""
    if rule_id in rules:
        return rules[rule_id]
    there_are = sorted(rules)
    guess = meant(rule_id, there_are)
    did_you_mean = f"did you mean {guess}? " if guess else ""
    raise ConfigurationError(f"no rule is called {rule_id}; {did_you_mean}there are: {', '.join(there_are)}")


def group_named(rule: Rule, group: str, regions: RegionTable) -> str:
    """Return the group, whose regions exist and are those a rule counts by; raise `ConfigurationError` else."""
    try:
        values = key_values(rule.per, group)
    except ValueError:
        example = "|".join("73.15" if key in REGION_WORDS else key.upper() for key in rule.per)
        raise ConfigurationError(
            f"--group {group}: {rule.id} counts per {' and '.join(rule.per)}; write it as {example}"
        ) from None
    for key, code in values.items():
        if key not in REGION_WORDS:
            continue
        if not regions.known(code):
            guess = code_of(code, regions)
            hint = f"; did you mean {guess}?" if guess else "; region codes are written as 73 or 73.15"
            raise ConfigurationError(f"--group {group}: there is no region {code}{hint}")
        is_one = code.count(".") < 2 if key == "region" else level_of(code) == key
        if not is_one:
            raise ConfigurationError(f"--group {group}: {rule.id} counts per {key}, and {code} is none")
    return group
