"""Rule tests, from `rules/<name>.test.yaml` to values (docs/specification/tests.md#rule-tests).

Here: the keys of a test, of what it expects and checks. Not here: the events themselves
(`documents.test_files.occurrence`), which rules a test sees (`documents.test_files.tested_rules`), and running it
(`simulation.rule_test`). All offsets are milliseconds from the start of the test.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Literal, cast

import msgspec

from engine.core.judging.calendar import Calendar
from engine.core.judging.group_key import canonical
from engine.core.judging.instant import Instant, Millis
from engine.documents.calendar import EMPTY as NO_STAGES
from engine.documents.fields import (
    Form,
    boolean,
    form_of,
    free,
    level,
    list_of,
    quoted_region,
    text,
    usable,
    whole,
    word,
)
from engine.documents.finding import Finding, Findings, UnusableError
from engine.documents.loaded import Loaded
from engine.documents.rules.limit import figure
from engine.documents.rules.rule_document import REGION_KEYS
from engine.documents.rules.rules import Rules
from engine.documents.test_files.occurrence import (
    DEFAULT_START,
    Naming,
    Occurrence,
    occurrences,
    start,
    test_offset,
    zone_of,
)
from engine.documents.test_files.tested_rules import SeenRules, TestedRules, inline_of
from engine.documents.times import duration
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, compose_file
from engine.documents.yaml_tree import SequenceNode as Nodes

SUFFIX = ".test.yaml"
ExpectedState = Literal["opens", "joins", "closes", "hidden"]
STATES = ("opens", "joins", "closes", "hidden")
REASONS = ("by_hand", "no_longer_true", "event", "quiet", "late_report", "corrected", "refuted")
"""Why an alert closes (docs/specification/rules.md#closing-reasons)."""
ExpectedGroup = dict[str, str] | str | None
"""Which group: the values of the keys of `per`, or the group's own text; None: whichever there is."""


class ExpectedAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """One line under `expect`: what happens to an alert at an instant of event time; `detected` is clock time."""

    at: Millis
    state: ExpectedState
    rule: str | None = None
    group: ExpectedGroup = None
    detected: Millis | None = None
    reason: str | None = None
    evidence: tuple[str, ...] | None = None
    count: int | None = None
    level: int | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line under `check`: how a group stands at an instant of the clock, after all that was due by then."""

    at: Millis
    rule: str | None = None
    group: ExpectedGroup = None
    open: bool | None = None
    evidence: tuple[str, ...] | None = None
    count: int | None = None
    value: float | None = None
    level: int | None = None


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """The service stops and starts again `down_for` later."""

    at: Millis
    down_for: Millis


class ReloadStep(msgspec.Struct, frozen=True, kw_only=True):
    """Another rule set is put in force."""

    at: Millis
    rules: Rules


class RuleTest(msgspec.Struct, frozen=True, kw_only=True):
    """One rule test. `unusable` are the errors of the rules it sees: such a test fails without being run."""

    name: str
    rules: Rules
    unusable: tuple[Finding, ...] = ()
    start: Instant
    zone: str
    events: tuple[Occurrence, ...]
    changes: tuple[Restart | ReloadStep, ...]
    run_until: Millis
    expect: tuple[ExpectedAlerts, ...]
    check: tuple[Check, ...]
    nothing_else: bool
    any_arrival_order: bool


class RuleTests(msgspec.Struct, frozen=True):
    """The tests of one file. Where the file does not load, `names` tell which tests failed by that."""

    tests: tuple[RuleTest, ...] = ()
    names: tuple[str, ...] = ()
    rules: Rules = ()


def load_rule_tests(path: Path, calendar: Calendar = NO_STAGES) -> Loaded[RuleTests]:
    """Load a file of rule tests. `calendar` has the stages that rules may name."""
    findings = Findings()
    node = compose_file(path, findings)
    names = names_of(node)
    tests: tuple[RuleTest, ...] = ()
    rules: Rules = ()
    if node is not None:
        with contextlib.suppress(UnusableError):
            tests, rules = _file(form_of(node, findings), path.parent, calendar)
    broken = bool(findings.errors)
    return Loaded(RuleTests(() if broken else tests, names, rules), tuple(findings))


def names_of(node: Node | None) -> tuple[str, ...]:
    """Return the names of the tests of a file, also of one that cannot be read whole."""
    tests = node.get("tests") if isinstance(node, MappingNode) else None
    found = []
    for place, test in enumerate(tests.items if isinstance(tests, Nodes) else (), start=1):
        name = test.get("name") if isinstance(test, MappingNode) else None
        found.append(name.text if isinstance(name, ScalarNode) and name.text else f"#{place}")
    return tuple(found)


def _file(form: Form, folder: Path, calendar: Calendar) -> tuple[tuple[RuleTest, ...], Rules]:
    form.read("version", whole(1, 1), 1)
    tested = TestedRules(form, folder, calendar)
    tests = form.require("tests", list_of(partial(_test, tested)), ())
    form.close()
    return tests, tested.of_file().value


def _test(tested: TestedRules, node: Node, findings: Findings) -> RuleTest:
    form = form_of(node, findings)
    name = form.require("name", text, "")
    seen = tested.of_test(form)
    begins = form.read("start", start, DEFAULT_START)
    events, changes, unusable = _entries(form, seen, findings)
    expect = form.read("expect", list_of(_expected), ())
    check = form.read("check", list_of(_check), ())
    last = max(
        [
            0,
            *(e.arrives for e in events),
            *(c.at for c in changes),
            *(e.at for e in expect),
            *(c.at for c in check),
        ]
    )
    test = RuleTest(
        name=name,
        rules=seen.rules.value,
        unusable=(*seen.rules.findings, *unusable),
        start=begins,
        zone=zone_of(form.node("start")),
        events=events,
        changes=changes,
        run_until=form.read("run_until", test_offset, last),
        expect=expect,
        check=check,
        nothing_else=form.read("nothing_else", boolean, default=True),
        any_arrival_order=form.read("any_arrival_order", boolean, default=False),
    )
    form.close()
    return test


def _entries(
    form: Form, seen: SeenRules, findings: Findings
) -> tuple[tuple[Occurrence, ...], tuple[Restart | ReloadStep, ...], tuple[Finding, ...]]:
    """Read what stands under `events`: events, restarts and reloads."""
    naming = Naming()
    events: list[Occurrence] = []
    changes: list[Restart | ReloadStep] = []
    unusable: list[Finding] = []
    for entry in form.read("events", list_of(form_of), ()):
        if "restart" in entry:
            changes.append(
                Restart(at=entry.require("at", test_offset, 0), down_for=entry.read("restart", down_for, 0))
            )
        elif "reload" in entry:
            rules = entry.read("reload", partial(_reloaded, seen), Loaded(()))
            unusable += rules.findings
            changes.append(ReloadStep(at=entry.require("at", test_offset, 0), rules=rules.value))
        else:
            events += occurrences(entry, findings, naming)
        entry.close()
    return tuple(events), tuple(changes), tuple(unusable)


def down_for(node: Node, findings: Findings) -> Millis:
    """Take `true` or `{down_for: 10m}`: how long the service is down."""
    if isinstance(node, ScalarNode):
        boolean(node, findings)
        return 0
    form = form_of(node, findings)
    length = form.read("down_for", duration(), 0)
    form.close()
    return length


def _reloaded(seen: SeenRules, node: Node, findings: Findings) -> Loaded[Rules]:
    """Take the rules of a reload; an invalid one is a failure of the test alone."""
    form = form_of(node, findings)
    form.require("inline_rules", lambda found, _findings: found, None)
    body = inline_of(form)
    form.close()
    return seen.reloaded(body)


def _expected(node: Node, findings: Findings) -> ExpectedAlerts:
    form = form_of(node, findings)
    expected = ExpectedAlerts(
        at=form.require("at", test_offset, 0),
        state=cast("ExpectedState", form.require("state", word(*STATES), "opens")),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
        detected=form.read("detected", test_offset, None),
        reason=form.read("reason", word(*REASONS), None),
        evidence=form.read("evidence", list_of(text), None),
        count=form.read("count", whole(0, 1_000_000), None),
        level=form.read("level", level, None),
    )
    form.close()
    return expected


def _check(node: Node, findings: Findings) -> Check:
    form = form_of(node, findings)
    check = Check(
        at=form.require("at", test_offset, 0),
        rule=form.read("rule", text, None),
        group=form.read("group", group, None),
        open=form.read("open", boolean, None),
        evidence=form.read("evidence", list_of(text), None),
        count=form.read("count", whole(0, 1_000_000), None),
        value=form.read("value", figure, None),
        level=form.read("level", partial(level, lowest=1), None),
    )
    form.close()
    return check


def group(node: Node, findings: Findings) -> ExpectedGroup:
    """Take a group: a map from keys of `per` to values, or its text."""
    if not isinstance(node, MappingNode):
        return text(node, findings)
    return {
        key: part
        for key, (_, value) in node.pairs.items()
        for part in usable((value,), _code if key in REGION_KEYS else _part, findings)
    }


def _code(node: Node, findings: Findings) -> str:
    return quoted_region(node, findings).text


def _part(node: Node, findings: Findings) -> str:
    value = free(node, findings)
    return value if isinstance(value, str) else canonical(value)
