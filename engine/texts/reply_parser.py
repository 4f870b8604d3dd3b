"""What people write back by SMS: from a text to what it says.

Here: the grammar of docs/specification/escalation.md#reply-grammar, in both languages at once. Not here: which alert is
meant and what follows (`texts.reply_routing`), and the words that go back (`texts.response`). Pure; any text at all
gives a `Reply`.

A text is read whole or not at all: one word that is not understood makes it no answer, since "belum selesai" must never
pass for "selesai". Only courtesy ("siap, Pak") is read over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, TypedDict

import msgspec

from engine.texts.reply_code import CONTACT_CODE, SHAPE, valid

ReplyWord = Literal["taken", "declined", "delegated", "resolved", "reopened", "seen", "escalate", "help"]
WORDS: dict[ReplyWord, tuple[str, ...]] = {
    "taken": (
        *("terima", "ok", "oke", "ya", "siap", "ambil", "laksanakan"),
        *("ack", "accept", "yes", "take"),
    ),
    "declined": (
        *("bukan", "bukan saya", "bukan wewenang", "bukan wewenang saya", "tolak", "tidak"),
        *("no", "not mine", "decline"),
    ),
    "delegated": ("teruskan", "forward"),
    "resolved": ("selesai", "beres", "tuntas", "done", "resolved", "close"),
    "reopened": ("batal", "batalkan", "buka lagi", "buka kembali", "reopen", "undo"),
    "seen": ("baca", "dibaca", "seen", "read"),
    "escalate": ("naik", "eskalasi", "escalate"),
    "help": ("bantuan", "help", "?"),
}
STOP = frozenset(("berhenti", "stop"))
"""Words that end messages to a phone; only where they stand alone or with a code."""
OBJECTS = frozenset(("keberatan", "object"))
"""Words that object to a change of a contact; only where they stand alone or with the code of the notice."""
ALL = frozenset(("semua", "all"))
CONFIRMS = frozenset(("ya", "yes"))
"""Words that confirm a closing where they stand beside it: "SELESAI K7QR YA"."""
COURTESY = frozenset(("pak", "bapak", "bu", "ibu"))
TOWARDS = frozenset(("ke", "kepada", "kpd", "to"))
"""Words that may stand between "teruskan" and whom it goes to."""
LONGEST = 1_000
"""Characters of a text that are read; an SMS of six parts has fewer."""
LONGEST_RANGE = 99
"""Items that a first and a last number name; a message has no more."""
LONGEST_SHAPE = 10
"""Characters of the longest text that may be meant as a code."""

_PHRASES: dict[tuple[str, ...], ReplyWord] = {
    tuple(phrase.split()): said for said, phrases in WORDS.items() for phrase in phrases
}
_LONGEST_PHRASE = max(map(len, _PHRASES))
_TOKEN = re.compile(r"[?;]|\w+(?:-\w+)*")
"""A word keeps its hyphens, for ids of people; quotes, commas, `#.:!` and pictures are no part of any word."""
_NUMBER = re.compile(r"[0-9]{1,3}(?:-[0-9]{1,3})?")
"""The number of an item, or of the first and last of several: 1-3."""
_SPACED_RANGE = re.compile(r"(?<![\w-])([0-9]{1,3}) *- *([0-9]{1,3})(?![\w-])")


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing said: what, of which items of a digest (none named: of all that is meant), and to whom it goes on.

    `to` is the delegate as it was written, in small letters and digits only. `confirmed`: a closing that is said twice.
    """

    said: ReplyWord
    items: tuple[int, ...] = ()
    everything: bool = False
    to: str = ""
    confirmed: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says. `code` is empty where it names none; without clauses it is no answer.

    A code of six digits is one that was sent to verify a contact, or, where the text `objects`, that of a notice that a
    contact changes; nothing else is said with it.
    """

    clauses: tuple[Clause, ...] = ()
    code: str = ""
    stop: bool = False
    objects: bool = False

    @property
    def by_item(self) -> bool:
        """Whether it speaks of single items of a digest, or of all of them."""
        return any(map(_names_items, self.clauses))


NOTHING = Reply()


def read(text: str) -> Reply:
    """Return what a text says; `NOTHING` where it says nothing that is understood."""
    tokens = fold(text)
    plain = _plain(tokens)
    if len(plain) == 1 and plain[0] in STOP:
        return Reply(stop=True)
    if len(plain) == 1 and plain[0] in OBJECTS:
        return Reply(objects=True)
    for word, others in ((plain[:1], plain[1:]), (plain[-1:], plain[:-1])):
        if word and word[0] in OBJECTS and CONTACT_CODE.fullmatch(code := "".join(others).replace("-", "")):
            return Reply(objects=True, code=code)
    if CONTACT_CODE.fullmatch(digits := "".join(plain).replace("-", "")):
        return Reply(code=digits)
    stops = {code for code, rest in _codes(tokens) if code and len(rest) == 1 and rest[0] in STOP}
    if stops:
        return Reply(stop=True, code=min(stops, key=lambda code: (not valid(code), code)))
    polite = len(tokens) - len(plain)
    readings = [
        (_rank(code, clauses, len(rest) - len(said) - polite), Reply(code=code, clauses=clauses))
        for code, rest in _codes(tokens)
        if (clauses := _clauses(said := _plain(rest))) is not None
    ]
    highest = max((rank for rank, _ in readings), default=None)
    best = [reading for rank, reading in readings if rank == highest]
    # Of two readings that are equally good, such as of two codes, nobody knows which is meant.
    return best[0] if best and all(reading == best[0] for reading in best) else NOTHING


def _rank(code: str, clauses: tuple[Clause, ...], spent: int) -> tuple[bool, int, int]:
    """Rank a reading: that it is an answer comes first, then a right code, then a mistyped one.

    `spent` is minus the number of courtesy words that the code swallows: "bu" may be the end of a code, as in C2W BU,
    but where the code is right without it, it is a courtesy.
    """
    return bool(clauses), 0 if not code else 2 if valid(code) else 1, spent


def _plain(tokens: Sequence[str]) -> list[str]:
    """Return the words without those of courtesy."""
    return [token for token in tokens if token not in COURTESY]


def fold(text: str) -> list[str]:
    """Return the words of a text in small letters without accents; `;` and `?` are words of their own.

    A text longer than any SMS has none. Letters of other scripts stay: they are words that are not understood.
    """
    if len(text) > LONGEST:
        return []
    folded = "".join(map(_folded, unicodedata.normalize("NFKD", text).casefold()))
    return _TOKEN.findall(_SPACED_RANGE.sub(r"\1-\2", folded))


def _folded(character: str) -> str:
    match unicodedata.category(character):
        case "Mn" | "Me" | "Cf":
            return ""  # accents and invisible marks
        case "Pd":
            return "-"
        case _:
            return character


def bare(name: str) -> str:
    """Return a person id or role as a delegate is compared: small letters and digits only."""
    return "".join(character for token in fold(name) for character in token if character.isalnum())


def _codes(tokens: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each reading of the tokens as a code and the rest, and the one without a code."""
    yield "", list(tokens)
    for start in range(len(tokens)):
        joined = ""
        for end in range(start, len(tokens)):
            joined += tokens[end].replace("-", "").upper()
            if len(joined) > LONGEST_SHAPE:
                break
            if SHAPE.fullmatch(joined):
                yield joined, [*tokens[:start], *tokens[end + 1 :]]


