"""Windows: the figure a condition has over the points that count now.

Here: a figure held against its limit, and the questions the fold has about a condition. Not here: the running numbers
(`core.judging.aggregate`), which points are in the window and what follows from the figure (`core.judging.fold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Protocol, TypeVar
from weakref import WeakMethod

from engine.core.judging.aggregate import (
    Aggregator,
    Changed,
    Contrast,
    Ratio,
    Unseen,
    aggregator_maker,
    comparison_reach,
)
from engine.core.judging.condition import (
    Aggregate,
    Bond,
    Change,
    Compare,
    Condition,
    Count,
    Deadline,
    Distinct,
    EveryEvent,
    FirstTime,
    Pattern,
    ReferenceColumn,
    ShareCondition,
    SilenceCondition,
    Spread,
    Value,
)
from engine.core.judging.event import number
from engine.core.judging.event_value import texts_of
from engine.core.judging.filter import Limit
from engine.core.judging.group_key import canonical
from engine.core.judging.group_state import Measure, Point
from engine.core.judging.instant import Millis
from engine.core.judging.judgement import Sides
from engine.core.judging.pattern import can_be_cancelled, reach_of
from engine.core.judging.region import lineage
from engine.core.judging.rule import Rule
from engine.core.judging.upstream_interval import OpenIntervalState

Meaning = TypeVar("Meaning")


class Window(Protocol):
    """A running figure. `figure` is None where the condition has none (or an empty one)."""

    def enter(self, point: Point) -> None:
        """Add a watched point."""

    def leave(self, point: Point) -> None:
        """Take away a point that entered before."""

    @property
    def figure(self) -> float | None:
        """The figure over what is in the window."""

    def met(self) -> bool:
        """Say whether the condition's limit is met."""


class _Any:
    """Every event, or what completes a pattern: no figure, always met."""

    figure: float | None = None

    def enter(self, point: Point) -> None: ...

    def leave(self, point: Point) -> None: ...

    def met(self) -> bool:
        return True


class _Limited:
    """A figure held against a limit; fewer than `enough` points meet none."""

    def __init__(self, running: Aggregator, limit: Limit, enough: int = 0) -> None:
        self._running, self._limit, self._enough = running, limit, enough

    def enter(self, point: Point) -> None:
        self._running.enter(point)

    def leave(self, point: Point) -> None:
        self._running.leave(point)

    @property
    def figure(self) -> float | None:
        return self._running.number

    def met(self) -> bool:
        exact = self._running.exact
        return (
            exact is not None
            and self._limit.met_by(exact[0] / exact[1])
            and (not self._enough or self._running.events >= self._enough)
        )


class _PartOf(_Limited):
    """A number of different children, held against how many the group's region has."""

    def __init__(self, running: Aggregator, limit: Limit, children: Mapping[str, int]) -> None:
        super().__init__(running, limit)
        self._children = children
        self._all = 0

    def enter(self, point: Point) -> None:
        super().enter(point)
        self._all = next(
            (self._children[c] for c in lineage(point.evidence.region) if c in self._children), 0
        )

    def met(self) -> bool:
        return self._all > 0 and self._limit.met_by(100 * (self.figure or 0) / self._all)


class _Latest:
    """The field of the latest point; points enter in event order and never leave."""

    def __init__(self, limit: Limit | None, one_of: frozenset[str]) -> None:
        """Take the limit on the field, or else the canonical texts of the values that meet the condition."""
        self._limit, self._one_of = limit, one_of
        self._measure: Measure = None

    def enter(self, point: Point) -> None:
        self._measure = point.measure

    def leave(self, point: Point) -> None: ...

    @property
    def figure(self) -> float | None:
        return number(self._measure)

    def met(self) -> bool:
        if self._limit is None:
            return self._measure is not None and canonical(self._measure) in self._one_of
        figure = self.figure
        return figure is not None and self._limit.met_by(figure)


