"""The suite: loads the named test files, runs them, counts, and reports as text, JSON or JUnit XML.

Specification: docs/specification/tests.md#reports-of-a-run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import structlog
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.judging.calendar import Calendar
from engine.core.judging.instant import Instant, local
from engine.core.judging.rule import Rule
from engine.documents.finding import Finding, Findings
from engine.documents.loaded import Loaded
from engine.documents.reference_data import ANYTHING
from engine.documents.rules.rules import Rules, load_rules, rule_files, yaml_files
from engine.documents.test_files.policy_tests import SUFFIX as POLICY_SUFFIX
from engine.documents.test_files.policy_tests import PolicyTest, PolicyTests, load_policy_tests
from engine.documents.test_files.rule_tests import SUFFIX as RULE_SUFFIX
from engine.documents.test_files.rule_tests import RuleTest, RuleTests, load_rule_tests
from engine.documents.yaml_tree import MappingNode, compose_file
from engine.documents.yaml_tree import SequenceNode as Nodes
from engine.metrics import Metrics
from engine.simulation.coverage import Coverage, coverage
from engine.simulation.policy_test import run_policy_test
from engine.simulation.result import PhraseLanguage, TestResult, phrase, written_offset
from engine.simulation.rule_test import run_rule_test
from engine.simulation.simulator import TestInstallation

_XML = {code: None for code in range(32) if code not in (9, 10, 13)}
"""Signs that no XML may hold."""


def as_json(report: SuiteReport, language: PhraseLanguage) -> dict[str, object]:
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


def as_junit(report: SuiteReport, language: PhraseLanguage) -> str:
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


def print_text(report: SuiteReport, console: Console, language: PhraseLanguage) -> None:
    """Print every test in one line, those that failed with their failures and their timeline, and what is covered."""
    for file in dict.fromkeys(result.file for result in report.results):
        console.print(Text(file, style="bold"))
        for result in (one for one in report.results if one.file == file):
            _print_result(result, console, language)
    counts = {"passed": str(report.passed), "failed": str(report.failed)}
    console.print(phrase("summary", **counts).text(language), markup=False)
    for line in _coverage(report, language):
        console.print(line, markup=False)


def _print_result(result: TestResult, console: Console, language: PhraseLanguage) -> None:
    mark = Text(phrase("passed" if result.passed else "failed").text(language))
    mark.stylize("green" if result.passed else "bold red")
    console.print(Text("  ") + mark + Text(f"  {result.name}"))
    if result.passed:
        return
    for failure in result.failures:
        console.print(Text("    " + failure.text(language).replace("\n", "\n    ")))
    if result.rows:
        console.print(_table(result, language))


def _table(result: TestResult, language: PhraseLanguage) -> Table:
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


def _coverage(report: SuiteReport, language: PhraseLanguage) -> Iterator[str]:
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


log = structlog.get_logger(__name__)


class SuiteReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite came to."""

    results: tuple[TestResult, ...]
    coverage: Coverage

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(result.passed for result in self.results)

    @property
    def failed(self) -> int:
        """How many tests failed."""
        return len(self.results) - self.passed


class TestFile(msgspec.Struct, frozen=True):
    """A file of tests as it was loaded."""

    __test__ = False
    path: Path
    loaded: Loaded[RuleTests] | Loaded[PolicyTests]

    @property
    def size(self) -> int:
        """How many tests it holds, or fails by not loading."""
        return len(self.loaded.value.tests) or max(1, len(self.loaded.value.names))


def test_files(paths: Iterable[Path]) -> list[Path]:
    """Return the test files that are meant: those below a folder, a file itself, or those beside a file of rules."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = [file for file in yaml_files([path]) if file.name.endswith((RULE_SUFFIX, POLICY_SUFFIX))]
        else:
            beside = [path.with_name(path.stem + suffix) for suffix in (RULE_SUFFIX, POLICY_SUFFIX)]
            inside = [path] if _holds(path, "tests") else [file for file in beside if file.exists()] or [path]
        found.update(dict.fromkeys(inside))
    return list(found)


def load_test_file(path: Path, premises: TestInstallation) -> TestFile:
    """Load a test file, by its name, or by what stands in it where the name says nothing."""
    if path.name.endswith(POLICY_SUFFIX) or (not path.name.endswith(RULE_SUFFIX) and _has_timeline(path)):
        regions, names = premises.regions, premises.settings_names
        return TestFile(path, load_policy_tests(path, regions, names, premises.calendar))
    return TestFile(path, load_rule_tests(path, premises.calendar))


def _has_timeline(path: Path) -> bool:
    node = compose_file(path, Findings())
    tests = node.get("tests") if isinstance(node, MappingNode) else None
    items = tests.items if isinstance(tests, Nodes) else ()
    return any(isinstance(test, MappingNode) and "timeline" in test.pairs for test in items)


async def run_suite(
    paths: Sequence[Path], premises: TestInstallation, done: Callable[[int], None] | None = None
) -> SuiteReport:
    """Run the tests of files and folders; `done` is told how many tests are over since it was called last."""
    metrics = Metrics()
    results: list[TestResult] = []
    rules: list[Rule] = []
    for path in test_files(paths):
        file = load_test_file(path, premises)
        before = len(results)
        if not file.loaded.valid:
            results += _unloaded(file)
        else:
            rules += [rule for rule in file.loaded.value.rules if not _inline(rule, path)]
            for test in file.loaded.value.tests:
                results.append(await _run(test, str(path), premises, metrics))
                if done is not None:
                    done(1)
        if done is not None and not file.loaded.valid:
            done(len(results) - before)
    rules += _rules_below(paths, premises.calendar)
    touched = frozenset(name for result in results for name in result.touched)
    return SuiteReport(results=tuple(results), coverage=coverage(rules, touched))


async def _run(
    test: RuleTest | PolicyTest, file: str, premises: TestInstallation, metrics: Metrics
) -> TestResult:
    """Run one test; whatever goes wrong inside is its failure and no other's."""
    try:
        if isinstance(test, RuleTest):
            return await run_rule_test(test, file, metrics)
        return await run_policy_test(test, file, premises, metrics)
    except Exception as error:
        log.warning("test_crashed", file=file, exc_info=True)  # said to people as a failure
        what = f"{type(error).__name__}: {error}"
        return TestResult(file=file, name=test.name, failures=(phrase("crashed", what=what),))


def _unloaded(file: TestFile) -> list[TestResult]:
    """Return the tests of a file that does not load: all of them failed."""
    errors: list[Finding] = [f for f in file.loaded.findings if f.severity == "error"]
    failures = tuple(phrase("finding", what=error) for error in errors)
    names = file.loaded.value.names or (file.path.name,)
    return [TestResult(file=str(file.path), name=name, failures=failures) for name in names]


def _inline(rule: Rule, path: Path) -> bool:
    return Path(rule.source.rpartition(":")[0]) == path


def _rules_below(paths: Sequence[Path], calendar: Calendar) -> Rules:
    """Return the rules of rule files below the folders that were named, so that those no test names are counted."""
    found: list[Rule] = []
    known = msgspec.structs.replace(ANYTHING, calendar=calendar)
    for path in paths:
        files = [f for f in rule_files([path]) if _holds(f, "rules")] if path.is_dir() else []
        found += load_rules(files, known).value if files else ()
    return tuple(found)


def _holds(path: Path, key: str) -> bool:
    node = compose_file(path, Findings())
    return isinstance(node, MappingNode) and key in node.pairs
