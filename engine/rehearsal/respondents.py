"""Respondents: who answers in a backtest, when and what.

Here: those who answer after a fixed time, those who answer as people did, and nobody. Not here: the run they answer in
(`rehearsal.backtest`), and the synthetic officials of replays (`rehearsal.officials`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from engine.alerting.alert import NOTICES, Alert, HistoryEntry, Notification
from engine.alerting.command import Answer, Says, Via
from engine.alerting.credential import SIMULATION, Credential
from engine.judging.instant import Instant, Millis
from engine.rehearsal.officials import CLOSED_BECAUSE
from engine.service.apply import Desk
from engine.service.casebook import ALERTS, NOTIFICATIONS, UNRESOLVED, history_log
from engine.service.notes import digest_of
from engine.store.codec import decode
from engine.store.port import Store

ANSWERED = NOTICES | {"expiry"}
"""The messages that ask somebody to act."""
_SAYS: dict[str, Says] = {word: word for word in get_args(Says)}
_VIA: dict[str, Via] = {word: word for word in get_args(Via)}


class Nobody:
    """Nobody answers."""

    def told(self, sent: Notification, at: Instant) -> None:
        """Take note of a message that was sent."""

    def next_at(self) -> Instant | None:
        """Return when somebody answers next."""
        return None

    async def answer(self, store: Store, desk: Desk, now: Instant) -> None:
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

    async def answer(self, store: Store, desk: Desk, now: Instant) -> None:
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


class Recalled(msgspec.Struct, frozen=True):
    """What somebody once said of an alert of a group."""

    at: Instant
    rule: str
    group: str
    answer: Answer


class Recorded(Nobody):
    """Everybody says what they said then, when they said it, of whatever alert of the rule and group is unresolved.

    Where none is, since the rules are others or the alert comes later, the answer is lost.
    """

    def __init__(self, answers: Sequence[Recalled]) -> None:
        self._answers = sorted(answers, key=lambda one: one.at, reverse=True)

    def next_at(self) -> Instant | None:
        """Return when somebody answers next."""
        return self._answers[-1].at if self._answers else None

    async def answer(self, store: Store, desk: Desk, now: Instant) -> None:
        """Let those answer whose time has come."""
        while self._answers and self._answers[-1].at <= now:
            said = self._answers.pop()
            for id_ in await store.planned(UNRESOLVED):
                case = await desk.case(id_)
                if case and (case.alert.rule.id, case.alert.group) == (said.rule, said.group):
                    await desk.answer(id_, said.answer, by=SIMULATION)


async def recalled(store: Store, since: Instant = 0) -> list[Recalled]:
    """Return what people answered in an installation from an instant on, in no order."""
    alerts = [decode(record.value, Alert) for record in (await store.scan(ALERTS)).values()]
    found: list[Recalled] = []
    for alert in alerts:
        entries = [decode(entry, HistoryEntry) for entry in await store.log(history_log(alert.id))]
        found += _answers(alert, (entry for entry in entries if entry.at >= since))
    return found


def _answers(alert: Alert, entries: Iterable[HistoryEntry]) -> Iterable[Recalled]:
    for entry in entries:
        says = _SAYS.get({"answered": entry.reason, "also_taken": "taken"}.get(entry.name, ""))
        via = _VIA.get(str(entry.details.get("via", "")))
        if says is None or via is None:
            continue
        answer = Answer(
            person=entry.person,
            says=says,
            via=via,
            operator=str(entry.details.get("operator", "")),
            to=str(entry.details.get("to", "")),
            # closings of before confirmations have no note: their reason is the synthetic one
            note_digest=str(entry.details.get("note", ""))
            or digest_of(alert.id, entry.person, CLOSED_BECAUSE),
            is_operator=via in ("console", "api"),
            coded=via == "sms",
            confirmed=says == "resolved",
        )
        yield Recalled(entry.at, alert.rule.id, alert.group, answer)
