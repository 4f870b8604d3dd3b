"""Pasted text goes where its rule stands, and its lines are known again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.simulation.what_if import FOR_NEW, find_rule, paste_rules, text_of

FILE = """\
version: 1
defaults: {owner: uji}
rules:
  - id: satu
    per: regency
    # di dalam

  # tentang dua
  - id: dua
    per: province

  - id: tiga
    per: nation
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(FILE)
    (folder / "b.yaml").write_text("version: 1\nrules:\n  - id: empat\n    per: nation\n")
    (folder / "catatan.txt").write_text("bukan aturan")
    return folder


def pasted(text: str, rules: Path) -> tuple[Path, str, tuple[int, int]]:
    into = rules.with_name("baru")
    found = paste_rules(text, rules, into)
    return found.file.relative_to(into), found.file.read_text(), (found.first, found.last)


@pytest.mark.parametrize(
    "text", ["id: dua\nper: district", "- id: dua\n  per: district", "   - id: dua\n     per: district\n\n"]
)
def test_a_rule_is_replaced_where_it_stands_in_any_form(rules, text):
    file, content, lines = pasted(text, rules)
    assert (str(file), lines) == ("a.yaml", (9, 10))
    assert content == FILE.replace("per: province", "per: district")


def test_a_new_rule_stands_in_a_file_of_its_own(rules):
    file, content, lines = pasted("id: lima\nper: nation", rules)
    assert (str(file), lines) == (FOR_NEW, (3, 4))
    assert content == "version: 1\nrules:\n  - id: lima\n    per: nation\n"


def test_several_rules_replace_theirs_and_are_nowhere_twice(rules):
    _, content, _ = pasted("- id: tiga\n  per: district\n- id: satu\n  per: district", rules)
    assert [content.count(f"id: {id_}\n") for id_ in ("satu", "dua", "tiga")] == [1, 1, 1]
    assert content.count("per: district") == 2


def test_a_whole_file_replaces_the_file_of_its_first_known_rule(rules):
    text = "version: 1\nrules:\n  - id: empat\n    per: district"
    file, content, lines = pasted(text, rules)
    assert (str(file), content, lines) == ("b.yaml", text + "\n", (1, 4))


def test_only_files_of_rules_are_copied(rules):
    pasted("id: satu", rules)
    assert sorted(path.name for path in rules.with_name("baru").iterdir()) == ["a.yaml", "b.yaml"]


def test_a_line_of_the_file_is_a_line_of_the_text_or_none(rules):
    found = paste_rules("id: dua\nper: district", rules, rules.with_name("baru"))
    assert [found.line(found.file, line) for line in (8, 9, 10, 11)] == [None, 1, 2, None]
    assert found.line(rules / "b.yaml", 9) is None


def test_the_text_of_a_rule_has_what_stands_in_it_and_no_remark_of_the_next(rules):
    assert text_of("satu", rules) == "- id: satu\n  per: regency"
    assert text_of("tidak-ada", rules) == ""


@given(text=st.text(alphabet=st.sampled_from("id: satu-\n[]{}&*!|>'\"#\t x"), max_size=80))
def test_no_text_breaks_the_copy(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("paste") / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_text(FILE)
    found = paste_rules(text, folder, folder.with_name("baru"))
    assert found.file.exists()


def test_what_is_written_back_unchanged_is_the_same_rule(rules):
    place = find_rule("tiga", rules)
    _, content, _ = pasted(text_of("tiga", rules), rules)
    assert content == FILE
    assert place is not None
