"""A rate: how often something may be done by each of many, with room for a burst.

Here: counting by key. Not here: what is counted and what follows (`web`), and tries of sign-ins (`service.throttle`),
which remember each one. Counts lie in this process alone; they are bounded, and those not seen for longest go first.
"""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED = 20_000
"""Keys counted at once."""


class Rate:
    """So many at once by each key, and then `per_second`. Seconds are those of a clock that never goes back."""

    def __init__(self, per_second: float, at_once: float) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Count one and return 0; where it is one too many count nothing and return the seconds until it is not."""
        used = self._left(key, now)
        if used + 1 > self._at_once:
            return (used + 1 - self._at_once) / self._per_second
        self._used[key] = used + 1, now
        self._used.move_to_end(key)
        if len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        return 0.0

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until one more would be allowed, and count nothing."""
        return max(0.0, (self._left(key, now) + 1 - self._at_once) / self._per_second)

    def _left(self, key: str, now: float) -> float:
        used, at = self._used.get(key, (0.0, now))
        return max(0.0, used - (now - at) * self._per_second)
