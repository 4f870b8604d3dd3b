"""A figure of a benchmark: what was measured, the runs, and what it is held against.

Here: the value, its median and whether it meets its line. Not here: measuring.
"""

from __future__ import annotations

from statistics import median
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    `cpu` is the CPU time of all of Siaga's processes for one event, in microseconds, where it was measured: on a shared
    machine it says more than the rate. `peer_runs` are of the peer in the same run.
    """

    what: str
    unit: str
    runs: tuple[float, ...]
    better: Literal["higher", "lower"] = "higher"
    target: float | None = None
    cpu: float | None = None
    peer: str = ""
    peer_runs: tuple[float, ...] = ()
    target_ratio: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """The median of the runs."""
        return median(self.runs)

    @property
    def peer_value(self) -> float | None:
        """The median of the peer's runs."""
        return median(self.peer_runs) if self.peer_runs else None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; None without one."""
        if self.peer_value is None:
            return None
        return self.value / self.peer_value if self.better == "higher" else self.peer_value / self.value

    @property
    def met(self) -> bool | None:
        """Whether the line is met; None where there is none, or no peer to hold it against."""
        if self.target is not None:
            return self.value >= self.target if self.better == "higher" else self.value <= self.target
        if self.target_ratio is not None and self.ratio is not None:
            return self.ratio >= self.target_ratio
        return None


class Scale(msgspec.Struct, frozen=True):
    """How much is measured: a look (`quick`) or a figure, and how many runs."""

    quick: bool

    @property
    def runs(self) -> int:
        """How often each is measured."""
        return 1 if self.quick else 3

    def of(self, whole: int, quick: int) -> int:
        """Return one of two sizes."""
        return quick if self.quick else whole
