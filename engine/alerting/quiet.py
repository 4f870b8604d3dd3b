"""Quiet hours: of a policy, which puts starts off, and of a person's contact, which holds messages.

Here: until when it is quiet, as pure functions. Not here: what is put off (`alerting.escalation`) and which message
waits (`alerting.telling`). Meaning: escalation.md 3.8 and 4.2.
"""

from __future__ import annotations

from engine.alerting.alert import Alert
from engine.alerting.directory import Contact
from engine.alerting.draft import Surroundings
from engine.judging.calendar import AWAS, hours_end, within_hours
from engine.judging.instant import Instant


def policy_quiet_until(alert: Alert, around: Surroundings, now: Instant) -> Instant | None:
    """Return the end of the policy's quiet hours where they hold for the alert's level now; None where they do not."""
    quiet, zone = alert.policy.quiet, around.regions.timezone(alert.region)
    if alert.level not in quiet.levels or not quiet.hours or not within_hours(quiet.hours, now, zone):
        return None
    return hours_end(quiet.hours, now, zone)


def contact_quiet_until(
    alert: Alert, contact: Contact, office: str, around: Surroundings, now: Instant
) -> Instant | None:
    """Return until when a contact must be left in peace with this alert; None where it may be used now.

    The hours are local to `office`, the region of the office as whose holder the person is told. They yield to awas,
    and to lower levels as the stage of the alert's region says; where such a stage begins the peace is over.
    """
    own = around.regions.timezone(office or alert.region)
    if alert.level >= AWAS or not contact.quiet_hours or not within_hours(contact.quiet_hours, now, own):
        return None
    calendar, zone = around.calendar, around.regions.timezone(alert.region)
    if alert.level >= calendar.quiet_yields_from(now, zone):
        return None
    end = hours_end(contact.quiet_hours, now, own)
    changes = calendar.changes(now, end, zone)
    return next((at for at in changes if alert.level >= calendar.quiet_yields_from(at, zone)), end)
