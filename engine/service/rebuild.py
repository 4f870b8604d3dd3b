"""A rebuild: what new or changed rules see of the past.

Here: going through the stored entries some at a time, and the points that these rules would have kept of each group.
Not here: what follows from the points (`core.judging.group_evaluation`), and when it happens (`service.changeover`).

Groups are folded once, at the end, so going through costs matching only. Events that are out by now are left out: what
the store knows of their families is asked, and nothing is added to it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from itertools import takewhile

from engine.core.judging.correction import member_of, verdict
from engine.core.judging.group_evaluation import newcomers_of
from engine.core.judging.group_key import Key
from engine.core.judging.instant import MINUTE, Instant
from engine.core.judging.points import Points
from engine.core.judging.rule import Rule
from engine.core.judging.window import kept_for, latest_needed
from engine.matching.native import NativeMatcher
from engine.service.batch import sort
from engine.service.families import Arrived, Bearer, Change, Families, Known
from engine.store.archive.history import History
from engine.store.port import START, Entry, Store, order_of

AT_ONCE = 5
"""Entries gone through in one step, of at most 200 events each: judging goes on after some 40 milliseconds."""
AHEAD = 10 * MINUTE
"""An event may have been received this long before it occurred, at most: clocks of desks run ahead."""


class Rebuild:
    """Goes through the past for some rules, up to wherever it is told."""

    def __init__(self, store: Store, history: History, rules: Sequence[Rule], now: Instant) -> None:
        """Take the rules that see the past; `now` bounds what of it can matter to them."""
        self._store = store
        self._history = history
        self._rules = {rule.id: rule for rule in rules}
        self._matcher = NativeMatcher(tuple(rules))
        self._since = min((reaches_back(rule, now) for rule in rules), default=now)
        self._entries: AsyncGenerator[Entry] | None = None
        self._read: list[Entry] = []
        self._position = START
        self._began: Instant | None = None
        self._at: Instant = 0
        self.groups: dict[Key, Points] = {}
        """What the rules would have kept, by group."""

    async def advance(self, cursor: str) -> bool:
        """Go some entries further; return whether all up to the cursor is done."""
        until = order_of(cursor)
        if order_of(self._position) >= until:
            return True
        if not self._read:
            self._read = await self._some()
        taken = list(takewhile(lambda entry: order_of(entry.position) <= until, self._read))
        self._read = self._read[len(taken) :]
        if not taken:
            return True
        await self._take(taken)
        self._position, self._at = taken[-1].position, taken[-1].received_at
        self._began = taken[0].received_at if self._began is None else self._began
        return self._position == cursor

    async def close(self) -> None:
        """Let go of the files it reads."""
        if self._entries is not None:
            await self._entries.aclose()

    async def _some(self) -> list[Entry]:
        """Return the next entries, whole requests, first of the history as it is and then of what came since."""
        found: list[Entry] = []
        if self._began is None and self._entries is None:
            self._entries = self._history.entries(self._since)
        if self._entries is not None:
            async for entry in self._entries:
                found.append(entry)
                if len(found) >= AT_ONCE and entry.last:
                    return found
            self._entries = None
        return found or await self._store.read(self._position, AT_ONCE)

    def share(self, now: Instant) -> float:
        """Return which share of the time it goes through is behind it, 0 to 1."""
        if self._began is None or now <= self._began:
            return 0.0
        return min(1.0, (self._at - self._began) / (now - self._began))

    async def judges_from(self, rule: Rule, now: Instant) -> Instant | None:
        """Return from when on a rule sees all that it needs; None: at once."""
        reach, whole_since = kept_for(rule.condition), await self._history.whole_since()
        return whole_since + reach if reach and whole_since > now - reach else None

    async def _take(self, entries: Sequence[Entry]) -> None:
        batch = await sort(entries, self._matcher, Review(self._store, self._history))
        for key, shares in batch.shares.items():
            rule = self._rules[key.rule]
            points = self.groups.setdefault(key, Points(()))
            for share in shares:
                points.withdraw(share.withdrawn)
                for key_of_point, point in newcomers_of(
                    rule,
                    share.arrivals,
                    share.clearing,
                    received_at=share.received_at,
                    known=points,
                    withdrawn=share.withdrawn,
                    fits=share.fits,
                ):
                    points.put(key_of_point, point)


class Review(Families):
    """Families looked at once more, long after: what a request changes by all that is known of its families by now."""

    def take(self, request: Sequence[Arrived]) -> Change:
        """Return which events of the request count, and which other ones of their families do not or do."""
        own = {(event.desk, event.id): member_of(event) for event, _ in request}
        concerned: set[str] = set()
        for event, position in request:
            known = self._known.setdefault(event.id, Known())  # beside any family there is no record
            member = own[event.desk, event.id]
            if all(bearer.member.name != member.name for bearer in known.bearers):
                known.bearers.append(Bearer(member, position))
            if member.names or known.named_by:
                concerned.add(event.id)
        family = [b.member for id_ in self._family(concerned) for b in self._of(id_).bearers]
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
