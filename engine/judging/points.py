"""The points of a group in event order: a working copy that finds, adds, takes out and marks them, and pages of them.

Here: the sorted list, and nothing of what the points mean. Not here: the point itself (`judging.state`), the fold.
Points are stored in pages by event time, so that a commit writes only the pages it touched; the span of a page depends
on the rule alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence

from engine.judging.event import EventKey
from engine.judging.instant import MINUTE, Instant, Millis
from engine.judging.judgement import Evidence
from engine.judging.rule import Rule
from engine.judging.state import Point, Spell
from engine.judging.window import within_of

_SHORTEST_PAGE: Millis = 10 * MINUTE
_PAGES_A_WINDOW = 256


def page_span(rule: Rule) -> Millis:
    """Return the length of event time that one page of the rule's points covers."""
    return max(_SHORTEST_PAGE, (within_of(rule.condition) or 0) // _PAGES_A_WINDOW)


def split(points: Iterable[Point], span: Millis) -> dict[int, tuple[Point, ...]]:
    """Return points by the number of their page, in order."""
    pages: dict[int, list[Point]] = {}
    for point in points:
        pages.setdefault(point.evidence.occurred_at // span, []).append(point)
    return {number: tuple(pages[number]) for number in sorted(pages)}


def join(pages: Iterable[Sequence[Point]]) -> tuple[Point, ...]:
    """Return the points of pages, in event order; the inverse of `split`."""
    return tuple(sorted((point for page in pages for point in page), key=lambda point: point.key))


class Points:
    """Sorted points. `keys` and `rows` run side by side; `touched` are the numbers of pages that changed."""

    def __init__(self, rows: Iterable[Point], span: Millis) -> None:
        self.rows = list(rows)
        self.keys = [row.key for row in self.rows]
        self.touched: set[int] = set()
        self._span = span

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, key: EventKey) -> bool:
        if not self.keys or key > self.keys[-1]:
            return False
        index = bisect_left(self.keys, key)
        return index < len(self.keys) and self.keys[index] == key

    def add(self, row: Point) -> None:
        """Put a point in its place."""
        key = row.key
        if not self.keys or key > self.keys[-1]:
            self.keys.append(key)
            self.rows.append(row)
        else:
            index = bisect_left(self.keys, key)
            self.keys.insert(index, key)
            self.rows.insert(index, row)
        self._touch(key)

    def withdraw(self, names: Collection[tuple[str, str]]) -> list[Evidence]:
        """Take out the points of these events (desk, id) and return what they were."""
        gone = [row.evidence for row in self.rows if (row.evidence.desk, row.evidence.id) in names]
        for evidence in gone:
            index = bisect_left(self.keys, evidence.key)
            self._touch(self.keys[index])
            del self.keys[index], self.rows[index]
        return gone

    def forget(self, count: int) -> None:
        """Let go of so many of the oldest points."""
        for key in self.keys[:count]:
            self._touch(key)
        del self.keys[:count], self.rows[:count]

    def at(self, key: EventKey) -> int:
        """Return the index of a key."""
        return bisect_left(self.keys, key)

    def until(self, at: Instant) -> int:
        """Return how many points occurred at or before an instant."""
        return bisect_right(self.keys, at, key=_occurred_at)

    def between(self, first: EventKey | None, last: EventKey | None) -> range:
        """Return the indices of the watched points from one key to another."""
        if first is None or last is None:
            return range(0)
        return range(bisect_left(self.keys, first), bisect_right(self.keys, last))

    def of(self, spell: Spell) -> Sequence[int]:
        """Return the indices of the evidence with which a spell began; what is not watched among it does not count."""
        return [self.at(key) for key in spell.keys] if spell.keys else self.between(spell.first, spell.last)

    def tell(self, index: int, ordinal: int) -> Evidence:
        """Remember that an alert has a point as evidence; a later alert may take it over. Return the evidence."""
        row = self.rows[index]
        if row.told < ordinal:
            self.rows[index] = Point(row.evidence, row.measure, row.watched, row.clears, ordinal, row.besides)
            self._touch(self.keys[index])
        return row.evidence

    def gap_before(self, index: int, ordinal: int) -> Millis | None:
        """Return how long before a point the newest earlier evidence of an alert occurred; None if none is kept."""
        rows, keys = self.rows, self.keys
        earlier = next((i for i in range(index - 1, -1, -1) if rows[i].told == ordinal), None)
        return None if earlier is None else keys[index].occurred_at - keys[earlier].occurred_at

    def page(self, number: int) -> tuple[Point, ...]:
        """Return the points of one page; empty if it holds none (any more)."""
        start = bisect_left(self.keys, number * self._span, key=_occurred_at)
        return tuple(self.rows[start : bisect_left(self.keys, (number + 1) * self._span, key=_occurred_at)])

    def _touch(self, key: EventKey) -> None:
        self.touched.add(key.occurred_at // self._span)


def _occurred_at(key: EventKey) -> Instant:
    return key.occurred_at
