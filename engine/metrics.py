"""Every metric of Siaga, declared once, in a registry of its own."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from engine.metric_labels import (
    ANSWER_OUTCOMES,
    BOUNCES,
    CHANNELS,
    CORRECTIONS_REFUSED,
    DEAD_LETTERS,
    EVENT_FLAGS,
    EVENT_RESULTS,
    INBOUND_TEXTS,
    LEVELS,
    LOOPS,
    MOST_WRITES,
    OTHER,
    QUARANTINED,
    RECORD_TABLES,
    REFUSED,
    REJECTED,
    RESOLVED,
    RULES_REJECTED,
    SAYS,
    STATES,
    STEPS,
    VIA,
    WITHDRAWN,
    WRITE_OUTCOMES,
    WRITES,
)
from engine.release import RELEASE, commit

RESULTS = ("submitted", "accepted", "refused", "delivered", "failed")
"""A message was handed over, and taken or not; what the gateway said later of one that it took."""
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class GatewayMetrics:
    """Counts what gateways do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter(
            "siaga_gateway_messages",
            "Messages by gateway and what became of them",
            ["gateway", "result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "siaga_gateway_seconds",
            "From handing a message over to the answer",
            ["gateway"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._breaker_open = Gauge(
            "siaga_gateway_breaker_open",
            "1 from the opening of a breaker until a message got through again",
            ["gateway"],
            registry=registry,
        )
        self._balance = Gauge(
            "siaga_gateway_balance",
            "What a prepaid gateway says is left, in its own unit",
            ["gateway"],
            registry=registry,
        )

    def know(self, gateways: Iterable[str]) -> None:
        """Put the gateways of this installation at zero."""
        for gateway, result in product(gateways, RESULTS):
            self._messages.labels(gateway, result)
            self._seconds.labels(gateway)
            self._breaker_open.labels(gateway)

    def message(self, gateway: str, result: str) -> None:
        """Count a message: one of `RESULTS`."""
        self._messages.labels(gateway, result).inc()

    def took(self, gateway: str, seconds: float) -> None:
        """Observe how long a gateway took to answer, in seconds."""
        self._seconds.labels(gateway).observe(seconds)

    def breaker(self, gateway: str, *, is_open: bool) -> None:
        """Set whether a breaker is open."""
        self._breaker_open.labels(gateway).set(is_open)

    def balance(self, gateway: str, left: float) -> None:
        """Set what is left, in the gateway's own unit."""
        self._balance.labels(gateway).set(left)


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


disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter and histogram, which nobody asks for
_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SLOW = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_UNTIL_TOLD = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)


class Metrics:
    """All metrics of one process; `registry` is what a scrape reads."""

    def __init__(self) -> None:  # noqa: PLR0915 -- a list of declarations, one statement each
        self.registry = CollectorRegistry()
        own: Any = {"registry": self.registry}
        ProcessCollector(registry=self.registry)
        Info("siaga_build", "Which software this process runs", **own).info(
            {"version": RELEASE, "commit": commit(), "python": platform.python_version()}
        )

        self._events = _counters(
            Counter("siaga_events", "Events by what became of them at the door", ["result"], **own),
            *((result,) for result in EVENT_RESULTS),
        )
        self._quarantined = _counters(
            Counter("siaga_events_quarantined", "Events kept aside, by reason", ["reason"], **own),
            *((reason,) for reason in (*QUARANTINED, OTHER)),
        )
        self._rejected = _counters(
            Counter(
                "siaga_events_rejected", "Events of which nothing was kept, by reason", ["reason"], **own
            ),
            *((reason,) for reason in (*REJECTED, OTHER)),
        )
        self._flagged = _counters(
            Counter("siaga_events_flagged", "Accepted events with a remark of the intake", ["flag"], **own),
            *((flag,) for flag in (*EVENT_FLAGS, OTHER)),
        )
        self._withdrawn = _counters(
            Counter("siaga_events_withdrawn", "Events taken out of all rules, by reason", ["reason"], **own),
            *((reason,) for reason in (*WITHDRAWN, OTHER)),
        )
        self._correction_refused = _counters(
            Counter(
                "siaga_corrections_refused",
                "Corrections and refutations that change nothing, by reason",
                ["reason"],
                **own,
            ),
            *((reason,) for reason in (*CORRECTIONS_REFUSED, OTHER)),
        )
        self._intake_gaps = Counter("siaga_intake_gaps", "Times in which the intake was down, noticed", **own)
        self._intake_gap_seconds = Counter(
            "siaga_intake_gap_seconds", "How long the intake was down in all", **own
        )
        self.intake_seconds = Histogram(
            "siaga_intake_seconds", "From the body of a request to its answer", buckets=_QUICK, **own
        )
        """Observe seconds from body to answer of `POST /v1/events`."""
        self.ingest_lag_seconds = Histogram(
            "siaga_ingest_lag_seconds", "From the receipt of an entry to its commit", buckets=_SLOW, **own
        )
        """Observe seconds from `received_at` of an entry to the commit that applied it."""
        self.evaluation_seconds = Histogram(
            "siaga_evaluation_seconds", "Judging one batch, reading to commit", buckets=_QUICK, **own
        )
        """Observe seconds that the evaluator took for one batch."""
        self.evaluated_events = Counter("siaga_events_evaluated", "Events that were judged", **own)
        """Increase by the events of a committed batch."""
        self.epoch = Gauge(
            "siaga_evaluator_epoch", "Epoch of this process's lease; 0 while it stands by", **own
        )
        """Set to the epoch of the lease, 0 without one."""
        self.matcher_disagreements = Counter(
            "siaga_matcher_disagreements", "Events on which the two matchers differed", **own
        )
        """Increase where durable-rules and the native matcher differ; the native verdict stands."""

        self._commits = Counter("siaga_commits", "Writes that the store took, by name", ["write"], **own)
        self._conflicts = Counter("siaga_conflicts", "Writes overtaken by another, by name", ["write"], **own)
        self._fenced = Counter("siaga_fenced", "Writes refused as another evaluator leads", ["write"], **own)
        self._writes: dict[tuple[str, str], Counter] = {}
        for write, outcome in product(WRITES, WRITE_OUTCOMES):
            self._write(write, outcome)

        self._first_message = Histogram(
            "siaga_first_message_seconds",
            "From the receipt of what opened an alert until a gateway took its first message, by level",
            ["level"],
            buckets=_UNTIL_TOLD,
            **own,
        )
        for level in LEVELS:
            self._first_message.labels(level)
        self._backup_at = Gauge(
            "siaga_backup_timestamp_seconds",
            "When the newest backup was taken, as far as the store knows; 0: never",
            **own,
        )
        self._rules_rejected = _counters(
            Counter(
                "siaga_rules_rejected", "Rule sets that were not put in force, by reason", ["reason"], **own
            ),
            *((reason,) for reason in (*RULES_REJECTED, OTHER)),
        )
        self.reloads = Counter("siaga_reloads", "Rule sets that came into force after another", **own)
        """Increase with the commit that switches."""
        self._files = {
            state: Gauge(f"siaga_rule_files_{state}", text, **own)
            for state, text in (
                ("differ", "1 while the files are valid and differ from the rules in force"),
                ("invalid", "1 while the files have errors"),
            )
        }
        self._opened = Counter("siaga_alerts_opened", "Alerts opened", ["rule", "level"], **own)
        self._opened_by: dict[tuple[str, ...], Counter] = {}
        self._resolved = _counters(
            Counter("siaga_alerts_resolved", "Alerts resolved, by reason", ["reason"], **own),
            *((reason,) for reason in (*RESOLVED, OTHER)),
        )
        self._exhausted = Counter("siaga_alerts_exhausted", "Escalations that ended without a taker", **own)
        self._steps = _counters(
            Counter("siaga_steps_started", "Steps of policies that started, by number", ["step"], **own),
            *((step,) for step in (*STEPS, OTHER)),
        )
        self._skipped = Counter("siaga_steps_skipped", "Steps skipped: nobody there, or `when` failed", **own)
        self._late = Counter("siaga_late_timers", "Timers that ran over 30 s after their instant", **own)
        self._answers = _counters(
            Counter("siaga_answers", "Answers of people", ["says", "via", "outcome"], **own),
            *product(SAYS, VIA, ANSWER_OUTCOMES),
            (OTHER, OTHER, OTHER),
        )
        self._inbound_texts = _counters(
            Counter(
                "siaga_inbound_texts", "Texts that came in by SMS, by what became of them", ["result"], **own
            ),
            *((result,) for result in INBOUND_TEXTS),
        )
        self._bounces = _counters(
            Counter("siaga_bounces", "Mails that came back, by what they were", ["result"], **own),
            *((result,) for result in BOUNCES),
        )
        self._prefetches = Counter("siaga_link_prefetch", "Answer links fetched by GET or HEAD", **own)
        self._notifications = _counters(
            Counter(
                "siaga_notifications",
                "Notifications that entered a state",
                ["channel", "state", "reason"],
                **own,
            ),
            *(
                (c, state, reason)
                for c in CHANNELS
                for state, reasons in STATES.items()
                for reason in reasons
            ),
            (OTHER, OTHER, OTHER),
        )

        self.gateways = GatewayMetrics(self.registry)
        """What each gateway does."""
        self.trouble = TroubleMetrics(self.registry)
        """What went wrong and was contained."""

        self._open = _gauges(
            Gauge("siaga_alerts_open", "Unresolved alerts, by level", ["level"], **own), LEVELS
        )
        self._oldest = _gauges(
            Gauge(
                "siaga_alerts_oldest_unacknowledged_seconds",
                "Age of the oldest unresolved alert that nobody has taken, by level; 0 without one",
                ["level"],
                **own,
            ),
            LEVELS,
        )
        self.alerts_unaccounted = Gauge(
            "siaga_alerts_unaccounted", "Alerts that nothing and nobody will look at again; must be 0", **own
        )
        """Set by the auditor, after two passes agree."""
        self.notifications_unaccounted = Gauge(
            "siaga_notifications_unaccounted",
            "Notifications neither due nor held nor final; must be 0",
            **own,
        )
        """Set by the auditor, after two passes agree."""
        self._heartbeat = Gauge(
            "siaga_heartbeat_timestamp_seconds", "When the auditor last found nothing lost", **own
        )
        self.alerts_nobody = Gauge(
            "siaga_alerts_nobody", "Unresolved alerts for which no reachable person was found", **own
        )
        """Set by the auditor: alerts that only metric, log and console tell of."""
        self._declare_archive(own)
        self._loop_age, self._loop_bound = (
            _gauges(Gauge(f"siaga_loop_{what}_seconds", text, ["loop"], **own), LOOPS)
            for what, text in (
                ("age", "Time since the loop last turned"),
                ("bound", "Time within which the loop must turn; 0 where another process runs it"),
            )
        )

        self._failed_turns = {
            loop: counter
            for (loop,), counter in _counters(
                Counter(
                    "siaga_turns_failed", "Turns of a loop that raised, and were tried again", ["loop"], **own
                ),
                *((loop,) for loop in LOOPS),
            ).items()
        }

    # --- events ---------------------------------------------------------------------------------------------------

    def _declare_archive(self, own: Any) -> None:
        self.archived_events = Counter("siaga_archived_events", "Events that went to the archive", **own)
        """Increase by the events of a block that is on the disk and that the store was told of."""
        self.archive_damaged = Gauge(
            "siaga_archive_damaged", "1 while nothing is archived because the archive is not as it was", **own
        )
        """Set by the archivist, the one who writes."""

    def events(self, result: str, count: int = 1) -> None:
        """Count events `accepted`, `duplicate`, `quarantined` or `rejected`."""
        self._events[(result,)].inc(count)

    def quarantined(self, reason: str) -> None:
        """Count one event that was kept aside."""
        self._events[("quarantined",)].inc()
        _child(self._quarantined, reason).inc()

    def rejected(self, reason: str) -> None:
        """Count one event of which nothing was kept."""
        self._events[("rejected",)].inc()
        _child(self._rejected, reason).inc()

    def flagged(self, flag: str, count: int = 1) -> None:
        """Count accepted events with a remark."""
        _child(self._flagged, flag).inc(count)

    def withdrawn(self, reason: str) -> None:
        """Count one earlier event that was taken out of all rules: `refuted` or `corrected`."""
        _child(self._withdrawn, reason).inc()

    def correction_refused(self, reason: str) -> None:
        """Count one correction or refutation that changes nothing."""
        _child(self._correction_refused, reason).inc()

    def intake_gap(self, seconds: float) -> None:
        """Count one time in which the intake was down, and how long it was."""
        self._intake_gaps.inc()
        self._intake_gap_seconds.inc(seconds)

    # --- the store ------------------------------------------------------------------------------------------------

    def commit(self, name: str, outcome: str) -> None:
        """Count a write of the store by its name: `committed`, `conflict` or `fenced`."""
        self._write(name, outcome).inc()

    def _write(self, name: str, outcome: str) -> Counter:
        found = self._writes.get((name, outcome))
        if found is None:
            counter = {"committed": self._commits, "conflict": self._conflicts, "fenced": self._fenced}[
                outcome
            ]
            bounded = name if len(self._writes) < MOST_WRITES * len(WRITE_OUTCOMES) else OTHER
            found = self._writes[(name, outcome)] = counter.labels(bounded)
        return found

    # --- rules ----------------------------------------------------------------------------------------------------

    def rules_rejected(self, reason: str) -> None:
        """Count a rule set that was not put in force: one of `RULES_REJECTED`."""
        _child(self._rules_rejected, reason).inc()

    def rule_files(self, *, differ: bool, invalid: bool) -> None:
        """Set how the files stand to the rules in force."""
        self._files["differ"].set(differ)
        self._files["invalid"].set(invalid)

    # --- alerts ---------------------------------------------------------------------------------------------------

    def know_rules(self, rules: Iterable[str]) -> None:
        """Put the rules that can open alerts at zero; the rules in force are the only values of that label."""
        for rule, level in product((*rules, OTHER), LEVELS):
            self._opened_by[(rule, level)] = self._opened.labels(rule, level)

    def heartbeat(self, at: float) -> None:
        """Note that all was well at an instant, in seconds since 1970."""
        self._heartbeat.set(at)

    def decided(self, decision: Any) -> None:
        """Count what a committed `Decision` did: openings, steps, endings, states of notifications.

        Of an exercise only the messages count, which real gateways carry.
        """
        causes = {entry.id for entry in decision.history}
        for entry in () if decision.alert.exercise else decision.history:
            self._noted(entry, decision)
        for notification in decision.notifications:
            if notification.state != "pending" or notification.cause in causes:
                self.notification(notification)

    def _noted(self, entry: Any, decision: Any) -> None:
        match entry.name:
            case "opened" | "hidden":
                rule, level = decision.alert.rule.id, LEVELS[decision.alert.level - 1]
                if (rule, level) not in self._opened_by:
                    rule = OTHER
                self._opened.labels(rule, level).inc()
            case "step_started":
                _child(self._steps, str(entry.details.get("step"))).inc()
            case "step_skipped":
                self._skipped.inc()
            case "exhausted":
                self._exhausted.inc()
            case "resolved" | "corrected":
                _child(self._resolved, entry.reason).inc()
            case _:
                pass

    def notification(self, notification: Any) -> None:
        """Count that an `core.alerting.alert.Notification` is in a new state."""
        _child(self._notifications, notification.channel, notification.state, notification.reason).inc()

    def first_message(self, level: int, seconds: float) -> None:
        """Observe how long after the receipt of what opened an alert of a level a gateway took its first message."""
        self._first_message.labels(LEVELS[level - 1]).observe(max(0.0, seconds))

    def backed_up(self, at: float) -> None:
        """Set when the newest backup was taken, in seconds since 1970."""
        self._backup_at.set(at)

    def answer(self, says: str, via: str, outcome: str) -> None:
        """Count an answer: what was said, by which way, `recorded` or `refused`."""
        _child(self._answers, says, via, outcome).inc()

    def late_timer(self) -> None:
        """Count a timer that ran late."""
        self._late.inc()

    def inbound_text(self, result: str) -> None:
        """Count a text that came in, by what became of it (one of `INBOUND_TEXTS`)."""
        self._inbound_texts[(result,)].inc()

    def bounce(self, result: str) -> None:
        """Count a mail that came back, by what it was (one of `BOUNCES`)."""
        self._bounces[(result,)].inc()

    def link_prefetch(self) -> None:
        """Count a GET or HEAD of an answer link, which acknowledges nothing."""
        self._prefetches.inc()

    # --- what the auditor and the loops tell -----------------------------------------------------------------------

    def alerts_now(self, unresolved: Mapping[str, int], oldest_seconds: Mapping[str, float]) -> None:
        """Set, by the name of the level, the unresolved alerts and the age of the oldest that nobody has taken."""
        for level in LEVELS:
            self._open[level].set(unresolved.get(level, 0))
            self._oldest[level].set(oldest_seconds.get(level, 0.0))

    def loop_failed(self, name: str) -> None:
        """Count a turn that raised."""
        self._failed_turns[name].inc()

    def watch_loop(self, name: str, age: Callable[[], float], bound: float) -> None:
        """Let each scrape ask a loop how many seconds ago it last turned; within `bound` seconds it must."""
        self._loop_age[name].set_function(age)
        self._loop_bound[name].set(bound)


def _counters(metric: Counter, *values: tuple[str, ...]) -> dict[tuple[str, ...], Counter]:
    """Return the children of these label values, made at once, so that they stand at zero and are quick to find."""
    return {labels: metric.labels(*labels) for labels in values}


def _gauges(metric: Gauge, values: Iterable[str]) -> dict[str, Gauge]:
    return {label: metric.labels(label) for label in values}


def _child(children: Mapping[tuple[str, ...], Counter], *labels: str) -> Counter:
    """Return the child of these labels, or the one that stands for all others."""
    return children.get(labels) or children[(OTHER,) * len(labels)]