def _clauses(tokens: Sequence[str]) -> tuple[Clause, ...] | None:
    """Read what stands beside the code: clauses between semicolons; None where a part is not understood."""
    parts = [list(part) for ends, part in groupby(tokens, ";".__eq__) if not ends]
    clauses = [clause for part in parts if (clause := _clause(part)) is not None]
    whole = len(clauses) == len(parts)
    # Several things can only be said of several items.
    return tuple(clauses) if whole and (len(clauses) < 2 or all(map(_names_items, clauses))) else None


def _names_items(clause: Clause) -> bool:
    return bool(clause.items) or clause.everything


def _clause(tokens: Sequence[str]) -> Clause | None:
    """Read one part: numbers or "semua", and what is said of them, in either order; a delegate stands at the end."""
    delegating = next((place for place, token in enumerate(tokens) if token in WORDS["delegated"]), None)
    if delegating is not None:
        target = bare(" ".join(word for word in tokens[delegating + 1 :] if word not in TOWARDS))
        items = _items(tokens[:delegating])
        return None if items is None or not target else Clause(said="delegated", to=target, **items)
    numbers = [token for token in tokens if _NUMBER.fullmatch(token) or token in ALL]
    words = [token for token in tokens if token not in numbers]
    confirmed = _said(rest := [one for one in words if one not in CONFIRMS]) == "resolved" and rest != words
    items, said = _items(numbers), "resolved" if confirmed else _said(words)
    in_order = list(tokens) in (numbers + words, words + numbers)
    if items is None or said is None or not in_order:
        return None
    return Clause(said=said, confirmed=confirmed, **items)


class _Items(TypedDict):
    items: tuple[int, ...]
    everything: bool


def _items(tokens: Sequence[str]) -> _Items | None:
    """Read which items are named: numbers from 1, as 1-3 too, or all of them, or none; None where it is neither."""
    everything = any(token in ALL for token in tokens)
    if everything and len(tokens) > 1:
        return None
    numbers = () if everything else tokens
    if not all(map(_NUMBER.fullmatch, numbers)):
        return None
    found: list[int] = []
    for first, _, last in (number.partition("-") for number in numbers):
        named = range(int(first), int(last or first) + 1)
        if not 0 < len(named) <= LONGEST_RANGE:  # 3-1
            return None
        found += named
    return _Items(items=tuple(dict.fromkeys(found)), everything=everything)


def _said(words: Sequence[str]) -> ReplyWord | None:
    """Return the one thing that all words say, the longest phrases first ("ok siap"); None where it is not one."""
    said: set[ReplyWord] = set()
    rest = tuple(words)
    while rest:
        length = next((n for n in range(_LONGEST_PHRASE, 0, -1) if rest[:n] in _PHRASES), 0)
        if not length:
            return None
        said.add(_PHRASES[rest[:length]])
        rest = rest[length:]
    return said.pop() if len(said) == 1 else None
