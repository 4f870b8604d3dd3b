"""Metrics of what went wrong and was contained: the rest went on.

Here: what was kept aside, refused or not believed. Not here: the other metrics (`engine.metrics`), of which these are a
part, and the values of labels (`engine.labels`).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from engine.labels import DEAD_LETTERS, REFUSED


class TroubleMetrics:
    """What one process contained."""

    def __init__(self, registry: CollectorRegistry) -> None:
        dead_letters = Counter(
            "siaga_dead_letters", "What was kept aside because work on it raised", ["of"], registry=registry
        )
        self._dead_letters = {of: dead_letters.labels(of) for of in DEAD_LETTERS}
        self.groups_put_off = Gauge(
            "siaga_groups_put_off",
            "Groups of rules that raised in judging and are tried again",
            registry=registry,
        )
        """Set by the evaluator."""
        refused = Counter(
            "siaga_requests_refused",
            "Requests that would have been taken at another time, by reason",
            ["reason"],
            registry=registry,
        )
        self._refused = {reason: refused.labels(reason) for reason in REFUSED}
        self.events_waiting = Gauge(
            "siaga_events_waiting", "Accepted events that are not judged yet", registry=registry
        )
        """Set by the intake, at most once a second, while events come in."""
        self.clock_offset = Gauge(
            "siaga_clock_offset_seconds",
            "How far the wall clock is ahead of the clock that Siaga believes; below 0: behind",
            registry=registry,
        )
        """Set with each beat of the pulse."""

    def refused(self, reason: str) -> None:
        """Count a request that was refused: one of `REFUSED`."""
        self._refused[reason].inc()

    def dead_letter(self, of: str) -> None:
        """Count what was kept aside because work on it raised: one of `DEAD_LETTERS`."""
        self._dead_letters[of].inc()
