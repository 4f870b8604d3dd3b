"""The rule as a value: its filter, its groups, when an alert opens, at which level, and how the alert ends.

`rule_ranks` orders rules: a rule that looks at alerts of another rule is judged after it.

Specification: docs/specification/rules.md#hiding, #conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Literal

import msgspec

from engine.core.judging.calendar import Active
from engine.core.judging.condition import (
    Bond,
    Condition,
    EveryEvent,
)
from engine.core.judging.filter import (
    EVERYTHING,
    Filter,
    Limit,
    kinds_of,
)
from engine.core.judging.instant import HOUR, Instant, Millis
from engine.core.judging.judgement import Evidence

WASPADA = 2
"""The lowest level an alert may have."""


def level_of(rule: Rule, figure: float | None, evidence: Iterable[Evidence]) -> int:
    """Return the level (2-4) of an alert with this figure and evidence.

    The highest level whose limit the figure meets, or the highest severity of the evidence; an event to which an
    exception gives a level has that instead, and of several the highest counts.
    """
    evidence = tuple(evidence)
    others = tuple(one for one in evidence if not one.level)
    given = [one.level for one in evidence if one.level]
    return max((*given, *([] if given and not others else [_ordinary(rule, figure, others)])))


def level_of_figure(rule: Rule, figure: float | None) -> int:
    """Return the highest level of the rule's map whose limit a figure meets."""
    return max(
        step.level
        for step in rule.levels
        if step.limit is None or (figure is not None and step.limit.met_by(figure))
    )


def steps_met(rule: Rule, figure: float | None) -> tuple[bool, ...]:
    """Say which limits of the rule's map a figure meets, in their order."""
    return tuple(
        figure is not None and step.limit.met_by(figure) for step in rule.levels if step.limit is not None
    )


def _ordinary(rule: Rule, figure: float | None, evidence: Iterable[Evidence]) -> int:
    if rule.by_severity:
        return max((WASPADA, *(one.severity for one in evidence)))
    return level_of_figure(rule, figure)


LEVEL_NAMES = ("normal", "waspada", "siaga", "awas")
"""Names of the levels 1 to 4, the same scale as an event's severity."""


def level_name(level: int) -> str:
    """Return the name of a level 1-4."""
    return LEVEL_NAMES[level - 1]


class LevelStep(msgspec.Struct, frozen=True):
    """One row of a level map: this level from this limit on the figure; no limit means always."""

    level: int
    limit: Limit | None = None


class Clear(msgspec.Struct, frozen=True):
    """How an alert of the rule ends: `by_hand`, `no_longer_true`, `event`, `quiet` or `limit` (hysteresis)."""

    how: Literal["by_hand", "no_longer_true", "event", "quiet", "limit"]
    event: Filter | None = None
    quiet_for: Millis = 0
    limit: Limit | None = None


class TellAgain(msgspec.Struct, frozen=True):
    """When people are told again though nothing else changed; all off by default (docs/specification/rules.md#keys)."""

    value_doubles: bool = False
    every: Millis | None = None
    growing_to: Millis | None = None


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """Other values for the events or groups that a filter holds for (`except`); the first one that holds counts.

    `level` is given to events that occur before `until`; else `variant` is the rule for these groups. `keys` are what
    is set, as pairs of a dotted path and its value as JSON.
    """

    holds: Filter
    keys: tuple[tuple[str, str], ...]
    reason: str
    until: Instant | None = None
    level: int = 0
    variant: Rule | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One resolved rule. `levels` has exactly one row without limit, the lowest; `by_severity` replaces the rows.

    `version` is the content hash of the resolved rule, `source` the file and line it was read from. `holds_until` is
    when the exception ends of which this is the variant.
    """

    id: str
    title: str
    short_title: str
    owner: str
    why: str
    guide: str
    levels: tuple[LevelStep, ...] = (LevelStep(3),)
    by_severity: bool = False
    watch: Filter = EVERYTHING
    per: tuple[str, ...] = ("region",)
    condition: Condition = EveryEvent()
    hold_for: Millis = 0
    clear: Clear = Clear("by_hand")
    keep_open_for: Millis = 0
    start_again: bool = False
    tell_again: TellAgain = TellAgain()
    active: Active | None = None
    wait_for_late: Millis = 0
    late_horizon: Millis = 72 * HOUR
    hide_while: tuple[str, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    holds_until: Instant | None = None
    effective_from: Instant | None = None
    effective_until: Instant | None = None
    escalate: str = ""
    version: str = ""
    source: str = ""

    @property
    def is_local(self) -> bool:
        """Whether what it judges depends on the zone in which a group lies."""
        return self.active is not None or isinstance(getattr(self.condition, "at", None), datetime)

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """Kinds that the watch can match (exact kinds or prefixes ending in `*`); None where it can be any."""
        return kinds_of(self.watch)


def looks_at(rule: Rule) -> frozenset[str]:
    """Return the ids of the rules whose alerts a rule looks at."""
    return frozenset(rule.hide_while) | rules_counted_by(rule)


def rules_counted_by(rule: Rule) -> frozenset[str]:
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


def rule_ranks(rules: Iterable[Rule], by: Callable[[Rule], frozenset[str]] = looks_at) -> dict[str, int]:
    """Return the place of each rule: those that look at no other have 0, each other one more than what it looks at."""
    looks = {rule.id: by(rule) for rule in rules}
    found: dict[str, int] = {}
    for id_ in TopologicalSorter(looks).static_order():
        found[id_] = 1 + max((found[other] for other in looks.get(id_, ())), default=-1)
    return found
