"""The event: an immutable report of something observed.

Here: the value and how its fields are looked up. Not here: reading it from JSON (`intake.submission`) or judging it.
Schema: docs/specification/rules.md#event-document. `occurred_at` is the rule's clock
(docs/specification/rules.md#event-identity).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION

Scalar = str | int | float | bool


GREATEST = 2**53
"""Numbers beyond plus or minus this are not exact any more and count as missing."""


def number(value: Scalar | None) -> float | None:
    """Return what a field counts as a number, rounded to 9 decimals; None for texts, true, false and out of range."""
    if value is None or isinstance(value, str | bool) or not -GREATEST <= value <= GREATEST:
        return None
    return round(value, 9)


class EventKey(NamedTuple):
    """The order of events (docs/specification/rules.md#event-order): occurred_at, then desk, then id."""

    occurred_at: Instant
    desk: str
    id: str


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One event. It is identified by (`desk`, `id`); `fields` holds every other field by its dotted path.

    `received_at` is set by the store at the append and never falls from entry to entry. `flags` are the intake's
    remarks (`kind_unknown`, `offset_mismatch`); they change nothing in judging. Of an event that names an earlier one
    the intake keeps what its token may: `reach`, the token's region, and `by_verifier`, the right `verify`; and
    `against_alert`: when it came in, an open siaga or awas alert rested on the event of that id of its own desk.
    `token` is the credential that brought the event, such as `token:4be1a2c3d4`: the intake sets it and believes no
    body. It is empty for events of before it was kept; then the field `source.token` is missing.
    """

    desk: str
    id: str
    kind: str
    region: str
    severity: int
    occurred_at: Instant
    received_at: Instant = 0
    fields: dict[str, Scalar] = {}
    flags: tuple[str, ...] = ()
    exercise: bool = False
    reach: str = NATION
    by_verifier: bool = False
    token: str = ""
    against_alert: bool = False

    @property
    def key(self) -> EventKey:
        """The place of the event in the order of all events."""
        return EventKey(self.occurred_at, self.desk, self.id)

    @property
    def space(self) -> str:
        """`real` or `exercise`: windows, alerts and balances of the two never mix."""
        return "exercise" if self.exercise else "real"

    def value(self, path: str) -> Scalar | None:
        """Return the field at a dotted path, or None where the event lacks it."""
        if path in _OWN:
            found: Scalar = getattr(self, _OWN[path])
            return None if found == "" else found
        return self.fields.get(path)


_OWN = {
    "kind": "kind",
    "region": "region",
    "severity": "severity",
    "id": "id",
    "source.desk": "desk",
    "source.token": "token",
    "occurred_at": "occurred_at",
    "received_at": "received_at",
    "exercise": "exercise",
}
