"""Phrases: each says the same things in both languages."""

from string import Formatter

import pytest

from engine.simulation.result import PHRASES, phrase, written_offset


@pytest.mark.parametrize("code", PHRASES)
def test_both_languages_name_the_same_words(code):
    """No word is lost in one of them."""
    indonesian, english = (
        {name for _, name, _, _ in Formatter().parse(text) if name} for text in PHRASES[code]
    )
    assert indonesian == english


def test_a_phrase_may_hold_a_phrase():
    """Which is then said in the same language."""
    whole = phrase("happening", state=phrase("closes"), rule="r", group="73", more="")
    assert whole.text("id") == "tutup r [73]"
    assert whole.text("en") == "closes r [73]"


@pytest.mark.parametrize(("offset", "text"), [(0, "+0m"), (7_800_000, "+2h10m"), (-1, "-1ms")])
def test_offsets_are_written_as_tests_write_them(offset, text):
    """With their sign."""
    assert written_offset(offset) == text
