"""Coverage: which rules, and which branches of them, some test reached.

Here: what the branches of a rule are and which of them a run touched. A branch is a row of the level map or an
alternative under `any`. Not here: running tests. A rule is touched when an alert of it opened, an alternative under
`unless` when it alone kept an event out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from engine.core.judging.event import Event
from engine.core.judging.filter import EVERYTHING, AllOf, AnyOf, Filter, Unless
from engine.core.judging.pattern import watched_by
from engine.core.judging.rule import Rule, level_name
from engine.matching.native import compile_filter
from engine.rehearsal.observation import Happening


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How many rules and branches there are, how many of them some test touches, and which none does."""

    rules: int
    rules_touched: int
    branches: int
    branches_touched: int
    untouched: tuple[str, ...]


def coverage(rules: Iterable[Rule], touched: frozenset[str]) -> Coverage:
    """Count the rules of files against what the tests touched."""
    known = {rule.id: rule for rule in rules}
    names = {rule: list(_names(known[rule])) for rule in sorted(known)}
    branches = [name for of_rule in names.values() for name in of_rule]
    return Coverage(
        rules=len(known),
        rules_touched=sum(rule in touched for rule in known),
        branches=len(branches),
        branches_touched=sum(name in touched for name in branches),
        untouched=tuple(
            name
            for rule, of_rule in names.items()
            for name in ([rule] if rule not in touched else [n for n in of_rule if n not in touched])
        ),
    )


def touched(rules: Iterable[Rule], events: Iterable[Event], happened: Iterable[Happening]) -> frozenset[str]:
    """Return what a run touched: rules that opened, the levels they opened with, alternatives that an event met."""
    found = set()
    for one in happened:
        if one.state in ("opens", "hidden"):
            found.add(one.rule)
        found |= {f"{one.rule}: level {level_name(level)}" for level in (one.level, one.highest) if level}
    events = list(events)
    for rule in rules:
        for name, alternative, watch in _alternatives(rule):
            meets, watches = compile_filter(alternative), compile_filter(watch)
            if any(meets(event) and watches(event) for event in events):
                found.add(name)
    return frozenset(found)


def _names(rule: Rule) -> Iterator[str]:
    if len(rule.levels) > 1 and not rule.by_severity:
        yield from (f"{rule.id}: level {level_name(row.level)}" for row in rule.levels)
    yield from (name for name, _, _ in _alternatives(rule))


def _alternatives(rule: Rule) -> Iterator[tuple[str, Filter, Filter]]:
    """Yield name and filter of each alternative, and what an event must meet besides to count as touching it."""
    watch = watched_by(rule.condition, rule.watch)
    for place, (any_of, excluded) in enumerate(_any_of(watch), start=1):
        which = "any" if place == 1 else f"any {place}"
        for number, part in enumerate(any_of.parts, start=1):
            yield f"{rule.id}: {which}, {number}", part, _unless_removed(watch) if excluded else watch


def _any_of(node: Filter, *, excluded: bool = False) -> Iterator[tuple[AnyOf, bool]]:
    """Yield each `any`, and whether it stands under `unless`."""
    match node:
        case AnyOf(parts) | AllOf(parts):
            if isinstance(node, AnyOf):
                yield node, excluded
            for part in parts:
                yield from _any_of(part, excluded=excluded)
        case Unless(part):
            yield from _any_of(part, excluded=True)
        case _:
            return


def _unless_removed(node: Filter) -> Filter:
    """Return the filter without its exceptions: an event that an exception keeps out never meets the whole filter."""
    match node:
        case AllOf(parts):
            return AllOf(tuple(_unless_removed(part) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_unless_removed(part) for part in parts))
        case Unless():
            return EVERYTHING
        case _:
            return node
