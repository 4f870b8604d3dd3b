"""`siaga check`: every finding on rules, policies and directories, printed for people or for machines.

Here: arguments, printing, the exit code. Not here: what is checked (`loading.inspection`) and in which words
(`loading/texts.yaml`).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from engine.loading.finding import Finding
from engine.loading.inspection import Inspected, inspect
from engine.loading.texts import Language
from engine.settings import DEFAULT_FILE, load

_COLOUR = {"error": "bold red", "warning": "bold yellow"}

_SUMMARY: dict[tuple[Language, bool], str] = {
    ("id", False): "Sah: {rules} aturan, {policies} kebijakan, {people} orang; {warnings} peringatan.",
    ("en", False): "Valid: {rules} rules, {policies} policies, {people} people; {warnings} warnings.",
    ("id", True): "{errors} kesalahan, {warnings} peringatan. Tidak ada yang berubah sebelum diperbaiki.",
    ("en", True): "{errors} errors, {warnings} warnings. Nothing changes until they are corrected.",
}


class Format(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"


class Tongue(StrEnum):
    """The language of the findings."""

    id = "id"
    en = "en"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders; all of the installation where none is named.", exists=True),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="For people or for machines.")] = Format.text,
    lang: Annotated[Tongue, typer.Option(help="Language of the findings.")] = Tongue.id,
    config: Annotated[Path, typer.Option(help="The configuration file.")] = DEFAULT_FILE,
) -> None:
    """Check rules, policies and directories: every finding at once, with its place and what to write instead.

    Ends with 0 where all of it may become live (warnings are advice), 1 where there are errors, 2 for wrong usage.

    Example: siaga check rules/netralitas.yaml --lang en
    """
    inspected = inspect(paths or [], load(config).paths)
    if format_ is Format.json:
        typer.echo(msgspec.json.format(msgspec.json.encode(as_json(inspected))).decode())
    else:
        print_text(inspected, Console(highlight=False, soft_wrap=True), "id" if lang is Tongue.id else "en")
    raise typer.Exit(1 if inspected.errors else 0)


def as_json(inspected: Inspected) -> dict[str, object]:
    """Return what was found as one JSON object."""
    return {
        "valid": not inspected.errors,
        "errors": inspected.errors,
        "warnings": inspected.warnings,
        "rules": inspected.rules,
        "policies": inspected.policies,
        "people": inspected.people,
        "findings": [finding.as_json() for finding in inspected.findings],
    }


def print_text(inspected: Inspected, console: Console, language: Language) -> None:
    """Print every finding, then one line that sums up."""
    for finding in inspected.findings:
        console.print(_coloured(finding, language))
    console.print(summary(inspected, language))


def summary(inspected: Inspected, language: Language) -> str:
    """Return the closing line."""
    looked = {"rules": inspected.rules, "policies": inspected.policies, "people": inspected.people}
    counted = {"errors": inspected.errors, "warnings": inspected.warnings}
    return _SUMMARY[language, bool(inspected.errors)].format(**looked, **counted)


def _coloured(finding: Finding, language: Language) -> Text:
    """Return the finding with its code in colour (the console leaves colours out where it is no terminal)."""
    written = Text(finding.format(language))
    written.highlight_words([f" {finding.code} "], style=_COLOUR[finding.severity])
    return written
