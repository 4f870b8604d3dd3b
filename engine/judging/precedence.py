"""Precedence: which rules must be judged before which, because one looks at the alerts of another.

Here: what a rule looks at, and the order that follows from it. Not here: what it makes of those alerts
(`judging.bond`, `alerting.hiding`). At one instant the rule that is looked at comes first (rule-language.md 2 and 5).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from engine.judging.rule import Bond, Rule


def looks_at(rule: Rule) -> frozenset[str]:
    """Return the ids of the rules whose alerts a rule looks at."""
    return frozenset(rule.hide_while) | counts(rule)


def counts(rule: Rule) -> frozenset[str]:
    """Return the ids of the rules whose alerts are a rule's condition."""
    return frozenset(rule.condition.open if isinstance(rule.condition, Bond) else ())


def ring_of(looks: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the ids of rules that look at each other in a ring, the first one again at the end; empty: none do."""
    try:
        TopologicalSorter(looks).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        return tuple(reversed(ring))
    return ()


def ranks(rules: Iterable[Rule], by: Callable[[Rule], frozenset[str]] = looks_at) -> dict[str, int]:
    """Return the place of each rule: those that look at no other have 0, each other one more than what it looks at."""
    looks = {rule.id: by(rule) for rule in rules}
    found: dict[str, int] = {}
    for id_ in TopologicalSorter(looks).static_order():
        found[id_] = 1 + max((found[other] for other in looks.get(id_, ())), default=-1)
    return found
