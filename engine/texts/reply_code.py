"""Reply codes: the four characters by which an SMS answer says which alert it means.

Here: how a code is written, checked, read and chosen (docs/specification/escalation.md#codes). Not here: which code
belongs to which alert (`delivery.reply_codes`) and what a text around it says (`texts.reply_parser`). Pure.

A code reads letter, digit, letter, check letter: `K7QR`. It holds no character that is easily taken for another (I, O,
S, 0, 1) and, with its digit in second place, is never a word. The check letter finds every single wrong character, and
two letters that stand in each other's place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from itertools import count

LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
DIGITS = "23456789"
LEAST_LETTERS = 2
"""Letters of the shortest code beside its check letter; a longer one has more of them behind the digit."""
SHAPE = re.compile(r"[A-Z][0-9][A-Z]{2,8}")
"""What is meant as a code, though it may have a character that no code has."""
CONTACT_CODE = re.compile(r"[0-9]{6}", re.ASCII)
"""A code that verifies a contact; those of alerts begin with a letter."""


def written(letters: str, digit: str) -> str:
    """Return the code of these letters (at least two) and this digit, with its check letter."""
    return f"{letters[0]}{digit}{letters[1:]}{_check(letters, digit)}"


def valid(code: str) -> bool:
    """Say whether a text is a code as it is written, its check letter right."""
    letters, digit = code[:1] + code[2:-1], code[1:2]
    return (
        len(letters) >= LEAST_LETTERS
        and digit in DIGITS
        and all(letter in LETTERS for letter in letters)
        and code == written(letters, digit)
    )


def _check(letters: str, digit: str) -> str:
    """Weigh the first letter once, the digit twice, and each further letter once more than what stands before it."""
    places = [LETTERS.index(letters[0]), DIGITS.index(digit), *map(LETTERS.index, letters[1:])]
    return LETTERS[sum(weight * place for weight, place in enumerate(places, start=1)) % len(LETTERS)]


def choose(alert: str, phone: str, used: Collection[str]) -> str:
    """Return the code of an alert (or digest) for a phone, by a hash of both, among those that are not `used` there.

    Once half of the codes of a length are used on that phone, its codes have one letter more, so that a mistyped code
    seldom is another one that was really sent.
    """
    taken = frozenset(used)
    letters = letters_for(Counter(len(code) for code in taken))
    return next(code for code in candidates(alert, phone, letters) if code not in taken)


def letters_for(used: Mapping[int, int]) -> int:
    """Return how many letters beside the check letter the next code of a phone has; `used` counts codes by length."""
    return next(n for n in count(LEAST_LETTERS) if 2 * used.get(n + 2, 0) < capacity(n))


def candidates(alert: str, phone: str, letters: int) -> Iterator[str]:
    """Yield the codes that an alert (or digest) may have on a phone, in the order in which they are tried."""
    return (_hashed(alert, phone, turn, letters) for turn in count())


def capacity(letters: int) -> int:
    """Return how many codes there are with so many letters beside the check letter."""
    return int(len(DIGITS) * len(LETTERS) ** letters)


def _hashed(alert: str, phone: str, turn: int, letters: int) -> str:
    digest = blake2b(f"{alert}\0{phone}\0{turn}\0{letters}".encode(), digest_size=16).digest()
    number, place = divmod(int.from_bytes(digest, "big"), len(DIGITS))
    drawn = []
    for _ in range(letters):
        number, letter = divmod(number, len(LETTERS))
        drawn.append(LETTERS[letter])
    return written("".join(drawn), DIGITS[place])
