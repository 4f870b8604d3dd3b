"""Measures: what a condition reads of one event.

Here: whether an event counts for a condition, and what a point keeps of it, since the event itself is not kept. Not
here: the figures over points (`core.judging.aggregate`), which events are watched (`engine.matching`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from engine.core.judging.aggregate import BILLION, billionths
from engine.core.judging.condition import (
    Aggregate,
    Change,
    Compare,
    Condition,
    Count,
    Distinct,
    FirstTime,
    Floor,
    Pattern,
    ReferenceColumn,
    ShareCondition,
    Spread,
    Value,
)
from engine.core.judging.event import Event, Scalar, number
from engine.core.judging.filter import Filter
from engine.core.judging.group_key import canonical
from engine.core.judging.group_state import Measure
from engine.core.judging.pattern import parts_of
from engine.core.judging.region import LEVELS, cut


class EventValue(NamedTuple):
    """How one condition reads events; `int` are the bits of the parts that an event fits.

    `counts`: whether an event counts at all, for `value` and figures it must have the field. `measure`: what is read of
    it, numbers as billionths. `besides`: of a share the whole, and whether the floor's field lets the event pass.
    """

    counts: Callable[[Event], bool]
    measure: Callable[[Event, int], Measure]
    besides: Callable[[Event, int], tuple[int, ...]]


@lru_cache(maxsize=16_384)
def reading_of(condition: Condition) -> EventValue:
    """Return how a condition reads events: found out once, for there are far more events than conditions."""
    return EventValue(_counts(condition), _measure(condition), _besides(condition))


def _counts(condition: Condition) -> Callable[[Event], bool]:
    match condition:
        case Value(missing=None, field=field):
            return lambda event: event.value(field) is not None
        case Spread(over=over):
            return lambda event: _child(over, event) is not None
        case Aggregate(missing=None, of=str(field)):
            return lambda event: number(event.value(field)) is not None
        case Compare(missing=None, of=(field,), figure=figure) if figure != "distinct":
            return lambda event: number(event.value(field)) is not None
        case ShareCondition(missing=None, part=str(part), whole=ReferenceColumn()):
            return lambda event: number(event.value(part)) is not None
        case ShareCondition(missing=None, part=str(part), whole=str(whole), within=within):
            enough = all if within is None else any
            return lambda event: enough([number(event.value(field)) is not None for field in (part, whole)])
        case Change(missing=None, of=fields) | FirstTime(missing=None, of=fields):
            return lambda event: all(event.value(field) is not None for field in fields)
        case _:
            return lambda _event: True


def _measure(condition: Condition) -> Callable[[Event, int], Measure]:
    """A weight that is missing counts 1, one below zero counts 0."""
    match condition:
        case Count(weight=str(path)) | Compare(figure="count", weight=str(path)):
            return lambda event, _fits: _weight(number(event.value(path)))
        case Count() | Compare(figure="count"):
            return lambda _event, _fits: None
        case Distinct(of=fields) | Compare(figure="distinct", of=fields):
            return lambda event, _fits: _joined([canonical(event.value(path)) for path in fields])
        case Value(field=field, missing=missing):
            return lambda event, _fits: missing if (value := event.value(field)) is None else value
        case Spread(over=over):
            return lambda event, _fits: canonical(_child(over, event))
        case Aggregate(of=str(field), missing=instead) | Compare(of=(field,), missing=instead):
            return lambda event, _fits: billionths(
                (instead or 0) if (found := number(event.value(field))) is None else found
            )
        case ShareCondition(part=part, missing=instead):
            return lambda event, fits: _added(part, instead, event, fits & 1)
        case Change(of=fields, missing=missing) | FirstTime(of=fields, missing=missing):
            return lambda event, _fits: _joined(
                [canonical(missing if (value := event.value(field)) is None else value) for field in fields]
            )
        case _ if isinstance(condition, Pattern):
            mask = (1 << len(parts_of(condition))) - 1
            return lambda _event, fits: fits & mask
        case _:
            return lambda _event, _fits: None


def _besides(condition: Condition) -> Callable[[Event, int], tuple[int, ...]]:
    match condition:
        case ShareCondition(whole=whole, missing=missing, floor=floor):
            return lambda event, fits: (
                _added(whole, missing, event, fits >> 1 & 1),
                int(_passes(floor, event)),
            )
        case Compare(floor=Floor(field=str()) as floor):
            return lambda event, _fits: (int(_passes(floor, event)),)
        case _:
            return lambda _event, _fits: ()


def _weight(weight: float | None) -> int | None:
    return None if weight is None else max(0, billionths(weight))


def _added(side: str | Filter | ReferenceColumn, missing: float | None, event: Event, fits: int) -> int:
    """Return what an event adds to one side of a share; to a column nothing, for that has its number already."""
    if isinstance(side, ReferenceColumn):
        return 0
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


def texts_of(values: Iterable[Scalar]) -> frozenset[str]:
    """Return the measures that events with these values of a field have."""
    return frozenset(_joined((canonical(value),)) for value in values)


def _joined(texts: Iterable[str]) -> str:
    return "|".join([text.replace("\\", "\\\\").replace("|", "\\|") for text in texts])
