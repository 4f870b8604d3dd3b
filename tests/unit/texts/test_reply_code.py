"""Reply codes: the form, the check letter, the choice, and when they grow."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.texts.reply_code import DIGITS, LETTERS, SHAPE, capacity, choose, valid, written

codes = st.builds(written, st.text(LETTERS, min_size=2, max_size=5), st.sampled_from(DIGITS))
alphabet = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def test_the_alphabet_is_that_of_the_design():
    assert (LETTERS, DIGITS) == ("ABCDEFGHJKLMNPQRTUVWXYZ", "23456789")
    assert len(LETTERS) == 23


@pytest.mark.parametrize(
    ("letters", "digit", "code"),
    [
        ("AA", "2", "A2AA"),  # 1*0 + 2*0 + 3*0
        ("BA", "2", "B2AB"),  # 1*1
        ("AA", "3", "A3AC"),  # 2*1
        ("AB", "2", "A2BD"),  # 3*1
        ("KQ", "7", "K7QR"),  # 9 + 2*5 + 3*14 = 61 = 2*23 + 15
        ("AAB", "2", "A2ABE"),  # 4*1
    ],
)
def test_the_check_letter_by_hand(letters, digit, code):
    """Law: docs/specification/escalation.md#codes."""
    assert written(letters, digit) == code


@given(codes)
def test_a_written_code_is_valid_and_has_the_shape(code):
    assert valid(code)
    assert SHAPE.fullmatch(code)


@given(codes, st.data())
def test_one_wrong_character_is_found(code, data):
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(alphabet.filter(lambda character: character != code[place]))
    assert not valid(code[:place] + other + code[place + 1 :])


@given(st.text(max_size=12))
def test_any_text_is_valid_or_not(text):
    assert valid(text) in (True, False)


@given(codes)
def test_two_letters_in_each_others_place_are_found(code):
    swapped = code[2] + code[1] + code[0] + code[3:]
    assert valid(swapped) == (swapped == code)


def test_every_check_letter_but_one_is_wrong():
    for first, digit, second in product(LETTERS, DIGITS, LETTERS):
        right = [check for check in LETTERS if valid(first + digit + second + check)]
        assert right == [written(first + second, digit)[-1]]


@given(st.text(), st.text(), st.sets(codes, max_size=20))
def test_the_choice_is_unused_and_the_same_each_time(alert, phone, used):
    chosen = choose(alert, phone, used)
    assert valid(chosen)
    assert chosen not in used
    assert choose(alert, phone, sorted(used)) == chosen


def test_codes_of_a_phone_differ_until_half_are_used_and_then_grow():
    used: set[str] = set()
    for number in range(capacity(2) // 2):
        code = choose(f"alert {number}", "phone", used)
        assert len(code) == 4
        assert code not in used
        used.add(code)
    longer = choose("one more", "phone", used)
    assert len(longer) == 5
    assert valid(longer)
    assert len(choose("one more", "another phone", {longer})) == 4


def test_codes_of_two_phones_do_not_follow_from_each_other():
    chosen = {choose("alert", f"phone {number}", ()) for number in range(200)}
    assert len(chosen) > 150
