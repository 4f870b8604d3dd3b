"""The only reader of wall time, and the manual clock of tests, replays and exercises.

Here: what `now` is, and whether anybody keeps it right.
Not here: arithmetic on instants (`core.judging.instant`) and waiting (`runtime.loop_runner`).
An instant is a whole number of milliseconds since 1970-01-01T00:00:00 UTC.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Protocol

FORWARD_JUMP_MS = 60_000
"""A forward step of the wall clock against the monotonic clock by more than this is not believed at once."""
FORWARD_JUMP_PATIENCE_MS = 600_000
"""... but followed after it has lasted this long (docs/specification/escalation.md#clock)."""
LONGEST_LEAD_MS = 7_200_000
"""A start goes on from where an earlier process was, if that is at most so far ahead of the wall clock."""


class Clock(Protocol):
    """Says what instant it is; never goes back.

    `jump_ms` is how far the wall clock is ahead of it, below 0: behind; in milliseconds as of the last `now`.
    """

    @property
    def jump_ms(self) -> int: ...  # noqa: D102

    def now(self) -> int:
        """Return the present instant in milliseconds UTC."""


def monotonic() -> float:
    """Seconds on a clock that only measures distances; for latencies and leases, never for domain time."""
    return time.monotonic()


def synchronised() -> bool | None:
    """Return whether the kernel says that some server of time keeps this machine's clock; None where it cannot say."""
    try:
        adjust = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):  # no Linux
        return None
    state = _Timex()
    if adjust(ctypes.byref(state)) < 0:
        return None
    return not state.status & _UNSYNCHRONISED


class _Timex(ctypes.Structure):
    """The beginning of the kernel's `struct timex`: `modes` 0 only asks."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


_UNSYNCHRONISED = 0x0040


class WallClock:
    """Wall time that never goes back and does not follow a sudden forward jump.

    Specification: docs/specification/escalation.md#clock.

    `now` is the larger of wall time and the previous `now` plus the monotonic time passed. A jump forward of more than
    60 s is followed only after 10 minutes; `jump_ms` shows it meanwhile, so that ops can be told at once.
    """

    def __init__(
        self,
        not_before: int = 0,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Begin at the wall time, or at `not_before` (milliseconds UTC) where an earlier process got further.

        A `not_before` of more than `LONGEST_LEAD_MS` ahead is not believed: that process had a wrong clock.
        """
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        wall = wall_ns() // 1_000_000
        self._last = not_before if wall < not_before <= wall + LONGEST_LEAD_MS else wall
        self._last_monotonic = monotonic_ns() // 1_000_000
        self._jump_seen_at: int | None = None
        self.jump_ms = wall - self._last

    def now(self) -> int:
        """Return the present instant in milliseconds UTC."""
        wall = self._wall_ns() // 1_000_000
        measured = self._monotonic_ns() // 1_000_000
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

    jump_ms = 0

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        """Return the instant last set, in milliseconds UTC."""
        return self._now

    def set(self, instant: int) -> None:
        """Move to `instant`; an earlier one is ignored, since no clock of Siaga goes back."""
        self._now = max(self._now, instant)
