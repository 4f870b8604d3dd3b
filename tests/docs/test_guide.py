"""The guide for policy staff: its rules are valid, its tests pass, its mistakes are found as printed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

from engine.core.judging.condition import Condition
from engine.documents.check import inspect
from engine.documents.rules.rule_document import RuleDocument
from engine.settings import DEFAULT_FILE, load
from engine.simulation import suite
from engine.simulation.simulator import TestInstallation

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/aturan.md"
WRONG = "salah"
"""Files of this name are meant to be wrong; what `siaga check` says of them stands in the block below."""


class Block(NamedTuple):
    """A fenced block of the guide: its first line names the file that it is."""

    file: str
    text: str


def blocks(language: str) -> Iterator[Block]:
    """Yield the fenced blocks of a language; the last word of the first line names the file."""
    for body in re.findall(
        rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        first, _, rest = body.partition("\n")
        yield Block(first.split()[-1], body if language == "yaml" else rest)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file of the guide."""
    made = tmp_path_factory.mktemp("aturan")
    for block in blocks("yaml"):
        assert re.fullmatch(r"[a-z-]+(\.test|\.policy-test)?\.yaml", block.file), block.file
        assert not (made / block.file).exists(), block.file
        (made / block.file).write_text(block.text, encoding="utf-8")
    return made


def named(folder: Path, *, wrong: bool) -> list[Path]:
    return [path for path in sorted(folder.glob("*.yaml")) if path.name.startswith(WRONG) == wrong]


def test_every_rule_of_the_guide_is_valid(folder: Path) -> None:
    """Rules and policies of the guide, as one installation's: no errors. That not each has a test is advice."""
    places = load(ROOT / DEFAULT_FILE).paths
    rules = [path for path in named(folder, wrong=False) if path.stem != "kebijakan"]
    for files in (rules, [folder / "kebijakan.yaml"]):
        found = inspect(files, places)
        assert [f.format("id") for f in found.findings if f.severity == "error"] == []
        assert found.rules or found.policies


RULE = {
    "id": "aturan-lain",
    "title": "Lain",
    "short_title": "Lain",
    "owner": "Biro",
    "why": "Contoh",
    "guide": "sop/bencana.md",
    "watch": "{kind: disaster.*}",
    "per": "regency",
    "alert_when": "{value: {field: metrics.tps, at_least: 1}}",
    "level": "siaga",
    "escalate": "bencana",
}
"""The rule that the examples of the tables are put into; a second one stands beside it for them to name."""


def examples() -> list[tuple[str, str, str]]:
    """Return word, key and value of every example in the tables of keys and conditions."""
    text = GUIDE.read_text(encoding="utf-8").partition("### Kunci aturan")[2]
    keys, _, rest = text.partition("### Syarat")
    conditions = rest.partition("###")[0]
    row = r"^\| `(\w+)` \|.*\| `(.+)` \|$"
    return [
        *((word, *code.split(": ", 1)) for word, code in re.findall(row, keys, re.MULTILINE)),
        *((word, "alert_when", code) for word, code in re.findall(row, conditions, re.MULTILINE)),
    ]


@pytest.mark.parametrize(("word", "key", "value"), examples())
def test_every_example_of_the_tables_is_valid(word: str, key: str, value: str, tmp_path: Path) -> None:
    """An example, put into a rule, loads; the one of a key gives that key, the one of a condition that condition."""
    assert word in (key, value.strip("{").partition(":")[0])
    left_out = "watch" if word == "rules" else ""
    other = {**RULE, "id": "contoh", key: value}
    rules = [RULE, {name: text for name, text in other.items() if name != left_out}]
    written = ["  - " + "\n    ".join(f"{name}: {text}" for name, text in rule.items()) for rule in rules]
    (tmp_path / "contoh.yaml").write_text("\n".join(["version: 1", "rules:", *written, ""]), encoding="utf-8")
    found = inspect([tmp_path / "contoh.yaml"], load(ROOT / DEFAULT_FILE).paths)
    assert [f.format("en") for f in found.findings if f.severity == "error"] == []
    assert found.rules == 2


def test_every_key_and_condition_of_the_language_is_in_the_tables() -> None:
    """Whoever adds a word to the language explains it to those who write rules."""
    keys = {*RuleDocument.__struct_fields__, "like", "except"} - {"mark", "places", "exceptions"}
    conditions = {condition.__struct_config__.tag for condition in get_args(Condition)}
    assert {word for word, _, _ in examples()} == keys | conditions


def test_every_test_of_the_guide_passes(folder: Path) -> None:
    """The tests run as `siaga test` runs them."""
    report = asyncio.run(suite.run_suite([folder], TestInstallation(ROOT / DEFAULT_FILE)))
    assert [f"{r.name}: {r.failures}" for r in report.results if not r.passed] == []
    assert (
        report.passed >= len(re.findall(r"^  - name:", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)) > 5
    )


def test_the_mistakes_of_the_guide_are_found_as_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wrong file is checked by itself; the block below it is what `siaga check` says, word for word."""
    monkeypatch.chdir(folder)
    places = load(ROOT / DEFAULT_FILE).paths
    said = {}
    for path in named(folder, wrong=True):
        findings = inspect([path.relative_to(folder)], places).findings
        said[path.name] = "\n".join(f.format("id") for f in findings if f.code != "untested") + "\n"
    assert said == {block.file: block.text for block in blocks("text")}
