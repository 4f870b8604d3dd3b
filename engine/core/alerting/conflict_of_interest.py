"""Conflicts of interest: who is accused in an alert's evidence, and who stands in for them.

Here: docs/specification/escalation.md#conflict-of-interest as pure functions. Not here: the resolution of ordinary
targets (`core.alerting.directory`).
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.alerting.alert import Alert
from engine.core.alerting.directory import Directory, PassedOver
from engine.core.alerting.policy import StepTarget
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable

OFFICE_OF_SUBJECT = {"pj": "kepala_daerah", "pjs": "kepala_daerah"}
"""A subject reported by the status of their holding is looked for in the office that has such holders."""


def accused(alert: Alert, directory: Directory, at: Instant) -> frozenset[str]:
    """Return the people who hold, deputise for, or are on duty for a role that the evidence names, at its region."""
    if not alert.policy.bypass_subject:
        return frozenset()
    named = {
        (e.region, OFFICE_OF_SUBJECT.get(e.subject_role, e.subject_role))
        for e in alert.evidence
        if e.subject_role
    }
    return frozenset(person for region, role in named for person in directory.bearers(region, role, at))


def exclusions(alert: Alert, directory: Directory, at: Instant) -> dict[str, PassedOver]:
    """Return who may not be a recipient of this alert now, each with the reason."""
    found: dict[str, PassedOver] = {}
    if alert.level < AWAS and directory.stopped:
        found.update(dict.fromkeys(directory.stopped, "no_contact"))
    found.update(dict.fromkeys(alert.declined, "declined"))
    found.update(dict.fromkeys(accused(alert, directory, at), "conflict_of_interest"))
    return found


def substitutes(role: str, region: str, regions: RegionTable) -> Iterator[StepTarget]:
    """Yield who is told instead of an accused in `role` at `region`: the same role at the parent, and inspektorat."""
    parent = regions.parent(region) or region
    if role:
        yield StepTarget(role=role, at=parent)
    yield StepTarget(role="inspektorat", at=parent)
