"""Metrics of what went wrong and was contained: the rest went on.

Here: what was kept aside, refused or not believed. Not here: the other metrics (`engine.metrics`), of which these are a
part, and the values of labels (`engine.labels`).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from engine.labels import DEAD_LETTERS, RECORD_TABLES, REFUSED


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
        self.groups_to_rebuild = Gauge(
            "siaga_groups_to_rebuild",
            "Groups of rules whose waiting reports were too many: they wait for siaga records rebuild",
            registry=registry,
        )
        """Set by the evaluator; these are among those put off."""
        unreadable = Gauge(
            "siaga_records_unreadable",
            "Stored records that cannot be read, by table",
            ["table"],
            registry=registry,
        )
        self.records_unreadable = {table: unreadable.labels(table) for table in RECORD_TABLES}
        """Set by the record audit."""
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
        self._event_age = Gauge(
            "siaga_events_oldest_unjudged_seconds",
            "How long the oldest accepted event that is not judged has waited; 0 without one",
            registry=registry,
        )
        self._message_age = Gauge(
            "siaga_messages_due_oldest_seconds",
            "How long the oldest due message has waited to be sent; 0 without one",
            registry=registry,
        )
        self._messages_due = Gauge(
            "siaga_messages_due", "Messages that are due and not sent", registry=registry
        )
        self._step_age = Gauge(
            "siaga_steps_due_oldest_seconds",
            "How long the oldest due timer of an alert has waited; 0 without one",
            registry=registry,
        )
        self.clock_offset = Gauge(
            "siaga_clock_offset_seconds",
            "How far the wall clock is ahead of the clock that Siaga believes; below 0: behind",
            registry=registry,
        )
        """Set with each beat of the pulse."""

    def backlog(self, *, event: float, message: float, step: float, messages: int) -> None:
        """Set the ages (seconds) of what waits, and how many messages are due, as the auditor role measured them."""
        self._event_age.set(event)
        self._message_age.set(message)
        self._step_age.set(step)
        self._messages_due.set(messages)

    def refused(self, reason: str) -> None:
        """Count a request that was refused: one of `REFUSED`."""
        self._refused[reason].inc()

    def dead_letter(self, of: str) -> None:
        """Count what was kept aside because work on it raised: one of `DEAD_LETTERS`."""
        self._dead_letters[of].inc()
