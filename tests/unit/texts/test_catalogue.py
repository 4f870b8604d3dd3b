"""The catalogue: both languages complete, every text that the code asks for is there, nothing is left over."""

import re
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import ConfigurationError
from engine.texts.catalogue import LANGUAGES, load_catalogue, placeholders
from tests.unit.texts.sample import CATALOGUE, ROOT, TEMPLATES

SOURCES = [*(ROOT / "engine/texts").glob("*.py"), *TEMPLATES.glob("*.j2")]
ROLES = [
    *("menteri", "wamendagri", "dirjen_otda", "dirjen_polpum", "itjen", "dirjen_keuda", "posko_nasional"),
    *("kepala_daerah", "sekda", "asisten_pem", "kesbangpol", "tapem", "satpolpp", "bkpsdm", "inspektorat"),
    *(
        "bpbd",
        "dukcapil",
        "kominfo",
        "bpkad",
        "posko",
        "kapolres",
        "dandim",
        "kpu",
        "bawaslu",
        "kejari",
        "bkn",
    ),
]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "texts.yaml"
    path.write_text(f"version: 1\ntexts:\n{text}", encoding="utf-8")
    return path


def test_every_text_has_both_languages_with_the_same_placeholders():
    """What is said in one language can be said in the other, with the same facts in it."""
    wrong = {}
    for key, pair in CATALOGUE.pairs.items():
        both = [(text,) if isinstance(text, str) else text for text in (pair.id, pair.en)]
        filled = [[placeholders(one) for one in variants] for variants in both]
        if filled[0] != filled[1] or any(not one.strip() for variants in both for one in variants):
            wrong[key] = pair
    assert wrong == {}


def test_every_text_that_the_code_names_is_in_the_catalogue():
    """A misspelt key is found here and not at 02.50."""
    named = {
        key
        for source in SOURCES
        for key in re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""", source.read_text(encoding="utf-8"))
        if not key.endswith((".j2", ".css", ".yaml"))
    }
    assert {key for key in named if key not in CATALOGUE.pairs} == set()
    assert len(named) > 40


def test_nothing_is_left_over_in_the_catalogue():
    """A text that nobody asks for is a text that nobody keeps true."""
    code = "\n".join(source.read_text(encoding="utf-8") for source in SOURCES)
    beginnings = tuple(re.findall(r'f"([a-z_]+\.(?:[a-z_]+\.)?)\{', code))
    unused = {
        key
        for key in CATALOGUE.pairs
        if f'"{key}"' not in code
        and f"'{key}'" not in code
        and not key.startswith(beginnings)
        and not key.endswith(".explained")
    }
    assert unused == set()


@pytest.mark.parametrize("role", ROLES)
def test_every_role_of_the_directory_has_a_title_and_a_short_title(role: str):
    """Officials are addressed by their office, never by the name of a database column.

    Specification: docs/specification/escalation.md#message-words.
    """
    forms = ("", ".regency", ".city", ".province")
    assert any(f"office.{role}{form}" in CATALOGUE.pairs for form in forms)
    assert any(f"office.short.{role}{form}" in CATALOGUE.pairs for form in forms)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("  a: {id: satu}\n", "missing required field `en`"),
        ("  a: {id: satu, en: ' '}\n", "a language has no text"),
        ("  a: {id: '{n} satu', en: one}\n", "the placeholders of '{n} satu' and 'one' differ"),
        ("  a: {id: [satu, dua], en: [one]}\n", "the languages have not as many variants"),
        ("  a: {id: [satu], en: one}\n", "the languages have not as many variants"),
        ("  a: {id: '{n.real}', en: '{n.real}'}\n", "{n.real} is not a plain placeholder"),
        ("  a: {id: '{n:d}', en: '{n:d}'}\n", "{n} is not a plain placeholder"),
        ("  a: {id: '{n!r}', en: '{n!r}'}\n", "{n} is not a plain placeholder"),
        ("  a: {id: '{', en: '{'}\n", "Single '{' encountered"),
        ("  a: {id: satu, en: one, fr: un}\n", "unknown field `fr`"),
        ("  a: [\n", "expected"),
    ],
)
def test_a_catalogue_with_a_fault_is_refused_with_its_place(tmp_path: Path, text: str, complaint: str):
    """A text that would fail when it is needed is refused when it is read."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        load_catalogue(path)
    assert str(path) in str(refused.value)
    assert complaint in str(refused.value)


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path):
    """The message says which file is missing."""
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml: cannot be read"):
        load_catalogue(tmp_path / "nothing.yaml")


def test_an_unknown_language_is_answered_in_indonesian():
    """A directory may name a language that we do not speak."""
    assert CATALOGUE.texts("nl").language == "id"
    assert [CATALOGUE.texts(language).language for language in LANGUAGES] == ["id", "en"]


def test_variants_are_not_a_text():
    """A list of variants has to be asked for as such."""
    texts = CATALOGUE.texts("id")
    with pytest.raises(TypeError, match="variants"):
        texts("sms.notice")
    assert texts.variants("level.4") == ("AWAS",)


def test_the_texts_of_the_pages_are_whole_and_none_stands_twice():
    """Each file of them is read like the catalogue of messages; a key is in one file only."""
    files = [TEMPLATES / "texts.yaml", *sorted((TEMPLATES / "console/texts").glob("*.yaml"))]
    keys = [key for file in files for key in load_catalogue(file).pairs]
    assert len(files) > 1
    assert [key for key, count in Counter(keys).items() if count > 1] == []
