"""Two texts side by side: the parts of each that the other does not have."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple


class Piece(NamedTuple):
    """A part of a text, and whether the other text has something else in its place."""

    text: str
    differs: bool


def differing(before: Sequence[str], after: Sequence[str]) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return both texts part by part; the parts are lines or words, as the caller cut them."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    old = dict.fromkeys(range(len(before)), True)
    new = dict.fromkeys(range(len(after)), True)
    for block in matcher.get_matching_blocks():
        old |= dict.fromkeys(range(block.a, block.a + block.size), False)
        new |= dict.fromkeys(range(block.b, block.b + block.size), False)
    return (
        tuple(Piece(text, old[index]) for index, text in enumerate(before)),
        tuple(Piece(text, new[index]) for index, text in enumerate(after)),
    )


def words_differing(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return two sentences word by word; where one is empty the other has no mark, since all of it is new or gone."""
    if not before or not after:
        return tuple(Piece(word, False) for word in before.split()), tuple(
            Piece(word, False) for word in after.split()
        )
    return differing(before.split(), after.split())
