"""The working copy of one case inside one decision, and the decision it becomes.

Here: the private mutable `CaseEditor` (alert, notifications, new history) and the frozen `Decision`. Not here: what
should change (`escalation`, `answer`, `telling`). History is a hash chain over ids and numbers
(docs/specification/escalation.md#history).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from engine.core.alerting.alert import FINAL, Alert, HistoryEntry, NoticeKind, Notification, NotificationState
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contact, Directory
from engine.core.alerting.gateway_route import Route, cut_off
from engine.core.alerting.silence import OpenAround, Silence
from engine.core.judging.calendar import Calendar
from engine.core.judging.event import Scalar
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable

NO_STAGES = Calendar()


class DecisionContext(msgspec.Struct, frozen=True):
    """What a decision may look at beside the alert, as it is at this instant.

    `silences_version` is that of the record that keeps the silences (0: none was ever made).
    `standing` is what is open of the rules that may hide the alert, where that matters.
    `has_successor`: the group of the alert opened another one since, where that matters.
    `routes` are the ways through the gateways, `interrupted` until when which gateways are out of order.
    """

    namespace: str
    directory: Directory
    regions: RegionTable
    calendar: Calendar = NO_STAGES
    silences: tuple[Silence, ...] = ()
    silences_version: int = 0
    standing: OpenAround = frozenset()
    has_successor: bool = False
    routes: tuple[Route, ...] = ()
    interrupted: dict[str, Instant] = {}

    def cut_off(self, contact: Contact, now: Instant) -> bool:
        """Whether no gateway serves a contact at an instant (docs/specification/escalation.md#contact-choice)."""
        interrupted = {gateway for gateway, until in self.interrupted.items() if now < until}
        return cut_off(self.routes, interrupted, contact)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What `decide` returns: the alert after it, changed notifications, new history, and the named reason.

    `refusal` is set where an answer was refused; `repeated` where it said again what is already so. `silences` is the
    version of the silences that it was decided by. `after` is, of an opening, the alert before it of the same group
    with the version that it must still have: it is closed then.
    """

    alert: Alert
    notifications: tuple[Notification, ...]
    history: tuple[HistoryEntry, ...]
    reason: str
    refusal: str = ""
    repeated: bool = False
    silences: int = 0
    after: tuple[str, int] | None = None


def chain_digest(entry: HistoryEntry) -> str:
    """Return the digest of an entry over all its other fields, the digest before it included."""
    bare = msgspec.structs.replace(entry, digest="")
    return blake2b(msgspec.json.encode(bare, order="sorted"), digest_size=16).hexdigest()


class CaseEditor:
    """A mutable copy of a case while one command is worked on."""

    def __init__(
        self,
        alert: Alert,
        notifications: Mapping[str, Notification],
        around: DecisionContext,
        now: Instant,
        by: Credential,
    ) -> None:
        """Begin with a case as it is; every history entry names the credential `by`."""
        self.alert = alert
        self.around = around
        self.now = now
        self.by = by
        self.began = alert.history + 1
        self._notifications = dict(notifications)
        self._changed: dict[str, Notification] = {}
        self._entries: list[HistoryEntry] = []

    def change(self, **fields: Any) -> None:
        """Replace fields of the alert."""
        self.alert = msgspec.structs.replace(self.alert, **fields)

    def note(self, name: str, *, reason: str = "", person: str = "", **details: Scalar) -> HistoryEntry:
        """Add a history entry to the chain and return it."""
        entry = HistoryEntry(
            alert=self.alert.id,
            number=self.alert.history + 1,
            name=name,
            at=self.now,
            reason=reason,
            person=person,
            details=details,
            before=self.alert.head,
            by=str(self.by),
        )
        entry = msgspec.structs.replace(entry, digest=chain_digest(entry))
        self._entries.append(entry)
        self.change(history=entry.number, head=entry.digest)
        return entry

    @property
    def notifications(self) -> Iterable[Notification]:
        """All notifications of the alert, as they are now."""
        return tuple(self._notifications.values())

    def notification(self, notification_id: str) -> Notification | None:
        """Return one notification as it is now."""
        return self._notifications.get(notification_id)

    def put(self, notification: Notification) -> None:
        """Add a notification or replace it; a state never goes back once it is final."""
        before = self._notifications.get(notification.id)
        if before is None:
            self.change(notifications=(*self.alert.notifications, notification.id))
        elif before.state in FINAL and before.state != notification.state:
            return
        self._notifications[notification.id] = notification
        self._changed[notification.id] = notification

    def finish(self, notification: Notification, state: NotificationState, reason: str) -> None:
        """Bring a notification to a final state."""
        self.put(msgspec.structs.replace(notification, state=state, reason=reason, held="", due_at=None))

    def cancel(
        self,
        reason: str,
        *,
        kinds: frozenset[NoticeKind] | None = None,
        but: frozenset[NoticeKind] = frozenset(),
        person: str | None = None,
        informing: bool = True,
    ) -> None:
        """Cancel pending notifications: of some kinds, not of others, of one person, not to those only informed.

        What was claimed but not yet handed over stays `sending`: the dispatcher asks once more right before the
        attempt and cancels it then (docs/specification/escalation.md#last-check).
        """
        for notification in self.notifications:
            if notification.state == "pending":
                spared = (
                    (kinds is not None and notification.kind not in kinds)
                    or notification.kind in but
                    or (person is not None and notification.person != person)
                    or (notification.informing and not informing)
                )
                if not spared:
                    self.finish(notification, "cancelled", reason)

    def decision(self, reason: str, *, refusal: str = "", repeated: bool = False) -> Decision:
        """Close the draft."""
        return Decision(
            alert=self.alert,
            notifications=tuple(self._changed.values()),
            history=tuple(self._entries),
            reason=reason,
            refusal=refusal,
            repeated=repeated,
            silences=self.around.silences_version,
        )
