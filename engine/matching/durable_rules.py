"""The second matcher: durable-rules, behind its fence. The only module that imports it.

A `Projection` lowers filters to comparisons of small numbers, and events to these numbers
(docs/specification/rules.md#matching). The engine has no general negation, so a negation moves down to the comparisons.
Columns of texts, truths and verdicts are always present, so that "is not" holds for a missing field; a number has a
column of presence beside it.

The fence, each part of it for a measured reason (ADR 0003): no host, so neither threads nor timers; one constant
context; only facts, never events, batches, timers or states; conditions on one fact, made of equality, order, and, or;
no user data, only the columns of a projection; at most 60 comparisons in a ruleset. Rulesets are never replaced or
removed, since each registration leaks about 1 MB: they are kept by content, and `Shards.registered` says when to start
a new process. The answer depends on the fact alone, so each fact is asked once: the events of a batch give few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import durable_rules_engine
import msgspec
from durable.engine import Promise, Ruleset

from engine.core.judging.event import Event, Scalar, number
from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless, kinds_of
from engine.core.judging.pattern import watched_by
from engine.core.judging.rule import Rule
from engine.errors import MatcherFault
from engine.matching.native import compile_filter, possible

NumberComparison = dict[str, Any]
"""A condition in the matcher's own JSON form; a number stands as `Decimal9`."""

_NEGATED = {"$lt": "$gte", "$gte": "$lt", "$gt": "$lte", "$lte": "$gt"}
_ORDERS = {"at_least": "$gte", "at_most": "$lte", "above": "$gt", "below": "$lt"}
_ALWAYS: NumberComparison = {"f0": 1}
_NEVER: NumberComparison = {"f0": 0}


class Decimal9(float):
    """A number that is written with a point and without an exponent, which the matcher's reader needs."""


class Projection:
    """The columns that some filters need. Lower all filters first, then project events."""

    def __init__(self) -> None:
        self.comparisons = 0
        self._names: dict[object, str] = {}
        self._codes: dict[str, dict[str, int]] = {}
        self._columns: list[Callable[[Event], str]] = []

    def lower(self, filter_: Filter, *, negated: bool = False) -> NumberComparison:
        """Return the filter (or its opposite) as a condition on the columns."""
        match filter_:
            case Test():
                return self._lower_test(filter_, negated=negated)
            case AllOf(parts):
                return _joined(
                    "$or" if negated else "$and", [self.lower(part, negated=negated) for part in parts]
                )
            case AnyOf(parts):
                return _joined(
                    "$and" if negated else "$or", [self.lower(part, negated=negated) for part in parts]
                )
            case Unless(part):
                return self.lower(part, negated=not negated)

    def project(self, event: Event) -> str:
        """Return the event as the JSON text of a fact."""
        return '{"id":"e","f0":1' + "".join([column(event) for column in self._columns]) + "}"

    def _lower_test(self, test: Test, *, negated: bool) -> NumberComparison:
        self.comparisons += 1
        value = test.value
        if test.operator == "equals" and isinstance(value, str):
            return _equal(self._text(test.field, value), self._codes[test.field][value], negated=negated)
        if test.operator == "equals" and isinstance(value, bool):
            return _equal(self._truth(test.field), int(value), negated=negated)
        if test.operator == "equals" or test.operator in _ORDERS:
            return self._lower_number(test, negated=negated)
        return _equal(self._verdict(test), 0 if negated else 1)

    def _lower_number(self, test: Test, *, negated: bool) -> NumberComparison:
        bound = None if isinstance(test.value, str | tuple) else number(test.value)
        if bound is None:
            return _ALWAYS if negated else _NEVER
        name, limit = self._number(test.field), Decimal9(bound)
        order = _ORDERS.get(test.operator)
        if not negated:
            return _equal(name, limit) if order is None else {order: {name: limit}}
        self.comparisons += 1
        missing = _equal(self._presence(test.field), 0)
        other = _equal(name, limit, negated=True) if order is None else {_NEGATED[order]: {name: limit}}
        return {"$or": [other, missing]}

    # --- columns ----------------------------------------------------------------------------------------------------

    def _text(self, field: str, constant: str) -> str:
        codes = self._codes.setdefault(field, {})
        codes.setdefault(constant, len(codes) + 1)

        def code(found: Scalar | None) -> int:
            return codes.get(found, 0) if isinstance(found, str) else 0

        return self._column(("text", field), field, lambda found: str(code(found)))

    def _truth(self, field: str) -> str:
        return self._column(
            ("truth", field), field, lambda found: str(int(found)) if isinstance(found, bool) else "2"
        )

    def _number(self, field: str) -> str:
        def digits(found: Scalar | None) -> str:
            exact = number(found)
            return "" if exact is None else decimal(exact)

        return self._column(("number", field), field, digits)

    def _presence(self, field: str) -> str:
        return self._column(("presence", field), field, lambda found: "0" if number(found) is None else "1")

    def _column(self, key: object, field: str, text: Callable[[Scalar | None], str]) -> str:
        if key not in self._names:
            name = self._names[key] = f"f{len(self._names) + 1}"
            self._columns.append(
                lambda event: f',"{name}":{found}' if (found := text(event.value(field))) else ""
            )
        return self._names[key]

    def _verdict(self, test: Test) -> str:
        key = ("verdict", test)
        if key not in self._names:
            name, holds = f"f{len(self._names) + 1}", compile_filter(test)
            self._names[key] = name
            self._columns.append(lambda event: f',"{name}":1' if holds(event) else f',"{name}":0')
        return self._names[key]


