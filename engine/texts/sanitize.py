"""Foreign text made harmless: one line, no control or direction characters, no placeholder, of bounded length.

Everything that comes from rules, kinds, regions or the directory passes here before it stands in a message. Not here:
escaping for HTML (the templates' autoescape) and the SMS alphabet (`engine.gsm7`).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

LONGEST = 200
"""Characters of one foreign text in a message; our own titles are far shorter."""
_MARKS_IN_A_ROW = 2
REMEMBERED = 4_096
"""Texts whose plain form is known: names of regions and kinds, titles of rules stand in every message anew."""


@lru_cache(maxsize=REMEMBERED)
def plain(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, without invisible characters, cut to `longest` characters with an ellipsis.

    Doubled braces fall apart, so that no foreign text can hold the placeholder of the token.
    """
    kept: list[str] = []
    marks = 0
    for character in text[: 4 * longest]:
        category = unicodedata.category(character)
        hidden = category.startswith("C") and not character.isspace()
        if not hidden:
            marks = marks + 1 if category.startswith("M") else 0
        doubled_brace = character in "{}" and kept[-1:] == [character]
        if character.isspace():
            kept.append(" ")
        elif not hidden and not doubled_brace and marks <= _MARKS_IN_A_ROW:
            kept.append(character)
    line = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
