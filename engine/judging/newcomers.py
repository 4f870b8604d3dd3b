"""Newcomers: the points that the events of one request add to a group.

Here: which arrivals count, and what of them is kept. Not here: which events match (`matching`), and what the points
lead to (`judging.evaluate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec

from engine.judging.active import END
from engine.judging.event import Event, EventKey
from engine.judging.instant import Instant
from engine.judging.judgement import evidence_of
from engine.judging.measure import reading_of
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
    reading, exemptions = reading_of(rule.condition), rule.exemptions
    since, until = _in_time(rule, received_at)
    clears = {event.key for event in clearing}
    found: list[Newcomer] = []
    for event in arrivals:
        if not since <= event.occurred_at < until or not reading.counts(event):
            continue
        key = event.key
        if key in known or (withdrawn and key[1:] in withdrawn):
            clears.discard(key)
            continue
        bits = fits.get(key[1:], 0) if fits else 0
        evidence = evidence_of(event)
        if exemptions and (level := given_level(rule, event, bits)):
            evidence = msgspec.structs.replace(evidence, level=level)
        measure, besides = reading.measure(event, bits), reading.besides(event, bits)
        found.append((key, Point(evidence, measure, clears=key in clears, besides=besides)))
        clears.discard(key)
    for event in clearing:
        key = event.key
        if (
            key not in clears
            or not since <= event.occurred_at < until
            or key in known
            or key[1:] in withdrawn
        ):
            continue
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


def _in_time(rule: Rule, received_at: Instant) -> tuple[Instant, Instant]:
    """Return from when until when an event may occur: the rule exists then, and it is no later than `late_horizon`."""
    since, start, until = received_at - rule.late_horizon, rule.effective_from, rule.effective_until
    return since if start is None else max(since, start), END if until is None else until
