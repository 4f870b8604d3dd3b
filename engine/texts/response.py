"""The words that go back to who wrote an SMS: what was recorded, or what was wrong.

Here: one part of 160 septets in the language of the phone (docs/specification/escalation.md#reply-grammar,
#texts-without-their-code, #replies). Not here: what a text leads to (`texts.reply_routing`) and what an answer does
(`core.alerting.answer`). Nothing is echoed of what somebody wrote, but for codes that were sent to that phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from engine.core.alerting.alert import Alert, Notification
from engine.core.judging.region import RegionTable
from engine.gsm7 import ONE_PART, cut, septets, transliterate
from engine.texts.catalogue import Catalogue
from engine.texts.conversation import RecordedAct
from engine.texts.localizer import LONGEST_NAME, Localizer
from engine.texts.reply_routing import UnusableText
from engine.texts.sanitize import plain

WHAT_AT_MOST = 40
"""Septets of what happened in a reply; the rest of it is what was recorded."""


ObjectionAnswer = Literal["objected", "again", "over", "code_missing"]
"""What became of an objection to a change of a contact. `again`: somebody objected before. `over`: it was decided."""


class TextResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one act: the reason that was named, whether it is a refusal, and the case after it.

    Where a text has several acts nothing is said of their cases: those may be left out.
    """

    act: RecordedAct
    reason: str
    alert: Alert | None = None
    notifications: Sequence[Notification] = ()
    refused: bool = False


class Responses:
    """Words replies."""

    def __init__(self, catalogue: Catalogue, regions: RegionTable) -> None:
        self._catalogue = catalogue
        self._regions = regions

    def answered(self, language: str, became: Sequence[TextResult], unknown_items: Sequence[int] = ()) -> str:
        """Say what became of the answers in one text; of several that name no item, of the last."""
        if became[-1].alert is not None and all(one.act.item is None for one in became):
            return self._single(language, became[-1], became[-1].alert)
        recorded = _numbers(one.act.item for one in became if not one.refused)
        refused = _numbers(one.act.item for one in became if one.refused)
        missing = all(one.reason == "code_missing" for one in became if one.refused)
        parts = [
            ("reply.items.recorded", recorded),
            ("reply.items.code_missing" if missing else "reply.items.refused", refused),
            ("reply.items.unknown", _numbers(unknown_items)),
        ]
        texts = self._catalogue.texts(language)
        code = became[0].act.code
        said = " ".join(texts(key, items=items, code=code) for key, items in parts if items)
        return _short(said if missing and not recorded and refused else f"{code}: {said}")

    def turned(self, language: str, turned: UnusableText, regions: Mapping[str, str]) -> str:
        """Say why nothing was recorded; `regions` are those of the codes that could be meant."""
        texts = self._catalogue.texts(language)
        voice = Localizer(texts, self._regions, {}, next(iter(regions.values()), "00"))
        listed = ", ".join(
            f"{code} ({voice.place(regions[code], short=True)})" if code in regions else code
            for code in turned.codes
        )
        key = f"reply.{turned.why}" if turned.codes or turned.why != "help" else "reply.help.nothing_open"
        code = turned.codes[0] if turned.codes else ""
        return _fitting(
            texts.variants(key), {"code": code, "codes": ", ".join(turned.codes), "listed": listed}
        )

    def stopped(self, language: str, *, coded: bool) -> str:
        """Say that this phone gets awas alone, or, where the text named no code, that the duty desk calls."""
        key = "reply.stopped" if coded else "reply.stop_asked"
        return _fitting(self._catalogue.texts(language).variants(key), {})

    def locked(self, language: str) -> str:
        """Say that this phone is not heard for an hour: it brought codes that were never sent to it."""
        return _fitting(self._catalogue.texts(language).variants("reply.locked"), {})

    def objected(self, language: str, answer: ObjectionAnswer) -> str:
        """Say what became of an objection to a change of a contact."""
        return _fitting(self._catalogue.texts(language).variants(f"reply.objection.{answer}"), {})

    def verified(self, language: str, *, waits: bool = False) -> str:
        """Say that this phone gets messages from now on, or once somebody else approved it."""
        key = "reply.verified.waits" if waits else "reply.verified"
        return _fitting(self._catalogue.texts(language).variants(key), {})

    def _single(self, language: str, became: TextResult, alert: Alert) -> str:
        texts = self._catalogue.texts(language)
        voice = Localizer(texts, self._regions, {}, alert.region)
        what = transliterate(plain(alert.rule.short_title or alert.rule.title, LONGEST_NAME))
        moment = alert.resolved_at if became.refused else alert.acknowledged_at
        values = {
            "code": became.act.code,
            "what": cut(what, WHAT_AT_MOST),
            "place": voice.place(alert.region, short=True),
            "office": _taker(became.notifications, alert, voice),
            "when": voice.short_moment(alert.detected_at if moment is None else moment),
            "word": texts[f"reply.word.{became.act.said}"],
        }
        reason = "delegate" if became.reason.startswith("delegate_") else became.reason
        if became.refused:
            key = texts.first(f"reply.refused.{reason}", "reply.refused.other")
        else:
            key = texts.first(f"reply.recorded.{reason}", "reply.recorded.other")
        exercise = f"{texts['exercise']} " if alert.exercise else ""
        return _fitting([exercise + variant for variant in texts.variants(key)], values)


def _taker(notifications: Sequence[Notification], alert: Alert, voice: Localizer) -> str:
    """Return the office of who has the matter now."""
    told = [n for n in notifications if n.person == alert.acknowledged_by and n.role]
    if not told:
        return voice.texts["office.operator"]
    newest = max(told, key=lambda n: n.planned_at)
    return voice.short_office(newest.role, newest.office)


def _numbers(items: Iterable[int | None]) -> str:
    found = sorted({item for item in items if item is not None})
    return ", ".join(map(str, found))


def _fitting(variants: Sequence[str], values: Mapping[str, str]) -> str:
    """Return the first variant that fits one part, else the last one cut."""
    filled = [transliterate(variant.format_map(values)) for variant in variants]
    return next((text for text in filled if septets(text) <= ONE_PART), _short(filled[-1]))


def _short(text: str) -> str:
    return cut(transliterate(text), ONE_PART)
