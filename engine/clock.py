"""The only reader of wall time, and the manual clock of tests, replays and exercises.

Here: what `now` is. Not here: arithmetic on instants (`judging.instant`) and waiting (the loops of `service`).
An instant is a whole number of milliseconds since 1970-01-01T00:00:00 UTC.
"""

from __future__ import annotations

import time
from typing import Protocol

FORWARD_JUMP_MS = 60_000
"""A forward step of the wall clock against the monotonic clock by more than this is not believed at once."""
FORWARD_JUMP_PATIENCE_MS = 600_000
"""... but followed after it has lasted this long (escalation.md 3.13)."""


class Clock(Protocol):
    """Says what instant it is; never goes back."""

    def now(self) -> int:
        """Return the present instant in milliseconds UTC."""


def monotonic() -> float:
    """Seconds on a clock that only measures distances; for latencies and leases, never for domain time."""
    return time.monotonic()


class WallClock:
    """Wall time that never goes back and does not follow a sudden forward jump (escalation.md 3.13).

    `now` is the larger of wall time and the previous `now` plus the monotonic time passed. A jump forward of more than
    60 s is followed only after 10 minutes; `jump_ms` shows it meanwhile, so that ops can be told at once.
    """

    def __init__(self) -> None:
        self._last = time.time_ns() // 1_000_000
        self._last_monotonic = time.monotonic_ns() // 1_000_000
        self._jump_seen_at: int | None = None
        self.jump_ms = 0

    def now(self) -> int:
        """Return the present instant in milliseconds UTC."""
        wall = time.time_ns() // 1_000_000
        measured = time.monotonic_ns() // 1_000_000
        expected = self._last + measured - self._last_monotonic
        now = max(wall, expected)
        if wall - expected > FORWARD_JUMP_MS:
            if self._jump_seen_at is None:
                self._jump_seen_at = measured
            if measured - self._jump_seen_at < FORWARD_JUMP_PATIENCE_MS:
                now = expected
        else:
            self._jump_seen_at = None
        self.jump_ms = wall - now
        self._last, self._last_monotonic = now, measured
        return now


class ManualClock:
    """A clock that stands until it is set: lock-step runs, tests, backtests."""

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        """Return the instant last set, in milliseconds UTC."""
        return self._now

    def set(self, instant: int) -> None:
        """Move to `instant`; an earlier one is ignored, since no clock of Siaga goes back."""
        self._now = max(self._now, instant)
