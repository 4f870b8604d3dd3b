"""Credentials in people's words, in both languages."""

import pytest

from engine.core.alerting import credential
from engine.core.alerting.credential import Credential
from engine.people.proposal_records import LAPSING
from engine.texts.credential_words import credential_words, offices_of, tokens_among
from engine.texts.localizer import Localizer
from tests.unit.texts.sample import CATALOGUE, KINDS, REGIONS, notification


@pytest.mark.parametrize(
    ("by", "id_", "en"),
    [
        ("user:piket-pagi", "pengguna piket-pagi", "user piket-pagi"),
        ("os:root", "akun mesin root", "machine account root"),
        ("token:4be1a2c3d4", "token 4be1a2c3d4", "token 4be1a2c3d4"),
        ("token:berlabel", "token Desk Pinrang (berlabel)", "token Desk Pinrang (berlabel)"),
        ("service:escalator", "Siaga (eskalasi)", "Siaga (escalator)"),
        ("service:kelak", "Siaga (kelak)", "Siaga (kelak)"),
        ("link:n1", "tautan pesan n1", "link of message n1"),
        ("", "tidak tercatat", "not recorded"),
        ("penulis", "penulis", "penulis"),
        ("lain:x", "lain:x", "lain:x"),
    ],
)
def test_each_kind_has_its_words(by, id_, en):
    labels = {"berlabel": "Desk Pinrang"}
    assert credential_words(by, CATALOGUE.texts("id"), labels) == id_
    assert credential_words(by, CATALOGUE.texts("en"), labels) == en


def test_a_link_and_a_phone_are_those_of_an_office_where_their_message_is_known():
    message = notification("first", role="sekda", office="73.15")
    for language, link, phone in (
        ("id", "tautan yang dikirim kepada Sekretaris Daerah", "SMS dari Sekretaris Daerah"),
        ("en", "the link sent to ", "SMS of "),
    ):
        texts = CATALOGUE.texts(language)
        offices = offices_of([message], Localizer(texts, REGIONS, KINDS, "73.15"))
        assert credential_words(f"link:{message.id}", texts, offices=offices).startswith(link)
        assert credential_words(f"phone:{message.contact}", texts, offices=offices).startswith(phone)
        assert "Pinrang" in credential_words(f"link:{message.id}", texts, offices=offices)
        assert credential_words("link:lain", texts, offices=offices).endswith(" lain")


def test_every_part_of_siaga_that_acts_has_a_word():
    named = {one for one in vars(credential).values() if isinstance(one, Credential)} | {LAPSING}
    for by in named:
        assert credential_words(str(by), CATALOGUE.texts("id")) not in {"", f"Siaga ({by.id})"}, by


def test_tokens_are_asked_for_once():
    assert tokens_among(["token:b", "user:a", "", "token:b", "token:a"]) == ["b", "a"]
