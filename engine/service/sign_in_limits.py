"""Limits of sign-in: how often somebody may try a password.

A try counts before it is checked, so that parallel tries count too; a right one is given back. Tries count by name and
address together, by address, and by name, whether there is such a user or not. A browser in which this user signed in
before counts by itself alone: tries of strangers never shut it out. Counts lie in this process alone: a restart
forgets them, and of several processes each has its own.
"""

from __future__ import annotations

from engine.service.rate_limit import Limit, RateLimiter

WITHIN_SECONDS = 900.0
BOTH, ADDRESS, NAME = 5, 30, 60
"""Tries at once of one name from one address, from one address, of one name; as many again within `WITHIN_SECONDS`."""
KNOWN = 10
"""Tries at once of one name in a browser in which this name signed in before."""

Bucket = tuple[str, Limit]


class SignInLimits:
    """The tries that one process saw."""

    def __init__(self) -> None:
        self._tries = RateLimiter()

    def take(self, name: str, address: str, browser: str, now: float) -> float:
        """Count a try and return 0; where it is one too many, count nothing and return the seconds until it is not.

        `browser` is the id of a browser in which this name signed in before; empty: it is none.
        """
        buckets = _buckets(name, address, browser)
        wait = max(self._tries.wait(key, limit, now) for key, limit in buckets)
        if wait == 0:
            for key, limit in buckets:
                self._tries.take(key, limit, now)
        return wait

    def give_back(self, name: str, address: str, browser: str) -> None:
        """Give the last try back: it was not checked."""
        for key, _ in _buckets(name, address, browser):
            self._tries.give_back(key)

    def forgive(self, name: str, address: str, browser: str) -> None:
        """Give the last try back, which was right; earlier ones of this name from here do not count any more."""
        narrow, *others = _buckets(name, address, browser)
        self._tries.forget(narrow[0])
        for key, _ in others:
            self._tries.give_back(key)


def _buckets(name: str, address: str, browser: str) -> tuple[Bucket, ...]:
    """Return the buckets of a try, the narrowest first."""
    if browser:
        return ((f"browser\0{name}\0{browser}", Limit.per(WITHIN_SECONDS, KNOWN)),)
    return (
        (f"both\0{name}\0{address}", Limit.per(WITHIN_SECONDS, BOTH)),
        (f"address\0{address}", Limit.per(WITHIN_SECONDS, ADDRESS)),
        (f"name\0{name}", Limit.per(WITHIN_SECONDS, NAME)),
    )
