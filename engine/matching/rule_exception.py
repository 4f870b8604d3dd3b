"""Variants: which exception of a rule holds for a group as a whole, by the keys of the group and the clock.

An exception ends when all instants before its `until` are judged: a group is judged by one rule at a time
(docs/specification/rules.md#exceptions). Exceptions for single events are in `matching.native`.
"""

from __future__ import annotations

from functools import lru_cache

from engine.core.judging.event import Event
from engine.core.judging.group_key import key_values, region_of_group
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.matching.native import compile_filter


def variant_of(rule: Rule, group: str, at: Instant) -> Rule:
    """Return the rule as it is for a group at a clock instant.

    The first exception that sets keys for it and is not over counts, else the rule itself.
    """
    if not rule.exemptions:
        return rule
    return next((one for one in _variants(rule, group) if not _over(one, at)), rule)


def changed_at(rule: Rule, group: str, at: Instant) -> Instant | None:
    """Return when the latest exception for a group that is over by `at` ended (`until`); None: none is."""
    if not rule.exemptions:
        return None
    return max((one.holds_until or 0 for one in _variants(rule, group) if _over(one, at)), default=None)


def _variants(rule: Rule, group: str) -> list[Rule]:
    """Return the variants that hold for a group at some time, in the order of the exceptions."""
    if not any(one.variant for one in rule.exemptions):
        return []
    event = Event(
        desk="",
        id="",
        kind="",
        region=region_of_group(rule.per, group),
        severity=1,
        occurred_at=0,
        fields=dict(key_values(rule.per, group)),
    )
    return [one.variant for one in rule.exemptions if one.variant and _compiled(one.holds)(event)]


_compiled = lru_cache(maxsize=1_024)(compile_filter)


def _over(variant: Rule, at: Instant) -> bool:
    end = ends_at(variant)
    return end is not None and at >= end


def ends_at(variant: Rule) -> Instant | None:
    """Return the clock instant from which a variant judges no more; None: it has no end."""
    return None if variant.holds_until is None else variant.holds_until + variant.wait_for_late
