"""The native matcher: which rules an event satisfies, whose clearing event it is, and to which groups it belongs.

It compiles filters to closures and indexes rules by kind. It defines the meaning of the filter language
(docs/specification/rules.md#filters). `matches` finds its pattern anywhere in a text. Numbers count to 9 decimals and
within plus or minus 2^53; a field with any other number is missing. True and false equal only themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt

import re2

from engine.core.judging.condition import PatternPart
from engine.core.judging.event import Event, Scalar, number
from engine.core.judging.filter import EVERYTHING, NOTHING, AllOf, AnyOf, Filter, Test, Unless, kinds_of
from engine.core.judging.group_key import group_of, group_under
from engine.core.judging.pattern import fits_of, parts_of, watched_by
from engine.core.judging.region import lineage
from engine.core.judging.rule import Rule
from engine.errors import ConfigurationError


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


MatchVerdict = Callable[[Event], bool]
"""Says of an event whether a filter holds."""


class NativeMatcher:
    """All rules of a rule set, ready to be asked about events."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._apart: tuple[tuple[Rule, NativeMatcher], ...] | None = None
        self._watching = _Index((rule, watched_by(rule.condition, rule.watch)) for rule in rules)
        self._clearing = _Index((rule, rule.clear.event) for rule in rules if rule.clear.event is not None)
        self._memberships = {rule.id: Membership(rule, compile_filter) for rule in rules}

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules whose `watch` holds, in the order of the rule set."""
        return self._watching.holding(event)

    def clears(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules whose clearing event this is."""
        return self._clearing.holding(event)

    def groups(self, rule: Rule, event: Event) -> Mapping[str, int]:
        """Return the groups of a rule that a matching event belongs to, and which parts of a pattern it fits there."""
        return self._memberships[rule.id].groups(event)

    def apart(self) -> tuple[tuple[Rule, NativeMatcher], ...]:
        """Return a matcher of each rule alone, in the order of the rule set: to find out which of them raises."""
        if self._apart is None:
            self._apart = tuple((rule, NativeMatcher((rule,))) for rule in self._rules)
        return self._apart


class _Index:
    """Filters by the kinds they can hold for; those of a kind are compiled, without their tests of it, at its first."""

    def __init__(self, rows: Iterable[tuple[Rule, Filter]]) -> None:
        self._rows = [(rule, filter_, kinds_of(filter_)) for rule, filter_ in rows]
        for _, filter_, _ in self._rows:
            compile_filter(filter_)  # one that cannot be is refused when the rules are loaded
        self._of_kind: dict[str, tuple[tuple[Rule, MatchVerdict], ...]] = {}

    def holding(self, event: Event) -> tuple[Rule, ...]:
        rows = self._of_kind.get(event.kind)
        if rows is None:
            rows = tuple(self._compiled(event.kind))
            if len(self._of_kind) < _KINDS_KEPT:
                self._of_kind[event.kind] = rows
        return tuple([rule for rule, holds in rows if holds(event)])

    def _compiled(self, kind: str) -> Iterator[tuple[Rule, MatchVerdict]]:
        for rule, filter_, kinds in self._rows:
            if possible(kinds, kind) and (left := of_kind(filter_, kind)) != NOTHING:
                yield rule, compile_filter(left)


def of_kind(filter_: Filter, kind: str) -> Filter:
    """Return what is left of a filter for events of a kind: `NOTHING`, `EVERYTHING`, or tests of other fields."""
    match filter_:
        case Test(field="kind"):
            known = Event(desk="", id="", kind=kind, region="", severity=1, occurred_at=0)
            return EVERYTHING if _test(filter_)(known) else NOTHING
        case Test():
            return filter_
        case AllOf(parts):
            left = [part for one in parts if (part := of_kind(one, kind)) != EVERYTHING]
            return NOTHING if NOTHING in left else left[0] if len(left) == 1 else AllOf(tuple(left))
        case AnyOf(parts):
            left = [part for one in parts if (part := of_kind(one, kind)) != NOTHING]
            return EVERYTHING if EVERYTHING in left else left[0] if len(left) == 1 else AnyOf(tuple(left))
        case Unless(part):
            turned = of_kind(part, kind)
            return NOTHING if turned == EVERYTHING else EVERYTHING if turned == NOTHING else Unless(turned)


