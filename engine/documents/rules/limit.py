"""Limits of a condition, a level or an ending: one of five words and a number, and the range it allows.

Specification: docs/specification/rules.md#conditions.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from math import inf
from typing import get_args

import msgspec

from engine.core.judging.filter import Limit, Operator
from engine.documents.fields import Form, Take, number
from engine.documents.finding import Findings
from engine.documents.reference_data import Field
from engine.documents.times import duration
from engine.documents.yaml_tree import Node, ScalarNode


class Range(msgspec.Struct, frozen=True):
    """Numbers between two bounds, each included or not; `whole` where only whole numbers occur."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False
    whole: bool = False

    @classmethod
    def of(cls, field: Field) -> Range:
        """Return the numbers that a field can hold."""
        return cls(
            -inf if field.lowest is None else field.lowest, inf if field.highest is None else field.highest
        )

    @property
    def empty(self) -> bool:
        """Whether no number is left."""
        if not self.whole:
            return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))
        return self._whole_low() > self._whole_high()

    def meeting(self, operator: str, number: float) -> Range:
        """Return what is left of the range where the limit is met too."""
        match operator:
            case "at_least" | "above":
                return self._over(number, is_open=operator == "above")
            case "at_most" | "below":
                return self._under(number, is_open=operator == "below")
            case _:
                return self.meeting("at_least", number).meeting("at_most", number)

    def under(self, limit: Limit) -> Range:
        """Return what is left of the range where this limit is met too."""
        return self.meeting(limit.operator, limit.number)

    def _over(self, number: float, *, is_open: bool) -> Range:
        if number < self.low or (number == self.low and self.low_open):
            return self
        return msgspec.structs.replace(self, low=number, low_open=is_open)

    def _under(self, number: float, *, is_open: bool) -> Range:
        if number > self.high or (number == self.high and self.high_open):
            return self
        return msgspec.structs.replace(self, high=number, high_open=is_open)

    def _whole_low(self) -> float:
        if self.low == -inf:
            return -inf
        low = int(self.low) if self.low == int(self.low) else int(self.low // 1) + 1
        return low + 1 if self.low_open and low == self.low else low

    def _whole_high(self) -> float:
        if self.high == inf:
            return inf
        high = int(self.high // 1)
        return high - 1 if self.high_open and high == self.high else high


_LENGTH = re.compile(r"(\d+(ms|[smhdw]))+", re.ASCII)
LIMITS: tuple[Operator, ...] = get_args(Operator)


def figure(node: Node, findings: Findings) -> float:
    """Take the number of a limit on a figure; a percent sign may stand after it. A length is taken in milliseconds."""
    if isinstance(node, ScalarNode) and _LENGTH.fullmatch(node.text):
        return duration()(node, findings)
    return number_or_percent(node, findings)[0]


def number_or_percent(node: Node, findings: Findings) -> tuple[float, bool]:
    """Take a number, and whether a percent sign stands after it."""
    if isinstance(node, ScalarNode) and node.text.endswith("%"):
        return number(ScalarNode(node.text[:-1].rstrip(), plain=node.plain, mark=node.mark), findings), True
    return number(node, findings), False


def limit_of(
    form: Form, findings: Findings, operators: Collection[Operator] = LIMITS, take: Take[float] = number
) -> Limit | None:
    """Take the one LIMIT among the keys of a form; None where there is none (no finding) or it is unusable."""
    limits = [
        Limit(word, figure) for word in operators if (figure := form.read(word, take, None)) is not None
    ]
    if len(limits) > 1:
        findings.add("one_limit", form.mark, choices=", ".join(operators))
        return None
    return limits[0] if limits else None


def required_limit(
    form: Form, findings: Findings, operators: Collection[Operator] = LIMITS, take: Take[float] = number
) -> Limit | None:
    """Take the one LIMIT that must be among the keys of a form; None where it is unusable."""
    if not any(word in form for word in operators):
        findings.add("limit_missing", form.mark, choices=", ".join(operators))
    return limit_of(form, findings, operators, take)
