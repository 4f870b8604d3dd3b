"""Specimens: the shipped texts are without a fault, and each fault is found."""

import msgspec
import pytest

from engine.texts.catalogue import Catalogue, TextPair
from engine.texts.sms_length_check import SmsLengthCheck
from engine.texts.sms_profile import Profile
from tests.unit.texts.sample import CATALOGUE, KINDS, REGIONS

TITLES = ("3 dugaan netralitas ASN",)
PROFILES = (Profile(), Profile(two_way=True), Profile(url_ok=False), Profile(two_way=True, concat=True))


def found(profile: Profile, base_url: str = "https://siaga.example", titles=TITLES, **texts: TextPair):
    catalogue = Catalogue({**CATALOGUE.pairs, **{key.replace("_", "."): pair for key, pair in texts.items()}})
    specimens = SmsLengthCheck(catalogue, KINDS, REGIONS, base_url=base_url, profile=profile)
    return list(specimens.findings(titles))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: msgspec.json.encode(profile).decode())
def test_the_shipped_texts_have_no_fault_on_any_route(profile):
    assert found(profile) == []


def test_words_that_operators_block_do_not_stand_in_the_shipped_texts():
    """The list of docs/specification/escalation.md#message-words."""
    words = (
        "pin",
        "otp",
        "token",
        "akun",
        "nomor",
        "dana",
        "juta",
        "selamat",
        "kode verifikasi",
        "verify",
        "code pin",
    )
    assert found(Profile(banned_words=words)) == []
    assert found(Profile(two_way=True, banned_words=words)) == []


def test_an_address_that_leaves_no_room_is_found():
    faults = {finding.fault for finding in found(Profile(), "https://" + "x" * 60 + ".example")}
    assert faults == {"overflow"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{level} {place}: {what} – {link}", "not_gsm7"),
        ("OTP {level} {place}: {what} {link}", "banned_word"),
        ("{level} {place}: " + "x" * 120 + " {what} {link}", "overflow"),
        ("{level} {place}: " + "x" * 190 + " {link}", "overflow"),
        ("{level} {what}: {link}", "overflow"),
    ],
)
def test_each_fault_of_a_text_is_found(text, fault):
    findings = found(Profile(banned_words=("otp",)), sms_notice=TextPair((text,), (text,)))
    assert fault in {finding.fault for finding in findings}
    assert any("first" in finding.message or "sms.notice" in finding.message for finding in findings)


def test_a_code_on_a_one_way_route_is_found():
    findings = found(
        Profile(), sms_notice=TextPair(("{level} {place}: {what} K7QR",), ("{level} {place}: {what} K7QR",))
    )
    assert "code_on_one_way" in {finding.fault for finding in findings}


def test_a_link_on_a_two_way_route_is_found():
    texts = TextPair(("{level} {place}: {what} {link}",), ("{level} {place}: {what} {link}",))
    findings = found(Profile(two_way=True), sms_notice_code=texts)
    assert {finding.fault for finding in findings} == {"link_on_this_route"}


def test_a_title_of_a_rule_with_a_banned_word_is_found():
    findings = found(Profile(banned_words=("dana",)), titles=("Dana kampanye",))
    assert {finding.fault for finding in findings} == {"banned_word"}
    assert all("Dana kampanye" in finding.message for finding in findings)
