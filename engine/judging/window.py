"""Windows: the figure a condition has over the points that count now.

Here: what counts events, exact to the last digit so that adding and taking away is the same as counting anew, and the
questions the fold has about a condition. Not here: numbers out of a field (`judging.figure`), which points are in the
window and what follows from the figure (`judging.fold`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from engine.judging.event import Event, Scalar, number
from engine.judging.figure import BILLION, billionths, figure_of
from engine.judging.group import canonical
from engine.judging.instant import Millis
from engine.judging.novelty import Changed, Unseen
from engine.judging.pattern import can_be_cancelled, reach_of
from engine.judging.ratio import Ratio
from engine.judging.region import LEVELS, cut, lineage
from engine.judging.rule import (
    Aggregate,
    Change,
    Condition,
    Count,
    Distinct,
    EveryEvent,
    Filter,
    FirstTime,
    Floor,
    Limit,
    Pattern,
    Rule,
    Share,
    Spread,
    Value,
)
from engine.judging.state import Measure, Point


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


class _Counted:
    """Number of points, or their weights summed."""

    def __init__(self, condition: Count) -> None:
        self._at_least = condition.at_least
        self._total = 0

    def enter(self, point: Point) -> None:
        self._total += BILLION if point.measure is None else int(point.measure)

    def leave(self, point: Point) -> None:
        self._total -= BILLION if point.measure is None else int(point.measure)

    @property
    def figure(self) -> float:
        return self._total / BILLION

    def met(self) -> bool:
        return self._total / BILLION >= self._at_least


class _Different:
    """Number of different values."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._times: dict[Measure, int] = {}

    def enter(self, point: Point) -> None:
        self._times[point.measure] = self._times.get(point.measure, 0) + 1

    def leave(self, point: Point) -> None:
        left = self._times[point.measure] - 1
        if left:
            self._times[point.measure] = left
        else:
            del self._times[point.measure]

    @property
    def figure(self) -> float:
        return float(len(self._times))

    def met(self) -> bool:
        return self._limit.met_by(len(self._times))


class _PartOf(_Different):
    """Number of different children, held against how many the group's region has."""

    def __init__(self, limit: Limit, children: Mapping[str, int]) -> None:
        super().__init__(limit)
        self._children = children
        self._all = 0

    def enter(self, point: Point) -> None:
        super().enter(point)
        self._all = next(
            (self._children[c] for c in lineage(point.evidence.region) if c in self._children), 0
        )

    def met(self) -> bool:
        return self._all > 0 and self._limit.met_by(100 * self.figure / self._all)


class _Latest:
    """The field of the latest point; points enter in event order and never leave."""

    def __init__(self, condition: Value) -> None:
        self._limit = condition.limit
        self._one_of = frozenset(canonical(value) for value in condition.one_of)
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


def window_of(condition: Condition) -> Window:
    """Return an empty window of the condition."""
    if isinstance(condition, Pattern):
        return _Any()
    match condition:
        case EveryEvent():
            return _Any()
        case Count():
            return _Counted(condition)
        case Distinct():
            return _Different(condition.limit)
        case Spread(at_least=at_least, children=children):
            limit = Limit("at_least", at_least)
            return _Different(limit) if children is None else _PartOf(limit, dict(children))
        case Value():
            return _Latest(condition)
        case Aggregate():
            return figure_of(condition)
        case Share():
            return Ratio(condition)
        case Change():
            return Changed(condition, _texts(condition.old), _texts(condition.new))
        case FirstTime():
            return Unseen()


def within_of(condition: Condition) -> Millis | None:
    """Return the length of the condition's window; None where it has none."""
    match condition:
        case (
            Count(within=within) | Distinct(within=within) | Spread(within=within) | Aggregate(within=within)
        ):
            return within
        case Share(within=maybe):
            return maybe
        case FirstTime(memory=memory):
            return memory
        case _:
            return None


def kept_for(condition: Condition) -> Millis:
    """Return how long before an instant a point may have occurred that still matters at it."""
    return reach_of(condition) if isinstance(condition, Pattern) else within_of(condition) or 0


def quiet_after(condition: Condition) -> Millis:
    """Return after how long without evidence a join counts as new (`within`, rule-language.md 3.9); 0: never."""
    return (condition.within if isinstance(condition, Pattern) else within_of(condition)) or 0


def limit_of(condition: Condition) -> Limit | None:
    """Return the limit on the condition's figure; None where it has none."""
    match condition:
        case Count():
            return Limit("at_least", condition.at_least)
        case Spread(children=None):
            return Limit("at_least", condition.at_least)
        case Distinct() | Value() | Aggregate() | Share():
            return condition.limit
        case _:
            return None


def is_state(condition: Condition) -> bool:
    """Say whether the condition is true over stretches of time (marked S in rule-language.md 5), not at events only."""
    match condition:
        case Value() | Aggregate() | Spread() | Share():
            return True
        case Distinct():
            return condition.limit.operator in _LOW
        case _:
            return False


