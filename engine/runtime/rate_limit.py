"""Rate limits: how much each of many may do, as token buckets.

A bucket holds `burst` and refills by `per_second`. The limit is an argument of each call, since each API token may have
one of its own. Counts are kept in this process alone and are bounded: keys that were not used for longest go first.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

REMEMBERED = 20_000
"""Keys counted at once."""


class RateLimit(NamedTuple):
    """So much at once, and then `per_second`."""

    per_second: float
    burst: float

    @classmethod
    def per(cls, seconds: float, amount: float) -> RateLimit:
        """Return the limit that allows `amount` at once, and as much again evenly over each `seconds`."""
        return cls(amount / seconds, amount)


class RateLimiter:
    """Token buckets by key. `now` is in seconds of any one clock; a step back of that clock refills nothing."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, limit: RateLimit, now: float, amount: float = 1) -> float:
        """Take `amount` and return 0. Where that is too much take nothing and return the seconds until it is not.

        Infinity: `amount` is more than the bucket ever holds.
        """
        wait = self.wait(key, limit, now, amount)
        if wait > 0:
            return wait
        self._used[key] = self._in_use(key, limit, now) + amount, now
        self._used.move_to_end(key)
        if len(self._used) > self._remembered:
            self._used.popitem(last=False)
        return 0.0

    def wait(self, key: str, limit: RateLimit, now: float, amount: float = 1) -> float:
        """Return the seconds until `amount` could be taken, and take nothing."""
        if amount > limit.burst:
            return math.inf
        return max(0.0, (self._in_use(key, limit, now) + amount - limit.burst) / limit.per_second)

    def give_back(self, key: str, amount: float = 1) -> None:
        """Return what was taken and not used."""
        if key in self._used:
            used, at = self._used[key]
            self._used[key] = max(0.0, used - amount), at

    def forget(self, key: str) -> None:
        """Fill the bucket of a key."""
        self._used.pop(key, None)

    def _in_use(self, key: str, limit: RateLimit, now: float) -> float:
        used, at = self._used.get(key, (0.0, now))
        return max(0.0, used - max(0.0, now - at) * limit.per_second)
