"""The rules of the house that no linter knows: size of modules, their first words, their names, the locks."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from engine.metric_labels import LOOPS
from engine.settings import Settings
from tests.docs.test_docs_are_true import setting_keys

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


CITED_MODULE = re.compile(r"`(?:engine\.)?((?:core\.)?([a-z_]+)((?:\.[a-z_0-9]+)+))")
NO_MODULES = {"store.jsonl"}
"""Names of files that look like a module of a room."""


def test_every_module_that_code_names_exists():
    """A comment that names `intake.submission` leads there."""
    engine = ROOT / "engine"
    rooms = {path.name for path in [*engine.iterdir(), *(engine / "core").iterdir()] if path.is_dir()}
    settings = set(setting_keys(Settings))
    lost = []
    for file in (
        file for top in ("engine", "notifiers", "tests") for file in sorted((ROOT / top).rglob("*.py"))
    ):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            for name, room in (found.group(1, 2) for found in CITED_MODULE.finditer(line)):
                if room in rooms and name not in settings | NO_MODULES and not _leads_somewhere(name):
                    lost.append(f"{file.relative_to(ROOT)}:{number}: {name}")
    assert lost == []


def _leads_somewhere(name: str) -> bool:
    """Say whether the first two words or more of a dotted name are a module or a folder of the engine."""
    parts = name.split(".")
    base = ROOT / "engine" / "core" if parts[0] in {"judging", "alerting"} else ROOT / "engine"
    places = [base / Path(*parts[:length]) for length in range(2, len(parts) + 1)]
    return any(place.with_suffix(".py").exists() or place.is_dir() for place in places)


def test_no_folder_holds_more_than_25_modules():
    """A room in which nobody finds anything is two rooms."""
    folders = {file.parent for top in ("engine", "notifiers") for file in (ROOT / top).rglob("*.py")}
    counts = {
        str(folder.relative_to(ROOT)): sum(1 for file in folder.glob("*.py") if file.name != "__init__.py")
        for folder in folders
    }
    assert {folder: count for folder, count in counts.items() if count > 25} == {}


def test_no_public_class_name_stands_twice():
    """Whoever reads a name knows which class it is."""
    where: dict[str, list[str]] = {}
    for file in (file for top in ("engine", "notifiers") for file in sorted((ROOT / top).rglob("*.py"))):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where.setdefault(node.name, []).append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in where.items() if len(files) > 1} == {}
