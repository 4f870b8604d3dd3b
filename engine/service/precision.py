"""Precision: how often the alerts of a rule were about something that turned out to be none.

Here: counting alerts by rule. Not here: reading them (`service.apply`) and printing (`cli.policy_staff.rules`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from engine.core.alerting.alert import Alert

NO_VIOLATION = "refuted"
"""Why an alert closed where what was reported is no violation ("bukan pelanggaran"): whoever may has refuted it."""


Outcome = Literal["open", "no_violation", "taken_back", "other"]
"""How an alert ended, as far as precision is concerned; `open`: it has not."""
OUTCOMES: tuple[Outcome, ...] = ("open", "no_violation", "taken_back", "other")


def outcome_of(alert: Alert) -> Outcome | None:
    """Return how an alert ended; None where it does not count: an exercise, or only recorded."""
    if alert.exercise or alert.hidden:
        return None
    if alert.unresolved:
        return "open"
    if alert.resolved_reason == NO_VIOLATION:
        return "no_violation"
    return "taken_back" if alert.resolved_reason in ("late_report", "corrected") else "other"


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of a rule that people were told of: how many there are, how many of them are over, and how they ended.

    `no_violation` ended as "bukan pelanggaran"; `taken_back` were no longer true by a late report or a correction.
    """

    rule: str
    alerts: int = 0
    resolved: int = 0
    no_violation: int = 0
    taken_back: int = 0

    @property
    def share(self) -> float | None:
        """Which share of those that are over ended as no violation, 0 to 1; None where none is over."""
        return self.no_violation / self.resolved if self.resolved else None


class Precisions:
    """Counts alerts by rule, however many there are; exercises and what was only recorded do not count."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)

    def add(self, alerts: Iterable[Alert]) -> None:
        """Count further alerts."""
        for alert in alerts:
            outcome = outcome_of(alert)
            if outcome is not None:
                self._counts[alert.rule.id][outcome] += 1

    def by_rule(self) -> list[Precision]:
        """Return the precision of every rule that made alerts."""
        return [precision(rule, self._counts[rule]) for rule in sorted(self._counts)]


def precision(rule: str, counts: Mapping[Outcome, int]) -> Precision:
    """Return the precision of a rule with so many alerts of each outcome."""
    total = sum(counts.values())
    return Precision(
        rule=rule,
        alerts=total,
        resolved=total - counts.get("open", 0),
        no_violation=counts.get("no_violation", 0),
        taken_back=counts.get("taken_back", 0),
    )


def precision_of(alerts: Iterable[Alert]) -> list[Precision]:
    """Return the precision of every rule that made some alerts."""
    found = Precisions()
    found.add(alerts)
    return found.by_rule()
