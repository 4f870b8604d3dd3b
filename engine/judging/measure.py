"""Measures: what a condition reads of one event.

Here: whether an event counts for a condition, and what a point keeps of it, since the event itself is not kept. Not
here: the figures over points (`judging.figure`), which events are watched (`engine.matching`).
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.judging.event import Event, Scalar, number
from engine.judging.figure import BILLION, billionths
from engine.judging.group import canonical
from engine.judging.pattern import parts_of
from engine.judging.region import LEVELS, cut
from engine.judging.rule import (
    Aggregate,
    Change,
    Column,
    Compare,
    Condition,
    Count,
    Deadline,
    Distinct,
    EveryEvent,
    Filter,
    FirstTime,
    Floor,
    Pattern,
    Share,
    Silence,
    Spread,
    Value,
)
from engine.judging.state import Measure


def measures(condition: Condition, event: Event) -> bool:
    """Say whether the event counts for the condition: for `value` and figures it must have the field."""
    match condition:
        case Count() | Distinct() | EveryEvent() | Silence() | Deadline():
            return True
        case Value(missing=None, field=field):
            return event.value(field) is not None
        case Spread(over=over):
            return _child(over, event) is not None
        case Aggregate(missing=None, of=str(field)):
            return number(event.value(field)) is not None
        case Compare(missing=None, of=(field,), figure=figure) if figure != "distinct":
            return number(event.value(field)) is not None
        case Share(missing=None, part=str(part), whole=Column()):
            return number(event.value(part)) is not None
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
    match condition:
        case Count(weight=None) | EveryEvent() | Silence() | Deadline():
            return None
        case Count(weight=path) | Compare(figure="count", weight=path):
            weight = None if path is None else number(event.value(path))
            return None if weight is None else max(0, billionths(weight))
        case Distinct(of=fields) | Compare(figure="distinct", of=fields):
            return _joined(canonical(event.value(path)) for path in fields)
        case Value(field=field, missing=missing):
            value = event.value(field)
            return missing if value is None else value
        case Spread(over=over):
            return canonical(_child(over, event))
        case Aggregate(of=str(field), missing=missing) | Compare(of=(field,), missing=missing):
            found = number(event.value(field))
            return billionths((missing or 0) if found is None else found)
        case Share():
            return _added(condition.part, condition.missing, event, fits & 1)
        case Change(of=fields, missing=missing) | FirstTime(of=fields, missing=missing):
            values = (event.value(field) for field in fields)
            return _joined(canonical(missing if value is None else value) for value in values)
        case _ if isinstance(condition, Pattern):
            return fits & (1 << len(parts_of(condition))) - 1
        case _:
            return None


def besides_of(condition: Condition, event: Event, fits: int = 0) -> tuple[int, ...]:
    """Return what the condition reads besides: of a share the whole, and whether the floor's field lets it pass."""
    match condition:
        case Count() | Distinct() | EveryEvent() | Silence() | Deadline():
            return ()
        case Share(whole=whole, missing=missing, floor=floor):
            return _added(whole, missing, event, fits >> 1 & 1), int(_passes(floor, event))
        case Compare(floor=Floor(field=str()) as floor):
            return (int(_passes(floor, event)),)
        case _:
            return ()


def _added(side: str | Filter | Column, missing: float | None, event: Event, fits: int) -> int:
    """Return what an event adds to one side of a share; to a column nothing, for that has its number already."""
    if isinstance(side, Column):
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
