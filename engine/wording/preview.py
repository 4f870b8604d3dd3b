"""A message that was never planned, to see how an alert would be told: which notification stands for it.

Here: names of what can be previewed, and the choice of as whom it is told. Not here: rendering (`wording.render`) and
printing (`cli.templates`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.alerting.alert import NOTICES, Alert, Kind, Notification
from engine.alerting.policy import Channel
from engine.judging.instant import Instant
from engine.wording.render import KINDS

NAMES: Mapping[str, tuple[Kind, dict[str, bool]]] = {
    **{kind: (kind, {}) for kind in sorted(KINDS)},
    "inform": ("first", {"informing": True}),
    "returned": ("delegated", {"returned": True}),
}
"""Name of a message -> its kind, and what tells it from others of that kind."""


def preview(
    name: str,
    alert: Alert,
    notifications: Sequence[Notification],
    *,
    channel: Channel,
    language: str,
    at: Instant,
) -> Notification:
    """Return the notification of a message of `NAMES`, as if it were planned now.

    It is told as whoever got the newest message of that kind, else the newest notice, else as nobody in particular.
    """
    kind, marks = NAMES[name]
    same = [n for n in notifications if n.kind == kind]
    notices = [n for n in notifications if n.kind in NOTICES and not n.informing]
    nobody = Notification(
        id="contoh",
        alert=alert.id,
        kind=kind,
        person="",
        contact="",
        channel=channel,
        cause=f"{alert.id}.{alert.history}",
        planned_at=at,
        level=alert.level,
        region=alert.region,
    )
    told = max(same or notices or [nobody], key=lambda n: n.planned_at)
    return msgspec.structs.replace(
        told,
        kind=kind,
        channel=channel,
        language=language,
        planned_at=at,
        informing=marks.get("informing", False),
        returned=marks.get("returned", False),
    )
