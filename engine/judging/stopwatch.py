"""The stopwatch: time in which something could have been reported.

Here: how long that was between two instants, and when it has been so long. Not here: which silences and deadlines are
measured so (`judging.absence`). Outages of our own intake do not count, nor does time outside of `active`
(rule-language.md 2 and 3.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.judging.active import END, Span, Spans
from engine.judging.instant import Instant, Millis
from engine.judging.outage import Gap, covered


class Stopwatch:
    """Measures time without outages (`gaps`, merged) and inside `spans` (None: all of it)."""

    def __init__(self, gaps: tuple[Gap, ...], spans: Spans | None = None) -> None:
        self._gaps, self._spans = gaps, spans

    def between(self, since: Instant, until: Instant) -> Millis:
        """Return how many milliseconds count of those from one instant to another."""
        counted = 0
        for start, end in self._stretches(since, until):
            counted += end - start - (covered(self._gaps, start, end) if self._gaps else 0)
        return counted

    def reached(self, since: Instant, length: Millis) -> Instant | None:
        """Return the first instant by which so much time has counted; None where that is never.

        Outside the spans nothing is judged: what is reached at the end of one is reached at the start of the next.
        """
        left = length
        for start, end in self._stretches(since, END):
            if length and not left:
                return start
            at = start
            for gap in self._gaps:
                if at < gap.until and gap.since < min(at + left, end):
                    left -= max(0, gap.since - at)
                    at = gap.until
            if at + left < end:
                return at + left
            left -= max(0, end - at)
        return None

    def _stretches(self, since: Instant, until: Instant) -> Iterable[Span] | Iterator[Span]:
        if self._spans is not None:
            return self._spans.time_from(since, until)
        return (Span(since, until),) if since < until else ()
