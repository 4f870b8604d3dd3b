"""The SMS alphabet GSM 03.38: writing any text in it, and counting what an SMS costs.

Here: pure functions on text, for whoever reads or writes what must fit into an SMS (`documents`, `texts`). Not here:
which words an SMS says (`texts.sms`) and gateways' word lists.
A septet is the unit of length: one a character, two for the characters of the extension table.
"""

from __future__ import annotations

import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
ONE_PART = 160
"""Septets of an SMS that stands alone."""
PART_OF_MANY = 153
"""Septets of one part of a longer SMS; the rest is its header."""

_SPELT = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•·‣◦", "-"),
        "…": "...",
        "⁄": "/",
        "×": "x",
        "÷": ":",
        "→": "->",
        "≥": ">=",
        "≤": "<=",
        "đ": "d",
        "Đ": "D",
        "ł": "l",
        "Ł": "L",
        "œ": "oe",
        "Œ": "OE",
        "\t": " ",
    }
)


def transliterate(text: str) -> str:
    """Write a text in the GSM-7 alphabet: accents folded, quotes and dashes simple, pictures and marks left out.

    Letters of other scripts become `?`. A text that is already in the alphabet is returned as it is.
    """
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))


def _letter(character: str) -> str:
    if character in BASIC or character in EXTENSION:
        return character
    spelt = unicodedata.normalize("NFKD", character.translate(_SPELT)).translate(_SPELT)
    return "".join(part for one in spelt if (part := _part(one)))


def _part(character: str) -> str:
    if character in BASIC or character in EXTENSION:
        return character
    match unicodedata.category(character)[0]:
        case "M" | "C" | "S":
            return ""
        case "Z":
            return " "
        case _:
            return "?"


def foreign(text: str) -> tuple[str, ...]:
    """Return the characters of a text that the alphabet has not, each once, in their order."""
    return tuple(dict.fromkeys(one for one in text if one not in BASIC and one not in EXTENSION))


def septets(text: str) -> int:
    """Return the length of a GSM-7 text in septets; raise `ValueError` where it holds another character."""
    if strange := foreign(text):
        raise ValueError(f"not in the GSM-7 alphabet: {' '.join(strange)}")
    return sum(1 + (character in EXTENSION) for character in text)


def parts(text: str) -> int:
    """Return in how many parts a GSM-7 text travels; a character of two septets is never torn apart."""
    if septets(text) <= ONE_PART:
        return 1
    number, room = 1, PART_OF_MANY
    for character in text:
        cost = 1 + (character in EXTENSION)
        if cost > room:
            number, room = number + 1, PART_OF_MANY
        room -= cost
    return number


def cut(text: str, longest: int) -> str:
    """Return a GSM-7 text of at most `longest` septets, ending in two dots where something was left out."""
    if septets(text) <= longest:
        return text
    kept, room = [], longest - 2
    for character in text:
        room -= 1 + (character in EXTENSION)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip(" .,") + ".." if longest >= 2 else ""
