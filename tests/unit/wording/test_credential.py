"""Credentials in people's words, in both languages."""

from pathlib import Path

import pytest

from engine.wording.credential import credential_words, tokens_among
from engine.wording.texts import load_catalogue

CATALOGUE = load_catalogue(Path("templates/texts.yaml"))


@pytest.mark.parametrize(
    ("by", "id_", "en"),
    [
        ("user:piket-pagi", "pengguna piket-pagi", "user piket-pagi"),
        ("os:root", "akun mesin root", "machine account root"),
        ("token:4be1a2c3d4", "token 4be1a2c3d4", "token 4be1a2c3d4"),
        ("token:berlabel", "token Desk Pinrang (berlabel)", "token Desk Pinrang (berlabel)"),
        ("service:escalator", "Siaga (escalator)", "Siaga (escalator)"),
        ("", "tidak tercatat", "not recorded"),
        ("penulis", "penulis", "penulis"),
        ("lain:x", "lain:x", "lain:x"),
    ],
)
def test_each_kind_has_its_words(by, id_, en):
    labels = {"berlabel": "Desk Pinrang"}
    assert credential_words(by, CATALOGUE.texts("id"), labels) == id_
    assert credential_words(by, CATALOGUE.texts("en"), labels) == en


def test_tokens_are_asked_for_once():
    assert tokens_among(["token:b", "user:a", "", "token:b", "token:a"]) == ["b", "a"]
