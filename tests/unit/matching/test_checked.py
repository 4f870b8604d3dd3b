"""Both matchers, one verdict: the native one stands, and a difference is told once."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.core.judging.rule import Rule
from engine.matching.checked import CheckedMatcher, Disagreement, choose, open_shards
from engine.matching.durable_rules import Decimal9, Projection, decimal, json_text
from engine.matching.native import NativeMatcher
from tests.unit.judging.desk import event, rule

SHARDS, WHY = open_shards()
needs_durable = pytest.mark.skipif(SHARDS is None, reason=WHY)

FIELDS = ("source.channel", "subject.role", "metrics.dead", "metrics.tps", "verification", 'odd " \\ name')
TEXTS = (
    "",
    "a",
    "bawaslu",
    "polri",
    'kutip " dan \\',
    "5",
    "true",
    "é",
    "😀",
    "\x00\n\t",
    "a" * 300,
    "\ud800",
)
NUMBERS = (
    0,
    1,
    -1,
    5,
    5.0,
    0.1,
    0.3,
    1e-4,
    1e-7,
    1e-9,
    4e-10,
    -0.0,
    2**53,
    -(2**53),
    1e15,
    123456789.123456789,
)
HOSTILE: tuple[Any, ...] = (
    *TEXTS,
    *NUMBERS,
    "x" * 65_536,
    "x" * 65_535 + "y",
    math.nan,
    math.inf,
    -math.inf,
    2**63,
    2**64,
    -(2**70),
    10**400,
    1e16,
    1e-300,
    5e-324,
    0.1 + 0.2,
    True,
    False,
    '{"f1":1}',
    "$s",
    "sid-0",
    "\udfff\ud800",
)
KINDS = ("conflict.clash", "conflict.death", "logistics.late", "x", "", 'kind with " and \\')
REGIONS = ("00", "73", "73.15", "73.15.03", "91.01.01.2001")


def some_test(random: Random) -> Test:
    """A random test that a rule file could hold."""
    field = random.choice(("kind", "severity", "region", *FIELDS))
    operator = random.choice(
        (
            "equals",
            "equals",
            "one_of",
            "prefix",
            "matches",
            "exists",
            "lies_in",
            "at_least",
            "at_most",
            "above",
            "below",
        )
    )
    text = random.choice((*TEXTS[:-1], *KINDS, *REGIONS))
    number = random.choice((*NUMBERS, 2, 3, 4, random.uniform(-10, 10), random.uniform(-1e-3, 1e-3)))
    match operator:
        case "equals":
            return Test(field, operator, random.choice((text, number, True, False)))
        case "one_of":
            return Test(field, operator, (text, number, random.choice((True, "b"))))
        case "prefix":
            return Test(field, operator, text[:1])
        case "matches":
            return Test(field, operator, random.choice(("a", "^$", "[0-9]+", "(?i)BAW", ".$")))
        case "exists":
            return Test(field, operator, random.choice((True, False)))
        case "lies_in":
            return Test("region", operator, tuple(random.sample(REGIONS, 2)))
    return Test(field, operator, number)


def some_filter(random: Random, depth: int = 0) -> Filter:
    """A random tree of tests."""
    if depth > 3 or random.random() < 0.4:
        return some_test(random)
    parts = tuple(some_filter(random, depth + 1) for _ in range(random.choice((0, 1, 2, 2, 3))))
    return random.choice((AllOf(parts), AnyOf(parts), Unless(AllOf(parts)), Unless(AnyOf(parts))))


def some_event(random: Random, number: int) -> Event:
    """A random event, normal or hostile."""
    fields: dict[str, Any] = {}
    pool = HOSTILE if random.random() < 0.5 else (*TEXTS[:6], *NUMBERS[:6], True)
    for field in FIELDS:
        if random.random() < 0.7:
            fields[field] = random.choice(pool)
    if random.random() < 0.01:
        fields |= {f"deep.{'x.' * 100}{place}": place for place in range(300)}
    return Event(
        desk=random.choice(TEXTS),
        id=random.choice(("sid-0", "$s", f"e{number}")),
        kind=random.choice(KINDS),
        region=random.choice(REGIONS),
        severity=random.randrange(5),
        occurred_at=0,
        fields=fields,
    )


def differ(sets: int, rules_each: int, events_each: int) -> list[Disagreement]:
    """Ask both matchers about random events under random rule sets."""
    found: list[Disagreement] = []
    for seed in range(sets):
        random = Random(seed)
        rules = [rule(id=f"r{place}", watch=some_filter(random)) for place in range(rules_each)]
        matcher = choose(rules, SHARDS, found.append).matcher
        for number in range(events_each):
            matcher.match(some_event(random, number))
    return found


@needs_durable
def test_durable_equals_native() -> None:
    """On normal and hostile events: quotes, long texts, exponents, NaN, huge integers, lone surrogates, 300 fields."""
    assert differ(sets=6, rules_each=12, events_each=400) == []


@needs_durable
@pytest.mark.long
@pytest.mark.timeout(600)
def test_durable_equals_native_on_a_hundred_thousand_events() -> None:
    """The same, 100,000 events."""
    assert differ(sets=40, rules_each=12, events_each=2_500) == []


@needs_durable
@pytest.mark.parametrize(
    "planted", [Test("severity", "at_least", 3), Unless(Test("severity", "at_least", 2))]
)
def test_a_planted_fault_is_told_once_and_the_native_verdict_stands(planted: Filter) -> None:
    """The shard that differed is native only from then on (docs/specification/rules.md#matching)."""
    assert SHARDS is not None
    right = rule(id="adil", watch=Test("severity", "at_least", 2))
    told: list[Disagreement] = []
    matcher = CheckedMatcher(
        NativeMatcher([right]), SHARDS.matcher([rule(id="adil", watch=planted)]), told.append
    )
    for number in range(3):
        assert matcher.match(event(number, severity=2)) == (right,)
    assert told == [Disagreement(desk="7315", event="e0", missed=("adil",))]
    assert matcher.distrusted == 1


@needs_durable
def test_shards_are_kept_by_content() -> None:
    """Loading the same filters again, under other ids, registers nothing."""
    assert SHARDS is not None
    filters = [Test("metrics.dead", "at_least", number + 0.25) for number in range(130)]
    first = SHARDS.matcher([rule(id=f"a{place}", watch=one) for place, one in enumerate(filters)])
    registered = SHARDS.registered
    second = SHARDS.matcher([rule(id=f"b{place}", watch=one) for place, one in enumerate(filters)])
    assert SHARDS.registered == registered
    assert len(first.parts) == len(second.parts) == 3


@needs_durable
def test_a_rule_too_large_for_a_shard_is_matched_natively() -> None:
    """More than 60 comparisons in one rule."""
    watch = AllOf(tuple(Test("severity", "at_least", place / 100) for place in range(100)))
    large = rule(id="besar", watch=watch)
    told: list[Disagreement] = []
    assert SHARDS is not None
    assert SHARDS.matcher([large, rule(id="kecil")]).left_out == ("besar",)
    assert choose([large], SHARDS, told.append).matcher.match(event(0)) == (large,)
    assert told == []


@needs_durable
def test_a_rule_the_engine_refuses_takes_no_other_along() -> None:
    """Deeply nested filters are refused though they have few comparisons; their neighbours stay."""
    assert SHARDS is not None
    nested: Filter = Test("severity", "equals", 0)
    for place in range(40):
        more = Test("metrics.dead", "at_least", place + 0.5)
        nested = AnyOf((more, nested)) if place % 2 else AllOf((more, nested))
    rules = [
        rule(id=name, watch=nested if name == "dalam" else Test("severity", "above", 1))
        for name in ("a", "dalam", "z")
    ]
    matcher = SHARDS.matcher(rules)
    assert matcher.left_out == ("dalam",)
    told: list[Disagreement] = []
    checked = CheckedMatcher(NativeMatcher(rules), matcher, told.append)
    assert [one.id for one in checked.match(event(0, **{"metrics.dead": 40}))] == ["a", "dalam", "z"]
    assert told == []


def test_without_durable_rules_native_serves_and_says_why() -> None:
    """It cannot be built everywhere."""
    one: Rule = rule()
    choice = choose([one], None, lambda _: None, why="cannot be built")
    assert (choice.serves, choice.why) == ("native", "cannot be built")
    assert choice.matcher.match(event(0)) == (one,)


@pytest.mark.parametrize(
    ("number", "text"),
    [(5, "5.0"), (-0.0, "0.0"), (1e-9, "0.000000001"), (2.0**53, "9007199254740992.0"), (0.1, "0.1")],
)
def test_numbers_are_written_without_exponents(number: float, text: str) -> None:
    """The engine's reader knows no exponent without a point."""
    assert decimal(number) == text
    assert json_text({"$lt": {"f1": Decimal9(number)}}) == f'{{"$lt":{{"f1":{text}}}}}'


def test_a_projection_holds_no_user_data() -> None:
    """Whatever the event says, the fact is made of column names and numbers."""
    projection = Projection()
    for one in (
        Test("a", "equals", "rahasia"),
        Test("a", "matches", "x"),
        Test("n", "above", 1),
        Test("b", "equals", True),
    ):
        projection.lower(one)
    told = projection.project(event(0, a="rahasia", n=0.5, b=False, c="081234567890"))
    assert told == '{"id":"e","f0":1,"f1":1,"f2":0,"f3":0.5,"f4":0}'
    assert projection.project(event(0, a="lain")) == '{"id":"e","f0":1,"f1":0,"f2":0,"f4":2}'
