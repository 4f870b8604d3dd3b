"""Links: their tokens are derived, of fixed length, and found again by their fingerprint alone."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from engine.texts.answer_link_token import (
    PLACEHOLDER,
    link,
    token_fingerprint,
    token_for,
    token_length,
    with_token,
)

KEY = b"kunci uji"


def test_tokens_are_those_they_always_were():
    """A change of the derivation would break every link that is under way."""
    assert token_for(KEY, "pemberitahuan", "sms") == "t5jwm3q5jbjl"
    assert token_for(KEY, "pemberitahuan", "email") == "t5jwm3q5jbjltlr7wjbuv6clnw"


@given(st.binary(min_size=1), st.text(), st.sampled_from(["sms", "email", "webhook"]))
def test_a_token_is_short_in_an_sms_and_long_elsewhere(key: bytes, notification: str, channel: str):
    """60 bits in an SMS, 128 elsewhere, written so that a person can type it."""
    token = token_for(key, notification, channel)
    assert len(token) == token_length(channel) == (12 if channel == "sms" else 26)
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_key_and_notification_both_decide():
    """Another key or another notification is another link."""
    tokens = {token_for(key, name, "email") for key in (b"satu", b"dua") for name in ("a", "b")}
    assert len(tokens) == 4


def test_the_store_keeps_a_fingerprint_that_needs_the_key():
    """Nobody who reads the store can make the link, or try tokens against it."""
    assert token_fingerprint(b"satu", "abc234") != token_fingerprint(b"dua", "abc234")
    assert sha256(b"abc234").hexdigest() not in token_fingerprint(b"satu", "abc234")


def test_a_token_typed_by_hand_is_found_all_the_same():
    """Capitals, spaces around it and digits that the alphabet does not have are what people type."""
    assert (
        token_fingerprint(b"satu", " ABlOb2 ")
        == token_fingerprint(b"satu", "ab1082")
        == token_fingerprint(b"satu", "ablob2")
    )


def test_the_link_takes_the_token_where_its_placeholder_stands():
    """The stored message has no token; every attempt fills in the same."""
    assert link("https://siaga.example/") == f"https://siaga.example/a/{PLACEHOLDER}"
    assert with_token(link("https://siaga.example"), "abc") == "https://siaga.example/a/abc"
