"""Respondents: who answers a message in a replay or a backtest, when and how.

A replay has synthetic officials, who read their mails in the outbox. In a backtest people answer after a fixed time,
answer as they once did, or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import re
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, get_args

import msgspec

from engine.core.alerting.alert import NOTICES, Alert, HistoryEntry, NoticeKind, Notification
from engine.core.alerting.answer import HANDED_OVER
from engine.core.alerting.command import WITHOUT_CODE, Answer, EscalateNow, Says, Via
from engine.core.alerting.credential import SIMULATION, Credential
from engine.core.judging.instant import HOUR, MINUTE, Instant, Millis
from engine.escalation.alert_commands import AlertCommands
from engine.escalation.notes import digest_of
from engine.records.alert_lists import WantedList, newest_of
from engine.records.alert_repository import ALERTS, NOTIFICATIONS, UNRESOLVED, Case, history_log
from engine.records.case_archive import CaseArchive
from engine.store.codec import decode
from engine.store.port import Store

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


ANSWERED = NOTICES | {"expiry"}
"""The messages that ask somebody to act."""
_SAYS: dict[str, Says] = {word: word for word in get_args(Says)}
_VIA: dict[str, Via] = {word: word for word in get_args(Via)}

_Group = tuple[str, str, str]
"""A group of a rule: space, rule and group."""


class Nobody:
    """Nobody answers."""

    def told(self, sent: Notification, at: Instant) -> None:
        """Take note of a message that was sent."""

    def next_at(self) -> Instant | None:
        """Return when somebody answers next."""
        return None

    def awaits(self, alert: Alert) -> bool:  # noqa: ARG002
        """Say whether an answer is still to come that may be to an alert though it is resolved."""
        return False

    async def answer(self, store: Store, desk: AlertCommands, now: Instant) -> None:
        """Let those answer whose time has come."""


class Punctual(Nobody):
    """Whoever must act takes the matter so long after a message, unless somebody has it already.

    Whoever is asked whether it is still theirs says that it is settled: otherwise no alert would ever end.
    """

    def __init__(self, after: Millis) -> None:
        self._after = after
        self._answers: list[tuple[Instant, str]] = []

    def told(self, sent: Notification, at: Instant) -> None:
        """Plan the answer to a message."""
        if sent.kind in ANSWERED and not sent.informing:
            heapq.heappush(self._answers, (at + self._after, sent.id))

    def next_at(self) -> Instant | None:
        """Return when somebody answers next."""
        return self._answers[0][0] if self._answers else None

    async def answer(self, store: Store, desk: AlertCommands, now: Instant) -> None:
        """Let those answer whose time has come."""
        while self._answers and self._answers[0][0] <= now:
            _, id_ = heapq.heappop(self._answers)
            record = (await store.get(NOTIFICATIONS, [id_]))[0]
            asked = decode(record.value, Notification) if record else None
            case = await desk.case(asked.alert) if asked else None
            if asked is None or case is None or not case.alert.unresolved:
                continue
            again = asked.kind == "expiry"
            if case.alert.status == "open" or again:
                says: Says = "resolved" if again else "taken"
                answer = Answer(
                    person=asked.person,
                    says=says,
                    via="link",
                    notification=id_,
                    note_digest=digest_of(asked.alert, asked.person, CLOSED_BECAUSE) if again else "",
                    confirmed=again,
                )
                await desk.answer(asked.alert, answer, by=Credential("link", id_, asked.person))


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody once said of an alert of a group, or that they asked for its next step; entry `number` says so."""

    at: Instant
    space: str
    rule: str
    group: str
    number: int
    command: Answer | EscalateNow

    @property
    def of(self) -> _Group:
        """The group of the alert."""
        return self.space, self.rule, self.group


