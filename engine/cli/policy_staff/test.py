"""`siaga test`: rule tests and policy tests, printed for people, as JSON or as JUnit XML.

Here: arguments, progress, the exit code. Not here: running the tests (`simulation.suite`) and the layout of what is
printed (`simulation.suite`).
"""

from __future__ import annotations

# ruff: noqa: PT028 -- `test` is a command here, its defaults are those of its options
import asyncio
import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from engine.cli.common.options import ConfigFile
from engine.cli.policy_staff.check import CheckLanguage
from engine.errors import ConfigurationError
from engine.runtime import logging as logs
from engine.settings import DEFAULT_FILE, Log
from engine.simulation.result import PhraseLanguage, phrase
from engine.simulation.simulator import TestInstallation
from engine.simulation.suite import (
    SuiteReport,
    as_json,
    as_junit,
    load_test_file,
    print_text,
    run_suite,
    test_files,
)

PRINTED_WIDTH = 160
"""Characters of a line where no terminal says how many there are."""


class Layout(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"
    junit = "junit"


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Test files or folders; rules/ and config/ where none is named.", exists=True),
    ] = None,
    format_: Annotated[Layout, typer.Option("--format", help="For people or for machines.")] = Layout.text,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the results.")] = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Run rule tests and policy tests: what was expected against what happened, by time.

    The service itself runs, on a clock of its own and a store in memory; nothing is sent. Ends with 0 where all tests
    pass, 1 where one fails, 2 for wrong usage.

    Example: siaga test rules/netralitas.test.yaml --lang en
    """
    language: PhraseLanguage = "id" if lang is CheckLanguage.id else "en"
    premises = TestInstallation(config)
    named = paths or [premises.settings.paths.rules, premises.config.parent]
    files = test_files(named)
    if not files:
        raise ConfigurationError(
            phrase("no_tests", path=", ".join(str(path) for path in named)).text(language)
        )
    if (
        logging.getLogger().level > logging.DEBUG
    ):  # what the service warns of in a test would cover the results
        logs.set_up(Log(level="error"))
    report = _run(named, files, premises)
    match format_:
        case Layout.json:
            typer.echo(msgspec.json.format(msgspec.json.encode(as_json(report, language))).decode())
        case Layout.junit:
            typer.echo(as_junit(report, language))
        case Layout.text:
            console = Console(highlight=False)
            if not console.is_terminal:
                console.width = PRINTED_WIDTH
            print_text(report, console, language)
    raise typer.Exit(1 if report.failed else 0)


def _run(named: list[Path], files: list[Path], premises: TestInstallation) -> SuiteReport:
    """Run the tests, with a bar on a terminal while that lasts."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(
            "siaga test", total=sum(load_test_file(file, premises).size for file in files)
        )
        return asyncio.run(run_suite(named, premises, lambda number: progress.advance(task, number)))
