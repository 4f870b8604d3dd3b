"""What is said of a file as a whole: not there, too large, not text, endless mistakes, of no known kind."""

from pathlib import Path

import msgspec
import pytest

from engine.documents.check import inspect
from engine.documents.finding import Findings
from engine.documents.rules.rules import load_rules, read_rules
from engine.documents.yaml_tree import MappingNode, compose
from engine.settings import Paths
from tests.unit.documents.test_every_code import KNOWN, found, rule


def test_a_file_that_is_not_there(tmp_path: Path):
    assert found(load_rules(tmp_path / "none.yaml", KNOWN).findings) == [("file_unreadable", (1, 1))]


def test_a_folder_without_rules(tmp_path: Path):
    assert found(load_rules(tmp_path, KNOWN).findings) == [("no_rule_files", (1, 1))]


def test_a_rule_without_a_test(tmp_path: Path):
    (tmp_path / "r.yaml").write_text(rule())
    assert found(load_rules(tmp_path, KNOWN).findings) == [("untested", (3, 9))]
    (tmp_path / "r.test.yaml").write_text("tests: [{expect: [{at: +0m, rule: satu}]}]\n")
    assert load_rules(tmp_path, KNOWN).findings == ()


@pytest.mark.parametrize(
    ("guide", "codes"),
    [
        ("sop/satu.md", []),
        ("https://desk.example/sop/dua.md", []),
        ("SE 5/2024", []),
        ("sop/stau.md", ["guide_absent"]),
        ("docs/sop/satu.md", ["guide_absent"]),
    ],
)
def test_a_guide_that_is_not_there(guide: str, codes: list[str]):
    """A file that is named must be there; the number of a decree and an address are taken as they are."""
    known = msgspec.structs.replace(KNOWN, guides=frozenset({"sop/satu.md", "running.md"}))
    findings = read_rules([("r.yaml", rule(guide=guide).encode())], known).findings
    assert [finding.code for finding in findings] == codes
    assert all("`sop/satu.md`" in finding.text("id").suggestion for finding in findings)


def test_a_file_that_is_not_text():
    assert found(read_rules([("r.yaml", b"version: 1\nnama: \xff\n")], KNOWN).findings) == [
        ("not_utf8", (2, 7))
    ]


def test_a_file_with_endless_mistakes():
    """The memory stays bounded, and the file stays refused though most of its findings are not kept."""
    text = b"version: 1\nrules:\n" + b"  - {}\n" * 3_000
    loaded = read_rules([("r.yaml", text)], KNOWN)
    assert (len(loaded.findings), loaded.valid) == (10_000, False)
    assert loaded.findings[-1].code == "too_many_findings"


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1])
def test_a_rule_file_has_at_most_a_mebibyte(size: int):
    """Law: docs/specification/rules.md#loading."""
    text = rule().encode()
    padded = text + b"#" * (size - len(text) - 1) + b"\n"
    findings = read_rules([("r.yaml", padded)], KNOWN).findings
    assert found(findings) == ([("file_too_large", (1, 1))] if size > 1024 * 1024 else [])


def test_aliases_do_not_explode():
    """Ten lists of ten aliases each would stand for ten thousand million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    findings = Findings()
    assert compose("\n".join(lines).encode(), "bomb.yaml", findings) is None
    assert [finding.code for finding in findings] == ["alias_bomb"]


def test_aliases_are_good_within_a_file():
    findings = Findings()
    node = compose(b"a: &x [1, 2]\nb: *x\n", "a.yaml", findings)
    assert isinstance(node, MappingNode)
    assert node.get("a") is node.get("b")
    assert len(findings) == 0


def test_a_table_that_is_neither_regions_nor_directory(tmp_path: Path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    places = Paths(
        regions=tmp_path / "none.csv", kinds=tmp_path / "none.yaml", policies=tmp_path / "none.yaml"
    )
    assert found(inspect([tmp_path / "x.csv"], places).findings) == [("file_unknown", (1, 1))]


def test_a_region_table_that_cannot_be_used(tmp_path: Path):
    (tmp_path / "regions.csv").write_text("code,parent\n00,\n")
    findings = inspect([tmp_path / "regions.csv"], Paths()).findings
    assert found(findings) == [("config_unusable", (1, 1))]
