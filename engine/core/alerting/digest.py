"""Digests: which alerts people are told of only at certain clock times, and what one message of several says.

Here: when the next digest of an alert is due, and the message that stands for several. Not here: putting off a step
(`core.alerting.escalation`), planning (`core.alerting.notification_planning`), sending (`delivery.digests`). Meaning:
docs/specification/escalation.md#digests, #held-messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from engine.core.alerting.alert import ALONE, Alert, Item, NoticeKind, Notification
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.ids import derive
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import HOUR, Instant, Millis, next_local
from engine.core.judging.region import NATION

DIGEST: Literal["digest"] = "digest"
"""What holds a message back that goes with others at a certain clock time."""
LATE: Millis = 2 * HOUR
"""An alert whose condition came true longer than this before it opened is told in a digest, unless it is awas."""
LATE_AT = ("06:00", "18:00")
"""When people are told of late alerts whose policy names no clock times."""
AT_ONCE: frozenset[NoticeKind] = frozenset((*ALONE, "delegated"))
"""Kinds that no digest takes: somebody just asked for them."""


def digest_times(alert: Alert) -> tuple[str, ...]:
    """Return the clock times (`HH:MM` of the alert's region) at which people are told of it; none: at once."""
    digest = alert.policy.digest
    if alert.level in digest.levels:
        return digest.at
    if alert.late and alert.level < AWAS:
        return digest.at or LATE_AT
    return ()


def next_digest(alert: Alert, around: DecisionContext, now: Instant) -> Instant | None:
    """Return the next instant from `now` on at which people are told of the alert; None: they are told at once."""
    times = digest_times(alert)
    if not times:
        return None
    return next_local(times, around.regions.timezone(alert.region), now)


def digest_of(
    messages: Sequence[Notification], happened_at: Sequence[Instant], now: Instant, *, number: int = 0
) -> Notification:
    """Return the one message that stands for several to one contact, its items by level, then region, then time.

    `happened_at` are the instants of their alerts; `number` tells it from others to the contact at the same instant.
    """
    pairs = sorted(
        zip(messages, happened_at, strict=True),
        key=lambda pair: (-pair[0].level, pair[0].region, pair[1], pair[0].id),
    )
    ordered = [message for message, _ in pairs]
    first, regions = ordered[0], {message.region for message in ordered}
    parts = (first.contact, str(now), *([str(number)] if number else []))
    return Notification(
        id=derive(DIGEST, *parts),
        alert="",
        kind=DIGEST,
        person=first.person,
        contact=first.contact,
        channel=first.channel,
        cause="",
        planned_at=now,
        due_at=now,
        level=first.level,
        region=first.region if len(regions) == 1 else NATION,
        language=first.language,
        role=first.role,
        office=first.office,
        capacity=first.capacity,
        status=first.status,
        exercise=first.exercise,
        informing=all(message.informing for message in ordered),
        items=tuple(Item(alert=message.alert, notification=message.id) for message in ordered),
    )