def decimal(value: float) -> str:
    """Write a number with a point and at most 9 decimals, never with an exponent."""
    text = f"{value:.9f}".rstrip("0")
    text = text + "0" if text.endswith(".") else text
    return "0.0" if text == "-0.0" else text


def json_text(node: object) -> str:
    """Write a definition as JSON, numbers as `decimal` does."""
    match node:
        case dict():
            return "{" + ",".join(f"{json_text(key)}:{json_text(value)}" for key, value in node.items()) + "}"
        case list():
            return "[" + ",".join(json_text(value) for value in node) + "]"
        case Decimal9():
            return decimal(node)
        case int():
            return str(node)
        case _:
            return f'"{node}"'


def _equal(name: str, value: float, *, negated: bool = False) -> NumberComparison:
    return {"$neq": {name: value}} if negated else {name: value}


def _joined(word: str, parts: list[NumberComparison]) -> NumberComparison:
    if not parts:
        return _ALWAYS if word == "$and" else _NEVER
    return parts[0] if len(parts) == 1 else {word: parts}


MOST_COMPARISONS = 60
"""In one ruleset: above 64 that are true at once the engine fails, above 512 its build hangs."""
MOST_ANSWERS = 4_096
"""Answers that a shard remembers; beyond that it forgets all of them and asks again."""


class _Facts(Ruleset):  # type: ignore[misc]
    """A ruleset without a host; its definition and its facts are written by us, numbers without exponents."""

    def __init__(self, name: str, conditions: Sequence[NumberComparison]) -> None:
        self._host = None
        self._fired: set[int] = set()
        self._fault: object = None
        self._actions = {str(place): Promise(self._firing(place)) for place in range(len(conditions))}
        rules = {str(place): {"all": [{"m": condition}]} for place, condition in enumerate(conditions)}
        self._handle = durable_rules_engine.create_ruleset(name, json_text(rules))

    def ask(self, fact: str) -> frozenset[int]:
        """Return the places of the conditions that hold for a fact; a condition may fire several times."""
        self._fired.clear()
        self._fault = None
        outcome, context = durable_rules_engine.assert_fact(self._handle, fact)
        if outcome == _HANDLED:
            self.do_actions(context, self._done)
        durable_rules_engine.retract_fact(self._handle, fact)
        if self._fault is not None:
            raise MatcherFault(f"durable-rules failed: {self._fault}")
        return frozenset(self._fired)

    def _firing(self, place: int) -> Callable[[object], None]:
        return lambda _: self._fired.add(place)

    def _done(self, fault: object, _: object) -> None:
        self._fault = fault


class Shard:
    """A few filters in one ruleset."""

    def __init__(self, name: str, filters: Sequence[Filter]) -> None:
        """Build and register it: slow, and never undone."""
        self._projection = Projection()
        self._facts: Any = _Facts(name, [self._projection.lower(filter_) for filter_ in filters])
        self._answers: dict[str, frozenset[int]] = {}

    def match(self, event: Event) -> frozenset[int]:
        """Return the places of the filters that hold for an event; raise `MatcherFault` on any error inside."""
        fact = self._projection.project(event)
        found = self._answers.get(fact)
        return self._asked(fact) if found is None else found

    def _asked(self, fact: str) -> frozenset[int]:
        try:
            found: frozenset[int] = self._facts.ask(fact)
        except durable_rules_engine.error as error:
            raise MatcherFault(f"durable-rules failed with code {error}") from error
        if len(self._answers) >= MOST_ANSWERS:
            self._answers.clear()
        self._answers[fact] = found
        return found


