"""The SMS alphabet: everything can be written in it, and its length is counted as the networks count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gsm7 import BASIC, EXTENSION, cut, foreign, parts, septets, transliterate

ALPHABET = st.text(st.sampled_from(sorted(BASIC | EXTENSION)))


def test_the_alphabet_has_its_128_places():
    """127 characters and the escape to the extension table, which is no character of a text."""
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Bupati” – ‘Pj.’ …", "\"Bupati\" - 'Pj.' ..."),
        ("Malmö, Çankaya, café, ćevapi, ß", "Malmö, Çankaya, café, cevapi, ß"),
        ("cafe\u0301", "café"),
        ("68\u00a0%", "68 %"),
        ("½ dari 3 × 4 ≥ 10", "1/2 dari 3 x 4 >= 10"),
        ("🚨 AWAS 🚨", " AWAS "),
        ("\u202eterbalik\u202c", "terbalik"),
        ("北京 Ж", "?? ?"),
        ("{a} [b] ~ ^ \\ | €", "{a} [b] ~ ^ \\ | €"),
    ],
)
def test_text_is_written_in_the_alphabet(text: str, expected: str):
    """Accents that the alphabet has stay, others fold; pictures and directions vanish; other scripts become `?`."""
    assert transliterate(text) == expected


@given(st.text())
def test_whatever_is_written_is_in_the_alphabet_and_stays_as_it_is(text: str):
    """Every text can be counted once it is transliterated, and a second time changes nothing."""
    written = transliterate(text)
    assert septets(written) >= len(written)
    assert transliterate(written) == written


@given(ALPHABET)
def test_a_text_of_the_alphabet_is_not_touched(text: str):
    """What can be said is said."""
    assert transliterate(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2)],
)
def test_parts_are_counted(text: str, expected: int):
    """160 alone, 153 in each of many."""
    assert parts(text) == expected


def test_a_character_of_two_septets_is_not_torn_between_parts():
    """152 letters leave one septet in the first part: the euro sign moves to the second."""
    assert parts("a" * 152 + "€" + "a" * 151) == 2
    assert parts("a" * 152 + "€" + "a" * 152) == 3


@given(ALPHABET, st.integers(min_value=2, max_value=200))
def test_a_cut_text_is_never_longer_than_its_bound(text: str, longest: int):
    """And one that fits is left alone."""
    short = cut(text, longest)
    assert septets(short) <= longest
    assert short == text or (septets(text) > longest and short.endswith(".."))


def test_foreign_characters_are_named_once_in_their_order():
    """For whoever has to replace them."""
    assert foreign("“Jum’at” – [Jum’at]") == ("“", "’", "”", "–")
    assert foreign("Jum'at [siaga]") == ()


def test_a_foreign_character_cannot_be_counted():
    """A length that the network would not agree with is an error, not a guess."""
    with pytest.raises(ValueError, match="not in the GSM-7 alphabet: ’"):
        septets("Jum’at")