class Lasting(_Any):
    """How long a silence lasts in milliseconds, as its fold says if asked; None where nobody is expected to report.

    It does not keep the fold alive: the evaluator looks for no cycles among what was replaced.
    """

    def __init__(self, limit: Millis, lasts: Callable[[], Millis | None]) -> None:
        self._limit, self._lasts = limit, WeakMethod(lasts)

    @property
    def figure(self) -> float | None:  # type: ignore[override]
        """How long it lasts."""
        lasts = self._lasts()
        return None if lasts is None else lasts()

    def met(self) -> bool:
        """Say whether it lasts long enough."""
        figure = self.figure
        return figure is not None and figure >= self._limit


_once_a_condition = lru_cache(maxsize=16_384)
"""Around a question that is asked for every group, of conditions that are far fewer."""


def window_of(condition: Condition) -> Window:
    """Return an empty window of the condition; that of a silence is its fold's (`Lasting`)."""
    return _maker(condition)()


@_once_a_condition
def _maker(condition: Condition) -> Callable[[], Window]:
    """Return what makes empty windows of a condition."""
    match condition:
        case Count() | Distinct() | Spread() | Aggregate():
            return _counting(condition)
        case ShareCondition():
            return lambda: Ratio(condition)
        case Compare():
            return lambda: Contrast(condition)
        case Bond():
            return lambda: OpenIntervalState(condition)
        case Value(limit=limit, one_of=values):
            texts = frozenset(canonical(value) for value in values)
            return lambda: _Latest(limit, texts)
        case Change():
            old, new = texts_of(condition.old), texts_of(condition.new)
            return lambda: Changed(condition, old, new)
        case FirstTime():
            return Unseen
        case _:
            return _Any


def _counting(condition: Count | Distinct | Spread | Aggregate) -> Callable[[], Window]:
    match condition:
        case Count(at_least=at_least) | Spread(at_least=at_least, children=None):
            figure = aggregator_maker("count" if isinstance(condition, Count) else "distinct")
            limit = Limit("at_least", at_least)
            return lambda: _Limited(figure(), limit)
        case Distinct(limit=limit):
            different = aggregator_maker("distinct")
            return lambda: _Limited(different(), limit)
        case Spread(at_least=at_least, children=children):
            different, limit, of = (
                aggregator_maker("distinct"),
                Limit("at_least", at_least),
                dict(children or ()),
            )
            return lambda: _PartOf(different(), limit, of)
        case Aggregate(limit=limit, min_events=enough):
            figure = aggregator_maker(condition.function, condition.p)
            return lambda: _Limited(figure(), limit, enough)


def sides_of(window: Window) -> Sides | None:
    """Return the two figures that a window's figure is made of; None where it is one figure alone."""
    return window.sides if isinstance(window, Ratio | Contrast) else None


def turning(
    points: Iterable[Point],
    whole: Meaning,
    trial: Window,
    meaning: Callable[[Window], Meaning],
    *,
    hops: bool,
) -> Point | None:
    """Return the first of the points in a window to leave whose leaving changes what the figure means.

    The points come newest first, and a leave can only lower the figure: its meaning is monotone (unless it `hops`, as
    with `equals`), so they are entered into a `trial` only until they mean what the `whole` means.
    """
    found = None
    for point in points:
        if meaning(trial) != whole:
            found = point
        trial.enter(point)
        if meaning(trial) == whole and not hops:
            break
    return found


@_once_a_condition
def within_of(condition: Condition) -> Millis | None:
    """Return the length of the condition's window; None where it has none."""
    match condition:
        case (
            Count(within=within)
            | Distinct(within=within)
            | Spread(within=within)
            | Aggregate(within=within)
            | Compare(within=within)
        ):
            return within
        case ShareCondition(within=maybe) | Bond(within=maybe):
            return maybe
        case FirstTime(memory=memory):
            return memory
        case _:
            return None


@_once_a_condition
def kept_for(condition: Condition) -> Millis:
    """Return how long before an instant a point may have occurred that still matters at it."""
    if isinstance(condition, Compare):
        return comparison_reach(condition)
    return reach_of(condition) if isinstance(condition, Pattern) else within_of(condition) or 0


