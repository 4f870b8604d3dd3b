"""The story of an alert: everything that happened to it, in words, from the event to the answer.

Here: one line for each entry of its history. Not here: the entries (`alerting`), messages and their fate
(`texts.console.deliveries`), and free text, which is handed in by whoever may show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from engine.core.alerting.alert import HistoryEntry
from engine.core.alerting.credential import EVALUATOR
from engine.core.judging.instant import Instant
from engine.texts.alert_text import AlertText
from engine.texts.credential_words import credential_words, offices_of

ALIKE = frozenset(("notified", "joined", "recipient_passed_over", "fallback"))
"""Entries that come in rows: those of one minute are told in one line."""
MINUTE = 60_000


class StoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `tone` is the name of the entry; `more` are the single ones that a line stands for.

    `who` names the credential by which it was done, in words; of a line for several entries each credential once.
    """

    at: Instant
    when: str
    tone: str
    text: str
    who: str
    note: str = ""
    more: tuple[str, ...] = ()


class Credentials:
    """Says who did an entry of an alert's history, by the credential that it holds."""

    def __init__(self, teller: AlertText, labels: Mapping[str, str]) -> None:
        """Prepare the offices of the alert's messages. `labels` are those of tokens, by their id."""
        self._texts = teller.texts
        self._labels = labels
        self._offices = offices_of(teller.notifications, teller.voice)

    def words(self, *credentials: str) -> str:
        """Return the words for some credentials, each once."""
        said = (credential_words(by, self._texts, self._labels, self._offices) for by in credentials)
        return ", ".join(dict.fromkeys(said))


def story(
    entries: Sequence[HistoryEntry],
    teller: AlertText,
    notes: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> list[StoryLine]:
    """Tell what was reported and then a history, oldest first.

    `notes` are the texts that the reader may see, `labels` those of the tokens that entries or reports name.
    """
    by = Credentials(teller, labels or {})
    lines = list(_reports(entries, teller, by))
    for (name, _), group in groupby(entries, key=_alike):
        several = list(group)
        if name in ALIKE and len(several) > 1:
            lines.append(_together(several, teller, by))
        else:
            lines += [_line(entry, teller, notes, by) for entry in several]
    return lines


def _reports(entries: Sequence[HistoryEntry], teller: AlertText, by: Credentials) -> Iterator[StoryLine]:
    """Tell what was reported when the alert opened; what joined later has entries of its own."""
    voice, alert = teller.voice, teller.alert
    joined = {(entry.details.get("desk"), entry.details.get("event")) for entry in entries}
    first = [e for e in alert.evidence if e.received_at <= alert.detected_at and (e.desk, e.id) not in joined]
    if not first:
        return
    said = tuple(
        teller.texts(
            "console.story.report",
            what=voice.kind(e),
            place=voice.place(e.region),
            when=voice.listed_moment(e.occurred_at, teller.at, e.time_precision),
        )
        for e in sorted(first, key=lambda e: e.key)
    )
    at = max(e.received_at for e in first)
    several = teller.texts("console.story.reported.several", n=voice.number(len(first)))
    yield StoryLine(
        at=at,
        when=voice.near_moment(at, teller.at),
        tone="reported",
        # An alert of another rule stands here as evidence that nobody reported: judging counted it.
        who=by.words(*(str(EVALUATOR) if e.title else e.token for e in first)),
        text=teller.texts("console.story.reported", report=said[0]) if len(said) == 1 else several,
        more=said if len(said) > 1 else (),
    )


def _alike(entry: HistoryEntry) -> tuple[str, int]:
    return entry.name, entry.at // MINUTE if entry.name in ALIKE else entry.number


def _together(entries: list[HistoryEntry], teller: AlertText, by: Credentials) -> StoryLine:
    first = entries[0]
    text = teller.texts(f"console.story.{first.name}.several", n=teller.voice.number(len(entries)))
    return StoryLine(
        at=first.at,
        when=teller.voice.near_moment(first.at, teller.at),
        tone=first.name,
        text=text,
        who=by.words(*(entry.by for entry in entries)),
        more=tuple(dict.fromkeys(_text(entry, teller, by) for entry in entries)),
    )


def _line(entry: HistoryEntry, teller: AlertText, notes: Mapping[str, str], by: Credentials) -> StoryLine:
    return StoryLine(
        at=entry.at,
        when=teller.voice.near_moment(entry.at, teller.at),
        tone=entry.name,
        text=_text(entry, teller, by),
        who=by.words(entry.by),
        note=notes.get(str(entry.details.get("note")), ""),
    )


def _text(entry: HistoryEntry, teller: AlertText, by: Credentials) -> str:
    texts, voice, details = teller.texts, teller.voice, entry.details
    reason = entry.reason.partition(":")[0]
    key = texts.first(
        f"console.story.{entry.name}.{reason}", f"console.story.{entry.name}", "console.story.other"
    )
    role, region = details.get("role"), details.get("region")
    office = voice.office(str(role), str(region)) if role and region else office_of(entry.person, teller)
    operator = str(details.get("operator", ""))
    to = details.get("to")
    said = texts(
        key,
        name=entry.name,
        office=office,
        giver=office_of(str(details.get("giver", "")), teller),
        delegate=office_of(str(details.get("delegate", "")), teller),
        step=details.get("step", ""),
        steps=len(teller.alert.policy.steps),
        round=details.get("round", ""),
        recipients=details.get("recipients", ""),
        level=_level(details.get("level"), teller) or teller.level,
        before=_level(details.get("before"), teller),
        channel=_word("console.channel.", details.get("channel"), teller),
        kind=_word("console.kind.", details.get("kind"), teller),
        via=_word("console.via.", details.get("via"), teller),
        reason=_word("console.reason.", reason, teller),
        event=details.get("event", ""),
        desk=details.get("desk", ""),
        until=voice.near_moment(_instant(details.get("until")), teller.at),
    )
    if to:
        said = f"{said} {texts('console.story.to', office=office_of(str(to), teller))}"
    if operator:
        entered = by.words(entry.by) if entry.by.partition(":")[2] == operator else operator
        said = f"{said} {texts('console.story.operator', operator=entered)}"
    return said


def office_of(person: str, teller: AlertText) -> str:
    """Return the office as which a person was told of the alert; an operator by the id of their user."""
    if not person:
        return teller.texts["office.somebody"]
    if any(n.person == person and n.role for n in teller.notifications):
        return teller.office_of(person)
    return teller.texts("console.story.user", user=person)


def _level(level: object, teller: AlertText) -> str:
    return teller.texts[f"level.{level}"] if isinstance(level, int) and 1 <= level <= 4 else ""


def _instant(value: object) -> Instant:
    return value if isinstance(value, int) else 0


def _word(family: str, name: object, teller: AlertText) -> str:
    """Return the word of a name of a closed list; one that has none stands as it is."""
    key = f"{family}{name}"
    return teller.texts[key] if name and key in teller.texts else str(name or "")
