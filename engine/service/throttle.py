"""The throttle of sign-ins: how often somebody may guess.

Here: counting tries by name, by address and by both, and saying from when another is allowed. Not here: checking a
password (`service.users`).

A try counts before it is checked, so that many at once are many; one that was right is given back. What counts by name
counts whether there is such a user or not. The narrow limit is on both together, so that a stranger who guesses does
not lock the duty officer out from another desk. Counts lie in this process alone: a restart forgets them, and of
several processes each has its own. Both only multiply a number that argon2 makes small.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from engine.judging.instant import MINUTE, Instant, Millis

WITHIN: Millis = 15 * MINUTE
BOTH, ADDRESS, NAME = 5, 30, 60
"""Tries within `WITHIN` of one name from one address, from one address, of one name."""
REMEMBERED = 20_000
"""Names and addresses counted at once; beyond, those tried longest ago are forgotten."""

Key = tuple[str, str]
"""A name and an address; an empty one stands for all."""


class Throttle:
    """The tries of one process."""

    def __init__(self) -> None:
        self._tries: OrderedDict[Key, deque[Instant]] = OrderedDict()

    def take(self, name: str, address: str, now: Instant) -> Instant | None:
        """Count a try and return None; where it is one too many, count nothing and return when one is allowed again."""
        keys = _keys(name, address)
        waits = [free for key, limit in keys if (free := self._free_at(key, limit, now)) > now]
        if waits:
            return max(waits)
        for key, _ in keys:
            self._tries.setdefault(key, deque()).append(now)
            self._tries.move_to_end(key)
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return None

    def forgive(self, name: str, address: str) -> None:
        """The last try was right: it does not count, and none of this name from this address do any more."""
        self._tries.pop((name, address), None)
        for key in ((name, ""), ("", address)):
            if tries := self._tries.get(key):
                tries.pop()

    def _free_at(self, key: Key, limit: int, now: Instant) -> Instant:
        """Return from when one more try is within the limit; what is past is forgotten."""
        tries = self._tries.get(key)
        if tries is None:
            return now
        while tries and tries[0] <= now - WITHIN:
            tries.popleft()
        if not tries:
            del self._tries[key]
        return now if len(tries) < limit else tries[-limit] + WITHIN


def _keys(name: str, address: str) -> tuple[tuple[Key, int], ...]:
    return ((name, address), BOTH), (("", address), ADDRESS), ((name, ""), NAME)
