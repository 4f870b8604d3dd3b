"""What the store keeps of phones: under a digest of the number, the codes sent to it and the texts heard from it.

Here: the table, the digest, and what is written when a message goes out to a phone. Not here: what codes and texts
mean (`wording.line`, `wording.dialogue`) and dealing with a text (`service.inbound`). No number stands in it: there are
so few numbers that a plain digest could be guessed back, so it is made with the installation's key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from engine.alerting.alert import Alert
from engine.judging.instant import Instant
from engine.service.casebook import ALERTS
from engine.service.key import Keys
from engine.service.readable import readable_of
from engine.store.codec import encode
from engine.store.port import Put, Store
from engine.wording.line import Line, close, tell, tell_digest

CODES = "codes"
"""Table of `Line`s by digest of the number."""
DIGEST_CHARACTERS = 32


class Kept(NamedTuple):
    """A line as it stood in the store, without codes that ended, and its version (0: nothing is kept yet)."""

    line: Line
    version: int

    @property
    def alerts(self) -> list[str]:
        """Ids of the alerts of its codes that were not all resolved when it was read."""
        return [alert for told in self.line.codes if told.closed_at is None for alert in told.alerts]


class Told(NamedTuple):
    """The code that a message to a phone carries, and the write that belongs to sending it."""

    code: str
    put: Put


class Phones:
    """The lines of an installation."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    def digest(self, number: str) -> str:
        """Return the name of a phone in tables and logs; `number` is `+` and digits."""
        return _digest(self._keys.current, number)

    async def read(self, number: str, now: Instant) -> tuple[Kept, frozenset[str]]:
        """Return the line of a phone at an instant, and which alerts of its codes are unresolved."""
        kept = await self._kept(number)
        wanted = list(dict.fromkeys(kept.alerts))
        records = await self._store.get(ALERTS, wanted) if wanted else []
        # An alert that is not there any more was resolved long ago; one that cannot be read may still be open.
        alerts = readable_of(ALERTS, wanted, records, Alert)
        resolved = {id_: 0 for id_, one in zip(wanted, records, strict=True) if one is None}
        resolved |= {id_: alert.resolved_at or 0 for id_, alert in alerts.items() if not alert.unresolved}
        return Kept(close(kept.line, resolved, now), kept.version), frozenset(wanted) - resolved.keys()

    async def _kept(self, number: str) -> Kept:
        """Return what is kept of a phone; under a key that was replaced, where nothing was written since.

        A line that cannot be read is replaced by the next message: the person is told on, with new codes.
        """
        names = [_digest(key, number) for key in self._keys.accepted]
        records = await self._store.get(CODES, names)
        lines = readable_of(CODES, names, records, Line).values()
        return Kept(next(iter(lines), Line()), records[0].version if records[0] else 0)

    def put(self, number: str, kept: Kept, line: Line) -> Put:
        """Return the write that keeps a line instead of the one that was read."""
        return Put(CODES, self.digest(number), encode(line), kept.version)

    async def tell(self, number: str, alert: str, now: Instant, *, notice: bool) -> Told:
        """Return the code of an alert for a phone, and the write that keeps that a message with it goes out now."""
        phone = self.digest(number)
        kept, _ = await self.read(number, now)
        line, code = tell(kept.line, phone, alert, now, notice=notice)
        return Told(code, self.put(number, kept, line))

    async def tell_digest(self, number: str, digest: str, alerts: Sequence[str], now: Instant) -> Told:
        """Return the code of a digest for a phone, and the write that keeps of which alerts it tells, in this order."""
        phone = self.digest(number)
        kept, _ = await self.read(number, now)
        line, code = tell_digest(kept.line, phone, digest, alerts, now)
        return Told(code, self.put(number, kept, line))


def _digest(key: bytes, number: str) -> str:
    return hmac.digest(key, b"phone\0" + number.encode(), "sha256").hex()[:DIGEST_CHARACTERS]
