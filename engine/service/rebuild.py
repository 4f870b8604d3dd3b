"""A rebuild: what new or changed rules see of the past.

Here: going through the stored entries some at a time, and the points that these rules would have kept of each group.
Not here: what follows from the points (`judging.takeover`), and when it happens (`service.changeover`).

Groups are folded once, at the end, so going through costs matching only. Events that are out by now are left out: what
the store knows of their families is asked, and nothing is added to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.judging.correction import member_of, verdict
from engine.judging.instant import MINUTE, Instant
from engine.judging.newcomers import newcomers_of
from engine.judging.points import Points, page_span
from engine.judging.rule import Rule
from engine.judging.window import kept_for, latest_needed
from engine.matching.native import NativeMatcher
from engine.service.batch import Key, sort
from engine.service.families import Arrived, Bearer, Change, Families
from engine.store.history import History
from engine.store.port import START, Entry, Store

AT_ONCE = 20
"""Entries gone through in one step, of at most 200 events each: some ten milliseconds."""
AHEAD = 10 * MINUTE
"""An event may have been received this long before it occurred, at most: clocks of desks run ahead."""


class Rebuild:
    """Goes through the past for some rules, up to wherever it is told."""

    def __init__(self, store: Store, rules: Sequence[Rule], now: Instant) -> None:
        """Take the rules that see the past; `now` bounds what of it can matter to them."""
        self._store = store
        self._rules = {rule.id: rule for rule in rules}
        self._matcher = NativeMatcher(tuple(rules))
        self._since = min((reaches_back(rule, now) for rule in rules), default=now)
        self._position = START
        self._began: Instant | None = None
        self._at: Instant = 0
        self.groups: dict[Key, Points] = {}
        """What the rules would have kept, by group."""

    async def advance(self, cursor: str) -> bool:
        """Go some entries further; return whether all up to the cursor is done."""
        if self._position == cursor or cursor == START:
            return True
        entries = await self._store.read(self._position, AT_ONCE)
        last = next((place for place, entry in enumerate(entries) if entry.position == cursor), None)
        await self._take(
            [e for e in entries[: None if last is None else last + 1] if e.received_at >= self._since]
        )
        if entries:
            self._position = cursor if last is not None else entries[-1].position
            self._began = entries[0].received_at if self._began is None else self._began
            self._at = entries[-1].received_at
        return last is not None or not entries

    def share(self, now: Instant) -> float:
        """Return which share of the stored time is behind it, 0 to 1."""
        if self._began is None or now <= self._began:
            return 0.0
        return min(1.0, (self._at - self._began) / (now - self._began))

    def judges_from(self, rule: Rule, now: Instant) -> Instant | None:
        """Return from when on a rule sees all that it needs; None: at once."""
        reach = kept_for(rule.condition)
        if self._began is None or not reach or now - reach >= self._began:
            return None
        return self._began + reach

    async def _take(self, entries: Sequence[Entry]) -> None:
        batch = await sort(entries, self._matcher, Review(self._store, History(self._store)))
        for key, shares in batch.shares.items():
            rule = self._rules[key.rule]
            points = self.groups.setdefault(key, Points((), page_span(rule)))
            for share in shares:
                points.withdraw(share.withdrawn)
                for point in newcomers_of(
                    rule,
                    share.arrivals,
                    share.clearing,
                    received_at=share.received_at,
                    known=points,
                    withdrawn=share.withdrawn,
                    fits=share.fits,
                ):
                    points.add(point)


class Review(Families):
    """Families looked at once more, long after: what a request changes by all that is known of its families by now."""

    def take(self, request: Sequence[Arrived]) -> Change:
        """Return which events of the request count, and which other ones of their families do not or do."""
        own = {(event.desk, event.id): member_of(event) for event, _ in request}
        concerned: set[str] = set()
        for event, position in request:
            known, member = self._known[event.id], own[event.desk, event.id]
            if all(bearer.member.name != member.name for bearer in known.bearers):
                known.bearers.append(Bearer(member, position))
            if member.names or known.named_by:
                concerned.add(event.id)
        family = [b.member for id_ in self._family(concerned) for b in self._known[id_].bearers]
        out = verdict(family).withdrawn
        counts = [not own[e.desk, e.id].refuted and (e.desk, e.id) not in out for e, _ in request]
        return Change(
            counting=[event for (event, _), true in zip(request, counts, strict=True) if true],
            withdrawn={name: reason for name, reason in out.items() if name not in own},
            returned=sorted(
                m.name for m in family if m.name not in own and m.name not in out and not m.refuted
            ),
        )


def reaches_back(rule: Rule, now: Instant) -> Instant:
    """Return the receipt of the earliest entry that can matter to a rule that comes into force now."""
    if latest_needed(rule.condition):
        return 0
    return now - kept_for(rule.condition) - rule.late_horizon - AHEAD
