"""Variants: which exception of a rule holds for a group as a whole.

Here: the choice, by the keys of the group alone. Not here: exceptions for single events (`matching.membership`).
"""

from __future__ import annotations

from engine.judging.event import Event
from engine.judging.group import key_values, region_of_group
from engine.judging.rule import Rule
from engine.matching.native import compile_filter


def variant_of(rule: Rule, group: str) -> Rule:
    """Return the rule as it is for a group: of the exceptions that set keys for it the first, else the rule itself."""
    if not any(one.variant for one in rule.exemptions):
        return rule
    event = Event(
        desk="",
        id="",
        kind="",
        region=region_of_group(rule.per, group),
        severity=1,
        occurred_at=0,
        fields=dict(key_values(rule.per, group)),
    )
    holding = (o.variant for o in rule.exemptions if o.variant and compile_filter(o.holds)(event))
    return next(holding, rule)
