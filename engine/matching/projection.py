"""Projections: filters lowered to comparisons of a few small numbers, and events to those numbers.

Here: what the second matcher may see of an event (docs/specification/rules.md#matching): texts as small integers, true
and false as 1 and 0, numbers of at most 9 decimals, and 0 or 1 for what it cannot compute itself. Not here: the matcher
(`matching.durable_rules`).

There is no general negation over there, so it is pushed down to the comparisons. Columns of texts, truths and verdicts
are always present, so that "is not" is true for a missing field; numbers have a column of presence beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.core.judging.event import Event, Scalar, number
from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.matching.native import compile_filter

NumberComparison = dict[str, Any]
"""A condition in the matcher's own JSON form; a number stands as `Decimal9`."""

_NEGATED = {"$lt": "$gte", "$gte": "$lt", "$gt": "$lte", "$lte": "$gt"}
_ORDERS = {"at_least": "$gte", "at_most": "$lte", "above": "$gt", "below": "$lt"}
_ALWAYS: NumberComparison = {"f0": 1}
_NEVER: NumberComparison = {"f0": 0}


class Decimal9(float):
    """A number that is written with a point and without an exponent, which the matcher's reader needs."""


class Projection:
    """The columns that some filters need. Lower all filters first, then project events."""

    def __init__(self) -> None:
        self.comparisons = 0
        self._names: dict[object, str] = {}
        self._codes: dict[str, dict[str, int]] = {}
        self._columns: list[Callable[[Event], str]] = []

    def lower(self, filter_: Filter, *, negated: bool = False) -> NumberComparison:
        """Return the filter (or its opposite) as a condition on the columns."""
        match filter_:
            case Test():
                return self._lower_test(filter_, negated=negated)
            case AllOf(parts):
                return _joined(
                    "$or" if negated else "$and", [self.lower(part, negated=negated) for part in parts]
                )
            case AnyOf(parts):
                return _joined(
                    "$and" if negated else "$or", [self.lower(part, negated=negated) for part in parts]
                )
            case Unless(part):
                return self.lower(part, negated=not negated)

    def project(self, event: Event) -> str:
        """Return the event as the JSON text of a fact."""
        return '{"id":"e","f0":1' + "".join([column(event) for column in self._columns]) + "}"

    def _lower_test(self, test: Test, *, negated: bool) -> NumberComparison:
        self.comparisons += 1
        value = test.value
        if test.operator == "equals" and isinstance(value, str):
            return _equal(self._text(test.field, value), self._codes[test.field][value], negated=negated)
        if test.operator == "equals" and isinstance(value, bool):
            return _equal(self._truth(test.field), int(value), negated=negated)
        if test.operator == "equals" or test.operator in _ORDERS:
            return self._lower_number(test, negated=negated)
        return _equal(self._verdict(test), 0 if negated else 1)

    def _lower_number(self, test: Test, *, negated: bool) -> NumberComparison:
        bound = None if isinstance(test.value, str | tuple) else number(test.value)
        if bound is None:
            return _ALWAYS if negated else _NEVER
        name, limit = self._number(test.field), Decimal9(bound)
        order = _ORDERS.get(test.operator)
        if not negated:
            return _equal(name, limit) if order is None else {order: {name: limit}}
        self.comparisons += 1
        missing = _equal(self._presence(test.field), 0)
        other = _equal(name, limit, negated=True) if order is None else {_NEGATED[order]: {name: limit}}
        return {"$or": [other, missing]}

    # --- columns ----------------------------------------------------------------------------------------------------

    def _text(self, field: str, constant: str) -> str:
        codes = self._codes.setdefault(field, {})
        codes.setdefault(constant, len(codes) + 1)

        def code(found: Scalar | None) -> int:
            return codes.get(found, 0) if isinstance(found, str) else 0

        return self._column(("text", field), field, lambda found: str(code(found)))

    def _truth(self, field: str) -> str:
        return self._column(
            ("truth", field), field, lambda found: str(int(found)) if isinstance(found, bool) else "2"
        )

    def _number(self, field: str) -> str:
        def digits(found: Scalar | None) -> str:
            exact = number(found)
            return "" if exact is None else decimal(exact)

        return self._column(("number", field), field, digits)

    def _presence(self, field: str) -> str:
        return self._column(("presence", field), field, lambda found: "0" if number(found) is None else "1")

    def _column(self, key: object, field: str, text: Callable[[Scalar | None], str]) -> str:
        if key not in self._names:
            name = self._names[key] = f"f{len(self._names) + 1}"
            self._columns.append(
                lambda event: f',"{name}":{found}' if (found := text(event.value(field))) else ""
            )
        return self._names[key]

    def _verdict(self, test: Test) -> str:
        key = ("verdict", test)
        if key not in self._names:
            name, holds = f"f{len(self._names) + 1}", compile_filter(test)
            self._names[key] = name
            self._columns.append(lambda event: f',"{name}":1' if holds(event) else f',"{name}":0')
        return self._names[key]


def decimal(value: float) -> str:
    """Write a number with a point and at most 9 decimals, never with an exponent."""
    text = f"{value:.9f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def json_text(node: object) -> str:
    """Write a definition as JSON, numbers as `decimal` does."""
    match node:
        case dict():
            return "{" + ",".join(f"{json_text(key)}:{json_text(value)}" for key, value in node.items()) + "}"
        case list():
            return "[" + ",".join(json_text(value) for value in node) + "]"
        case Decimal9():
            return decimal(node)
        case int():
            return str(node)
        case _:
            return f'"{node}"'


def _equal(name: str, value: float, *, negated: bool = False) -> NumberComparison:
    return {"$neq": {name: value}} if negated else {name: value}


def _joined(word: str, parts: list[NumberComparison]) -> NumberComparison:
    if not parts:
        return _ALWAYS if word == "$and" else _NEVER
    return parts[0] if len(parts) == 1 else {word: parts}
