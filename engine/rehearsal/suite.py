"""The suite: all test files that were named, loaded, run one after the other, and counted.

Here: which files are tests, which runner a file needs, and what coverage counts. Not here: running one test
(`rehearsal.rule_test`, `rehearsal.policy_test`) and printing (`rehearsal.report`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import structlog

from engine.core.judging.calendar import Calendar
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
from engine.rehearsal.coverage import Coverage, coverage
from engine.rehearsal.phrase import phrase
from engine.rehearsal.policy_test import run_policy_test
from engine.rehearsal.premises import Premises
from engine.rehearsal.result import Result
from engine.rehearsal.rule_test import run_rule_test

log = structlog.get_logger(__name__)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a suite came to."""

    results: tuple[Result, ...]
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


def load(path: Path, premises: Premises) -> TestFile:
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


async def run(paths: Sequence[Path], premises: Premises, done: Callable[[int], None] | None = None) -> Report:
    """Run the tests of files and folders; `done` is told how many tests are over since it was called last."""
    metrics = Metrics()
    results: list[Result] = []
    rules: list[Rule] = []
    for path in test_files(paths):
        file = load(path, premises)
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
    return Report(results=tuple(results), coverage=coverage(rules, touched))


async def _run(test: RuleTest | PolicyTest, file: str, premises: Premises, metrics: Metrics) -> Result:
    """Run one test; whatever goes wrong inside is its failure and no other's."""
    try:
        if isinstance(test, RuleTest):
            return await run_rule_test(test, file, metrics)
        return await run_policy_test(test, file, premises, metrics)
    except Exception as error:
        log.warning("test_crashed", file=file, exc_info=True)  # said to people as a failure
        what = f"{type(error).__name__}: {error}"
        return Result(file=file, name=test.name, failures=(phrase("crashed", what=what),))


def _unloaded(file: TestFile) -> list[Result]:
    """Return the tests of a file that does not load: all of them failed."""
    errors: list[Finding] = [f for f in file.loaded.findings if f.severity == "error"]
    failures = tuple(phrase("finding", what=error) for error in errors)
    names = file.loaded.value.names or (file.path.name,)
    return [Result(file=str(file.path), name=name, failures=failures) for name in names]


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
