"""The difference between two backtests of the same events, alert by alert and message by message.

Here: which alerts of the two runs are the same one, and what each recipient would have had more, less, earlier or
later. Not here: the runs (`rehearsal.backtest`) and how a difference is printed (`rehearsal.backtest_report`).

Two alerts of one rule and group are the same where they happened at the same instant; of the others, in their order,
where they were unresolved at the same time (the one was re-dated). What is left is in one run only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from engine.core.judging.instant import Instant
from engine.rehearsal.ledger import Course, Ledger, Told


class Change(msgspec.Struct):
    """How many messages a recipient gets more and fewer, and how many earlier and later."""

    more: int = 0
    fewer: int = 0
    earlier: int = 0
    later: int = 0

    def __bool__(self) -> bool:
        return bool(self.more or self.fewer or self.earlier or self.later)


class Pair(msgspec.Struct, frozen=True):
    """One alert in the run before and in the run after."""

    before: Course
    after: Course

    @property
    def redated(self) -> bool:
        """Whether it happened at another instant."""
        return self.before.happened_at != self.after.happened_at

    @property
    def level_changed(self) -> bool:
        """Whether it reached another level."""
        return self.before.level != self.after.level


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What changes from the run before to the run after. `recipients` are by (role, region)."""

    gone: tuple[Course, ...]
    new: tuple[Course, ...]
    redated: tuple[Pair, ...]
    level_changed: tuple[Pair, ...]
    recipients: dict[tuple[str, str], Change]
    messages: int
    parts: int


def difference(before: Ledger, after: Ledger) -> Difference:
    """Return what changes for whom; `messages` and `parts` are how many more (negative: fewer) in all."""
    pairs, gone, new = _paired(before.courses, after.courses)
    told_before, told_after = before.told_of(), after.told_of()
    recipients: defaultdict[tuple[str, str], Change] = defaultdict(Change)
    for pair in pairs:
        _compare(told_before.get(pair.before.id, ()), told_after.get(pair.after.id, ()), recipients)
    for course in gone:
        _compare(told_before.get(course.id, ()), (), recipients)
    for course in new:
        _compare((), told_after.get(course.id, ()), recipients)
    return Difference(
        gone=tuple(gone),
        new=tuple(new),
        redated=tuple(pair for pair in pairs if pair.redated),
        level_changed=tuple(pair for pair in pairs if pair.level_changed),
        recipients={key: change for key, change in sorted(recipients.items()) if change},
        messages=len(after.told) - len(before.told),
        parts=sum(one.parts for one in after.told) - sum(one.parts for one in before.told),
    )


# --- alerts -----------------------------------------------------------------------------------------------------------


def _paired(
    before: Iterable[Course], after: Iterable[Course]
) -> tuple[list[Pair], list[Course], list[Course]]:
    """Return the pairs, what is only before, and what is only after; each by the instant it happened."""
    groups: defaultdict[tuple[str, str], tuple[list[Course], list[Course]]] = defaultdict(lambda: ([], []))
    for side, courses in enumerate((before, after)):
        for course in courses:
            groups[course.rule, course.group][side].append(course)
    pairs: list[Pair] = []
    gone: list[Course] = []
    new: list[Course] = []
    for olds, news in groups.values():
        same = {course.happened_at: course for course in olds}
        pairs += [Pair(same[c.happened_at], c) for c in news if c.happened_at in same]
        shared = same.keys() & {course.happened_at for course in news}
        left = [course for course in sorted(olds, key=_order) if course.happened_at not in shared]
        for course in sorted(news, key=_order):
            if course.happened_at in shared:
                continue
            old = next((one for one in left if _overlap(one, course)), None)
            if old is None:
                new.append(course)
            else:
                left.remove(old)
                pairs.append(Pair(old, course))
        gone += left
    return (
        sorted(pairs, key=lambda pair: _order(pair.after)),
        sorted(gone, key=_order),
        sorted(new, key=_order),
    )


def _order(course: Course) -> tuple[Instant, str, str, int]:
    return course.happened_at, course.rule, course.group, course.ordinal


def _overlap(one: Course, other: Course) -> bool:
    """Say whether both were unresolved at some instant."""
    ends = [course.closed_at for course in (one, other) if course.closed_at is not None]
    starts = max(one.detected_at, other.detected_at)
    return not ends or starts <= min(ends)


# --- messages ---------------------------------------------------------------------------------------------------------


def _compare(
    before: Sequence[Told], after: Sequence[Told], recipients: defaultdict[tuple[str, str], Change]
) -> None:
    """Count what changes in the messages of one alert: the n-th of a kind and step to a person against the n-th."""
    old, new = _numbered(before), _numbered(after)
    for key, one in old.items():
        other = new.get(key)
        change = recipients[one.role, one.office]
        if other is None:
            change.fewer += 1
        elif other.sent_at != one.sent_at:
            earlier = other.sent_at < one.sent_at
            change.earlier += earlier
            change.later += not earlier
    for key, one in new.items():
        if key not in old:
            recipients[one.role, one.office].more += 1


def _numbered(told: Iterable[Told]) -> dict[tuple[object, ...], Told]:
    return dict(_numbers(sorted(told, key=lambda one: one.sent_at)))


def _numbers(told: Iterable[Told]) -> Iterator[tuple[tuple[object, ...], Told]]:
    seen: Counter[tuple[object, ...]] = Counter()
    for one in told:
        key = (one.person, one.role, one.office, one.channel, one.kind, one.step)
        seen[key] += 1
        yield (*key, seen[key]), one
