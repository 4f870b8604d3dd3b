"""Which reports hold up a siaga or awas alert now: their own desk may not take them back alone.

The intake asks when an event comes in that corrects or refutes another one, and notes the answer in it. So the law
(`core.judging.correction`) depends on nothing but events, and a replay of the past finds the same.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.core.alerting.alert import Alert
from engine.core.judging.correction import GRAVE, Name
from engine.core.judging.region import NATION
from engine.records.alert_lists import LEVELS, TABLE, pressing
from engine.records.tolerant_read import readable_of
from engine.store.port import Place, Store

PIECE = 200
"""Alerts that are read at once."""
MOST = 2_000
"""So many open alerts are looked through. Where there are more, every report is taken to hold up one."""


class GraveEvidence(NamedTuple):
    """The reports, by desk and id; `whole` says whether all alerts were looked through."""

    names: frozenset[Name]
    whole: bool

    def holds(self, name: Name) -> bool:
        """Say whether an open siaga or awas alert rests on a report, or may."""
        return not self.whole or name in self.names


async def grave_evidence(store: Store) -> GraveEvidence:
    """Return the reports on which the open siaga and awas alerts rest that nothing hides."""
    names, looked = set[Name](), 0
    for level in (one for one in LEVELS if one >= GRAVE):
        for waits in (True, False):
            for exercise in (False, True):
                after: Place | None = None
                while True:
                    wanted = pressing(NATION, level, waits=waits, exercise=exercise)
                    page = await store.page(wanted, PIECE, after)
                    ids = [member for member, _ in page]
                    records = await store.get(TABLE, ids) if ids else []
                    for alert in readable_of(TABLE, ids, records, Alert).values():
                        names.update((one.desk, one.id) for one in alert.evidence)
                    looked += len(page)
                    if looked > MOST:
                        return GraveEvidence(frozenset(names), whole=False)
                    if len(page) < PIECE:
                        break
                    after = Place(page[-1][1], page[-1][0])
    return GraveEvidence(frozenset(names), whole=True)
