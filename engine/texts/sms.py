"""The words of an SMS, fitted into one part of 160 septets.

Here: which variant is sent. A kind's variants stand in the catalogue from the fullest to the leanest (`sms.<kind>`),
and the first that fits goes. Where even the leanest is too long, what happened is cut, then the place; the link never:
with an address so long that nothing else fits, the link stands alone. Where answers come back by SMS the variants of
`sms.<kind>.code` show a code instead. Not here: the alphabet (`engine.gsm7`) and what a route carries
(`texts.sms_profile`).
"""

from __future__ import annotations

from engine.core.alerting.alert import NoticeKind
from engine.core.judging.instant import local
from engine.gsm7 import cut, septets, transliterate
from engine.texts.alert_text import AlertText
from engine.texts.answer_link_token import PLACEHOLDER, link, token_length
from engine.texts.localizer import LONGEST_NAME
from engine.texts.sanitize import plain
from engine.texts.sms_profile import Profile

AWAS = 4
"""The level whose SMS say the impact."""
LEAST_LEFT = 12
"""Septets of a cut text below which it says nothing any more and is left out."""
ONE_WAY = Profile()
_ASKING: frozenset[NoticeKind] = frozenset(("first", "step"))


def sms(teller: AlertText, base_url: str, *, profile: Profile = ONE_WAY, code: str = "") -> str:
    """Return the text of a notification as SMS: with its `code`, else with the placeholder where the token goes.

    The address loses its `https://`, which operators strip anyway and phones add. A variant with a word that the route
    bans is passed over while there is another.
    """
    address = transliterate(link(base_url).partition("://")[2] or link(base_url))
    if not profile.url_ok:
        address = transliterate(teller.texts["sms.no_link"])
    values = {name: transliterate(value) for name, value in _values(teller).items()}
    values |= {"link": address, "code": code}
    variants = [teller.marked(transliterate(variant)) for variant in _variants(teller, with_code=bool(code))]
    for variant in variants:
        text = variant.format_map(values)
        if length(text) <= profile.room and not profile.banned(text):
            return text
    return _cut(variants[-1], values, profile.room)


def _variants(teller: AlertText, *, with_code: bool) -> list[str]:
    """Return the variants of a kind; those with a code are its own, or the ones that ask nothing."""
    key, texts = f"sms.{_form(teller)}", teller.texts
    if not with_code:
        return list(texts.variants(key))
    if f"{key}.code" in texts:
        return list(texts.variants(f"{key}.code"))
    return [variant for variant in texts.variants(key) if "{link}" not in variant]


def length(text: str) -> int:
    """Return the septets of a text once the token stands in it."""
    return septets(text.replace(PLACEHOLDER, "x" * token_length("sms")))


def _cut(variant: str, values: dict[str, str], room: int) -> str:
    """Shorten what happened, then the place, until the variant fits."""
    for name in ("what", "place"):
        left = septets(values[name]) - max(length(variant.format_map(values)) - room, 0)
        values = {**values, name: cut(values[name], left) if left >= LEAST_LEFT else ""}
    text = variant.format_map(values)
    return text if length(text) <= room else values["link"]


def _form(teller: AlertText) -> str:
    """Return which variants of the catalogue say this notification."""
    mine = teller.notification
    if mine.kind in _ASKING:
        return "inform" if mine.informing else "notice"
    return "returned" if teller.returned else mine.kind


def _values(teller: AlertText) -> dict[str, str]:
    """Return what the variants may say."""
    alert, voice, texts = teller.alert, teller.voice, teller.texts
    what, alleged = what_happened(teller)
    when = _when(teller)
    by, by_bare = _by(teller, when)
    figures = teller.reports.impact_in_brief() if alert.level == AWAS else ""
    return {
        "level": teller.level,
        "place": voice.place(alert.region, short=True),
        "what": what,
        "what_marked": alleged,
        "impact": texts("sms.impact", figures=figures) if figures else "",
        "when": when,
        "office": _office(teller),
        "by": by,
        "by_bare": by_bare,
    }


def what_happened(teller: AlertText) -> tuple[str, str]:
    """Return what happened in the words of the rule; and the same, marked where it is told as a fact unverified."""
    alert = teller.alert
    what = plain(alert.rule.short_title or alert.rule.title, LONGEST_NAME)
    # What rests on no report, such as a silence, is nobody's allegation.
    reported = any(e.verification != "verified" for e in alert.evidence)
    told_as_fact = reported and not teller.voice.alleged(what)
    return what, teller.texts("sms.unverified", what=what) if told_as_fact else what


def _when(teller: AlertText) -> str:
    """Say the moment that this kind tells: of the taking, the end, else of what happened."""
    alert, voice = teller.alert, teller.voice
    match teller.notification.kind:
        case "taken_by":
            return voice.short_moment(alert.acknowledged_at or teller.at)
        case "reminder":
            mine = [t.at for t in alert.takings if t.person == teller.notification.person]
            return voice.short_moment(mine[-1] if mine else teller.at)
        case "resolved":
            return voice.short_moment(alert.resolved_at or teller.at)
        case "expiry" | "reopened":
            return voice.short_moment(teller.notification.planned_at)
        case kind:
            return teller.reports.short_moment(first=kind == "correction")


def _office(teller: AlertText) -> str:
    """Return the office spoken of: who took it in `taken_by`, else the recipient's own."""
    mine, voice = teller.notification, teller.voice
    if mine.kind != "taken_by":
        return voice.short_office(mine.role, mine.office, mine.status)
    told = [n for n in teller.notifications if n.person == teller.alert.acknowledged_by and n.role]
    if not told:
        return teller.texts["office.operator"]
    newest = max(told, key=lambda n: n.planned_at)
    return voice.short_office(newest.role, newest.office, newest.status)


def _by(teller: AlertText, when: str) -> tuple[str, str]:
    """Return until when an answer is asked for, and the same in short, without the zone where `when` says it."""
    voice, texts, deadline = teller.voice, teller.texts, teller.deadline
    if deadline is None:
        return texts["sms.now"], texts["sms.now"]
    at = local(teller.at, voice.zone)
    day = local(deadline, voice.zone)
    bare = voice.clock(deadline) if day.date() == at.date() else f"{day:%d/%m} {voice.clock(deadline)}"
    full = f"{bare} {voice.zone}"
    short = bare if when.endswith(voice.zone) else full
    return texts("sms.by", deadline=full), texts("sms.by.short", deadline=short)
