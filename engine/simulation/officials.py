"""Synthetic officials: who reacts to which message, how soon and how, reading the messages from the outbox."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import msgspec

from engine.core.alerting.alert import NoticeKind
from engine.core.judging.instant import HOUR, MINUTE, Instant, Millis

_LINK = re.compile(r"https?://\S+/a/[a-z2-7]+")


class ReceivedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What an official holds in hand: which notification of which alert, and the link (None: it asks nothing)."""

    notification: str
    alert: str
    link: str | None


class Mailbox:
    """Remembers which files of an outbox were read."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._read: set[str] = set()

    def new_letters(self) -> Iterator[ReceivedMessage]:
        """Yield the e-mails written since the last call, by file name."""
        names = {path.name for path in self._outbox.glob("*.eml")} - self._read
        self._read |= names
        for name in sorted(names):
            message = message_from_bytes((self._outbox / name).read_bytes(), policy=policy.default)
            if not isinstance(message, EmailMessage):
                raise TypeError(f"{name} is no e-mail")
            part = message.get_body(("plain",))
            found = _LINK.search(part.get_content()) if part else None
            yield ReceivedMessage(
                notification=_inner(message["Message-ID"]),
                alert=_inner(message["References"]),
                link=found.group() if found else None,
            )


def _inner(reference: str) -> str:
    """Return the id of `<id@host>`, and of `<id.seal@host>` as a sealed message names itself."""
    return str(reference).strip().lstrip("<").partition("@")[0].partition(".")[0]


CLOSED_BECAUSE = "Sudah ditangani di lapangan (jawaban sintetis)"
"""The reason that synthetic officials give for a closing."""
OfficialSays = Literal["seen", "taken", "resolved"]

MOODS: tuple[tuple[float, float], ...] = ((0.55, 0.40), (0.30, 0.75), (0.15, 1.00))
"""Share of alerts, and the share of their messages that are ignored: attentive, slow, nobody there."""
EXPIRY_IGNORED = 0.40
"""Share of expired acknowledgements that the taker does not renew, whatever the mood: they took the matter once."""
UNREACHABLE_IGNORED = 0.30
"""Share of `unreachable` messages that nobody at the national posko answers, whatever the mood of the alert."""
ONLY_SEEN = 0.20
"""Share of those who react and only open the message and say that they have seen it."""
RESOLVED = 0.60
"""Share of takers of a `first` message who later report the matter as settled; the others let their acknowledgement
expire. Whoever takes it on any later message always settles it, so that no alert goes round for ever."""

SEEN_WITHIN: tuple[Millis, Millis] = (1 * MINUTE, 12 * MINUTE)
TAKEN_WITHIN: tuple[Millis, Millis] = (2 * MINUTE, 45 * MINUTE)
RESOLVED_WITHIN: tuple[Millis, Millis] = (1 * HOUR, 6 * HOUR)
"""Delays, evenly spread to the second: seen and taken after the message, resolved after the taking."""


class PlannedAnswer(msgspec.Struct, frozen=True):
    """One answer that a person will give: what and when (milliseconds since 1970 UTC)."""

    says: OfficialSays
    at: Instant


class Reaction(msgspec.Struct, frozen=True):
    """What one person will answer to one message, in order of time; never empty."""

    answers: tuple[PlannedAnswer, ...]


def planned_reaction(
    seed: int, alert_id: str, person: str, kind: NoticeKind, sent_at: Instant
) -> Reaction | None:
    """Return what a person will answer to a message of this kind sent at this instant; None if they ignore it.

    Whether and how they react depends on seed, alert, person and kind alone: a message sent on two channels, or again
    after a crash, changes nobody's mind. Notices and `expiry` are answered; what only tells of others' acts is not.
    """
    ignored = _ignored(seed, alert_id, kind)
    dice = _Dice(seed, alert_id, person, kind)
    if dice.roll("ignores") < ignored:
        return None
    if kind != "expiry" and dice.roll("only seen") < ONLY_SEEN:
        return Reaction((PlannedAnswer("seen", sent_at + dice.delay("seen", SEEN_WITHIN)),))
    taken_at = sent_at + dice.delay("taken", TAKEN_WITHIN)
    taken = PlannedAnswer("taken", taken_at)
    if kind == "first" and dice.roll("resolves") >= RESOLVED:
        return Reaction((taken,))
    return Reaction((taken, PlannedAnswer("resolved", taken_at + dice.delay("resolved", RESOLVED_WITHIN))))


def _ignored(seed: int, alert_id: str, kind: NoticeKind) -> float:
    """Return the share of messages of this kind about this alert that are ignored."""
    match kind:
        case "first" | "step" | "delegated" | "digest":
            return _mood(seed, alert_id)
        case "unreachable":
            return UNREACHABLE_IGNORED
        case "expiry":
            return EXPIRY_IGNORED
        case _:
            return 1.0


def _mood(seed: int, alert_id: str) -> float:
    """Return the share of messages about one alert that are ignored."""
    rolled, reached = _Dice(seed, alert_id).roll("mood"), 0.0
    for share, ignored in MOODS:
        reached += share
        if rolled < reached:
            return ignored
    return MOODS[-1][1]


class _Dice:
    """Numbers that depend on nothing but the words they are made of: no generator, no state."""

    def __init__(self, *words: object) -> None:
        self._words = "/".join(map(str, words))

    def roll(self, question: str) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        digest = hashlib.sha256(f"{self._words}/{question}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def delay(self, question: str, between: tuple[Millis, Millis]) -> Millis:
        """Return a whole number of seconds in milliseconds, bounds included."""
        low, high = between
        return low + 1000 * int(self.roll(question) * ((high - low) // 1000 + 1))
