"""The points of a group in event order: a working copy that finds, adds, takes out and marks them, and pages of them.

Here: the sorted list, and nothing of what the points mean. Not here: the point itself (`core.judging.group_state`), the
fold. Points are stored in pages of at most `PAGE`, so that what a commit writes does not depend on how many points
there are. The last page takes what is newest and has no number: it is stored with the group's head, so that a small
group is one record. When it is full it gets a number and another one begins.

The oldest pages may be away: then only their numbers, lengths and first keys are here, and who needs a point of them
has to bring it first (`core.judging.retention`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence

from engine.core.judging.condition import Condition
from engine.core.judging.event import EventKey
from engine.core.judging.group_state import FiringInterval, Point
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.judgement import Evidence
from engine.core.judging.window import kept_for, latest_needed

PAGE = 32
"""Points in one page at most. Larger ones cost more at each event, smaller ones more in the head, which lists them."""
LAST = 0
"""Stands for the last page among those that changed."""


class Points:
    """Sorted points. `keys` and `rows` run side by side; `touched` are the pages that changed since it was emptied.

    `away` is how many points, older than all of these, are stored but not here.
    """

    def __init__(self, rows: Iterable[Point], pages: Iterable[tuple[int, int]] | None = None) -> None:
        """Take points in event order, and number and length of each page but the last; None: cut them into new ones."""
        self.rows = list(rows)
        self.keys = [row.key for row in self.rows]
        self.touched: set[int] = set()
        if pages is None:
            pages = [(place + 1, PAGE) for place in range((len(self.rows) - 1) // PAGE)]
            self.touched.update([LAST, *(number for number, _ in pages)] if self.rows else ())
        self.pages: list[int] = []
        """The numbers of all pages but the last, in event order."""
        self._lengths: list[int] = []
        self._firsts: list[EventKey] = []
        self._paged = 0
        self.away = self._pages_away = 0
        for number, length in pages:
            self._insert_page(len(self.pages), number, length, self.keys[self._paged])
            self._paged += length

    def __len__(self) -> int:
        return self.away + len(self.rows)

    def __contains__(self, key: EventKey) -> bool:
        if not self.keys or key > self.keys[-1]:
            return False
        index = bisect_left(self.keys, key)
        return index < len(self.keys) and self.keys[index] == key

    def add(self, row: Point) -> None:
        """Put a point in its place."""
        self.put(row.key, row)

    def put(self, key: EventKey, row: Point) -> None:
        """Put a point in its place, which its key says."""
        if not self.keys or key > self.keys[-1]:
            index = len(self.keys)
            self.keys.append(key)
            self.rows.append(row)
        else:
            index = bisect_left(self.keys, key)
            self.keys.insert(index, key)
            self.rows.insert(index, row)
        if index >= self._paged:
            self.touched.add(LAST)
            if len(self.rows) - self._paged > PAGE:
                self._insert_page(len(self.pages), self._next_number(), PAGE, self.keys[self._paged])
                self._paged += PAGE
            return
        page = self._page_of(key)
        self._lengths[page] += 1
        self._firsts[page] = min(key, self._firsts[page])
        self._paged += 1
        self.touched.add(self.pages[page])
        if (length := self._lengths[page]) > PAGE:
            half = length // 2
            middle = self.keys[self.at(self._firsts[page]) + half]
            self._insert_page(page + 1, self._next_number(), length - half, middle)
            self._lengths[page] = half

    def withdraw(self, names: Collection[tuple[str, str]]) -> list[Evidence]:
        """Take out the points of these events (desk, id) and return what they were."""
        gone = [row.evidence for row in self.rows if (row.evidence.desk, row.evidence.id) in names]
        for evidence in gone:
            index = bisect_left(self.keys, evidence.key)
            self._take_out(index, index + 1)
        return gone

    def forget(self, count: int) -> None:
        """Let go of so many of the oldest points."""
        while count > 0:
            some = min(count, self._lengths[0] if self.pages else count)
            self._take_out(0, some)
            count -= some

    def put_away(self, count: int) -> int:
        """Let go of the pages that lie among so many of the oldest points here; return how many points that were.

        They must be stored as they are.
        """
        first, gone = self._pages_away, 0
        while self._pages_away < len(self.pages) and gone + self._lengths[self._pages_away] <= count:
            if self.pages[self._pages_away] in self.touched:
                break
            gone += self._lengths[self._pages_away]
            self._pages_away += 1
        if self._pages_away > first:
            del self.keys[:gone], self.rows[:gone]
            self._paged -= gone
            self.away += gone
        return gone

    @property
    def pages_away(self) -> list[int]:
        """The numbers of the pages that are away, in event order."""
        return self.pages[: self._pages_away]

    def lacking(self, floor: Instant) -> list[int]:
        """Return the numbers of the pages away that may hold points of an instant or later ones."""
        if self.keys and self.keys[0].occurred_at < floor:
            return []
        place = bisect_left(self._firsts, floor, 0, self._pages_away, key=_occurred_at)
        return self.pages[max(0, place - 1) : self._pages_away]

    def bring(self, rows: Sequence[Point], pages: int) -> None:
        """Take back the points of the newest so many pages that are away."""
        self._pages_away -= pages
        self.away -= len(rows)
        self._paged += len(rows)
        self.rows[:0] = rows
        self.keys[:0] = [row.key for row in rows]

    def before(self, at: Instant) -> int:
        """Return how many points at least occurred at or before an instant, or a page more of them."""
        if not self.away:
            return self.until(at)
        whole = bisect_right(self._firsts, at, 0, self._pages_away, key=_occurred_at)
        return sum(self._lengths[:whole]) + (self.until(at) if whole == self._pages_away else 0)

    def _take_out(self, start: int, end: int) -> None:
        """Take out points that lie in one page."""
        key = self.keys[start]
        del self.keys[start:end], self.rows[start:end]
        if start >= self._paged:
            self.touched.add(LAST)
            return
        page = self._page_of(key)
        self.touched.add(self.pages[page])
        self._lengths[page] -= end - start
        self._paged -= end - start
        if not self._lengths[page]:
            del self.pages[page], self._lengths[page], self._firsts[page]
        elif self._firsts[page] == key:
            self._firsts[page] = self.keys[start]

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

    def of(self, spell: FiringInterval) -> Sequence[int]:
        """Return the indices of the evidence with which a spell began; what is not watched among it does not count."""
        return [self.at(key) for key in spell.keys] if spell.keys else self.between(spell.first, spell.last)

    def tell(self, index: int, ordinal: int) -> Evidence:
        """Remember that an alert has a point as evidence; a later alert may take it over. Return the evidence."""
        row = self.rows[index]
        if row.told < ordinal:
            self.rows[index] = Point(row.evidence, row.measure, row.watched, row.clears, ordinal, row.besides)
            self._touch(index)
        return row.evidence

    def gap_before(self, index: int, ordinal: int) -> Millis | None:
        """Return how long before a point the newest earlier evidence of an alert occurred; None if none is kept."""
        rows, keys = self.rows, self.keys
        earlier = next((i for i in range(index - 1, -1, -1) if rows[i].told == ordinal), None)
        return None if earlier is None else keys[index].occurred_at - keys[earlier].occurred_at

    def page(self, number: int) -> tuple[Point, ...]:
        """Return the points of a page that has a number."""
        place = self.pages.index(number)
        start = sum(self._lengths[self._pages_away : place])
        return tuple(self.rows[start : start + self._lengths[place]])

    @property
    def last_page(self) -> tuple[Point, ...]:
        """The points of the last page."""
        return tuple(self.rows[self._paged :])

    def _page_of(self, key: EventKey) -> int:
        """Return the place of the page that a key belongs to which lies before the last page."""
        return max(0, bisect_right(self._firsts, key) - 1)

    def _insert_page(self, place: int, number: int, length: int, first: EventKey) -> None:
        self.pages.insert(place, number)
        self._lengths.insert(place, length)
        self._firsts.insert(place, first)

    def _next_number(self) -> int:
        number = max(self.pages, default=0) + 1
        self.touched.add(number)
        return number

    def _touch(self, index: int) -> None:
        self.touched.add(LAST if index >= self._paged else self.pages[self._page_of(self.keys[index])])


def needed_from(condition: Condition, keys: Sequence[EventKey], rows: Sequence[Point], base: Instant) -> int:
    """Return how many of the oldest points no window needs any more where everything up to `base` is judged."""
    place = bisect_right(keys, base - kept_for(condition), key=_occurred_at)
    for _ in range(latest_needed(condition)):
        place = next((i for i in range(place - 1, -1, -1) if rows[i].watched), 0)
    return place


def _occurred_at(key: EventKey) -> Instant:
    return key.occurred_at
