"""Did you mean: a translation first, then a slip of the hand."""

from pathlib import Path

import pytest

from engine.core.judging.rule import LEVEL_NAMES
from engine.documents.kinds import load_kinds
from engine.documents.reference_data import FIELDS
from engine.documents.suggestion import TRANSLATED, meant

PLACES = ("nation", "province", "regency", "district", "village", "region")


@pytest.mark.parametrize(
    ("word", "known", "guess"),
    [
        ("kabupaten", PLACES, "regency"),
        ("Provinsi", PLACES, "province"),
        ("regensi", PLACES, "regency"),
        ("wihtin", ("at_least", "within"), "within"),
        ("at_most", ("at_least", "within"), ""),
        ("paling banyak", ("at_least", "at_most"), "at_most"),
        ("lebih-dari", ("above", "below"), "above"),
        ("disaster.banjir", ("disaster.flood", "disaster.*"), "disaster.flood"),
        ("netralitas.desa", ("neutrality.asn", "neutrality.village"), "neutrality.village"),
        ("kabupaten", ("sekda", "camat"), ""),
        ("xyz", PLACES, ""),
    ],
)
def test_the_word_that_was_meant(word: str, known: tuple[str, ...], guess: str) -> None:
    """A guess is a word that is known here, or nothing."""
    assert meant(word, known) == guess


def test_every_translation_is_a_word_of_the_language_or_of_events() -> None:
    """No guess leads to a word that nothing knows: neither the readers, nor the fields, nor the shipped kinds."""
    kinds = load_kinds(Path("config/kinds.yaml"))
    known = {part for kind in kinds for part in kind.split(".")} | set(FIELDS) | set(LEVEL_NAMES)
    readers = "".join(path.read_text(encoding="utf-8") for path in Path("engine/documents").rglob("*.py"))
    assert [w for w in TRANSLATED.values() if w not in known and readers.count(f'"{w}"') < 2] == []
