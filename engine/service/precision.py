"""Precision: how often the alerts of a rule were about something that turned out to be none.

Here: counting alerts by rule. Not here: reading them (`service.apply`) and printing (`cli.rules`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.alerting.alert import Alert

NO_VIOLATION = "refuted"
"""Why an alert closed where what was reported is no violation ("bukan pelanggaran"): whoever may has refuted it."""


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


def precision_of(alerts: Iterable[Alert]) -> list[Precision]:
    """Return the precision of every rule that made alerts; exercises and what was only recorded do not count."""
    found: dict[str, Precision] = {}
    for alert in alerts:
        if alert.exercise or alert.hidden:
            continue
        known = found.get(alert.rule.id, Precision(rule=alert.rule.id))
        found[alert.rule.id] = msgspec.structs.replace(
            known,
            alerts=known.alerts + 1,
            resolved=known.resolved + (not alert.unresolved),
            no_violation=known.no_violation + (alert.resolved_reason == NO_VIOLATION),
            taken_back=known.taken_back + (alert.resolved_reason in ("late_report", "corrected")),
        )
    return [found[rule] for rule in sorted(found)]
