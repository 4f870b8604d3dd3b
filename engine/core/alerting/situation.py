"""The situation of a region over a span of time: what is open, what changed, what was said and what waits.

Here: the value, and how it is made of alerts and messages. Not here: reading them (`operations.situation_report`) and
words (`texts.situation`). Exercises and what is hidden are no part of it. Every number is that of a list which somebody
can ask for, so that it agrees with the metrics of the same span: each message planned in it is in exactly one state,
each event taken in is in exactly one region.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.alerting.phone_list import Callee
from engine.core.judging.instant import Instant
from engine.core.judging.region import cut, lies_in

STATES = ("delivered", "sent", "sending", "pending", "failed", "cancelled", "suppressed")
"""In the order in which a report tells them."""
REPORT_AT = ("06:00", "18:00")
"""Clock times of a region at which its situation is reported."""


class Period(NamedTuple):
    """From when to when: `since` is in it, `until` is not."""

    since: Instant
    until: Instant

    def covers(self, at: Instant | None) -> bool:
        """Say whether an instant lies in it."""
        return at is not None and self.since <= at < self.until


class SituationRemainder(msgspec.Struct, frozen=True, kw_only=True):
    """Reports that wait in quarantine: how many, how many of severity 3 or 4, and how many came in the period."""

    waiting: int = 0
    grave: int = 0
    new: int = 0


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """The situation in a region at the end of a period, and what happened in it.

    `open` are the alerts that were unresolved then. `opened`, `resolved` and `corrected` (of these: for nothing) count
    alerts, `messages` counts by state those that were planned in the period, `events` by region those that came in.
    """

    region: str
    period: Period
    open: tuple[Alert, ...] = ()
    opened: int = 0
    resolved: int = 0
    corrected: int = 0
    messages: Mapping[str, int] = {}
    events: Mapping[str, int] = {}
    aside: SituationRemainder = SituationRemainder()
    callees: tuple[Callee, ...] = ()
    mark: str = ""

    @property
    def planned(self) -> int:
        """How many messages were planned."""
        return sum(self.messages.values())

    @property
    def untaken(self) -> list[Alert]:
        """What nobody has taken, the oldest first."""
        open_ = (alert for alert in self.open if not self._taken(alert))
        return sorted(open_, key=lambda alert: (alert.detected_at, alert.id))

    def levels(self) -> Counter[int]:
        """Return how many alerts are open by level."""
        return Counter(alert.level for alert in self.open)

    def places(self) -> dict[str, Counter[int]]:
        """Return how many are open by region directly below, the worst first; what is of the region itself is its."""
        by_place: dict[str, Counter[int]] = {}
        for alert in self.open:
            by_place.setdefault(below(alert.region, self.region), Counter())[alert.level] += 1
        return dict(sorted(by_place.items(), key=lambda item: ([-item[1][n] for n in (4, 3, 2, 1)], item[0])))

    def _taken(self, alert: Alert) -> bool:
        return alert.acknowledged_at is not None and alert.acknowledged_at < self.period.until


def below(code: str, region: str) -> str:
    """Return the region directly below `region` in which a code lies; `region` itself where it does not lie deeper."""
    level = "province" if region == "00" else "regency"
    return cut(code, level) or region


def situation(
    region: str, period: Period, alerts: Iterable[Alert], messages: Iterable[Notification], **more: object
) -> Situation:
    """Make the situation of all alerts and messages; `more` is what else there is to say of it."""
    own = [a for a in alerts if not a.exercise and not a.hidden and lies_in(a.region, region)]
    told = [m for m in messages if not m.exercise and m.alert and lies_in(m.region, region)]
    resolved = [alert for alert in own if period.covers(alert.resolved_at)]
    return Situation(
        region=region,
        period=period,
        open=tuple(alert for alert in own if _open_at(alert, period.until)),
        opened=sum(period.covers(alert.detected_at) for alert in own),
        resolved=len(resolved),
        corrected=sum(alert.resolved_reason in {"corrected", "refuted", "late_report"} for alert in resolved),
        messages=Counter(message.state for message in told if period.covers(message.planned_at)),
        **more,  # type: ignore[arg-type]
    )


def _open_at(alert: Alert, at: Instant) -> bool:
    return alert.detected_at < at and (alert.resolved_at is None or alert.resolved_at >= at)
