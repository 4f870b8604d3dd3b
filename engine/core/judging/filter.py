"""Filters and limits: what one event must be like, and what one number.

Here: frozen values that `documents` makes from YAML. Not here: holding an event against a filter (`engine.matching`).
Words: docs/specification/rules.md#filters, #conditions.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.core.judging.event import Scalar

Operator = Literal["at_least", "at_most", "above", "below", "equals"]


class Limit(msgspec.Struct, frozen=True):
    """A limit on a figure: `operator` and the number it is held against."""

    operator: Operator
    number: float

    def met_by(self, figure: float) -> bool:
        """Say whether the figure meets the limit; the bounds are inclusive for at_least and at_most."""
        match self.operator:
            case "at_least":
                return figure >= self.number
            case "at_most":
                return figure <= self.number
            case "above":
                return figure > self.number
            case "below":
                return figure < self.number
            case "equals":
                return figure == self.number


class Test(msgspec.Struct, frozen=True, tag="test"):
    """One field of an event held against one value.

    `operator` is `equals`, `one_of` (value: tuple of scalars), `prefix`, `at_least`, `at_most`, `above`, `below`,
    `matches` (RE2), `exists` (value: bool) or `lies_in` (value: tuple of region codes; the field holds a code).
    A test on a missing field is false, except `exists: false`.
    """

    __test__ = False
    field: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Every part holds; the empty one always does."""

    parts: tuple[Filter, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """At least one part holds."""

    parts: tuple[Filter, ...]


class Unless(msgspec.Struct, frozen=True, tag="unless"):
    """The part does not hold."""

    part: Filter


Filter = Test | AllOf | AnyOf | Unless
EVERYTHING = AllOf(())
NOTHING = AnyOf(())


def kinds_of(node: Filter) -> tuple[str, ...] | None:
    """Return the kinds a filter can hold for (exact, or prefixes ending in `*`); None where it can be any."""
    match node:
        case Test(field="kind", operator="equals", value=str(kind)):
            return (kind,)
        case Test(field="kind", operator="prefix", value=str(prefix)):
            return (prefix + "*",)
        case Test(field="kind", operator="one_of", value=tuple(values)):
            return tuple(str(value) for value in values)
        case AllOf(parts):
            return next((found for part in parts if (found := kinds_of(part)) is not None), None)
        case AnyOf(parts):
            alternatives = [kinds_of(part) for part in parts]
            if None in alternatives:
                return None
            return tuple(kind for kinds in alternatives if kinds for kind in kinds)
        case _:
            return None
