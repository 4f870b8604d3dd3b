"""The rules of the house that no linter knows: size of modules, their first words, their names, the locks."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from engine.metric_labels import LOOPS

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for package in ("engine", "notifiers") for path in (ROOT / package).rglob("*.py"))
LOCKS = ("requirements.lock", "requirements-dev.lock")
UNUSED_WORDS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "managers",
    "manager",
    "handlers",
    "handler",
    "types",
    "models",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_module_says_first_what_belongs_in_it():
    """Every module opens with a docstring."""
    silent = [name(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_modules_are_named_by_their_noun():
    """No module is called by a word that says nothing (docs/glossary.md, words not used)."""
    assert [name(path) for path in MODULES if UNUSED_WORDS & {path.stem, *path.relative_to(ROOT).parts}] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_with_hashes_and_names_no_host(lock: str):
    """Every pin has a hash and no line names where it came from, so that each machine uses its own registry."""
    text = (ROOT / lock).read_text()
    pins = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []
    assert re.findall(r"\w+://\S+|--(?:extra-)?index-url.*|--find-links.*|--trusted-host.*", text) == []


def test_the_locks_agree_and_hold_every_dependency():
    """The development lock adds to the other and changes nothing; both hold what pyproject.toml asks for."""
    pins = {
        lock: dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in LOCKS
    }
    runtime, development = pins.values()
    assert {package: development.get(package) for package in runtime} == runtime
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {re.match(r"[\w.-]+", line).group() for line in project["project"]["dependencies"]}
    assert asked - runtime.keys() == set()
    assert {
        re.match(r"[\w.-]+", line).group() for line in project["dependency-groups"]["dev"]
    } - development.keys() == set()


def test_every_loop_has_its_metrics():
    """A loop that `engine.metrics` does not know ends `siaga run` at its start."""
    wiring = (ROOT / "engine/app.py").read_text()
    wired = re.findall(r'rota\.add\(\s*"(\w+)"', wiring)
    assert set(wired) == set(LOOPS)


def test_decisions_have_a_number_each():
    """Two records of one number could not be told apart where one is cited."""
    numbers = [path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))
