"""The second matcher: durable-rules, behind its fence. The only module that imports it.

Here: rulesets in small shards, and one fact asserted and retracted for each question. Not here: what a filter means
(`matching.native`) and what happens where the two differ (`matching.checked`).

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

from engine.core.judging.event import Event
from engine.core.judging.filter import Filter, kinds_of
from engine.core.judging.pattern import watched_by
from engine.core.judging.rule import Rule
from engine.errors import MatcherFault
from engine.matching.native import possible
from engine.matching.projection import NumberComparison, Projection, json_text

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
