"""The last hour as a page tells it: counts, events by five minutes as bars, and what was done, newest first.

Here: its words and its small chart. Not here: following what happens (`operations.recent_activity`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.core.alerting.alert import Alert, HistoryEntry
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.region import RegionTable
from engine.texts.catalogue import Texts
from engine.texts.localizer import KindNames, Localizer

BARS, MINUTES_A_BAR = 12, 5
ANSWERS = frozenset(("answered", "answer_refused"))


class DoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done about an alert."""

    alert: str
    level: int
    what: str
    title: str
    place: str
    when: str


def bars(events: Mapping[tuple[int, str], int], at: Instant) -> list[int]:
    """Return the events of each five minutes of the hour before an instant, the oldest first."""
    counts = [0] * BARS
    this = at // MINUTE
    for (minute, _), count in events.items():
        age = this - minute
        if 0 <= age < BARS * MINUTES_A_BAR:
            counts[BARS - 1 - age // MINUTES_A_BAR] += count
    return counts


def done(
    entry: HistoryEntry, alert: Alert, texts: Texts, regions: RegionTable, kinds: KindNames, at: Instant
) -> DoneRow:
    """Say one thing that was done, in the time of the alert's region."""
    voice = Localizer(texts, regions, kinds, alert.region)
    key = texts.first(f"console.done.{entry.name}.{entry.reason}", f"console.done.{entry.name}")
    return DoneRow(
        alert=alert.id,
        level=alert.level,
        what=texts[key],
        title=alert.rule.short_title or alert.rule.title,
        place=voice.place(alert.region),
        when=voice.near_moment(entry.at, at),
    )


def totals(entries: Sequence[HistoryEntry]) -> tuple[int, int]:
    """Return how many alerts opened and how many answers came."""
    names = [entry.name for entry in entries]
    return names.count("opened"), sum(name in ANSWERS for name in names)
