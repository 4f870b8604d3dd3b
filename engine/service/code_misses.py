"""Code misses: when codes came in that nobody was sent, over all phones or all contacts.

Here: one bounded record for each of the two kinds, and whether too many came within an hour. Not here: what one phone
brought (`texts.conversation`), what one contact was asked (`service.verification`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from engine.core.judging.instant import HOUR, Instant, Millis
from engine.service.readable import readable_or
from engine.store.codec import encode
from engine.store.port import Put, Store

CODE_MISSES = "code_misses"
"""Table of the instants of the newest misses, by kind."""
AT_MOST = 50
"""So many misses within `WITHIN` are ordinary typing; one more is guessing."""
WITHIN: Millis = HOUR

Of = Literal["phones", "contacts"]
"""Codes of alerts that came in by SMS; codes of contacts to be verified."""


class Misses(NamedTuple):
    """The misses of the last hour, the newest last, and the version of their record."""

    of: Of
    at: tuple[Instant, ...]
    version: int

    @property
    def too_many(self) -> bool:
        """Whether more came within the hour than typing explains."""
        return len(self.at) > AT_MOST

    @property
    def spent(self) -> bool:
        """Whether the tries of the hour are used up."""
        return len(self.at) >= AT_MOST

    def another(self, now: Instant) -> Misses:
        """Return them with one more; the oldest beyond the bound is forgotten."""
        return Misses(self.of, (*self.at, now)[-AT_MOST - 1 :], self.version)

    def put(self) -> Put:
        """Return the write that keeps them."""
        return Put(CODE_MISSES, self.of, encode(self.at), self.version)


async def misses(store: Store, of: Of, now: Instant) -> Misses:
    """Return the misses of the last hour."""
    record = (await store.get(CODE_MISSES, [of]))[0]
    at = readable_or(CODE_MISSES, of, record, tuple[Instant, ...], ())
    return Misses(of, tuple(one for one in at if one > now - WITHIN), record.version if record else 0)
