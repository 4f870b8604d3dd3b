"""Reports of a suite: for people, as JSON, as JUnit XML.

Here: layout only. Not here: what the tests came to (`rehearsal.suite`) and the words (`rehearsal.phrase`).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.judging.instant import Instant, local
from engine.rehearsal.phrase import Language, phrase, written_offset
from engine.rehearsal.result import Result
from engine.rehearsal.suite import Report

_XML = {code: None for code in range(32) if code not in (9, 10, 13)}
"""Signs that no XML may hold."""


def as_json(report: Report, language: Language) -> dict[str, object]:
    """Return the report as one JSON object."""
    covered = report.coverage
    return {
        "passed": report.passed,
        "failed": report.failed,
        "tests": [
            {
                "file": result.file,
                "name": result.name,
                "passed": result.passed,
                "failures": [failure.text(language) for failure in result.failures],
            }
            for result in report.results
        ],
        "coverage": {
            "rules": {"total": covered.rules, "touched": covered.rules_touched},
            "branches": {"total": covered.branches, "touched": covered.branches_touched},
            "untouched": list(covered.untouched),
        },
    }


def as_junit(report: Report, language: Language) -> str:
    """Return the report as JUnit XML: a suite for each file."""
    root = ET.Element(
        "testsuites", name="siaga test", tests=str(len(report.results)), failures=str(report.failed)
    )
    for file in dict.fromkeys(result.file for result in report.results):
        results = [result for result in report.results if result.file == file]
        failed = sum(not result.passed for result in results)
        suite = ET.SubElement(root, "testsuite", name=file, tests=str(len(results)), failures=str(failed))
        for result in results:
            case = ET.SubElement(suite, "testcase", classname=file, name=_plain(result.name))
            for failure in result.failures:
                text = _plain(failure.text(language))
                node = ET.SubElement(case, "failure", message=text.split("\n", 1)[0])
                node.text = text
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _plain(text: str) -> str:
    return text.translate(_XML)


def print_text(report: Report, console: Console, language: Language) -> None:
    """Print every test in one line, those that failed with their failures and their timeline, and what is covered."""
    for file in dict.fromkeys(result.file for result in report.results):
        console.print(Text(file, style="bold"))
        for result in (one for one in report.results if one.file == file):
            _print_result(result, console, language)
    counts = {"passed": str(report.passed), "failed": str(report.failed)}
    console.print(phrase("summary", **counts).text(language), markup=False)
    for line in _coverage(report, language):
        console.print(line, markup=False)


def _print_result(result: Result, console: Console, language: Language) -> None:
    mark = Text(phrase("passed" if result.passed else "failed").text(language))
    mark.stylize("green" if result.passed else "bold red")
    console.print(Text("  ") + mark + Text(f"  {result.name}"))
    if result.passed:
        return
    for failure in result.failures:
        console.print(Text("    " + failure.text(language).replace("\n", "\n    ")))
    if result.rows:
        console.print(_table(result, language))


def _table(result: Result, language: Language) -> Table:
    """Lay the timeline out: what was expected and what there was, side by side by instant."""
    title = phrase("title_table", zone=result.zone).text(language)
    time, clock, expected, got = (part.strip() for part in title.split("|"))
    table = Table(box=None, padding=(0, 1), show_edge=False)
    table.add_column("")
    table.add_column(time, justify="right", no_wrap=True)
    table.add_column(clock, justify="right", no_wrap=True)
    table.add_column(expected, overflow="fold")
    table.add_column(got, overflow="fold")
    for row in result.rows:
        said = row.expected.text(language) if row.expected else "" if row.act else "-"
        was = row.got.text(language) if row.got else "" if row.act else "-"
        if row.act is not None:
            was = row.act.text(language)
        style = "" if row.right else "red"
        mark, at = " " if row.right else "x", _clock(result.start + row.at, result.zone)
        table.add_row(mark, written_offset(row.at), at, Text(said), Text(was), style=style)
    return table


def _clock(instant: Instant, zone: str) -> str:
    """Write `25/11 10.05`, with seconds only where there are any."""
    moment = local(instant, zone)
    fine = f".{moment:%S}" if moment.second or moment.microsecond else ""
    return f"{moment:%d/%m %H.%M}{fine}"


def _coverage(report: Report, language: Language) -> Iterator[str]:
    covered = report.coverage
    if not covered.rules:
        return
    yield phrase(
        "coverage",
        rules=str(covered.rules_touched),
        all_rules=str(covered.rules),
        branches=str(covered.branches_touched),
        all_branches=str(covered.branches),
    ).text(language)
    for name in covered.untouched:
        yield phrase("untouched", what=name).text(language)
