"""Filters on one event, from YAML to the condition tree (docs/specification/rules.md#filters).

Here: reading filters and the named lists and filters of a rule set. Not here: matching (`engine.matching`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import re2

from engine.core.judging.event import Scalar as Value
from engine.core.judging.filter import EVERYTHING, AllOf, AnyOf, Filter, Test, Unless
from engine.core.judging.rule import LEVEL_NAMES
from engine.documents.fields import (
    Take,
    boolean,
    free,
    list_of,
    number,
    quoted_region,
    region,
    scalar,
    text,
    usable,
)
from engine.documents.finding import Findings, Mark, UnusableError
from engine.documents.reference_data import ANY, Field, ReferenceData
from engine.documents.rules.limit import Range
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

OPERATORS = ("at_least", "at_most", "above", "below", "equals", "in_list", "matches", "exists")
MAX_TESTS = 500
"""One filter holds at most this many tests, named filters followed."""
MAX_NESTING = 20
"""... and filters lie at most this deep in each other: readers and matchers recurse."""
LONGEST_PATTERN = 1_000
"""Characters of a regular expression."""

_KIND = re.compile(r"[a-z0-9_.]+\*?|\*", re.ASCII)
_RE2_QUIET = re2.Options()
_RE2_QUIET.log_errors = False
_RE2_QUIET.never_capture = True
_RE2_QUIET.max_mem = 1 << 20


class Filters:
    """Reads filters; knows the named lists and filters of all files and which of them are used."""

    def __init__(self, known: ReferenceData, findings: Findings) -> None:
        self._known, self._findings = known, findings
        self._lists: dict[str, tuple[ScalarNode, Node]] = {}
        self._filters: dict[str, tuple[ScalarNode, Node]] = {}
        self._resolved: dict[str, Filter] = {}
        self._resolving: list[str] = []
        self._depth = 0
        self._used: set[tuple[str, str]] = set()

    @property
    def known(self) -> ReferenceData:
        """What rules may name besides."""
        return self._known

    def add_lists(self, node: Node, findings: Findings) -> None:
        """Take the `lists` of a file."""
        _add(self._lists, node, findings)

    def add_filters(self, node: Node, findings: Findings) -> None:
        """Take the `filters` of a file."""
        _add(self._filters, node, findings)

    def close(self) -> None:
        """Check what no rule uses, and warn of it."""
        used = set(self._used)  # reading an unused filter must not make what it names look used
        for name, (key, _) in self._filters.items():
            if ("filter", name) not in used:
                self._findings.add("unused_filter", key.mark, name=name)
                self._named(name, key.mark)
        for name, (key, value) in self._lists.items():
            if ("list", name) not in used:
                self._findings.add("unused_list", key.mark, name=name)
                list(usable((value,), list_of(free), self._findings))

    # --- filters ---

    def read(self, node: Node, findings: Findings) -> Filter:
        """Take one filter: a map of which all keys must hold."""
        if not isinstance(node, MappingNode):
            raise findings.unusable("filter_not_a_map", node.mark)
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._depth -= 1
            raise findings.unusable("filter_too_large", node.mark, tests=MAX_TESTS, nesting=MAX_NESTING)
        parts = [part for key, value in node.pairs.values() for part in self._part(key, value)]
        self._depth -= 1
        built = parts[0] if len(parts) == 1 else AllOf(tuple(parts))
        if too_large(built):
            raise findings.unusable("filter_too_large", node.mark, tests=MAX_TESTS, nesting=MAX_NESTING)
        return built

    def _part(self, key: ScalarNode, value: Node) -> Iterator[Filter]:
        try:
            match key.text:
                case "any":
                    read: Take[Filter] = self.read
                    yield AnyOf(list_of(read, minimum=1)(value, self._findings))
                case "unless":
                    yield Unless(self.read(value, self._findings))
                case "where":
                    names = list_of(scalar, single=True, minimum=1)(value, self._findings)
                    yield from usable(names, self._where, self._findings)
                case path:
                    yield from self._tests(path, self._field(key), value)
        except UnusableError:
            return

    def _where(self, node: Node, findings: Findings) -> Filter:
        name = scalar(node, findings)
        self._used.add(("filter", name.text))
        return self._named(name.text, name.mark)

    def _named(self, name: str, mark: Mark) -> Filter:
        if name in self._resolved:
            return self._resolved[name]
        if name not in self._filters:
            raise self._findings.no_choice("unknown_filter", mark, name, self._filters)
        if name in self._resolving:
            ring = [*self._resolving[self._resolving.index(name) :], name]
            raise self._findings.unusable("filter_cycle", mark, ring=" -> ".join(ring))
        self._resolving.append(name)
        built = next(usable((self._filters[name][1],), self.read, self._findings), EVERYTHING)
        self._resolving.pop()
        self._resolved[name] = built
        return built

    # --- tests of one field ---

    def path(self, node: Node, findings: Findings) -> str:
        """Take the dotted path of a field that events have."""
        found = scalar(node, findings)
        self._field(found, ())
        return found.text

    def group_key(self, node: Node, findings: Findings, places: Iterable[str]) -> str:
        """Take what events are grouped by: a word for a place, else a field that events have."""
        found = scalar(node, findings)
        fields = self._known.fields
        if found.text not in places and fields is not None and found.text not in fields:
            raise findings.no_choice("unknown_group_key", found.mark, found.text, (*places, *fields))
        return found.text

    def number_path(self, node: Node, findings: Findings) -> str:
        """Take the dotted path of a field that holds numbers."""
        path = self.path(node, findings)
        known = self._known.field(path)
        if known is not None and known.type != "number":
            raise findings.unusable("field_not_a_number", node.mark, field=path)
        return path

    def figures(self, path: str) -> Range:
        """Return the numbers that a field can hold."""
        return Range.of(self._known.field(path) or ANY)

    def values(self, path: str) -> Take[tuple[Value, ...]]:
        """Return a reader of the values, one or a list, that a field is held against."""
        return lambda node, _findings: self._values(node, path, self._known.field(path) or ANY)

    def _field(self, key: ScalarNode, also: Iterable[str] = ("any", "unless", "where")) -> Field:
        """Return what is known of the field that a key names."""
        found = self._known.field(key.text)
        if found is None and self._known.fields is not None:
            raise self._findings.no_choice("unknown_field", key.mark, key.text, [*self._known.fields, *also])
        return found or ANY

    def _tests(self, path: str, field: Field, value: Node) -> Iterator[Filter]:
        if isinstance(value, MappingNode):
            yield from self._limits(path, field, value)
        else:
            yield from self._one_of(path, self._values(value, path, field))

    def _limits(self, path: str, field: Field, value: MappingNode) -> Iterator[Filter]:
        left = Range.of(field)
        if not value.pairs:
            self._findings.add("empty", value.mark)
        for key, operand in value.pairs.values():
            try:
                if key.text not in OPERATORS:
                    raise self._findings.no_choice("unknown_operator", key.mark, key.text, OPERATORS)
                if key.text == "exists":
                    yield Test(path, "exists", boolean(operand, self._findings))
                elif key.text == "matches":
                    yield Test(path, "matches", expression(operand, self._findings))
                elif key.text == "in_list":
                    yield from self._one_of(path, self._values(self._list(operand), path, field))
                elif key.text == "equals":
                    yield from self._one_of(path, self._values(scalar(operand, self._findings), path, field))
                else:
                    limit = self._limit(path, field, key.text, operand)
                    left = left.meeting(key.text, limit)
                    if left.empty:
                        raise self._findings.unusable("limit_never_met", operand.mark, field=path)
                    yield Test(path, key.text, limit)
            except UnusableError:
                continue

    def _list(self, operand: Node) -> SequenceNode:
        name = scalar(operand, self._findings)
        self._used.add(("list", name.text))
        if name.text not in self._lists:
            raise self._findings.no_choice("unknown_list", name.mark, name.text, self._lists)
        node = self._lists[name.text][1]
        if not isinstance(node, SequenceNode):
            raise self._findings.unusable("not_a_list", node.mark)
        return node

    def _limit(self, path: str, field: Field, operator: str, operand: Node) -> float:
        if field.type not in ("number", "any"):
            raise self._findings.unusable("limit_on_text", operand.mark, field=path, operator=operator)
        return number(operand, self._findings)

    def _one_of(self, path: str, values: tuple[Value, ...]) -> Iterator[Filter]:
        """Yield the one filter that holds where the field is any of the values (nothing where there are none)."""
        prefixes = [v[:-1] for v in values if isinstance(v, str) and v.endswith("*")]
        exact = tuple(v for v in values if not (isinstance(v, str) and v.endswith("*")))
        parts: list[Filter] = [Test(path, "prefix", prefix) for prefix in prefixes]
        if exact and path == "region":
            parts.insert(0, Test(path, "lies_in", exact))
        elif len(exact) == 1:
            parts.insert(0, Test(path, "equals", exact[0]))
        elif exact:
            parts.insert(0, Test(path, "one_of", exact))
        if parts:
            yield parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _values(self, node: Node, path: str, field: Field) -> tuple[Value, ...]:
        """Take the values that a field is compared with."""

        def read(item: Node, findings: Findings) -> Value:
            match path:
                case "kind":
                    return self._kind(item, findings)
                case "region":
                    return self._region(item, findings)
                case _:
                    return value_of(field, path, item, findings)

        items = node.items if isinstance(node, SequenceNode) else (node,)
        if not items:
            raise self._findings.unusable("list_empty", node.mark)
        values: Take[Value] = read
        return tuple(usable(items, values, self._findings))

    def _kind(self, node: Node, findings: Findings) -> str:
        found, kinds = text(node, findings), self._known.kinds
        if not _KIND.fullmatch(found):
            raise findings.unusable("not_a_kind", node.mark, text=found)
        if (
            kinds is None
            or found in kinds
            or any(k.startswith(found[:-1]) for k in kinds if found.endswith("*"))
        ):
            return found
        families = {kind.partition(".")[0] + ".*" for kind in kinds if "." in kind}
        raise findings.no_choice("unknown_kind", node.mark, found, kinds | families)

    def _region(self, node: Node, findings: Findings) -> str:
        found, table = quoted_region(node, findings), self._known.regions
        if not found.text.endswith("*"):
            return region(table)(node, findings)
        stem = found.text[:-1]
        if table is None or any(r.code.startswith(stem) for r in table) or table.known(stem.rstrip(".")):
            return found.text
        raise findings.unusable("unknown_region_prefix", node.mark, text=found.text)


def _add(names: dict[str, tuple[ScalarNode, Node]], node: Node, findings: Findings) -> None:
    if not isinstance(node, MappingNode):
        raise findings.unusable("not_a_map", node.mark)
    for name, (key, value) in node.pairs.items():
        if name in names:
            first = names[name][0].mark
            findings.add("name_taken", key.mark, name=name, first=f"{first.source.file}:{first.line}")
        else:
            names[name] = (key, value)


def value_of(field: Field, path: str, node: Node, findings: Findings) -> Value:
    """Take a value that a field can have: of its type, within its bounds, one of its texts."""
    value, mark = free(node, findings), node.mark
    match field.type:
        case "number":
            if path == "severity" and value in LEVEL_NAMES:
                raise findings.unusable(
                    "severity_by_number", mark, number=LEVEL_NAMES.index(str(value)) + 1, name=value
                )
            if isinstance(value, (str, bool)):
                raise findings.unusable("not_a_number", mark, text=value)
            if Range.of(field).meeting("equals", value).empty:
                raise findings.unusable("limit_never_met", mark, field=path)
        case "boolean":
            if not isinstance(value, bool):
                raise findings.unusable("not_a_boolean", mark, text=value, instead="true")
        case "text":
            if not isinstance(value, str):
                raise findings.unusable("text_without_quotes", mark, text=scalar(node, findings).text)
            prefix = value.endswith("*") and any(t.startswith(value[:-1]) for t in field.texts)
            if field.texts and value not in field.texts and not prefix:
                raise findings.no_choice("not_a_choice", mark, value, field.texts)
        case "any":
            pass
    return value


def expression(node: Node, findings: Findings) -> str:
    """Take a regular expression of RE2, which has no backtracking and so cannot be slow."""
    pattern = text(node, findings)
    if len(pattern) > LONGEST_PATTERN:
        raise findings.unusable("text_too_long", node.mark, count=len(pattern), maximum=LONGEST_PATTERN)
    try:
        re2.compile(pattern, _RE2_QUIET)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        shown = reason.decode() if isinstance(reason, bytes) else reason
        raise findings.unusable("not_re2", node.mark, reason=shown) from None
    return pattern


def too_large(built: Filter) -> bool:
    """Say whether a filter has more tests or is nested deeper than a matcher should be asked to take.

    One filter in another adds up to three nodes to the depth of the tree.
    """
    tests, left = 0, [(built, 1)]
    while left:
        node, depth = left.pop()
        tests += 1
        if tests > MAX_TESTS or depth > 3 * MAX_NESTING:
            return True
        match node:
            case AllOf(parts) | AnyOf(parts):
                left += [(part, depth + 1) for part in parts]
            case Unless(part):
                left.append((part, depth + 1))
            case Test():
                pass
    return False
