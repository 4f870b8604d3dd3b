"""Levels: what level a rule gives to a figure and its evidence.

Here: the level map and `level: severity`. Not here: that an alert's level never falls (`alerting.decide`).
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.judging.judgement import Evidence
from engine.judging.rule import Rule

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
