"""The report on a situation in words: one page, in a letter, as text and for the console.

Here: its headline and its sections. Not here: what counts as what (`core.alerting.situation`), when it goes to whom
(`operations.situation_report`) and layout (templates). Nothing in it names a person; people are offices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.alerting.situation import STATES, Situation
from engine.core.judging.rule import LEVEL_NAMES
from engine.texts.alert_text import TextSection
from engine.texts.catalogue import Texts
from engine.texts.event_list import is_absence, silent_since
from engine.texts.local_time import full_moment
from engine.texts.localizer import Localizer
from engine.texts.sanitize import plain

MOST_PLACES, MOST_LISTED = 15, 8
"""Lines of a list before the rest is counted: a report is one page."""


class SituationPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the report says, in order. `tone` is the highest level that is open, 0 where nothing is."""

    subject: str
    headline: str
    lead: tuple[str, ...]
    sections: tuple[TextSection, ...]
    tone: int
    footer: str


def situation_page(situation: Situation, voice: Localizer) -> SituationPage:
    """Say a situation; `voice` speaks of its region."""
    texts, until = voice.texts, situation.period.until
    place = voice.place(situation.region)
    when = full_moment(until, voice.zone, texts)
    return SituationPage(
        subject=texts("situation.subject", place=place, when=voice.short_moment(until)),
        headline=texts("situation.headline", place=place, when=when),
        lead=(
            texts("situation.lead", since=full_moment(situation.period.since, voice.zone, texts)),
            _levels(situation.levels(), texts) or texts["situation.calm"],
        ),
        sections=tuple(
            TextSection(texts[f"situation.{key}"], tuple(lines), tuple(items))
            for key, lines, items in _sections(situation, voice)
        ),
        tone=max((alert.level for alert in situation.open), default=0),
        footer=texts("digest.footer", mark=situation.mark or "-"),
    )


def _sections(situation: Situation, voice: Localizer) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    texts, number = voice.texts, voice.number
    places = [f"{voice.place(code)}: {_levels(levels, texts)}" for code, levels in situation.places().items()]
    yield "open", () if places else (texts["situation.none"],), _cut(places, MOST_PLACES, voice)
    yield "changed", tuple(_changed(situation, voice)), ()
    untaken = [_line(alert, alert.detected_at, situation, voice) for alert in situation.untaken]
    yield "untaken", () if untaken else (texts["situation.none"],), _cut(untaken, MOST_LISTED, voice)
    silent = [
        _line(alert, silent_since(alert) or alert.detected_at, situation, voice)
        for alert in sorted(situation.open, key=lambda alert: (-alert.level, alert.detected_at, alert.id))
        if is_absence(alert)
    ]
    yield "silent", () if silent else (texts["situation.none"],), _cut(silent, MOST_LISTED, voice)
    states = [
        texts(f"situation.state.{state}", n=number(situation.messages[state]))
        for state in STATES
        if situation.messages.get(state)
    ]
    planned = texts("situation.planned", n=number(situation.planned))
    yield "messages", (f"{planned}: {', '.join(states)}." if states else f"{planned}.",), ()
    aside = situation.aside
    numbers = {name: number(getattr(aside, name)) for name in ("waiting", "grave", "new")}
    yield "quarantine", (texts("situation.aside", **numbers),), ()
    if situation.callees:
        calls = [
            f"{voice.office(c.notice.role, c.notice.office, c.notice.status)}: "
            f"{_line(c.alert, c.since, situation, voice)}"
            for c in situation.callees
        ]
        yield "calls", (texts["situation.calls.where"],), _cut(calls, MOST_LISTED, voice)


def _changed(situation: Situation, voice: Localizer) -> Iterator[str]:
    texts, number = voice.texts, voice.number
    yield texts(
        "situation.alerts",
        opened=number(situation.opened),
        resolved=number(situation.resolved),
        corrected=number(situation.corrected),
    )
    yield texts(
        "situation.events", n=number(sum(situation.events.values())), places=number(len(situation.events))
    )


def _levels(levels: Counter[int], texts: Texts) -> str:
    """Write `2 AWAS, 1 SIAGA`, the highest first; nothing where there is none."""
    return ", ".join(
        f"{levels[level]} {texts[f'level.{level}']}"
        for level in range(len(LEVEL_NAMES), 0, -1)
        if levels[level]
    )


def _line(alert: Alert, since: int, situation: Situation, voice: Localizer) -> str:
    texts = voice.texts
    return texts(
        "situation.line",
        level=texts[f"level.{alert.level}"],
        place=voice.place(alert.region),
        what=plain(alert.rule.short_title or alert.rule.title),
        since=voice.near_moment(since, situation.period.until),
    )


def _cut(lines: Sequence[str], most: int, voice: Localizer) -> tuple[str, ...]:
    """Return the first lines, and how many there are beyond them."""
    rest = len(lines) - most
    more = (voice.texts("and_more", n=voice.number(rest)),) if rest > 0 else ()
    return (*lines[:most], *more)