class Shards:
    """All shards of this process, by their content: a rule set that was loaded before costs nothing again."""

    def __init__(self) -> None:
        self._by_content: dict[str, Shard | None] = {}

    @property
    def registered(self) -> int:
        """How many shards this process has registered, each for about 1 MB."""
        return len(self._by_content)

    def of(self, filters: Sequence[Filter]) -> Shard | None:
        """Return the shard of these filters; None where the engine refuses them."""
        name = blake2b(msgspec.json.encode(filters), digest_size=16).hexdigest()
        if name not in self._by_content:
            try:
                self._by_content[name] = Shard(name, filters)
            except durable_rules_engine.error:
                self._by_content[name] = None
        return self._by_content[name]

    def matcher(self, rules: Sequence[Rule]) -> DurableMatcher:
        """Return a matcher of these rules; builds what was not built before."""
        return DurableMatcher(rules, self)


class RulePart(msgspec.Struct, frozen=True):
    """A shard, the ids of the rules whose filters it has, by their places, and the kinds they can match."""

    shard: Shard
    places: tuple[str, ...]
    ids: frozenset[str]
    kinds: tuple[str, ...] | None

    def match(self, event: Event) -> frozenset[str]:
        """Return the ids of those of its rules whose `watch` holds."""
        fired = self.shard.match(event)
        return frozenset([self.places[place] for place in fired]) if fired else NONE


NONE: frozenset[str] = frozenset()


class DurableMatcher:
    """The `watch` of a rule set, sharded by the kinds the rules can match.

    `left_out` are ids of rules that only the native matcher has: too many comparisons, or refused by the engine.
    """

    def __init__(self, rules: Sequence[Rule], shards: Shards) -> None:
        """Build what was not built before."""
        self.parts = tuple(
            part
            for kinds, all_ in _by_kinds(rules).items()
            for few in _packed(all_)
            for part in _built(few, kinds, shards)
        )
        self.left_out = tuple(
            rule.id for rule in rules if not any(rule.id in part.ids for part in self.parts)
        )
        self._of_kind: dict[str, tuple[RulePart, ...]] = {}

    def parts_for(self, kind: str) -> tuple[RulePart, ...]:
        """Return the parts that must be asked about events of a kind."""
        found = self._of_kind.get(kind)
        if found is None:
            found = tuple(part for part in self.parts if possible(part.kinds, kind))
            if len(self._of_kind) < _KINDS_KEPT:
                self._of_kind[kind] = found
        return found


def comparisons(filter_: Filter) -> int:
    """Return how many comparisons a filter needs in a ruleset."""
    projection = Projection()
    projection.lower(filter_)
    return projection.comparisons


def _by_kinds(rules: Sequence[Rule]) -> Mapping[tuple[str, ...] | None, list[Rule]]:
    found: dict[tuple[str, ...] | None, list[Rule]] = {}
    for rule in rules:
        kinds = kinds_of(_watched(rule))
        found.setdefault(None if kinds is None else tuple(sorted(set(kinds))), []).append(rule)
    return found


def _built(rules: Sequence[Rule], kinds: tuple[str, ...] | None, shards: Shards) -> list[RulePart]:
    """Return the parts of these rules; one that the engine refuses (32 terms in a nest) is parted from the rest."""
    shard = shards.of([_watched(rule) for rule in rules])
    if shard is not None:
        ids = tuple(rule.id for rule in rules)
        return [RulePart(shard, ids, frozenset(ids), kinds)]
    middle = len(rules) // 2
    return [part for few in (rules[:middle], rules[middle:]) if middle for part in _built(few, kinds, shards)]


def _packed(rules: Sequence[Rule]) -> list[list[Rule]]:
    packs: list[list[Rule]] = []
    room = 0
    for rule in rules:
        needed = max(1, comparisons(_watched(rule)))
        if needed > MOST_COMPARISONS:
            continue
        if needed > room:
            packs.append([])
            room = MOST_COMPARISONS
        packs[-1].append(rule)
        room -= needed
    return packs


def _watched(rule: Rule) -> Filter:
    return watched_by(rule.condition, rule.watch)


_HANDLED = 0
_KINDS_KEPT = 10_000
