"""A map with a known set of keys, read key by key.

Here: asking for keys, and reporting those that are missing, unknown or not built yet. Not here: how one value is
read (`loading.value`). Every read gives a value, the default where the file's is unusable, so that all findings of a
file come at once; whoever gets findings that are errors throws the values away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from engine.loading.finding import Findings, Mark, UnusableError
from engine.loading.marked import MappingNode, Node, ScalarNode, SequenceNode

T = TypeVar("T")
D = TypeVar("D")
Take = Callable[[Node, Findings], T]
"""Reads one value; raises `UnusableError` after noting a finding where it cannot be used."""


class Form:
    """The keys of one map. Ask for each that the language has, then `close`."""

    def __init__(self, node: MappingNode, findings: Findings) -> None:
        self.mark = node.mark
        self._node, self._findings = node, findings
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._node.pairs

    @property
    def written(self) -> tuple[str, ...]:
        """The keys as they stand in the file."""
        return tuple(self._node.pairs)

    def key(self, key: str) -> ScalarNode:
        """Return a key itself, as it is written."""
        return self._node.pairs[key][0]

    def only(self, keys: Iterable[str]) -> MappingNode:
        """Return the map with these of its keys alone."""
        pairs = {key: self._node.pairs[key] for key in keys if key in self._node.pairs}
        return MappingNode(pairs, self._node.mark)

    def __iter__(self) -> Iterator[str]:
        """Yield the keys as they stand in the file, for maps whose keys are names."""
        return iter(self._node.pairs)

    def node(self, key: str) -> Node | None:
        """Return the value of a key as it is written."""
        self._asked.add(key)
        return self._node.get(key)

    def place(self, key: str) -> Mark:
        """Return where the value of a key stands (the map itself where the key is missing)."""
        value = self._node.get(key)
        return value.mark if value else self._node.mark

    def key_place(self, key: str) -> Mark:
        """Return where a key itself stands (the map where it is missing)."""
        pair = self._node.pairs.get(key)
        return pair[0].mark if pair else self._node.mark

    def read(self, key: str, take: Take[T], default: D) -> T | D:
        """Read an optional key."""
        value = self.node(key)
        if value is None:
            return default
        try:
            return take(value, self._findings)
        except UnusableError:
            return default

    def require(self, key: str, take: Take[T], default: D) -> T | D:
        """Read a key that must be there."""
        if key not in self:
            self._findings.add("required", self.mark, key=key)
        return self.read(key, take, default)

    def unavailable(self, key: str) -> None:
        """Say of a key that is read that what it asks for does not exist in this version."""
        self._findings.add("not_available", self.key_place(key), word=key)

    def close(self, unavailable: Collection[str] = (), also: Iterable[str] = ()) -> None:
        """Report every key nobody asked for; `unavailable` are of the language but not built, `also` are known."""
        known = self._asked | set(also)
        for key, (marked, _) in self._node.pairs.items():
            if key in known:
                continue
            if key in unavailable:
                self._findings.add("not_available", marked.mark, word=key)
            else:
                self._findings.add_choice("unknown_key", marked.mark, key, known)


def form_of(node: Node, findings: Findings) -> Form:
    """Take a map, to be read key by key."""
    if not isinstance(node, MappingNode):
        raise findings.unusable("not_a_map", node.mark)
    return Form(node, findings)


def usable(nodes: Iterable[Node], take: Take[T], findings: Findings) -> Iterator[T]:
    """Yield what can be read of these nodes; of the others there are findings."""
    for node in nodes:
        try:
            yield take(node, findings)
        except UnusableError:
            continue


def list_of(
    take: Take[T], *, single: bool = False, minimum: int = 0, maximum: int = 10_000
) -> Take[tuple[T, ...]]:
    """Return a reader of lists; `single` allows one value without brackets."""

    def read(node: Node, findings: Findings) -> tuple[T, ...]:
        if not isinstance(node, SequenceNode):
            if not single or (isinstance(node, ScalarNode) and node.empty):
                raise findings.unusable("not_a_list", node.mark)
            node = SequenceNode((node,), node.mark)
        if not minimum <= len(node.items) <= maximum:
            findings.add("list_length", node.mark, count=len(node.items), minimum=minimum, maximum=maximum)
        return tuple(usable(node.items, take, findings))

    return read
