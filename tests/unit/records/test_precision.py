"""How often the alerts of a rule were about no violation."""

from __future__ import annotations

import msgspec

from engine.core.alerting.decide import open_alert
from engine.records.alert_lists import precision_of
from tests.credentials import OPERATOR
from tests.unit.alerting.cases import START, around, opening, policy

OPEN = open_alert(opening(policy()), around(), START, by=OPERATOR).alert


def ended(reason: str, **over: object) -> object:
    return msgspec.structs.replace(OPEN, status="resolved", resolved_reason=reason, **over)


def test_what_was_refuted_is_no_violation():
    """Of those that are over; what was only recorded, and exercises, do not count.

    Law: docs/specification/escalation.md#precision.
    """
    alerts = [
        OPEN,
        ended("refuted"),
        ended("by_hand"),
        ended("late_report"),
        ended("corrected"),
        ended("no_longer_true", hidden="before_rule"),
        ended("refuted", space="exercise"),
    ]
    (found,) = precision_of(alerts)
    assert (found.rule, found.alerts, found.resolved) == (OPEN.rule.id, 5, 4)
    assert (found.no_violation, found.taken_back, found.share) == (1, 2, 0.25)


def test_a_rule_without_an_end_has_no_share():
    (found,) = precision_of([OPEN])
    assert (found.alerts, found.share) == (1, None)