def compile_filter(filter_: Filter) -> MatchVerdict:
    """Return a function that says of an event whether the filter holds."""
    match filter_:
        case Test():
            return _test(filter_)
        case AllOf(parts):
            return _all([compile_filter(part) for part in parts])
        case AnyOf(parts):
            return _any([compile_filter(part) for part in parts])
        case Unless(part):
            holds = compile_filter(part)
            return lambda event: not holds(event)


def _test(test: Test) -> MatchVerdict:
    field, value = test.field, test.value
    read = _reader(field)
    match test.operator:
        case "equals" if not isinstance(value, tuple):
            return _equals(read, value)
        case "one_of" if isinstance(value, tuple):
            return _one_of(read, value)
        case "prefix" if isinstance(value, str):
            return _prefix(read, value)
        case "matches" if isinstance(value, str):
            return _pattern(read, value)
        case "exists" if isinstance(value, bool):
            return lambda event: (read(event) is not None) is value
        case "lies_in" if isinstance(value, tuple):
            codes = frozenset(str(code) for code in value)
            return lambda event: isinstance(code := read(event), str) and not codes.isdisjoint(lineage(code))
        case "at_least" | "at_most" | "above" | "below" if isinstance(value, int | float):
            if field == "severity":
                return _severity(_COMPARISONS[test.operator], value)
            return _against(read, _COMPARISONS[test.operator], value)
    raise ConfigurationError(f"no filter tests {field!r} by {test.operator!r} against {value!r}")


FieldReader = Callable[[Event], Scalar | None]


def _reader(field: str) -> FieldReader:
    match field:
        case "kind":
            return lambda event: event.kind
        case "severity":
            return lambda event: event.severity
        case "region":
            return lambda event: event.region
        case _:
            return lambda event: event.value(field)


def _all(parts: list[MatchVerdict]) -> MatchVerdict:
    match parts:
        case []:
            return lambda _: True
        case [only]:
            return only
        case [one, two]:
            return lambda event: one(event) and two(event)
        case [one, two, three]:
            return lambda event: one(event) and two(event) and three(event)
        case _:
            return lambda event: all(holds(event) for holds in parts)


def _any(parts: list[MatchVerdict]) -> MatchVerdict:
    return parts[0] if len(parts) == 1 else lambda event: any(holds(event) for holds in parts)


def _equals(read: FieldReader, value: Scalar) -> MatchVerdict:
    if isinstance(value, str):
        return lambda event: read(event) == value
    if isinstance(value, bool):
        return lambda event: read(event) is value
    wanted = number(value)
    return lambda event: (found := number(read(event))) is not None and found == wanted


def _one_of(read: FieldReader, values: tuple[Scalar, ...]) -> MatchVerdict:
    texts = frozenset(value for value in values if isinstance(value, str))
    truths = [value for value in values if isinstance(value, bool)]
    numbers = {number(value) for value in values} - {None}

    def holds(event: Event) -> bool:
        found = read(event)
        if isinstance(found, str):
            return found in texts
        if isinstance(found, bool):
            return found in truths
        return number(found) in numbers

    return holds


def _prefix(read: FieldReader, prefix: str) -> MatchVerdict:
    return lambda event: isinstance(found := read(event), str) and found.startswith(prefix)


def _pattern(read: FieldReader, pattern: str) -> MatchVerdict:
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        raise ConfigurationError(f"{pattern!r} is no RE2 pattern: {error}") from None

    def holds(event: Event) -> bool:
        found = read(event)
        if not isinstance(found, str):
            return False
        # RE2 reads UTF-8; a half surrogate pair has none and is read as a question mark.
        return search(found.encode("utf-8", "replace").decode()) is not None

    return holds


def _against(read: FieldReader, compare: Callable[[float, float], bool], limit: float) -> MatchVerdict:
    bound = number(limit)
    if bound is None:
        return lambda _: False
    return lambda event: (found := number(read(event))) is not None and compare(found, bound)


def _severity(compare: Callable[[float, float], bool], limit: float) -> MatchVerdict:
    """Compare the one number that every event has, always whole and from 1 to 4."""
    bound = number(limit)
    if bound is None:
        return lambda _: False
    return lambda event: compare(event.severity, bound)


def possible(kinds: tuple[str, ...] | None, kind: str) -> bool:
    """Say whether a kind is among these (exact, or prefixes ending in `*`; None: any)."""
    return kinds is None or any(
        kind.startswith(one[:-1]) if one.endswith("*") else kind == one for one in kinds
    )


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "at_least": ge,
    "at_most": le,
    "above": gt,
    "below": lt,
}
_KINDS_KEPT = 10_000
