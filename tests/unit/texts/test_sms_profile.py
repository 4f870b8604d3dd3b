"""What a route carries: room, banned words, links and codes."""

import pytest

from engine.texts.sms_profile import Profile, faults


def found(text: str, link: str = "", code: str = "", **fields) -> list[str]:
    return list(faults(text, Profile(**fields), link=link, code=code))


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("x" * 160, {}, []),
        ("x" * 161, {}, ["overflow"]),
        ("x" * 306, {"concat": True}, []),
        ("x" * 307, {"concat": True}, ["overflow"]),
        ("{" * 81, {}, ["overflow", "unfilled"]),
        ("–", {}, ["not_gsm7"]),
        ("–", {"unicode": True}, []),
        ("Kab. Pinrang", {"banned_words": ("pin",)}, []),
        ("Masukkan PIN.", {"banned_words": ("otp", "pin")}, ["banned_word"]),
        ("{code}", {}, ["unfilled"]),
    ],
)
def test_faults_of_a_text(text, fields, expected):
    assert found(text, **fields) == expected


def test_a_link_belongs_on_a_one_way_route_and_a_code_on_a_two_way_one():
    link, code = "siaga.example/a/", "K7QR"
    both = f"{code} {link}x"
    assert found(both, link, code) == ["code_on_one_way"]
    assert found(both, link, code, two_way=True) == ["link_on_this_route"]
    assert found(f"{link}x", link, code, url_ok=False) == ["link_on_this_route"]
    assert found(f"{link}x", link, code) == []
    assert found(code, link, code, two_way=True) == []


def test_banned_words_are_named_whatever_their_case():
    profile = Profile(banned_words=("otp", "kode verifikasi", "c++"))
    assert profile.banned("Kode Verifikasi c++ atau OTP") == ("otp", "kode verifikasi", "c++")
    assert profile.banned("otpx xotp") == ()
