"""Links: which message, and which alert or digest, a token on an answer page belongs to, and whether it still answers.

Here: finding them. Not here: making tokens (`texts.answer_link_token`), keeping their fingerprints (a claim does, with
`records.alert_repository`), and the page (`web.answer_page`). A token counts as long as one of the installation's keys
makes it: one made with a key that was taken away leads nowhere, though the store knows its fingerprint.
"""

from __future__ import annotations

import hmac

import structlog

from engine.clock import Clock
from engine.core.alerting.alert import Alert, Notification
from engine.core.judging.instant import DAY, Instant
from engine.errors import UnreadableRecordError
from engine.records.alert_lists import LAYOUT
from engine.records.alert_repository import LINKS, NOTIFICATIONS, Case, load
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable_of, readable_or
from engine.runtime.keys import Keys
from engine.store.codec import encode
from engine.store.port import Drop, Put, Store, Write
from engine.texts.answer_link_token import (
    KEYED,
    as_written,
    token_fingerprint,
    token_for,
    unkeyed_fingerprint,
)

KEYED_LINKS = "keyed_links"
"""The mark of a store whose fingerprints of links are all under a key."""
DAYS_AFTER_RESOLVED = 1
DAYS_AT_MOST = 30
"""A link answers until the alert has been resolved for a day, at most 30 days.

Specification: docs/specification/escalation.md#links.
"""

log = structlog.get_logger(__name__)


class Links:
    """Finds what links lead to."""

    def __init__(self, store: Store, clock: Clock, keys: Keys, books: RuntimeConfig) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys
        self._books = books

    async def message(self, token: str) -> tuple[Case, Notification] | None:
        """Return the case and the notification whose link carries this token, while the link is valid.

        Raises `UnreadableRecordError` where the alert or the notification of the token cannot be read.
        """
        alert_id, notification_id = await self._written(token)
        case = (await load(self._store, [alert_id])).get(alert_id) if alert_id else None
        notification = case.notifications.get(notification_id) if case else None
        if case is not None and notification is None and notification_id in case.versions:
            raise UnreadableRecordError(NOTIFICATIONS, notification_id, "a link leads to it")
        if case is None or notification is None or not self._is_ours(token, notification):
            return None
        if await self._contact_gone(notification):
            return None
        return None if self._expired(case.alert, notification) else (case, notification)

    async def digest(self, token: str) -> tuple[Notification, list[tuple[Case, Notification]]] | None:
        """Return the digest whose link carries this token, with its items, while the link of any of them is valid."""
        alert_id, notification_id = await self._written(token)
        if alert_id or not notification_id:
            return None
        record = (await self._store.get(NOTIFICATIONS, [notification_id]))[0]
        digest = readable_or(NOTIFICATIONS, notification_id, record, Notification, None)
        if digest is None or not self._is_ours(token, digest) or await self._contact_gone(digest):
            return None
        cases = await load(
            self._store, list(dict.fromkeys(item.alert for item in digest.items)), unreadable={}
        )
        told = [
            (case, case.notifications[item.notification])
            for item in digest.items
            if (case := cases.get(item.alert)) is not None and item.notification in case.notifications
        ]
        return (digest, told) if any(not self._expired(case.alert, one) for case, one in told) else None

    async def _contact_gone(self, notification: Notification) -> bool:
        """Say whether its person has the address of a message no more, or left: nobody answers by it then.

        An import may number contacts anew, so the address counts as long as the message keeps it, else the contact.
        """
        directory = await self._books.directory()
        person = directory.person(notification.person)
        to = notification.rendered.to if notification.rendered is not None else ""
        if person is None or not to:
            return directory.contact(notification.contact) is None
        return all(contact.value != to for contact in person.contacts)

    async def objection(self, token: str) -> Notification | None:
        """Return the notice of a changed contact whose link carries this token, while the link is valid.

        It answers though its contact was removed since: the removal may be what the person objects to.
        """
        alert_id, notification_id = await self._written(token)
        if alert_id or not notification_id:
            return None
        record = (await self._store.get(NOTIFICATIONS, [notification_id]))[0]
        notice = readable_or(NOTIFICATIONS, notification_id, record, Notification, None)
        if notice is None or notice.kind != "contact_change" or not self._is_ours(token, notice):
            return None
        if (await self._books.directory()).person(notice.person) is None:
            return None
        return notice if self._clock.now() < notice.planned_at + DAYS_AT_MOST * DAY else None

    async def _written(self, token: str) -> tuple[str, str]:
        """Return the ids of the alert (empty: a digest's link) and the notification; both empty where none is known."""
        marks = [token_fingerprint(key, token) for key in self._keys.accepted]
        record = next((found for found in await self._store.get(LINKS, marks) if found is not None), None)
        alert_id, _, notification_id = (
            record.value.decode(errors="replace").partition("/") if record else ("", "", "")
        )
        return alert_id, notification_id

    def _is_ours(self, token: str, notification: Notification) -> bool:
        """Say whether a key that is accepted makes this token."""
        made = (token_for(key, notification.id, notification.channel) for key in self._keys.accepted)
        return any(hmac.compare_digest(as_written(token).encode(), one.encode()) for one in made)

    def _expired(self, alert: Alert, notification: Notification) -> bool:
        ends: Instant = notification.planned_at + DAYS_AT_MOST * DAY
        if alert.resolved_at is not None:
            ends = min(ends, alert.resolved_at + DAYS_AFTER_RESOLVED * DAY)
        return self._clock.now() >= ends


async def key_fingerprints(store: Store, keys: Keys) -> int:
    """Put fingerprints under the key in place of those without one, which an older Siaga left; return how many.

    A link whose key was taken away led nowhere already: its fingerprint is dropped. It goes through the table in
    pieces; whatever interrupts it, the next start goes on.
    """
    marker, *_ = await store.get(LAYOUT, [KEYED_LINKS])
    if marker is not None:
        return 0
    number = 0
    async for piece in store.walk(LINKS):
        old = {mark: record for mark, record in piece.items() if not mark.startswith(KEYED)}
        ids = {mark: record.value.decode(errors="replace").rpartition("/")[2] for mark, record in old.items()}
        messages = list(dict.fromkeys(ids.values()))
        records = await store.get(NOTIFICATIONS, messages) if messages else []
        channels = {
            id_: message.channel
            for id_, message in readable_of(NOTIFICATIONS, messages, records, Notification).items()
        }
        puts, drops = [], []
        for mark, record in old.items():
            for key in keys.accepted if ids[mark] in channels else ():
                token = token_for(key, ids[mark], channels[ids[mark]])
                if unkeyed_fingerprint(token) == mark:
                    puts.append(Put(LINKS, token_fingerprint(key, token), record.value))
            drops.append(Drop(LINKS, mark, record.version))
        if drops:
            number += len(drops)
            await store.write(Write(name="key_links", puts=tuple(puts), drops=tuple(drops)))
    await store.write(Write(name="key_links", puts=(Put(LAYOUT, KEYED_LINKS, encode(1)),)))
    if number:
        log.info("link_fingerprints_keyed", links=number)
    return number
