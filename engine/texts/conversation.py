"""One phone: the codes it was sent, and what it wrote.

Here: frozen values, their changes as pure functions, and when a code may be used again
(docs/specification/escalation.md#codes, #replies). Not here: keeping them (`delivery.reply_codes`) and what a text
leads to (`texts.reply_routing`). The number itself is in no value.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.core.judging.instant import DAY, HOUR, Instant, Millis
from engine.texts.reply_parser import ReplyWord

KEPT_AFTER_CLOSING: Millis = 90 * DAY
"""A code is not used again on a phone for this long after its alert was closed."""
HEARD_KEPT = 50
"""Ids of texts that are remembered, to know one that comes twice."""
BEGUN_KEPT = 10
"""Texts of a phone that are remembered while some of their answers are still to be carried out."""
BEGUN_FOR: Millis = DAY
"""A text that is not brought again within this time is not gone on with."""
UNRECORDED_AT_MOST = 5
"""Replies in a row that recorded nothing; further texts of that kind get none (two machines may talk to each other)."""
MISSES_AT_MOST = 5
"""So many codes that were not sent to the phone within `MISSES_WITHIN` are guessing."""
MISSES_WITHIN: Millis = HOUR
DEAF_FOR: Millis = HOUR
"""A phone that guesses codes is not heard for so long."""


class SentCode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A code that was sent to the phone: of one alert, or of the items of a digest in their order.

    `told_at` is when a message with it last went out, the `number`th of the phone; `closed_at` since when all its
    alerts are known to be resolved.
    """

    code: str
    alerts: tuple[str, ...]
    told_at: Instant
    digest: bool = False
    closed_at: Instant | None = None
    number: int = 0


class RecordedAct(msgspec.Struct, frozen=True, kw_only=True):
    """One answer for one alert. `item` is its number in a digest, from 1. `coded`: the text names the code itself,
    `confirmed`: it says a closing twice.
    """

    alert: str
    code: str
    said: ReplyWord
    to: str = ""
    item: int | None = None
    coded: bool = False
    confirmed: bool = False


class AppliedText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one answer: the reason that was named, and whether that is a refusal."""

    reason: str
    refused: bool = False


class Begun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text with several answers, of which the first were carried out: `done` says what became of these.

    `turn` is how many messages the phone had been sent when the text came in, at the instant `at`.
    """

    text: str
    turn: int
    at: Instant
    acts: tuple[RecordedAct, ...]
    unknown_items: tuple[int, ...] = ()
    done: tuple[AppliedText, ...] = ()

    @property
    def next(self) -> RecordedAct | None:
        """The answer that comes next; None where all are carried out."""
        return self.acts[len(self.done)] if len(self.done) < len(self.acts) else None

    def after(self, done: AppliedText) -> Begun:
        """Return the text after its next answer was carried out."""
        return msgspec.structs.replace(self, done=(*self.done, done))


class Conversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one phone.

    `codes` are those that matter at the moment: all of them are kept one by one (`delivery.reply_codes`). `used` counts
    them by their length, and `digest` is the code of the newest digest. `home` is the name under which the codes of the
    phone are kept, where that is not the line's own. `unrecorded` counts the replies since something was recorded or a
    notice went out, `turn` all messages sent to the phone, `heard` are the ids of its newest texts, `begun` are texts
    whose answers are not all carried out. `misses` are the instants of codes of the last hour that were never sent to
    it; up to `deaf_until` nothing that it says is heard.
    """

    codes: tuple[SentCode, ...] = ()
    unrecorded: int = 0
    turn: int = 0
    heard: tuple[str, ...] = ()
    begun: tuple[Begun, ...] = ()
    used: dict[int, int] = {}
    digest: str = ""
    home: str = ""
    misses: tuple[Instant, ...] = ()
    deaf_until: Instant | None = None

    def hears(self, now: Instant) -> bool:
        """Say whether texts of the phone count at this instant: not while it is kept out for guessing codes."""
        return self.deaf_until is None or now >= self.deaf_until

    @property
    def speaks(self) -> bool:
        """Whether a text that records nothing still gets a reply."""
        return self.unrecorded < UNRECORDED_AT_MOST

    def by_code(self, code: str) -> SentCode | None:
        """Return what a code of this phone stands for."""
        return next((told for told in self.codes if told.code == code), None)

    def begun_of(self, text: str) -> Begun | None:
        """Return a text (its id) some of whose answers are still to be carried out."""
        return next((begun for begun in self.begun if begun.text == text), None)

    def of(self, alert: str) -> SentCode | None:
        """Return the code of a single alert on this phone."""
        return next((told for told in self.codes if not told.digest and told.alerts == (alert,)), None)


def told(line: Conversation, *, notice: bool) -> Conversation:
    """Return the line after a message with a code went out to it.

    A notice starts the count of replies that recorded nothing again.
    """
    return _next(msgspec.structs.replace(line, unrecorded=0 if notice else line.unrecorded))


def reply(line: Conversation) -> Conversation:
    """Return the line after a reply went out to it."""
    return _next(line)


def _next(line: Conversation) -> Conversation:
    return msgspec.structs.replace(line, turn=line.turn + 1)


def begin(line: Conversation, begun: Begun) -> Conversation:
    """Return the line after another answer of a text was carried out, while more of them are to come."""
    others = (one for one in line.begun if one.text != begun.text)
    return msgspec.structs.replace(line, begun=(*others, begun)[-BEGUN_KEPT:])


def hear(line: Conversation, text: str, *, recorded: bool) -> Conversation:
    """Return the line after a text (its id) was dealt with; a text that recorded something starts the count again."""
    return msgspec.structs.replace(
        line,
        heard=(*line.heard, text)[-HEARD_KEPT:],
        begun=tuple(begun for begun in line.begun if begun.text != text),
        unrecorded=0 if recorded else line.unrecorded + 1,
    )


def miss(line: Conversation, now: Instant) -> tuple[Conversation, bool]:
    """Return the line after a code that was not sent to the phone, and whether it is kept out from now on."""
    missed = (*(at for at in line.misses if at > now - MISSES_WITHIN), now)
    guesses = len(missed) >= MISSES_AT_MOST
    return msgspec.structs.replace(
        line,
        misses=() if guesses else missed,
        deaf_until=now + DEAF_FOR if guesses else None,
    ), guesses


def close(line: Conversation, resolved: Mapping[str, Instant], now: Instant) -> Conversation:
    """Note which alerts are resolved since when, and forget codes that were closed, and texts begun, long ago."""
    codes = []
    for told in line.codes:
        one = told
        if told.closed_at is None and all(alert in resolved for alert in told.alerts):
            one = msgspec.structs.replace(told, closed_at=max(resolved[alert] for alert in told.alerts))
        if one.closed_at is None or now < one.closed_at + KEPT_AFTER_CLOSING:
            codes.append(one)
    begun = tuple(one for one in line.begun if now < one.at + BEGUN_FOR)
    return msgspec.structs.replace(line, codes=tuple(codes), begun=begun)
