"""Membership: the groups of a rule that an event belongs to, and which parts of a pattern it fits there.

Here: a matched event's way to its groups, with the fields that a part renames. Not here: whether it matches at all
(`matching.native`), and what a group makes of it (`judging`). Bits stand in the order of `pattern.parts_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.core.judging.condition import PatternPart
from engine.core.judging.event import Event
from engine.core.judging.filter import Filter
from engine.core.judging.group_key import group_of, group_under
from engine.core.judging.pattern import fits_of, parts_of
from engine.core.judging.rule import Rule


class Membership:
    """The groups of one rule, asked about events that match it."""

    def __init__(self, rule: Rule, compiled: Callable[[Filter], Callable[[Event], bool]]) -> None:
        """Take a rule, and what makes a function of a filter."""
        self._rule = rule
        self._parts = tuple(
            (1 << place, compiled(fits), _keys(rule, part))
            for place, (part, fits) in enumerate(
                zip(parts_of(rule.condition), fits_of(rule.condition, rule.watch), strict=True)
            )
        )

        first = len(self._parts)
        self._exemptions = tuple(
            (1 << first + place, compiled(one.holds))
            for place, one in enumerate(rule.exemptions)
            if one.level
        )

    def groups(self, event: Event) -> Mapping[str, int]:
        """Return the groups the event belongs to, and the bits of what it fits there; 0 where there is nothing to fit.

        Nothing where it lacks the keys of `per`. The bits of the rule's exceptions stand behind those of the parts.
        """
        under = sum([bit for bit, holds in self._exemptions if holds(event)])
        if not self._parts:
            group = group_of(self._rule, event)
            return {} if group is None else {group: under}
        found = self._fitting(event)
        return {group: bits | under for group, bits in found.items()} if under else found

    def _fitting(self, event: Event) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for bit, fits, per in self._parts:
            if fits(event) and (group := group_under(per, event)) is not None:
                found[group] = found.get(group, 0) | bit
        return found


def _keys(rule: Rule, part: PatternPart) -> tuple[str, ...]:
    """Return the fields that carry the keys of the rule's `per` in events of a part."""
    renamed = dict(part.per)
    return tuple(renamed.get(key, key) for key in rule.per)
