"""What a digest says: several matters in one message, numbered as its answers name them.

Here: the lines of an SMS and the parts of a letter. Not here: which messages go together (`core.alerting.digest`), the
layout of letters (`texts.render`) and the page behind the link (`texts.answer_page`). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from engine.core.alerting.alert import NOTICES
from engine.core.alerting.budget import STORM
from engine.core.judging.region import cut as cut_region
from engine.gsm7 import ONE_PART, cut, transliterate
from engine.texts.alert_text import AlertText, TextSection
from engine.texts.answer_link_token import link
from engine.texts.sanitize import plain
from engine.texts.sms import length, what_happened
from engine.texts.sms_profile import Profile

LEAST_LEFT = 12
"""Septets of a cut item below which it says nothing any more."""
MOST_ITEMS = 99
"""Items of one letter; its answers by SMS name them by at most two digits."""


def digest_sms(
    tellers: Sequence[AlertText], base_url: str, *, profile: Profile, code: str = ""
) -> tuple[str, int]:
    """Return the text of a digest, and how many of its items stand in it: as many as the route carries, one at least.

    Items that do not stand in it are told by a further message: who was not told of a matter must not count as told.
    In a storm of awas, where their words do not fit, it says where they are: one part has room for many places.
    """
    texts, storm = tellers[0].texts, all(teller.notification.held == STORM for teller in tellers)
    address = transliterate(link(base_url).partition("://")[2] or link(base_url))
    if not profile.url_ok:
        address = transliterate(texts["sms.no_link"])
    ending = texts("sms.digest.code", code="{code}") if code else texts("sms.digest.link", link="{link}")
    # The placeholder of the token is not for the alphabet to change.
    ending = transliterate(ending).format(link=address, code=code)
    numbered = list(zip(tellers, range(1, MOST_ITEMS + 1), strict=False))
    marked, items = zip(*(_sms_item(teller, number) for teller, number in numbered), strict=True)
    room = ONE_PART if storm else profile.room

    def written(count: int, told: Sequence[str]) -> str:
        head = transliterate(texts(f"sms.head.{_form(count)}", n=count, level=_highest(tellers[:count])))
        listed = "; ".join(filter(None, told))
        return tellers[0].marked(" ".join(filter(None, (head, listed and f"{listed}.", ending))))

    # What is told as a fact is marked as not verified where that keeps no matter out.
    forms: list[tuple[Sequence[str], int]] = [(marked, len(marked)), (items, len(items))]
    if storm:  # the places alone, of as many matters as there is room for
        forms.append(_places(numbered, "regency")[-1])
        forms += reversed(_places(numbered, "province"))
    else:
        forms += [(items[:count], count) for count in range(len(items) - 1, 0, -1)]
    for told, count in forms:
        text = written(count, told)
        if length(text) <= room:
            return text, count
    left = room - length(written(1, ["x"])) + 1
    return written(1, [cut(items[0], left) if left >= LEAST_LEFT else ""]), 1


def _places(numbered: Sequence[tuple[AlertText, int]], level: str) -> list[tuple[list[str], int]]:
    """Return where the matters are, as `1-3) Kab. Pinrang`: of the first place, of the first two, and so on.

    Each comes with how many matters that tells.
    """
    texts = numbered[0][0].texts
    forms: list[tuple[list[str], int]] = []
    said: list[str] = []
    for (place, mark), group in groupby(numbered, lambda one: (_place(one[0], level), _mark(one[0]))):
        numbers = [number for _, number in group]
        n = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        said = [*said, transliterate(texts("sms.digest.place", n=n, place=place, mark=mark))]
        forms.append((said, numbers[-1]))
    return forms


def _place(teller: AlertText, level: str) -> str:
    region = cut_region(teller.alert.region, level) or teller.alert.region
    return teller.voice.place(region, short=True)


def _mark(teller: AlertText) -> str:
    """Return what tells a message from one that asks to act, such as that the matter is closed."""
    key = f"sms.mark.{teller.notification.kind}"
    return teller.texts[key] if key in teller.texts else ""  # noqa: SIM401 -- texts are no dict


def _sms_item(teller: AlertText, number: int) -> tuple[str, str]:
    """Return a matter with what is alleged marked as such, and without."""
    what, alleged = what_happened(teller)
    place = teller.voice.place(teller.alert.region, short=True)
    mark = _mark(teller)
    said = (alleged, what) if teller.notification.kind in NOTICES else (what, what)
    full, bare = (teller.texts("sms.digest.item", n=number, place=place, what=w, mark=mark) for w in said)
    return transliterate(full), transliterate(bare)


def subject(tellers: Sequence[AlertText]) -> str:
    """Return the subject of a letter: the highest level, how many matters, and where if it is one place."""
    texts = tellers[0].texts
    level = _highest(tellers)
    places = {teller.place for teller in tellers}
    where = places.pop() if len(places) == 1 else texts["digest.several_places"]
    head = texts(f"digest.count.{_form(len(tellers))}", n=len(tellers))
    return plain(tellers[0].marked(texts("subject.digest", level=level, count=head, place=where)), 150)


def sections(tellers: Sequence[AlertText]) -> tuple[TextSection, ...]:
    """Return one section for each matter: its number and headline, what became of it, what was reported."""
    found = []
    for number, teller in enumerate(tellers, start=1):
        kind = "inform" if teller.notification.informing else teller.notification.kind
        mark = teller.texts.first(f"digest.mark.{kind}", "digest.mark.first")
        heading = teller.texts("digest.item", n=number)
        reports = teller.reports
        so_far = (*reports.impact(), *reports.verified()) if teller.notification.kind in NOTICES else ()
        found.append(TextSection(heading, (teller.headline(), teller.texts[mark], *so_far)))
    return tuple(found)


def headline(tellers: Sequence[AlertText]) -> str:
    """Return the first line of a letter."""
    texts = tellers[0].texts
    level = _highest(tellers)
    count = texts(f"digest.count.{_form(len(tellers))}", n=len(tellers))
    return tellers[0].marked(texts("digest.headline", level=level, count=count))


def lead(tellers: Sequence[AlertText]) -> str:
    """Say why this comes as a digest, and how it is answered."""
    return tellers[0].texts[f"digest.lead.{_form(len(tellers))}"]


def button(tellers: Sequence[AlertText]) -> str:
    """Return the words on the way to the page."""
    return tellers[0].texts[f"digest.open.{_form(len(tellers))}"]


def _highest(tellers: Sequence[AlertText]) -> str:
    return max(tellers, key=lambda teller: teller.alert.level).level


def _form(number: int) -> str:
    return "one" if number == 1 else "other"
