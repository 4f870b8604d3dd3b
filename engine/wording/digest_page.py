"""The page behind the link of a digest: its matters one below the other, each with the answer that is wanted most.

Here: view data. Not here: the page of one matter (`wording.answer_page`), to which each of them leads, and routes
(`web.answer_page`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.wording.account import Teller
from engine.wording.answer_view import Button, button, offered, status
from engine.wording.digest import headline, lead
from engine.wording.plain import plain

WHOLE = 12
"""Matters that are shown whole; a longer page would be over 30 kB, and nobody reads so far down on a phone."""


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """One matter: `path` is that of its own page, where `button` posts to."""

    level: int
    level_text: str
    what: str
    place: str
    when: str
    status: str
    button: Button | None
    path: str


class Further(msgspec.Struct, frozen=True, kw_only=True):
    """A matter of a long digest that has only one line here, which leads to its own page."""

    level: int
    level_text: str
    text: str
    path: str


class DigestPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows, from top to bottom."""

    language: str
    exercise: str
    level: int
    headline: str
    lead: str
    open: str
    items: tuple[Matter, ...]
    more: str
    further: tuple[Further, ...]
    private: str
    footer: str


def digest_page(items: Sequence[tuple[Teller, str]]) -> DigestPage:
    """Return the page of these matters, each with the path of its own page; they are numbered as in the message."""
    tellers = [teller for teller, _ in items]
    texts = tellers[0].texts
    exercise = tellers[0].alert.exercise
    return DigestPage(
        language=texts.language,
        exercise=texts["exercise.explained"] if exercise else "",
        level=max(teller.alert.level for teller in tellers),
        headline=headline(tellers),
        lead=lead(tellers),
        open=texts["link.details"],
        items=tuple(_matter(teller, path) for teller, path in items[:WHOLE]),
        more=texts("digest.more", n=len(items) - WHOLE),
        further=tuple(
            _further(teller, path, number)
            for number, (teller, path) in enumerate(items[WHOLE:], start=WHOLE + 1)
        ),
        private=texts["page.private"],
        footer=texts["page.footer"],
    )


def _matter(teller: Teller, path: str) -> Matter:
    wanted = next(offered(teller), None)
    return Matter(
        level=teller.alert.level,
        level_text=teller.level,
        what=teller.title,
        place=teller.place,
        when=teller.reports.moment(),
        status=status(teller),
        button=button(teller, wanted) if wanted else None,
        path=path,
    )


def _further(teller: Teller, path: str, number: int) -> Further:
    place, what = (
        teller.voice.place(teller.alert.region, short=True),
        plain(teller.alert.rule.short_title, 60),
    )
    return Further(
        level=teller.alert.level, level_text=teller.level, text=f"{number}. {place}: {what}", path=path
    )