def remembered_for(rule: Rule) -> Millis:
    """Return how long a group of a rule remembers an event: as long as a window or a late event may need it."""
    return kept_for(rule.condition) + rule.late_horizon


@_once_a_condition
def quiet_after(condition: Condition) -> Millis:
    """Return after how long without evidence a join counts as new; 0: never.

    Specification: docs/specification/rules.md#one-open-alert.
    """
    return (condition.within if isinstance(condition, Pattern) else within_of(condition)) or 0


def limit_of(condition: Condition) -> Limit | None:
    """Return the limit on the condition's figure; None where it has none."""
    match condition:
        case Count():
            return Limit("at_least", condition.at_least)
        case Spread(children=None):
            return Limit("at_least", condition.at_least)
        case Distinct() | Value() | Aggregate() | ShareCondition() | Compare() | Bond():
            return condition.limit
        case SilenceCondition(length=length):
            return Limit("at_least", length)
        case _:
            return None


@_once_a_condition
def is_state(condition: Condition) -> bool:
    """Say whether the condition is true over stretches of time, not at events only.

    Specification: docs/specification/rules.md#conditions.
    """
    match condition:
        case Value() | Aggregate() | Spread() | ShareCondition() | SilenceCondition() | Bond():
            return True
        case Distinct():
            return condition.limit.operator in _LOW
        case Compare(at=at):
            return at is None
        case _:
            return False


@_once_a_condition
def is_pulse(condition: Condition) -> bool:
    """Say whether the condition is true at the instants of events only and has no figure that could fall."""
    return isinstance(condition, EveryEvent | Change | FirstTime | Deadline | Pattern)


@_once_a_condition
def latest_needed(condition: Condition) -> int:
    """Return how many of the latest events of the group the condition looks at, however old they are."""
    match condition:
        case Value() | Change() | ShareCondition(within=None) | Compare(reference=ReferenceColumn()):
            return 1
        case SilenceCondition(below=below):
            return below
        case _:
            return 0


def climbs(rule: Rule) -> bool:
    """Say whether the figure of an open alert may reach a level, or double, because an event leaves.

    How far a silence has grown is followed by its own fold.
    """
    maps = not rule.by_severity and any(step.limit is not None for step in rule.levels)
    follows = maps or rule.tell_again.value_doubles
    return follows and is_state(rule.condition) and not isinstance(rule.condition, SilenceCondition)


def opens_on_arrival(rule: Rule) -> bool:
    """Say whether more events can only make the condition truer or re-date it, so that it need not wait for them."""
    return not rule.hold_for and not can_be_undone(rule.condition)


@_once_a_condition
def can_be_undone(condition: Condition) -> bool:
    """Say whether more events can make the condition untrue, so that late ones are waited for.

    Specification: docs/specification/rules.md#watermark.
    """
    match condition:
        case Distinct():
            return condition.limit.operator in _LOW
        case Aggregate(function=function, limit=limit):
            grows = function == "highest" or (function == "sum" and condition.non_negative)
            return not (grows and limit.operator in ("at_least", "above"))
        case ShareCondition() | Compare() | SilenceCondition() | Deadline() | Bond():
            return True
        case _:
            return can_be_cancelled(condition)


@_once_a_condition
def watched_for(condition: Condition) -> Millis:
    """Return how long a group must have been watched before it is judged.

    Specification: docs/specification/rules.md#watched-for-long-enough.

    A figure that is low for want of events is not low before a whole window was watched.
    """
    match condition:
        case Distinct(limit=limit, within=within) | Aggregate(function="sum", limit=limit, within=within):
            return within if limit.operator in _LOW else 0
        case Compare(relation=relation, within=within):
            return within if relation.startswith("falls") else 0
        case _:
            return 0


@_once_a_condition
def shrinks(condition: Condition) -> bool:
    """Say whether a point that leaves can only lower the figure, so that not every leave need be looked at."""
    return isinstance(condition, Count | Distinct | Spread)


_LOW = ("at_most", "below")
