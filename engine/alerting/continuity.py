"""Continuity: whether an alert still has somebody whom its escalation would tell (escalation.md 3.11).

Here: the question, of one unresolved alert and one directory. Not here: refusing an edit of the directory for it
(`service.registry`), and telling ops that somebody's time in office ended (`service.auditor`).
"""

from __future__ import annotations

from engine.alerting.alert import Alert
from engine.alerting.credential import SIMULATION
from engine.alerting.directory import Contact, Directory
from engine.alerting.draft import Draft, Surroundings
from engine.alerting.escalation import resolve_all
from engine.alerting.policy import Step
from engine.judging.instant import Instant


def abandoned(alert: Alert, around: Surroundings, now: Instant) -> bool:
    """Say whether the current or a later step of an unresolved alert has nobody, and `on_exhausted` neither."""
    if not alert.unresolved:
        return False
    draft = Draft(alert, {}, around, now, SIMULATION)
    if resolve_all(draft, alert.policy.on_exhausted):
        return False
    return any(not resolve_all(draft, step.to) for step in ahead(alert))


def ahead(alert: Alert) -> tuple[Step, ...]:
    """Return the steps that run or may still come; of an exhausted alert the last one, which a restart would tell."""
    policy, run = alert.policy, alert.current
    if run is None:
        return policy.steps
    if alert.exhausted_at is not None:
        return policy.steps[run.step - 1 : run.step]
    again = policy.steps[policy.from_step - 1 :] if run.round <= policy.rounds_after_first else ()
    return tuple(dict.fromkeys((*policy.steps[run.step - 1 :], *again)))


def last_of_holder(directory: Directory, contact: Contact, at: Instant) -> bool:
    """Say whether a contact is the last by which somebody who holds or serves an office now is reached."""
    id_ = contact.id.partition("/")[0]
    person = directory.person(id_)
    if person is None or not directory.positions(id_, at):
        return False
    return [one.id for one in person.reachable] == [contact.id]