class RecordedAnswers(Nobody):
    """Everybody says what they said then, when they said it, of whatever alert of the rule and group is unresolved.

    A closing is withdrawn of the newest alert of the group. Where there is no such alert, since the rules are others or
    the alert comes later, the answer is lost.
    """

    def __init__(self, answers: Sequence[Recalled]) -> None:
        self._answers = deque(sorted(answers, key=lambda one: (one.at, one.number)))
        self._left = Counter(one.of for one in answers)

    def next_at(self) -> Instant | None:
        """Return when somebody answers next."""
        return self._answers[0].at if self._answers else None

    def awaits(self, alert: Alert) -> bool:
        """Say whether an answer is still to come that may be to an alert though it is resolved."""
        return self._left[alert.space, alert.rule.id, alert.group] > 0

    async def answer(self, store: Store, desk: AlertCommands, now: Instant) -> None:
        """Let those answer whose time has come."""
        while self._answers and self._answers[0].at <= now:
            said = self._answers.popleft()
            self._left[said.of] -= 1
            case = await _meant(store, desk, said)
            if case is None:
                continue
            command = said.command
            if isinstance(command, EscalateNow):
                await desk.change(case.alert.id, command, "escalate", by=SIMULATION)
            else:
                await desk.answer(case.alert.id, _in_reply(command, case), by=SIMULATION)


async def _meant(store: Store, desk: AlertCommands, said: Recalled) -> Case | None:
    """Return the alert of which something is said: the unresolved one of the group, of a closing the newest one."""
    if isinstance(said.command, Answer) and said.command.says == "reopened":
        async for alert in newest_of(store, WantedList(rule=said.rule)):
            if (alert.space, alert.rule.id, alert.group) == said.of:
                return None if alert.unresolved else await desk.case(alert.id)
        return None
    for record in await store.get(ALERTS, list(await store.planned(UNRESOLVED))):
        one = decode(record.value, Alert) if record else None
        if one is not None and (one.space, one.rule.id, one.group) == said.of:
            return await desk.case(one.id)
    return None


def _in_reply(answer: Answer, case: Case) -> Answer:
    """Return the answer with the message of this run that it answers: by a link a reminder, which alone renews."""
    reminders = [
        (n.planned_at, n.id)
        for n in case.notifications.values()
        if n.person == answer.person and n.kind == "reminder" and n.state in HANDED_OVER
    ]
    if answer.via != "link" or not reminders:
        return answer
    return msgspec.structs.replace(answer, notification=max(reminders)[1])


async def recalled(store: Store, past: CaseArchive | None = None, since: Instant = 0) -> list[Recalled]:
    """Return what people answered in an installation from an instant on, in no order.

    `past` is where alerts are that left the store; one that is in both counts once.
    """
    found: list[Recalled] = []
    kept: set[str] = set()
    async for piece in store.walk(ALERTS):
        for record in piece.values():
            alert = decode(record.value, Alert)
            kept.add(alert.id)
            entries = [decode(entry, HistoryEntry) for entry in await store.log(history_log(alert.id))]
            found += _answers(alert, entries, since)
    if past is not None:
        found += await asyncio.to_thread(_of_archive, past, kept, since)
    return found


def _of_archive(past: CaseArchive, kept: Collection[str], since: Instant) -> list[Recalled]:
    return [
        one
        for case in past.cases()
        if case.alert.id not in kept
        for one in _answers(case.alert, case.history, since)
    ]


def _answers(alert: Alert, entries: Iterable[HistoryEntry], since: Instant) -> Iterable[Recalled]:
    for entry in entries:
        command = _command(alert, entry) if entry.at >= since else None
        if command is not None:
            yield Recalled(
                at=entry.at,
                space=alert.space,
                rule=alert.rule.id,
                group=alert.group,
                number=entry.number,
                command=command,
            )


def _command(alert: Alert, entry: HistoryEntry) -> Answer | EscalateNow | None:
    """Return the command that a history entry says was carried out; None where it says of none."""
    details = entry.details
    if entry.name == "escalated_by_hand":
        return EscalateNow(person=entry.person, is_operator=not entry.by.startswith("phone:"))
    says = _SAYS.get({"answered": entry.reason, "also_taken": "taken"}.get(entry.name, ""))
    via = _VIA.get(str(details.get("via", "")))
    if says is None or via is None:
        return None
    return Answer(
        person=entry.person,
        says=says,
        via=via,
        operator=str(details.get("operator", "")),
        to=str(details.get("to", "")),
        # closings of before confirmations have no note: their reason is the synthetic one
        note_digest=str(details.get("note", "")) or digest_of(alert.id, entry.person, CLOSED_BECAUSE),
        # answers by a token of before that was kept were taken for an operator's
        is_operator=via == "console" or (via == "api" and bool(details.get("operates", True))),
        coded=details.get("grade") != WITHOUT_CODE,
        confirmed=says == "resolved",
    )
