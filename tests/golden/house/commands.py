"""The command line: every page of help, and what commands that need no service print and end with."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from click.testing import CliRunner

from engine.cli import app, main
from tests.golden.house.plain import HOME, plain
from tests.golden.house.record import Documents

ENVIRONMENT = {"COLUMNS": "100", "LINES": "50", "NO_COLOR": "1", "TERM": "dumb"}
"""What decides how wide and in which colours is printed."""
WRONG = (
    [],
    ["tidak-ada"],
    ["check", "--tidak-ada"],
    ["check", "tidak-ada.yaml"],
    ["check", "--lang", "fr"],
    ["test", "tidak-ada.yaml"],
    ["schema", "--set", "http.port=1"],
    ["config", "show", "--config", "tidak-ada.yaml"],
    ["config", "show", "--set", "http.prot=1"],
    ["config", "show", "--set", "http.port=banyak"],
    ["config", "show", "--set", "http.port"],
    ["backtest", "--events", "tidak-ada.jsonl"],
    ["backtest", "--answers", "kadang", "--synthetic", "1"],
    ["backtest", "--synthetic", "1", "--from", "2024-11-27T00:00:00Z"],
    ["replay", "config/demo/pilkada-2024.jsonl"],
    ["demo", "--speed", "cepat"],
    ["policy", "show", "tidak-ada", "--region", "73.15"],
    ["rules", "show", "tidak-ada"],
)
"""Command lines that are wrong, from the home of the sources."""
STARTER = (
    ["check"],
    ["check", "--format", "json"],
    ["check", "rules", "--lang", "en"],
    ["test"],
    ["test", "--lang", "en"],
    ["test", "--format", "json"],
    ["test", "--format", "junit"],
    ["config", "show"],
    ["schema"],
    ["rules", "list"],
    ["templates", "check"],
    ["policy", "show", "banjir", "--region", "73.15"],
)
"""Command lines within a new installation."""


def helps() -> Documents:
    """Return the help of every command, by its name."""
    runner, command, found = CliRunner(env=ENVIRONMENT), typer.main.get_command(app), {}
    for words in _commands():
        done = runner.invoke(command, [*words, "--help"], prog_name="siaga")
        assert done.exit_code == 0, (words, done.output)
        found[" ".join(("siaga", *words))] = plain(done.output)
    return found


def _commands() -> Iterator[tuple[str, ...]]:
    waiting = [((), typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        yield words
        waiting += [((*words, name), inner) for name, inner in getattr(command, "commands", {}).items()]


def outputs() -> Documents:
    """Return what commands print and end with: wrong usage of all, and all that a new installation can do by itself."""
    lacking = [
        list(words) for words in _commands() if any(option.required for option in _command(words).params)
    ]
    found = {}
    with tempfile.TemporaryDirectory(prefix="siaga-golden-") as folder, environment():
        for words in (*WRONG, *lacking):
            found[" ".join(("siaga", *words))] = said(words, HOME, folder)
        starter = Path(folder) / "installation"
        found["siaga init"] = said(["init", str(starter)], HOME, folder)
        for words in STARTER:
            found[" ".join(("installation: siaga", *words))] = said(words, starter, folder)
        rule = starter / "rules/banjir.yaml"
        rule.write_text(rule.read_text(encoding="utf-8").replace("level:", "levl:"), encoding="utf-8")
        for words in STARTER[:6]:
            found[" ".join(("mistaken: siaga", *words))] = said(words, starter, folder)
    return found


def _command(words: Sequence[str]):
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    return command


def said(words: Sequence[str], home: Path, folder: str) -> str:
    """Run a command in a folder of this process; return its output, its errors and its exit code."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.chdir(home), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as end:
            code = end.code
    text = f"exit code {code}\n{out.getvalue()}"
    if err.getvalue():
        text += f"\nstandard error:\n{err.getvalue()}"
    return plain(text, folder=folder)


@contextlib.contextmanager
def environment() -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("SIAGA_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