def is_pulse(condition: Condition) -> bool:
    """Say whether the condition is true at the instants of events only and has no figure that could fall."""
    return isinstance(condition, EveryEvent | Change | FirstTime | Pattern)


def needs_latest(condition: Condition) -> bool:
    """Say whether the condition looks at the latest event of the group, however old it is."""
    return isinstance(condition, Value | Change) or (
        isinstance(condition, Share) and condition.within is None
    )


def opens_on_arrival(rule: Rule) -> bool:
    """Say whether more events can only make the condition truer or re-date it, so that it need not wait for them."""
    return not rule.hold_for and not can_be_undone(rule.condition)


def can_be_undone(condition: Condition) -> bool:
    """Say whether more events can make the condition untrue, so that late ones are waited for (rule-language 3.5)."""
    match condition:
        case Distinct():
            return condition.limit.operator in _LOW
        case Aggregate(function=function, limit=limit):
            grows = function == "highest" or (function == "sum" and condition.non_negative)
            return not (grows and limit.operator in ("at_least", "above"))
        case Share():
            return True
        case _:
            return can_be_cancelled(condition)


def watched_for(condition: Condition) -> Millis:
    """Return how long a group must have been watched before it is judged (rule-language.md 3.5).

    A figure that is low for want of events is not low before a whole window was watched.
    """
    match condition:
        case Distinct(limit=limit, within=within) | Aggregate(function="sum", limit=limit, within=within):
            return within if limit.operator in _LOW else 0
        case _:
            return 0


def shrinks(condition: Condition) -> bool:
    """Say whether a point that leaves can only lower the figure, so that not every leave need be looked at."""
    return isinstance(condition, Count | Distinct | Spread)


def measures(condition: Condition, event: Event) -> bool:
    """Say whether the event counts for the condition: for `value` and figures it must have the field."""
    match condition:
        case Value(field=field):
            return event.value(field) is not None
        case Spread(over=over):
            return _child(over, event) is not None
        case Aggregate(missing=None, of=field):
            return number(event.value(field)) is not None
        case Share(missing=None, part=str(part), whole=str(whole), within=within):
            found = [number(event.value(field)) is not None for field in (part, whole)]
            return all(found) if within is None else any(found)
        case Change(missing=None, of=fields) | FirstTime(missing=None, of=fields):
            return all(event.value(field) is not None for field in fields)
        case _:
            return True


def measure_of(condition: Condition, event: Event, fits: int = 0) -> Measure:
    """Return what the condition reads of an event; numbers as billionths.

    A weight that is missing counts 1, one below zero counts 0. `fits` are the bits of the parts the event fits.
    """
    if isinstance(condition, Pattern):
        return fits
    match condition:
        case Count(weight=str(path)):
            weight = number(event.value(path))
            return None if weight is None else max(0, billionths(weight))
        case Distinct():
            return _joined(canonical(event.value(path)) for path in condition.of)
        case Value():
            return event.value(condition.field)
        case Spread(over=over):
            return canonical(_child(over, event))
        case Aggregate(of=field, missing=missing):
            found = number(event.value(field))
            return billionths((missing or 0) if found is None else found)
        case Share():
            return _added(condition.part, condition.missing, event, fits & 1)
        case Change(of=fields, missing=missing) | FirstTime(of=fields, missing=missing):
            values = (event.value(field) for field in fields)
            return _joined(canonical(missing if value is None else value) for value in values)
        case _:
            return None


def besides_of(condition: Condition, event: Event, fits: int = 0) -> tuple[int, ...]:
    """Return what the condition reads besides: of a share the whole, and whether the floor's field lets it pass."""
    if not isinstance(condition, Share):
        return ()
    whole = _added(condition.whole, condition.missing, event, fits >> 1 & 1)
    return whole, int(_passes(condition.floor, event))


def _added(side: str | Filter, missing: float | None, event: Event, fits: int) -> int:
    """Return what an event adds to one side of a share."""
    if not isinstance(side, str):
        return BILLION * fits
    found = number(event.value(side))
    return billionths((missing or 0) if found is None else found)


def _passes(floor: Floor, event: Event) -> bool:
    """Say whether the floor's field lets the event pass."""
    if floor.field is None or floor.field_limit is None:
        return True
    found = number(event.value(floor.field))
    return found is not None and floor.field_limit.met_by(found)


def _child(over: str, event: Event) -> Scalar | None:
    return cut(event.region, over) if over in LEVELS else event.value(over)


def _texts(values: Iterable[Scalar]) -> frozenset[str]:
    return frozenset(_joined((canonical(value),)) for value in values)


def _joined(texts: Iterable[str]) -> str:
    return "|".join(text.replace("\\", "\\\\").replace("|", "\\|") for text in texts)


_LOW = ("at_most", "below")
