"""The last hour: which events came in from where, and what was done about alerts.

Here: following the stream and the audit with a memory of one hour, one in each process that shows pages, so that a look
reads only what is new. Not here: what of it somebody may see, and words (`web.console`). It is for looking at, not for
deciding; a restart reads the hour anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from engine.clock import Clock
from engine.core.alerting.alert import Alert, HistoryEntry
from engine.core.judging.instant import HOUR, MINUTE, Instant
from engine.core.judging.region import NATION, cut
from engine.records.alert_repository import ALERTS, history_log
from engine.records.audit_log import AUDIT, AuditEntry
from engine.records.tolerant_read import readable_entries, readable_of
from engine.store.port import MARK_LENGTH, Entry, Store, before

ENTRIES, READS = 50, 10
"""Entries of the stream read at once, and so often in one look: a look at a flood stays short and the next goes on."""
LOOKED_AT = (100, 2_000)
"""Newest entries of the audit that are looked at: first a few, then many where those do not reach back far enough."""
TOLD = frozenset(
    (
        *("opened", "level_rose", "answered", "answer_refused", "expired", "exhausted"),
        *("escalated_by_hand", "called", "silenced", "silence_ended", "resolved", "corrected"),
    )
)
"""Names of the entries of histories that are of interest to all."""
MOST_DEEDS = 500


class RecentDeed(NamedTuple):
    """An entry of an alert's history, with the alert as it is now."""

    entry: HistoryEntry
    alert: Alert


class Hour(NamedTuple):
    """The last hour: events by minute (since 1970) and regency, deeds, newest first; `whole`: nothing is unread."""

    events: Counter[tuple[int, str]]
    deeds: tuple[RecentDeed, ...]
    whole: bool

    def of(self, covers: Callable[[str], bool]) -> Hour:
        """Return what of it lies in a region."""
        events = Counter({key: n for key, n in self.events.items() if covers(key[1])})
        return Hour(events, tuple(deed for deed in self.deeds if covers(deed.alert.region)), self.whole)


class _Reported(msgspec.Struct, frozen=True):
    region: str = NATION
    exercise: bool = False


class RecentActivity:
    """The last hour as one process has followed it."""

    def __init__(self, store: Store, clock: Clock, *, entries: int = ENTRIES, reads: int = READS) -> None:
        self._store = store
        self._clock = clock
        self._at_once, self._reads = entries, reads
        self._events: Counter[tuple[int, str]] = Counter()
        self._entries: deque[HistoryEntry] = deque(maxlen=MOST_DEEDS)
        self._position = ""
        self._mark = b""
        self._turn = asyncio.Lock()
        self._decoder = msgspec.json.Decoder(_Reported)

    async def look(self) -> Hour:
        """Return the last hour, as far as it is read."""
        async with self._turn:
            since = self._clock.now() - HOUR
            whole = await self._read_events(since)
            await self._read_deeds(since)
            for key in [key for key in self._events if key[0] < since // MINUTE]:
                del self._events[key]
            while self._entries and self._entries[0].at < since:
                self._entries.popleft()
            records = await self._alerts()
            deeds = [
                RecentDeed(entry, records[entry.alert]) for entry in self._entries if entry.alert in records
            ]
            return Hour(self._events.copy(), tuple(reversed(deeds)), whole)

    async def _read_events(self, since: Instant) -> bool:
        """Go on in the stream; say whether its end was reached."""
        position = self._position or before(since)
        for _ in range(self._reads):
            entries = await self._store.read(position, self._at_once)
            for entry in entries:
                self._count(entry, since)
                position = entry.position
            self._position = position
            if not entries:
                return True
        return False

    def _count(self, entry: Entry, since: Instant) -> None:
        if entry.type != "events" or entry.received_at < since:
            return
        for value in entry.values:
            reported = self._decoder.decode(value)
            if not reported.exercise:
                region = cut(reported.region, "regency") or reported.region
                self._events[entry.received_at // MINUTE, region] += 1

    async def _read_deeds(self, since: Instant) -> None:
        """Read the entries of histories that the audit names since the last look."""
        fresh: list[bytes] = []
        for count in LOOKED_AT:
            fresh = await self._store.log(AUDIT, -count)
            marks = [kept[:MARK_LENGTH] for kept in fresh]
            if self._mark in marks:
                fresh = fresh[marks.index(self._mark) + 1 :]
                break
            if len(fresh) < count:
                break
        if not fresh:
            return
        self._mark = fresh[-1][:MARK_LENGTH]
        numbers: dict[str, list[int]] = {}
        for kept in fresh:
            done = msgspec.json.decode(kept[MARK_LENGTH:], type=AuditEntry)
            if done.what == "history" and done.at >= since:
                alert, _, number = done.subject.rpartition(".")
                numbers.setdefault(alert, []).append(int(number))
        found = []
        for alert, own in numbers.items():
            log = await self._store.log(history_log(alert), min(own) - 1, max(own) - min(own) + 1)
            found += readable_entries(history_log(alert), log, HistoryEntry, min(own) - 1)
        self._entries.extend(
            sorted((entry for entry in found if entry.name in TOLD), key=lambda entry: (entry.at, entry.id))
        )

    async def _alerts(self) -> dict[str, Alert]:
        ids = list(dict.fromkeys(entry.alert for entry in self._entries))
        records = await self._store.get(ALERTS, ids) if ids else []
        return readable_of(ALERTS, ids, records, Alert)
