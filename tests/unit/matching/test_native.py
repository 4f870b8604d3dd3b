"""The filter language, test by test (docs/specification/rules.md#filters)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.core.judging.rule import Clear
from engine.errors import ConfigurationError
from engine.matching.native import NativeMatcher, compile_filter
from tests.unit.judging.desk import event, rule

NAN = float("nan")


@pytest.mark.parametrize(
    ("operator", "value", "field", "holds"),
    [
        ("equals", "a", "a", True),
        ("equals", "a", "A", False),
        ("equals", "5", 5, False),
        ("equals", 5, "5", False),
        ("equals", 5, 5.0, True),
        ("equals", 5, 5 + 1e-10, True),
        ("equals", 5, 5 + 1e-8, False),
        ("equals", 1, True, False),
        ("equals", True, 1, False),
        ("equals", True, True, True),
        ("equals", True, "true", False),
        ("equals", False, None, False),
        ("equals", "", "", True),
        ("equals", 2**53, 2**53, True),
        ("equals", 2**54, 2**54, False),
        ("one_of", ("a", 5, True), "a", True),
        ("one_of", ("a", 5, True), 5.0, True),
        ("one_of", ("a", 5, True), True, True),
        ("one_of", ("a", 5), True, False),
        ("one_of", ("a", 1), True, False),
        ("one_of", ("a", True), 1, False),
        ("one_of", ("a", 5), "5", False),
        ("one_of", ("a",), None, False),
        ("one_of", (NAN, 2**60), NAN, False),
        ("prefix", "conflict.", "conflict.clash", True),
        ("prefix", "conflict.", "conflict", False),
        ("prefix", "", "", True),
        ("prefix", "5", 55, False),
        ("at_least", 5, 5, True),
        ("at_least", 5, 4.9999999999, True),
        ("at_least", 5, 4.99, False),
        ("at_most", 5, 5, True),
        ("at_most", 5, 5.01, False),
        ("above", 5, 5, False),
        ("above", 5, 5.1, True),
        ("below", 5, 5, False),
        ("below", 5, -5, True),
        ("at_least", 0, True, False),
        ("at_least", 0, "6", False),
        ("at_least", 0, NAN, False),
        ("at_most", 0, NAN, False),
        ("at_least", 0, float("inf"), False),
        ("at_least", 0, 10**30, False),
        ("below", 5, None, False),
        ("matches", "bakar", "rumah dibakar", True),
        ("matches", "^bakar", "rumah dibakar", False),
        ("matches", "^rumah .*bakar$", "rumah dibakar", True),
        ("matches", "(?i)BAKAR", "dibakar", True),
        ("matches", "5", 5, False),
        ("matches", ".", "\ud800", True),
        ("matches", "^.{2}$", "é😀", True),
        ("exists", True, "", True),
        ("exists", True, False, True),
        ("exists", True, None, False),
        ("exists", False, None, True),
        ("exists", False, 0, False),
        ("lies_in", ("73",), "73.15.03", True),
        ("lies_in", ("73",), "73", True),
        ("lies_in", ("73",), "731", False),
        ("lies_in", ("73.15", "74"), "73.1", False),
        ("lies_in", ("00",), "91", True),
        ("lies_in", ("73.15",), "73", False),
        ("lies_in", ("73",), 73, False),
    ],
)
def test_one_test_on_one_field(operator: str, value: Any, field: Any, *, holds: bool) -> None:
    """Texts equal texts, numbers numbers; a test on a missing field is false but for `exists: false`."""
    report = event(0, **({} if field is None else {"f": field}))
    assert compile_filter(Test("f", operator, value))(report) is holds


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "conflict.clash"), ("region", "73.15"), ("severity", 2), ("id", "e0"), ("source.desk", "7315")],
)
def test_the_event_s_own_fields_by_their_paths(field: str, value: Any) -> None:
    """`source.desk` is a path like any other."""
    assert compile_filter(Test(field, "equals", value))(event(0))


HOLDS, FAILS = Test("kind", "exists", value=True), Test("kind", "exists", value=False)


@pytest.mark.parametrize(
    ("filter_", "holds"),
    [
        (AllOf(()), True),
        (AllOf((HOLDS,)), True),
        (AllOf((HOLDS, FAILS)), False),
        (AllOf((HOLDS, HOLDS, FAILS)), False),
        (AllOf((HOLDS, HOLDS, HOLDS)), True),
        (AnyOf(()), False),
        (AnyOf((FAILS, HOLDS)), True),
        (AnyOf((FAILS,)), False),
        (Unless(FAILS), True),
        (Unless(AnyOf((FAILS, HOLDS))), False),
    ],
)
def test_filters_of_filters(filter_: Filter, *, holds: bool) -> None:
    """All keys must hold; `any`, `unless`."""
    assert compile_filter(filter_)(event(0)) is holds


@pytest.mark.parametrize(
    "test", [Test("f", "matches", "("), Test("f", "no_such", 1), Test("f", "at_least", "5")]
)
def test_what_is_no_test_is_refused_with_a_clear_error(test: Test) -> None:
    """A rule that cannot be compiled never judges."""
    with pytest.raises(ConfigurationError, match=r"RE2|no filter"):
        compile_filter(test)


def test_rules_are_found_by_kind_and_come_in_the_order_of_the_set() -> None:
    """The index changes no verdict: exact kinds, prefixes, lists, and rules that watch any kind.

    Law: docs/specification/rules.md#every-rule-fires.
    """
    clash = Test("kind", "equals", "conflict.clash")
    rules = [
        rule(id="prefix", watch=Test("kind", "prefix", "conflict.")),
        rule(id="other", watch=Test("kind", "equals", "logistics.late")),
        rule(
            id="list",
            watch=AllOf((Test("severity", "at_least", 2), Test("kind", "one_of", ("x", "conflict.clash")))),
        ),
        rule(id="any", watch=AnyOf((clash, Test("severity", "equals", 4)))),
        rule(id="unless", watch=Unless(clash)),
        rule(id="all"),
        rule(id="severe", watch=AllOf((clash, Test("severity", "at_least", 3)))),
    ]
    matcher = NativeMatcher(rules)
    for _ in range(2):
        assert [one.id for one in matcher.match(event(0))] == ["prefix", "list", "any", "all"]
        assert [one.id for one in matcher.match(event(0, kind="logistics.late"))] == [
            "other",
            "unless",
            "all",
        ]
        assert [one.id for one in matcher.match(event(0, kind="x", severity=4))] == [
            "list",
            "any",
            "unless",
            "all",
        ]


def test_clearing_events_are_found_whether_watched_or_not() -> None:
    """`clear_when: {event: filter}` is asked apart from `watch` (docs/specification/rules.md#watch)."""
    arrived = Clear("event", event=Test("kind", "equals", "logistics.arrived"))
    rules = [rule(id="a", watch=Test("kind", "equals", "logistics.late"), clear=arrived), rule(id="b")]
    matcher = NativeMatcher(rules)
    report = event(0, kind="logistics.arrived")
    assert [one.id for one in matcher.match(report)] == ["b"]
    assert [one.id for one in matcher.clears(report)] == ["a"]
    assert matcher.clears(event(0)) == ()
