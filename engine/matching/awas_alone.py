"""Which events may open an awas alert alone, by the rules in force: the intake counts them before anything is judged.

An event may where a rule watches it whose condition one event can meet, and whose level can then be awas. Rules that
need several events, or alerts of other rules, are left out: many events go into each of their alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from engine.core.judging.calendar import AWAS
from engine.core.judging.condition import (
    AllItems,
    Bond,
    Count,
    Deadline,
    Distinct,
    NotAllItems,
    SilenceCondition,
    Spread,
    Value,
)
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.event import Event, number
from engine.core.judging.filter import AllOf
from engine.core.judging.group_key import group_of
from engine.core.judging.rule import LevelStep, Rule
from engine.matching.native import NativeMatcher

ONE = 1.0
"""The figure of one event where events, their values or their places are counted."""


class AwasAlone:
    """The rules of a rule set of which one event may open an awas alert."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        found = [
            msgspec.structs.replace(one, id=f"{one.id}/{place}")
            for rule in rules
            for place, one in enumerate(_forms(rule))
            if _may_alone(one)
        ]
        self._matcher = NativeMatcher(found)

    def opens(self, event: Event) -> str | None:
        """Return which awas alert an event may open alone: the group of a rule, or the event itself; None: none.

        Two events of one request that name the same alert open at most one. An event of severity 4 that no such rule
        watches stands for itself.
        """
        for rule in self._matcher.match(event):
            group = group_of(rule, event)
            if group is not None and _meets(rule, event):
                return f"{rule.id}|{group}"
        return f"{event.desk}|{event.id}" if event.severity >= AWAS else None


BY_SEVERITY = AwasAlone(())
"""Without rules: events of severity 4."""


def _forms(rule: Rule) -> Iterator[Rule]:
    """Yield a rule as it is, and as its exceptions make it: for groups, or by a level for events."""
    yield rule
    for exemption in rule.exemptions:
        form = exemption.variant or rule
        if exemption.level:
            form = msgspec.structs.replace(form, levels=(LevelStep(exemption.level),), by_severity=False)
        yield msgspec.structs.replace(form, watch=AllOf((form.watch, exemption.holds)), exemptions=())


def _may_alone(rule: Rule) -> bool:
    """Say whether one event can open an alert of a rule, and the alert can be an awas then."""
    awas = [] if rule.by_severity else [step for step in rule.levels if step.level >= AWAS]
    match rule.condition:
        case _ if not awas:
            return False
        case Steps() | AllItems() | NotAllItems() | SilenceCondition() | Deadline() | Bond():
            return False
        case Count(weight=None) as counts:
            return counts.at_least <= ONE and _reached(awas, ONE)
        case Distinct(limit=limit):
            return limit.met_by(ONE) and _reached(awas, ONE)
        case Spread() as spread:
            return spread.at_least <= ONE and _reached(awas, ONE)
        case _:
            return True


def _reached(awas: Sequence[LevelStep], figure: float) -> bool:
    return any(step.limit is None or step.limit.met_by(figure) for step in awas)


def _meets(rule: Rule, event: Event) -> bool:
    """Say whether the value of an event meets the condition and the level of a rule that looks at one value."""
    looks = rule.condition
    if not isinstance(looks, Value) or looks.limit is None:
        return True
    value = event.value(looks.field)
    figure = number(looks.missing if value is None else value)
    awas = [step for step in rule.levels if step.level >= AWAS]
    return figure is not None and looks.limit.met_by(figure) and _reached(awas, figure)
