"""The numbers that a limit lets through, as a range.

Here: arithmetic on limits for the loader's questions: can it ever be met, is a clear limit on the wrong side.
Not here: holding a figure against a limit (`judging.rule.Limit.met_by`).
"""

from __future__ import annotations

from math import inf

import msgspec

from engine.judging.rule import Limit
from engine.loading.known import Field


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
