"""Who was told of an alert, and the truth about each message: sent promises nothing, delivered is what a gateway said.

Here: one row for each thing that a person was told. Not here: addresses and texts of messages, which no page of an
alert shows, and the states themselves (`core.alerting.delivery`).
"""

from __future__ import annotations

from itertools import groupby

import msgspec

from engine.core.alerting.alert import Notification
from engine.core.judging.instant import Instant
from engine.texts.alert_text import AlertText
from engine.texts.catalogue import Texts

TONES = {"delivered": "good", "sent": "fair", "failed": "bad", "pending": "wait", "sending": "wait"}


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One message on one channel. `tone` is `good`, `fair`, `bad`, `wait` or `over` (not wanted any more)."""

    channel: str
    state: str
    why: str
    tone: str
    attempts: int


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one person was told at one time, with the ways by which they were."""

    office: str
    kind: str
    when: str
    ways: tuple[Way, ...]


def deliveries(teller: AlertText) -> list[DeliveryRow]:
    """Return what people were told of an alert, in the order in which it was planned."""
    texts, voice = teller.texts, teller.voice
    told = sorted(teller.notifications, key=_together)
    rows = []
    for (planned_at, informing, _, office, _, kind), messages in groupby(told, key=_together):
        several = list(messages)
        said = texts[f"console.kind.{kind}"]
        rows.append(
            DeliveryRow(
                office=teller.office(several[0]) if office else texts["office.somebody"],
                kind=f"{said} {texts['console.delivery.informing']}" if informing else said,
                when=voice.near_moment(planned_at, teller.at),
                ways=tuple(way(one, texts) for one in sorted(several, key=lambda n: (n.channel, n.id))),
            )
        )
    return rows


def _together(n: Notification) -> tuple[Instant, bool, int, str, str, str]:
    return n.planned_at, n.informing, n.step, n.office, n.person, n.kind


def way(notification: Notification, texts: Texts) -> Way:
    """Return the truth about one message in words."""
    reason = notification.held or notification.reason
    key = f"console.reason.{reason}"
    return Way(
        channel=texts[f"console.channel.{notification.channel}"],
        state=texts[f"console.state.{notification.state}"],
        why=texts[key] if key in texts else reason,  # noqa: SIM401 -- texts are no dict
        tone=TONES.get(notification.state, "over"),
        attempts=notification.attempts,
    )
