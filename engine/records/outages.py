"""Outages of the intake as the store keeps them: until when it was surely alive, and the gaps in which it was not.

Not here: noticing a gap (`intake.outage_monitor`), and what a gap means to conditions (`core.judging.group_state`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.core.judging.group_state import Gap
from engine.core.judging.instant import SECOND, Instant
from engine.records.tolerant_read import readable_or
from engine.store.port import Entry, Store

INTAKE = "intake"
"""Table of the intake's state; its one record is `alive_until`."""


GAPS = "gaps"
"""Table of the gaps that the evaluator has read; its one record is `all`."""


LONGEST_PAUSE = 30 * SECOND
"""An `alive_until` older than this is a gap, in milliseconds."""


_GAP = msgspec.json.Decoder(Gap)


async def alive_until(store: Store) -> Instant:
    """Return until when the intake was surely alive; 0 where it never was."""
    record = (await store.get(INTAKE, ["alive_until"]))[0]
    return readable_or(INTAKE, "alive_until", record, int, 0)


async def append_gap(store: Store, gap: Gap) -> None:
    """Tell a gap that no pulse can notice, as a manual clock stands still: a rehearsal's. A short one is none."""
    if gap.until - gap.since > LONGEST_PAUSE:
        await store.append_entry("gap", msgspec.json.encode(gap), gap.until)


def gaps_of(entries: Iterable[Entry]) -> list[Gap]:
    """Return the gaps that entries of the stream tell."""
    return [_GAP.decode(value) for entry in entries if entry.type == "gap" for value in entry.values]


async def kept_gaps(store: Store) -> tuple[Gap, ...]:
    """Return the gaps that the evaluator has read, merged."""
    record = (await store.get(GAPS, ["all"]))[0]
    return readable_or(GAPS, "all", record, tuple[Gap, ...], ())
