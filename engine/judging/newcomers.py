"""Newcomers: the points that the events of one request add to a group.

Here: which arrivals count, and what of them is kept. Not here: which events match (`matching`), and what the points
lead to (`judging.evaluate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.judging.event import Event
from engine.judging.instant import Instant
from engine.judging.judgement import evidence_of
from engine.judging.measure import besides_of, measure_of, measures
from engine.judging.pattern import parts_of
from engine.judging.points import Points
from engine.judging.rule import Rule
from engine.judging.state import Point

Withdrawn = Mapping[tuple[str, str], str]
"""Events no longer true, by (desk, id): `refuted` or `corrected`."""

Fits = Mapping[tuple[str, str], int]
"""What events fit, by (desk, id): a bit for each of `pattern.parts_of`, then one for each exception of the rule."""


def newcomers_of(
    rule: Rule,
    arrivals: Sequence[Event],
    clearing: Sequence[Event],
    *,
    received_at: Instant,
    known: Points,
    withdrawn: Withdrawn,
    fits: Fits,
) -> list[Point]:
    """Return the points of events that match (`arrivals`) or clear, in event order; those `known` are there already."""
    condition, clears = rule.condition, {(event.desk, event.id) for event in clearing}
    found, both = [], set()
    for event in arrivals:
        if not measures(condition, event):
            continue
        name = (event.desk, event.id)
        both.add(name)
        if name in withdrawn or not in_time(rule, event, received_at) or event.key in known:
            continue
        bits = fits.get(name, 0)
        evidence = evidence_of(event)
        if level := given_level(rule, event, bits):
            evidence = msgspec.structs.replace(evidence, level=level)
        measure, besides = measure_of(condition, event, bits), besides_of(condition, event, bits)
        found.append(Point(evidence, measure, clears=name in clears, besides=besides))
    for event in clearing:
        name = (event.desk, event.id)
        if name in both or name in withdrawn:
            continue
        if in_time(rule, event, received_at) and event.key not in known:
            found.append(Point(evidence_of(event), watched=False, clears=True))
    if len(found) > 1:
        found.sort(key=lambda point: point.key)
    return found


def given_level(rule: Rule, event: Event, fits: int) -> int:
    """Return the level that the first exception gives which the event falls under; 0 where none does."""
    if not rule.exemptions:
        return 0
    under = fits >> len(parts_of(rule.condition))
    return next(
        (
            one.level
            for place, one in enumerate(rule.exemptions)
            if one.level and under >> place & 1 and (one.until is None or event.occurred_at < one.until)
        ),
        0,
    )


def in_time(rule: Rule, event: Event, received_at: Instant) -> bool:
    """Say whether the rule exists at the event's instant and the event is not later than `late_horizon`."""
    at, start, until = event.occurred_at, rule.effective_from, rule.effective_until
    if (start is not None and at < start) or (until is not None and at >= until):
        return False
    return received_at - at <= rule.late_horizon
