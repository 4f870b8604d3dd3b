"""`siaga check`: every finding on rules, policies and directories, printed for people or for machines.

Here: arguments, printing, the exit code. Not here: what is checked (`documents.check`) and in which words
(`documents/finding_texts.yaml`).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from engine.cli.common.options import ConfigFile
from engine.cli.common.storage import answers, storage
from engine.clock import WallClock
from engine.core.judging.instant import DAY, format_duration
from engine.core.judging.rule import Rule
from engine.documents.check import Inspected, inspect
from engine.documents.finding import Finding, Findings, Language, Mark, SourceFile, advice_first
from engine.errors import StoreUnavailableError
from engine.rule_sets.rule_experience import LONG, Experience, experience
from engine.settings import DEFAULT_FILE, Settings, load

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


class CheckLanguage(StrEnum):
    """The language of the findings."""

    id = "id"
    en = "en"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders; all of the installation where none is named.", exists=True),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="For people or for machines.")] = Format.text,
    lang: Annotated[CheckLanguage, typer.Option(help="Language of the findings.")] = CheckLanguage.id,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Check rules, policies and directories: every finding at once, with its place and what to write instead.

    Where nothing is named and a store is running, it says too which rules matched nothing for 90 days, and which wait
    shorter for silence than reports usually are apart.

    Ends with 0 where all of it may become live (warnings are advice), 1 where there are errors, 2 for wrong usage.

    Example: siaga check rules/netralitas.yaml --lang en
    """
    settings = load(config)
    inspected = inspect(paths or [], settings.paths, WallClock().now())
    if not paths:
        advice = asyncio.run(_experience(settings))
        inspected = msgspec.structs.replace(inspected, findings=(*inspected.findings, *advice))
    if format_ is Format.json:
        typer.echo(msgspec.json.format(msgspec.json.encode(as_json(inspected))).decode())
    else:
        print_text(
            inspected, Console(highlight=False, soft_wrap=True), "id" if lang is CheckLanguage.id else "en"
        )
    raise typer.Exit(1 if inspected.errors else 0)


async def _experience(settings: Settings) -> tuple[Finding, ...]:
    """Return what the store that is running says of the rules in force; nothing where none is."""
    with suppress(StoreUnavailableError):  # the files can be checked without a store
        if await answers(settings):
            async with storage(settings) as store:
                return advice_of(await experience(store, WallClock().now()))
    return ()


def advice_of(seen: Experience) -> tuple[Finding, ...]:
    """Return what was seen of rules as findings at the places that the rules came from."""
    findings = Findings()
    for id_ in seen.unmatched:
        findings.add("unmatched", _place(seen.rules[id_]), id=id_, days=LONG // DAY)
    for id_, gap in seen.hasty.items():
        rule = seen.rules[id_]
        length = getattr(rule.condition, "length", 0)
        lengths = {"length": format_duration(length), "gap": format_duration(gap)}
        findings.add("silence_hasty", _place(rule), id=id_, **lengths)
    return tuple(findings)


def _place(rule: Rule) -> Mark:
    file, _, line = rule.source.rpartition(":")
    return Mark(SourceFile(file), int(line or 1))


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
    """Print every finding, advice first and errors last, then one line that sums up."""
    for finding in advice_first(inspected.findings):
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
