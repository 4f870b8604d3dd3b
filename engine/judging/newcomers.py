"""Newcomers: the points that the events of one request add to a group.

Here: which arrivals count, and what of them is kept. Not here: which events match (`matching`), and what the points
lead to (`judging.evaluate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec

from engine.judging.event import Event, EventKey
from engine.judging.instant import Instant
from engine.judging.judgement import evidence_of
from engine.judging.measure import besides_of, measure_of, measures
from engine.judging.pattern import parts_of
from engine.judging.points import Points
from engine.judging.rule import Rule
from engine.judging.state import Point

Withdrawn = Mapping[tuple[str, str], str]
"""Events no longer true, by (desk, id): `refuted` or `corrected`."""

Newcomer = tuple[EventKey, Point]
"""A point and its place among all."""

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
) -> list[Newcomer]:
    """Return the points of events that match (`arrivals`) or clear, in event order; those `known` are there already."""
    condition, clears = rule.condition, {(event.desk, event.id) for event in clearing}
    found: list[Newcomer] = []
    both = set()
    for event in arrivals:
        if not measures(condition, event):
            continue
        key = event.key
        name = key[1:]
        both.add(name)
        if name in withdrawn or not in_time(rule, event, received_at) or key in known:
            continue
        bits = fits.get(name, 0)
        evidence = evidence_of(event)
        if rule.exemptions and (level := given_level(rule, event, bits)):
            evidence = msgspec.structs.replace(evidence, level=level)
        measure, besides = measure_of(condition, event, bits), besides_of(condition, event, bits)
        found.append((key, Point(evidence, measure, clears=name in clears, besides=besides)))
    for event in clearing:
        key = event.key
        name = key[1:]
        if name in both or name in withdrawn:
            continue
        if in_time(rule, event, received_at) and key not in known:
            found.append((key, Point(evidence_of(event), watched=False, clears=True)))
    if len(found) > 1:
        found.sort(key=itemgetter(0))
    return found


def given_level(rule: Rule, event: Event, fits: int) -> int:
    """Return the level that the first exception gives which the event falls under; 0 where none does."""
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
