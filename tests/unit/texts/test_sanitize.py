"""Foreign text: one line, visible, bounded, and without the placeholder of the token."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.texts.answer_link_token import PLACEHOLDER
from engine.texts.sanitize import plain

HOSTILE = (
    st.text()
    | st.text(st.sampled_from("{}{} \n\r\t\u202e\u200b%token<>&\"'\u0301🚨"))
    | st.just("x" * 10_000)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kab. Pinrang\r\nBcc: x@y.example", "Kab. Pinrang Bcc: x@y.example"),
        ("  dua \t kata ", "dua kata"),
        ("\u202egnirib\u202c\u200b", "gnirib"),
        ("{{token}} {% raw %}", "{token} {% raw %}"),
        ("a" + "\u0301" * 50, "á\u0301"),
    ],
)
def test_foreign_text_is_made_plain(text: str, expected: str):
    """Line breaks become spaces, what cannot be seen vanishes, braces fall apart."""
    assert plain(text) == expected


@given(HOSTILE, st.integers(min_value=1, max_value=300))
def test_plain_text_is_one_visible_bounded_line(text: str, longest: int):
    """Whatever comes in."""
    line = plain(text, longest)
    assert len(line) <= longest
    assert PLACEHOLDER not in line
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert line == line.strip()
    assert "  " not in line


@given(HOSTILE)
def test_plain_text_stays_as_it_is(text: str):
    """A second time changes nothing."""
    assert plain(plain(text)) == plain(text)
