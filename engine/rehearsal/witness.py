"""The witness: looks at all alerts and notifications after every instant, and remembers what changed when.

Here: what messages went out, which states were reached, what the histories say. Not here: what a test awaits of it
(`rehearsal.attendance`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from engine.core.alerting.alert import WENT_OUT, Alert, HistoryEntry, Notification
from engine.core.judging.instant import Instant
from engine.rehearsal.rig import Rig
from engine.service.casebook import NOTIFICATIONS
from engine.store.codec import decode


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that came to be so at an instant: an alert in a status, or a notification in a state.

    `alert` is None for a reply that speaks of none.
    """

    at: Instant
    alert: Alert | None
    state: str
    reason: str = ""
    by: str = ""
    level: int = 0
    notification: Notification | None = None

    @property
    def about(self) -> Alert:
        """The alert of a turn that has one."""
        if self.alert is None:
            raise AssertionError("this turn is of a reply that speaks of no alert")
        return self.alert


class Witness:
    """Remembers what there was after each instant."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.alerts: dict[str, Alert] = {}
        self.notifications: dict[str, Notification] = {}
        self.histories: dict[str, list[HistoryEntry]] = {}
        self._turns: dict[str, list[Turn]] = {}
        self.openings: list[Turn] = []

    async def look(self) -> None:
        """Look at everything as it is now, after all of this instant."""
        now = self._rig.clock.now()
        for alert in reversed(await self._rig.desk.alerts()):
            before = self.alerts.get(alert.id)
            if alert == before:
                continue
            self.alerts[alert.id] = alert
            written = self.histories.setdefault(alert.id, [])
            written += await self._rig.desk.history(alert.id, since=len(written))
            self._note_alert(alert, before, now)
        for id_, record in (await self._rig.store.scan(NOTIFICATIONS)).items():
            notification = decode(record.value, Notification)
            known = self.notifications.get(id_)
            if notification == known:
                continue
            self.notifications[id_] = notification
            shown = notification.state, notification.reason or notification.held
            if known is None or shown != (known.state, known.reason or known.held):
                self._turns.setdefault(id_, []).append(
                    Turn(
                        at=now,
                        alert=self.alerts.get(notification.alert),
                        state=notification.state,
                        reason=notification.reason or notification.held,
                        notification=notification,
                    )
                )

    def _note_alert(self, alert: Alert, before: Alert | None, now: Instant) -> None:
        if before is None:
            hidden = any(entry.name == "hidden" for entry in self.histories[alert.id][:2])
            first = self.histories[alert.id][0]
            self.openings.append(
                Turn(
                    at=alert.detected_at,
                    alert=alert,
                    state="hidden" if hidden else "opens",
                    reason=first.reason,
                    level=int(first.details.get("level", alert.level)),
                )
            )
        turn = Turn(
            at=now,
            alert=alert,
            state=alert.status,
            reason=_reason(alert, self.histories[alert.id]),
            by={"acknowledged": alert.acknowledged_by, "resolved": alert.resolved_by}.get(alert.status, ""),
            level=alert.level,
        )
        turns = self._turns.setdefault(alert.id, [])
        last = turns[-1] if turns else None
        if last is None or (last.state, last.reason, last.by, last.level) != (
            turn.state,
            turn.reason,
            turn.by,
            turn.level,
        ):
            turns.append(turn)

    # --- questions ---

    def messages(self) -> list[Notification]:
        """Return the messages that gateways accepted, in the order in which they did; a digest is one."""
        sent = [n for n in self.notifications.values() if n.sent_at is not None and not n.digest]
        return sorted(sent, key=lambda n: (n.sent_at or 0, n.person, n.channel, n.kind))

    def turns_of_alerts(self) -> Iterator[Turn]:
        """Yield every change of an alert's status, the opening first."""
        for id_, turns in self._turns.items():
            if id_ in self.alerts:
                before = None
                for turn in turns:
                    if turn.state != before:
                        yield turn
                    before = turn.state

    def turns_of_messages(self) -> Iterator[Turn]:
        """Yield every state that a notification reached, with what held it."""
        return (turn for id_, turns in self._turns.items() if id_ not in self.alerts for turn in turns)

    def standing(self, at: Instant, *, alerts: bool) -> list[Turn]:
        """Return how each alert (or each notification) stood after everything of an instant."""
        found = []
        for id_, turns in self._turns.items():
            place = bisect_right(turns, at, key=lambda turn: turn.at)
            if place and (id_ in self.alerts) is alerts:
                found.append(turns[place - 1])
        return found

    def reached(self, since: Instant, until: Instant, *, alerts: bool) -> list[Turn]:
        """Return what alerts (or notifications) became within a span, both ends included."""
        return [
            turn
            for id_, turns in self._turns.items()
            for turn in turns
            if (id_ in self.alerts) is alerts and since <= turn.at <= until
        ]

    def entries(self, since: Instant, until: Instant) -> list[tuple[Alert, HistoryEntry]]:
        """Return the history entries written within a span, both ends included."""
        return [
            (self.alerts[id_], entry)
            for id_, history in self.histories.items()
            for entry in history
            if since <= entry.at <= until
        ]

    def sent_to(self, person: str) -> list[Notification]:
        """Return the messages that went to a person, the newest last."""
        return [n for n in self.messages() if n.person == person and n.state in WENT_OUT]


_STATUS_ENTRIES = (
    "opened",
    "expired",
    "level_rose",
    "escalated_by_hand",
    "returned",
    "acknowledged",
    "resolved",
    "reopened",
)


def _reason(alert: Alert, history: list[HistoryEntry]) -> str:
    """Return why an alert is in its status: the reason of the newest entry that may have brought it there."""
    if alert.status == "resolved":
        return alert.resolved_reason
    return next((e.reason or e.name for e in reversed(history) if e.name in _STATUS_ENTRIES), "")
