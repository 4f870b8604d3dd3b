"""SMS of a two-way route: the code, never the link, in every kind and in one part."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gsm7 import ONE_PART, parts
from engine.texts.render import KINDS
from engine.texts.sms import length, sms
from engine.texts.sms_profile import Profile
from tests.unit.texts.sample import (
    ALERT,
    BASE_URL,
    CATALOGUE,
    RENDERER,
    RESOLVED,
    RULE,
    TAKEN,
    change,
    notification,
    teller,
)

TWO_WAY = Profile(two_way=True)
ASKING = KINDS - {"taken_by", "resolved", "correction"}
STATES = {"taken_by": TAKEN, "reminder": TAKEN, "resolved": RESOLVED, "correction": RESOLVED}


def said(kind: str, code: str = "K7QR", alert=None, profile: Profile = TWO_WAY, **fields) -> str:
    mine = notification(kind, channel="sms", **fields)
    return sms(teller(mine, alert or STATES.get(kind, ALERT)), BASE_URL, profile=profile, code=code)


def test_the_first_notice_asks_for_the_code():
    assert said("first") == (
        "SIAGA Desk Pilkada, Kab. Pinrang: 3 dugaan netralitas ASN, 27/11 pkl 10.10 WITA. Yth. Sekda, "
        "mohon balas sebelum 10.45 WITA: TERIMA K7QR"
    )
    assert said("first", language="en").endswith("please reply before 10:45 WITA: ACCEPT K7QR")


def test_who_is_only_informed_is_asked_to_say_that_they_read_it():
    assert said("first", informing=True).endswith("balas BACA K7QR")


@pytest.mark.parametrize(("kind", "language"), [*product(sorted(KINDS), ("id", "en"))])
def test_no_kind_shows_both_code_and_link(kind, language):
    text = said(kind, language=language)
    assert "siaga.example" not in text
    assert "{" not in text
    assert (text.count("K7QR") > 0) == (kind in ASKING)
    assert parts(text) == 1


def test_a_one_way_route_shows_no_code_even_where_there_is_one():
    text = RENDERER.render(notification(channel="sms"), ALERT, (), at=ALERT.detected_at, to="x").text
    assert "siaga.example/a/" in text


def test_where_links_do_not_arrive_the_duty_desk_is_called():
    text = said("first", code="", profile=Profile(url_ok=False))
    assert text.endswith("sebelum 10.45 WITA: hubungi Posko")
    assert "siaga.example" not in text


def test_a_variant_with_a_banned_word_is_passed_over():
    plain = said("first", code="", profile=Profile())
    other = said("first", code="", profile=Profile(banned_words=("mohon",)))
    assert "mohon" in plain
    assert "mohon" not in other
    assert "Yth. Sekda" in other


def test_a_message_goes_even_if_every_variant_has_a_banned_word():
    assert "K7QR" in said("first", profile=Profile(two_way=True, banned_words=("balas",)))


def test_two_parts_have_room_for_the_fullest_variant():
    long = change(ALERT, rule=change(RULE, short_title="w" * 60))
    assert length(said("first", alert=long)) <= ONE_PART
    whole = said("first", alert=long, profile=Profile(two_way=True, concat=True))
    assert ONE_PART < length(whole) <= 306
    assert "Yth. Sekda, mohon balas sebelum" in whole


@given(
    st.sampled_from(sorted(KINDS)),
    st.text(min_size=1, max_size=80),
    st.text(max_size=40),
    st.sampled_from(("id", "en")),
)
def test_whatever_happened_the_code_is_whole_and_it_is_one_part(kind, title, role, language):
    long = change(
        STATES.get(kind, ALERT), space="exercise", rule=change(RULE, title=title, short_title=title)
    )
    text = said(kind, code="K7QRABCDEF", alert=long, language=language, role=role or "sekda")
    assert parts(text) == 1
    assert kind not in ASKING or "K7QRABCDEF" in text


def test_every_kind_that_asks_has_variants_with_the_code_at_the_end():
    forms = ("notice", "inform", "delegated", "returned", "unreachable", "reminder", "expiry")
    for form, language in product(forms, ("id", "en")):
        for variant in CATALOGUE.texts(language).variants(f"sms.{form}.code"):
            assert variant.endswith("{code}")
            assert "{link}" not in variant
