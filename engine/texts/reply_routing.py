"""What a text of a phone leads to: which alert and which answer, or what to say instead.

Here: docs/specification/escalation.md#reply-grammar, #texts-without-their-code, #replies as one pure function of what
was written (`texts.reply_parser`) and what was sent to that phone (`texts.conversation`). Not here: whether the answer
is accepted (`core.alerting.answer`) and the words (`texts.response`).

Only alerts of codes that were sent to the phone can come out of it, whatever the text. An answer without a code is
found as well, so that the reply can give the code back; it does no more than `seen` (`core.alerting.answer`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

import msgspec

from engine.core.judging.instant import DAY, Instant, Millis
from engine.texts.conversation import Conversation, RecordedAct, SentCode
from engine.texts.reply_parser import Clause, Reply

DIGEST_YOUNGER_THAN: Millis = DAY
"""Items without a code mean the newest digest, if it is younger than this."""
CODES_LISTED = 3
"""Codes that a question lists."""

Why = Literal["help", "which", "which_items", "unknown_items", "old_code", "unknown_code", "nothing_open"]
"""Why a text led to no answer; each has a text of its own."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The text answers. `unknown_items` are numbers that the digest does not have."""

    acts: tuple[RecordedAct, ...]
    unknown_items: tuple[int, ...] = ()


class UnusableText(msgspec.Struct, frozen=True, kw_only=True):
    """The text answers nothing. `codes` are those that could be meant, the newest first."""

    why: Why
    codes: tuple[str, ...] = ()


class Stops(msgspec.Struct, frozen=True):
    """The phone wants no further messages. `coded`: the text names a code that was sent to it."""

    coded: bool = False


ReplyOutcome = Answers | UnusableText | Stops


def dialogue(reply: Reply, line: Conversation, unresolved: Collection[str], now: Instant) -> ReplyOutcome:
    """Return what a text leads to; `unresolved` are the alerts that are open or acknowledged at this instant."""
    if reply.stop and (not reply.code or line.by_code(reply.code) is not None):
        return Stops(coded=bool(reply.code))
    live = [told for told in _newest_first(line) if any(alert in unresolved for alert in told.alerts)]
    if reply.code:
        told = line.by_code(reply.code)
        if told is None:
            return UnusableText(why="unknown_code")
        if told not in live and not _only_reopens(reply):
            return UnusableText(why="old_code")
        return _answers(reply, told, coded=True)
    if _asks_for_help(reply):
        return _turned("help", live)
    if reply.by_item:
        return _answers(reply, digest) if (digest := _newest_digest(line, now)) else _asked(live)
    alerts = {alert for told in live for alert in told.alerts if alert in unresolved}
    if len(alerts) != 1:
        return _asked(live)
    (alert,) = alerts
    told = next((told for told in live if not told.digest), live[0])
    return Answers(acts=tuple(_act(clause, told, alert) for clause in reply.clauses))


def _newest_first(line: Conversation) -> list[SentCode]:
    return sorted(line.codes, key=lambda told: (-told.told_at, told.code))


def _newest_digest(line: Conversation, now: Instant) -> SentCode | None:
    digests = (told for told in _newest_first(line) if told.digest)
    newest = next(digests, None)
    return newest if newest is not None and now - newest.told_at < DIGEST_YOUNGER_THAN else None


def _asks_for_help(reply: Reply) -> bool:
    return not reply.clauses or any(clause.said == "help" for clause in reply.clauses)


def _only_reopens(reply: Reply) -> bool:
    """Say whether a text only takes closings back: for that the code of a closed alert still counts."""
    return bool(reply.clauses) and all(clause.said == "reopened" for clause in reply.clauses)


def _asked(live: list[SentCode]) -> UnusableText:
    return _turned("which" if live else "nothing_open", live)


def _turned(why: Why, live: list[SentCode]) -> UnusableText:
    return UnusableText(why=why, codes=tuple(told.code for told in live[:CODES_LISTED]))


def _answers(reply: Reply, told: SentCode, *, coded: bool = False) -> ReplyOutcome:
    """Return what a text says of the alerts of one code."""
    if _asks_for_help(reply):
        return _turned("help", [told])
    if len(told.alerts) > 1 and not reply.by_item:
        return _turned("which_items", [told])
    named = [(item, clause) for clause in reply.clauses for item in _items(clause, told)]
    if len({item for item, _ in named}) < len(named):
        return _turned("which_items", [told])  # one item, two answers
    there = range(1, len(told.alerts) + 1)
    unknown = tuple(dict.fromkeys(item for item, _ in named if item not in there))
    acts = tuple(
        _act(clause, told, told.alerts[item - 1], item if told.digest else None, coded=coded)
        for item, clause in named
        if item in there
    )
    return Answers(acts=acts, unknown_items=unknown) if acts else _turned("unknown_items", [told])


def _items(clause: Clause, told: SentCode) -> Iterator[int]:
    """Yield the numbers that a clause speaks of."""
    yield from clause.items or range(1, len(told.alerts) + 1)


def _act(
    clause: Clause, told: SentCode, alert: str, item: int | None = None, *, coded: bool = False
) -> RecordedAct:
    return RecordedAct(
        alert=alert,
        code=told.code,
        said=clause.said,
        to=clause.to,
        item=item,
        coded=coded,
        confirmed=clause.confirmed,
    )
