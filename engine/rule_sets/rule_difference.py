"""The difference that a reader sees between two rule sets: the words of rules and policies, and who is notified.

`records.rule_set_diff` holds what differs in judging, `texts.rule_sentence` the sentences.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec
import yaml

from engine.core.alerting.policy import Policy, StepTarget
from engine.core.judging.rule import LEVEL_NAMES, Rule
from engine.documents.rules.resolved import written
from engine.records.rule_sets import RuleSet

WIDTH = 100
"""Columns of the written form."""
DifferenceKind = Literal["added", "removed", "changed"]
WordMark = Literal["old", "new", "same"]


class Words(NamedTuple):
    """One line of the written form, and whether it is of the old, the new, or both."""

    mark: WordMark
    text: str


class AudienceChange(NamedTuple):
    """An office or person that a rule tells, from which step on, at alerts of a level."""

    level: int
    role: str
    at: str


class RuleDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that is added, removed or changed: before, after, and the lines of both.

    `more` and `less` are told by it after the change alone, and before it alone.
    """

    id: str
    kind: DifferenceKind
    before: Rule | None
    after: Rule | None
    words: tuple[Words, ...]
    more: tuple[AudienceChange, ...]
    less: tuple[AudienceChange, ...]


class PolicyDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One policy that is added, removed or changed, and its lines."""

    id: str
    kind: DifferenceKind
    words: tuple[Words, ...]


class RuleSetReading(NamedTuple):
    """Everything that differs, by id."""

    rules: tuple[RuleDifference, ...]
    policies: tuple[PolicyDifference, ...]


def reading(before: RuleSet, after: RuleSet) -> RuleSetReading:
    """Return what a reader must see of one rule set that follows another.

    A rule whose own words stay is among the rules where another policy changes whom it tells.
    """
    ids = sorted(before.rules.keys() | after.rules.keys())
    policies = sorted(before.policies.keys() | after.policies.keys())
    rules = (_rule(id_, before, after) for id_ in ids)
    changed = (
        PolicyDifference(
            id=id_,
            kind=_kind(id_, before.policies, after.policies),
            words=_words(_policy_text(before.policies.get(id_)), _policy_text(after.policies.get(id_))),
        )
        for id_ in policies
        if before.policies.get(id_) != after.policies.get(id_)
    )
    return RuleSetReading(tuple(one for one in rules if one is not None), tuple(changed))


def audience(rule: Rule, policies: Mapping[str, Policy]) -> frozenset[AudienceChange]:
    """Return whom a rule tells by the steps of its policy, at each level that it may reach."""
    policy = policies.get(rule.escalate)
    if policy is None:
        return frozenset()
    levels = set(range(2, len(LEVEL_NAMES) + 1)) if rule.by_severity else {step.level for step in rule.levels}
    found: set[AudienceChange] = set()
    for step in policy.steps:
        least = step.when.level_at_least or 0
        targets = (*step.to, *step.inform)
        found |= {_told(level, target) for level in levels if level >= least for target in targets}
    everywhere = (*policy.inform, *policy.on_exhausted)
    return frozenset(found | {_told(level, target) for level in levels for target in everywhere})


def _told(level: int, target: StepTarget) -> AudienceChange:
    return AudienceChange(level, target.person or target.role, "" if target.person else target.at)


def _rule(id_: str, before: RuleSet, after: RuleSet) -> RuleDifference | None:
    old, new = before.rules.get(id_), after.rules.get(id_)
    told_before = audience(old, before.policies) if old else frozenset()
    told_after = audience(new, after.policies) if new else frozenset()
    if old is not None and new is not None and old.version == new.version and told_before == told_after:
        return None
    return RuleDifference(
        id=id_,
        kind=_kind(id_, before.rules, after.rules),
        before=old,
        after=new,
        words=_words(_rule_text(old), _rule_text(new)),
        more=tuple(sorted(told_after - told_before)),
        less=tuple(sorted(told_before - told_after)),
    )


def _kind(id_: str, before: Mapping[str, object], after: Mapping[str, object]) -> DifferenceKind:
    if id_ not in before:
        return "added"
    return "changed" if id_ in after else "removed"


def _rule_text(rule: Rule | None) -> list[str]:
    return [] if rule is None else _dumped(written(rule))


def _policy_text(policy: Policy | None) -> list[str]:
    return [] if policy is None else _dumped(msgspec.to_builtins(policy))


def _dumped(value: object) -> list[str]:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text.splitlines()


_MARKS: Mapping[str, WordMark] = {"- ": "old", "+ ": "new", "  ": "same"}


def _words(old: list[str], new: list[str]) -> tuple[Words, ...]:
    """Return the lines of both, those that both have once."""
    lines: Iterable[str] = difflib.ndiff(old, new)
    return tuple(Words(_MARKS[line[:2]], line[2:]) for line in lines if line[:2] in _MARKS)
