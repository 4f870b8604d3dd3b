"""What README, CHANGELOG and docs/ name exists: paths, links, commands, settings, metrics, the rule of the README."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

from engine.documents.event_fields import FAULTS
from engine.intake.event_schema import REFUSALS
from engine.metric_labels import EVENT_FLAGS
from engine.metrics import Metrics
from engine.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOT_NAMES = {path.name for path in ROOT.iterdir()} | {
    "config",
    "engine",
    "notifiers",
    "rules",
    "templates",
    "tests",
}
SUFFIXES = (".csv", ".json", ".jsonl", ".lock", ".lua", ".md", ".py", ".toml", ".yaml")
MADE_BY_RUNNING = ("var/", "~/", "/")


class Mention(NamedTuple):
    """A piece of code named on a page, with the place for the message of a failing test."""

    place: str
    code: str


def mentions() -> Iterator[Mention]:
    """Yield every inline code and every line of a fenced block of shell, of all pages."""
    for page in PAGES:
        language = None
        for number, line in enumerate(page.read_text().splitlines(), start=1):
            place = f"{page.relative_to(ROOT)}:{number}"
            if line.lstrip().startswith("```"):
                language = line.strip("` ") or "text" if language is None else None
            elif language is None:
                yield from (Mention(place, code) for code in re.findall(r"`([^`]+)`", line))
            elif language in {"sh", "shell", "console"}:
                yield Mention(place, line.split(" #")[0].strip())


def paths() -> Iterator[Mention]:
    """Yield the words that look like a path of the repository; `<name>` and `*` stand for anything."""
    for place, code in mentions():
        for word in code.split():
            first = word.removeprefix("./").split("/")[0]
            if not re.fullmatch(r"[\w.*<>/-]+", word) or word.startswith(MADE_BY_RUNNING):
                continue
            if first in ROOT_NAMES - {"var"} or ("/" in word and word.endswith(SUFFIXES)):
                yield Mention(place, word)


def test_every_path_named_exists():
    """A path in code names a file or folder of the repository, or of docs/, where rules have their guides."""
    absent = []
    for mention in paths():
        pattern = re.sub(r"<\w+>", "*", mention.code.removeprefix("./").rstrip("/"))
        if not any(list(folder.glob(pattern)) for folder in (ROOT, ROOT / "docs")):
            absent.append(mention)
    assert absent == []


def test_every_link_leads_somewhere():
    """A relative link leads to a file."""
    broken = [
        Mention(page.name, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_run_command_exists():
    """`./run X` is one of the commands that `./run help` teaches."""
    taught = set(re.findall(r"^ +\./run (\w+)", help_text(), re.MULTILINE))
    named = {(place, word) for place, code in mentions() for word in re.findall(r"\./run (\w+)", code)}
    assert {(place, word) for place, word in named if word not in taught} == set()


def test_run_does_what_its_help_teaches():
    """Help names exactly the commands that the script has."""
    commands = re.findall(r"^    (\w+)(?: \| [^)]+)?\)", (ROOT / "run").read_text(), re.MULTILINE)
    assert set(re.findall(r"^ +\./run (\w+)", help_text(), re.MULTILINE)) == set(commands)


def help_text() -> str:
    return subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout


def siaga_calls() -> list[Mention]:
    """Find `siaga ...` and `./run siaga ...` with at least one word after it."""
    found = []
    for place, code in mentions():
        if match := re.match(r"(?:\./run )?siaga ((?:[a-z-]).*)", code):
            found.append(Mention(place, match.group(1)))
    return found


def wrong_word(app: typer.Typer, words: list[str]) -> str | None:
    """Return the first word of a call that the command line does not know."""
    command = typer.main.get_command(app)
    for word in words:
        if word.startswith("--") and word != "--help":
            if word.split("=")[0] not in {option for part in command.params for option in part.opts}:
                return word
        elif isinstance(command, TyperGroup) and word != "--help":
            if word not in command.commands:
                return word
            command = command.commands[word]
    return None


@pytest.mark.parametrize("call", siaga_calls(), ids=lambda call: call.code)
def test_every_siaga_command_exists(call: Mention):
    """Each command and option of `siaga` that a page names is one of the command line."""
    from engine.cli import app

    assert wrong_word(app, call.code.split()) is None, call.place


def setting_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from setting_keys(field.annotation, f"{prefix}{name}.")


def test_every_setting_named_exists():
    """A dotted key that begins with a section of the settings is a setting (or a module of that name)."""
    known = set(setting_keys(Settings))
    unknown = []
    for mention in mentions():
        key = mention.code
        if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", key) and key.split(".")[0] in Settings.model_fields:
            is_module = (ROOT / "engine" / (key.replace(".", "/") + ".py")).exists()
            is_file = key in ROOT_NAMES
            if key not in known and not is_module and not is_file:
                unknown.append(mention)
    assert unknown == []


def test_every_metric_named_exists():
    """A word `siaga_*` is a metric, with or without the suffixes that Prometheus adds."""
    families = {family.name: family.type for family in Metrics().registry.collect()}
    suffixes = {
        "counter": ("_total",),
        "histogram": ("", "_bucket", "_count", "_sum"),
        "gauge": ("",),
        "info": ("_info",),
    }
    known = {name + suffix for name, kind in families.items() for suffix in suffixes.get(kind, ("",))}
    named = [
        Mention(place, word) for place, code in mentions() for word in re.findall(r"\bsiaga_[a-z_]+", code)
    ]
    assert [mention for mention in named if mention.code not in known] == []


def test_the_rule_of_the_readme_is_one_of_ours():
    """The README shows a rule that is shipped, word for word."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shipped = [path.read_text() for path in (ROOT / "rules").glob("*.yaml")]
    assert len(blocks) == 1
    assert any(blocks[0] in text for text in shipped)


def test_the_readme_is_short():
    """The README stays under 150 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_the_words_of_the_glossary_are_in_order_and_once():
    """No word of the glossary is explained twice."""
    words = re.findall(r"^\| ([a-z ]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 20
    assert len(words) == len(set(words))


def test_every_reason_code_of_the_intake_is_documented():
    """Developers of desks find each code of an answer in docs/desk.md, as kept or as refused."""
    rows = re.findall(
        r"^\| `(\w+)`(?: di `flagged`)? \| (\w+) \|", (ROOT / "docs/desk.md").read_text(), re.MULTILINE
    )
    kept, refused, flagged = (
        {code for code, of in rows if of == kind} for kind in ("ditahan", "ditolak", "diterima")
    )
    assert (kept, refused, flagged) == (set(FAULTS), set(REFUSALS), set(EVENT_FLAGS))
