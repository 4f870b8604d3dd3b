"""The history of rule sets: which were in force, since when and by whom, the newest first, and which can come back."""

from __future__ import annotations

from typing import NamedTuple

from engine.service.readable import readable_entries
from engine.service.rule_sets import RELOADS, RULE_SETS, InForce
from engine.store.port import Place, Store

STEP = 50
"""So many entries of the log are read at first; four times as many where they do not suffice."""


class RuleHistoryPage(NamedTuple):
    """Some rule sets that were in force, the ids of those that are kept, and where the next page begins."""

    rule_sets: list[InForce]
    kept: frozenset[str]
    after: Place | None


async def page_of(store: Store, limit: int, after: Place | None = None) -> RuleHistoryPage:
    """Return up to `limit` rule sets that came into force before the place, the newest first."""
    count = STEP
    while True:
        entries = await store.log(RELOADS, -count)
        read = reversed(readable_entries(RELOADS, entries, InForce))
        found = [one for one in read if after is None or (one.at or 0, one.rule_set) < after]
        if len(found) > limit or len(entries) < count:
            break
        count *= 4
    page = found[:limit]
    ids = [one.rule_set for one in page]
    records = await store.get(RULE_SETS, ids) if ids else []
    kept = frozenset(id_ for id_, record in zip(ids, records, strict=True) if record is not None)
    further = Place(page[-1].at or 0, page[-1].rule_set) if len(found) > limit else None
    return RuleHistoryPage(page, kept, further)
