"""Our own outages: spans in which the intake was down, so that nothing could be reported.

Here: the span as a value, and how much of a stretch of time such spans cover. Not here: noticing an outage
(`service.pulse`) or the conditions on reports that did not come. Law: rule-language.md 3.5: such time counts neither as
silence nor towards a deadline.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.judging.instant import Instant, Millis


class Gap(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The intake was down from `since` until `until` (clock instants)."""

    since: Instant = msgspec.field(name="from")
    until: Instant


def merged(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return the same time as spans that neither touch nor overlap, earliest first."""
    spans: list[Gap] = []
    for gap in sorted(gaps):
        if spans and gap.since <= spans[-1].until:
            spans[-1] = Gap(since=spans[-1].since, until=max(spans[-1].until, gap.until))
        elif gap.since < gap.until:
            spans.append(gap)
    return tuple(spans)


def covered(gaps: Iterable[Gap], since: Instant, until: Instant) -> Millis:
    """Return how many milliseconds from `since` to `until` the intake was down; no time counts twice."""
    return sum(max(0, min(gap.until, until) - max(gap.since, since)) for gap in merged(gaps))
