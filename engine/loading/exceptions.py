"""Exceptions: what `except` sets otherwise for some events or groups of a rule (rule-language.md 2).

Here: reading the list, laying the keys it sets over those of the rule, and what may be set for whom. Not here: what
the keys mean (`loading.draft`), and which exception holds for an event or a group (`engine.matching`).

A level is set for events, whatever `for` tests. Everything else is set for groups: `for` may test nothing but keys of
`per` then, and the rule with these keys laid over its own is read once more, as a rule of its own for these groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from engine.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.judging.group import REGION_WORDS
from engine.judging.instant import Instant
from engine.judging.region import LEVELS
from engine.loading.filters import Filters
from engine.loading.finding import Findings, Mark, UnusableError
from engine.loading.form import Take, form_of, usable
from engine.loading.limit import LIMITS
from engine.loading.marked import MappingNode, Node, ScalarNode
from engine.loading.moment import instant
from engine.loading.value import level, text

NEVER_SET = ("id", "like", "except", "watch", "per", "active", "effective", "hide_while", "late_horizon")
"""Keys that are the same for all groups of a rule."""
OF_CONDITIONS = frozenset((*LIMITS, "within", "for", "memory", "min_events"))
"""Keys of a condition that may be set: they change nothing of what it reads of an event."""
_LENGTHS = {"nation": 2, "province": 2, "regency": 5, "region": 5, "district": 8, "village": 13}
"""Characters of the code of a region by the word of `per`."""


class Exempted(msgspec.Struct, frozen=True, kw_only=True):
    """One exception as it is written; `level` where it sets that for events, else `node` is the rule for its groups."""

    mark: Mark
    holds: Filter
    keys: tuple[tuple[str, str], ...]
    reason: str
    until: Instant | None
    level: int = 0
    node: MappingNode | None = None


Written = tuple[Mark, Filter, MappingNode, str, Instant | None]


def exception(filters: Filters, now: Instant | None) -> Take[Written]:
    """Return a reader of one exception; one that is over by `now` is advice to remove it."""

    def read(node: Node, findings: Findings) -> Written:
        form = form_of(node, findings)
        holds: Take[Filter] = filters.read
        found = form.require("for", holds, None)
        sets = form.require("set", _map, None)
        reason = form.require("reason", text, "")
        until = form.read("until", instant, None)
        form.close()
        if found is None or sets is None:
            raise UnusableError
        if until is not None and now is not None and until <= now:
            findings.add("except_expired", form.place("until"))
        return form.mark, found, sets, reason, until

    return read


def exempted(
    written: Sequence[Written], rule: MappingNode, per: Sequence[str], findings: Findings, *, by_event: bool
) -> tuple[Exempted, ...]:
    """Return the exceptions of a rule with what they make of it; without `by_event` levels are set for groups too."""
    found = []
    for mark, holds, sets, reason, until in written:
        common = Exempted(mark=mark, holds=holds, keys=tuple(_plain(sets)), reason=reason, until=until)
        value = sets.get("level")
        if by_event and list(sets.pairs) == ["level"] and isinstance(value, ScalarNode):
            levels: Take[int] = level
            found += [
                msgspec.structs.replace(common, level=one) for one in usable((value,), levels, findings)
            ]
            continue
        before = findings.errors
        _check(sets, holds, per, findings, mark)
        if findings.errors == before:
            found.append(msgspec.structs.replace(common, node=_laid_over(rule, sets)))
    return tuple(found)


def _check(sets: MappingNode, holds: Filter, per: Sequence[str], findings: Findings, mark: Mark) -> None:
    for key, _ in sets.pairs.values():
        first, _, rest = key.text.partition(".")
        leaf = rest.rpartition(".")[2]
        if first in NEVER_SET:
            findings.add("except_key", key.mark, key=first)
        elif first == "alert_when" and leaf not in OF_CONDITIONS:
            findings.add("except_condition", key.mark, keys=", ".join(sorted(OF_CONDITIONS)))
        elif first == "clear_when" and "event" in (rest, *_words(sets.get(key.text))):
            findings.add("except_key", key.mark, key="clear_when.event")
    if not all(map(_of_group(per), _tests(holds))):
        findings.add("except_for", mark, keys=", ".join(per))


def _words(node: Node | None) -> Sequence[str]:
    return tuple(node.pairs) if isinstance(node, MappingNode) else ()


def _of_group(per: Sequence[str]) -> Callable[[Test], bool]:
    """Return what says of a test whether all events of a group pass it, or none."""
    longest = max((_LENGTHS[word] for word in per if word in REGION_WORDS), default=0)

    def known(test: Test) -> bool:
        if test.field != "region":
            return test.field in per and test.field not in LEVELS
        codes = test.value if isinstance(test.value, tuple) else (test.value,)
        lies = test.operator in ("lies_in", "prefix")
        return lies and bool(longest) and all(len(str(code)) <= longest for code in codes)

    return known


def _tests(node: Filter) -> list[Test]:
    match node:
        case Test():
            return [node]
        case AllOf(parts) | AnyOf(parts):
            return [test for part in parts for test in _tests(part)]
        case Unless(part):
            return _tests(part)


def _laid_over(rule: MappingNode, sets: MappingNode) -> MappingNode:
    """Return the map of a rule with keys set by their dotted paths, and without its exceptions."""
    pairs = {key: pair for key, pair in rule.pairs.items() if key != "except"}
    whole = MappingNode(pairs, rule.mark)
    for key, value in sets.pairs.values():
        whole = _put(whole, key.text.split("."), key, value)
    return whole


def _put(under: MappingNode, path: Sequence[str], key: ScalarNode, value: Node) -> MappingNode:
    name, *rest = path
    pair = under.pairs.get(name)
    if rest:
        inner = (
            pair[1] if pair is not None and isinstance(pair[1], MappingNode) else MappingNode({}, key.mark)
        )
        value = _put(inner, rest, key, value)
    marked = msgspec.structs.replace(key, text=name)
    return MappingNode({**under.pairs, name: (marked, value)}, under.mark)


def _map(node: Node, findings: Findings) -> MappingNode:
    form = form_of(node, findings)
    if not form.written:
        raise findings.unusable("empty", node.mark)
    return form.only(form.written)


def _plain(sets: MappingNode) -> list[tuple[str, str]]:
    """Return what is set, key by key, as JSON of the texts in the file."""
    return [(key, json.dumps(_data(value))) for key, (_, value) in sets.pairs.items()]


def _data(node: Node) -> Any:
    match node:
        case ScalarNode(text=written):
            return written
        case MappingNode(pairs):
            return {key: _data(value) for key, (_, value) in pairs.items()}
        case _:
            return [_data(item) for item in node.items]
