"""What the route of an SMS can carry, as data of its gateway (docs/specification/escalation.md#gateways).

Here: the profile, and what is wrong with a text on such a route. Not here: which gateway a message takes, and its rate
(the dispatcher's). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from engine.gsm7 import BASIC, EXTENSION, ONE_PART, PART_OF_MANY, septets

PARTS_AT_MOST = 2
"""Parts of an SMS where the route joins them again; what does not fit is left out."""
ProfileFault = Literal[
    "overflow", "banned_word", "not_gsm7", "link_on_this_route", "code_on_one_way", "unfilled"
]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway carries. The defaults are the least: one way, one part of GSM-7, links allowed.

    `two_way`: answers come back, so that an SMS shows the code and no link. `concat`: parts are joined again.
    `unicode`: letters beyond GSM-7 arrive. `url_ok`: links arrive. `banned_words`: operators throw away what has them.
    """

    two_way: bool = False
    concat: bool = False
    unicode: bool = False
    url_ok: bool = True
    banned_words: tuple[str, ...] = ()

    @property
    def room(self) -> int:
        """Septets that a text may have."""
        return PARTS_AT_MOST * PART_OF_MANY if self.concat else ONE_PART

    def banned(self, text: str) -> tuple[str, ...]:
        """Return the banned words that stand in a text, as words of their own: "pin" does not stand in "Pinrang"."""
        return tuple(
            word for word in self.banned_words if re.search(rf"(?i)(?<!\w){re.escape(word)}(?!\w)", text)
        )


def faults(text: str, profile: Profile, *, link: str = "", code: str = "") -> Iterator[ProfileFault]:
    """Yield what is wrong with a text as it would be sent, whose link or code are known."""
    foreign = [character for character in text if character not in BASIC and character not in EXTENSION]
    if foreign and not profile.unicode:
        yield "not_gsm7"
    if not foreign and septets(text) > profile.room:
        yield "overflow"
    if profile.banned(text):
        yield "banned_word"
    if link and link in text and (profile.two_way or not profile.url_ok):
        yield "link_on_this_route"
    if code and code in text and not profile.two_way:
        yield "code_on_one_way"
    if "{" in text or "}" in text:
        yield "unfilled"
