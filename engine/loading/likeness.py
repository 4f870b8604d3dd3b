"""Likeness: rules that take everything from another one (`like`), and from the `defaults` of their file.

Here: from the rules of all files of a set to one map of all its keys for each. Not here: what a key means
(`loading.draft`). A key that was taken over keeps the place at which it is written, so a mistake in its value is
reported once, where it stands. A rule's own keys come first, then those of the rule it is like, then the defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.loading.finding import Findings, Mark, UnusableError
from engine.loading.marked import MappingNode, Node
from engine.loading.value import scalar

NEVER_TAKEN = ("id", "like")
"""Keys that a rule does not take from another one."""


class Whole(msgspec.Struct, frozen=True):
    """A rule with all its keys. `inherited` are those of another rule; `like` is where it says so."""

    node: MappingNode
    inherited: frozenset[str] = frozenset()
    like: Mark | None = None


class Family:
    """The rules of a set, each of which may be like another one of any file."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._rules: list[tuple[MappingNode, MappingNode | None]] = []
        self._by_id: dict[str, int] = {}
        self._whole: dict[int, Whole] = {}

    def add(self, rules: Sequence[Node], defaults: MappingNode | None) -> list[int]:
        """Take the rules of a file with its defaults; return their numbers."""
        first = len(self._rules)
        for node in rules:
            if not isinstance(node, MappingNode):
                self._findings.add("not_a_map", node.mark)
                continue
            name = node.get("id")
            if name is not None and (id_ := getattr(name, "text", "")):
                self._by_id.setdefault(id_, len(self._rules))
            self._rules.append((node, defaults))
        return list(range(first, len(self._rules)))

    def whole(self, number: int) -> Whole:
        """Return a rule with what it takes from others; where that cannot be, with its own keys alone."""
        for one in reversed(list(self._line(number))):
            if one not in self._whole:
                self._whole[one] = self._joined(one)
        return self._whole[number]

    def _line(self, number: int) -> Iterator[int]:
        """Yield a rule, the one it is like, and so on, as far as that is not known yet."""
        passed: dict[int, None] = {}
        at: int | None = number
        while at is not None and at not in self._whole:
            if at in passed:
                ring = [*passed, at][list(passed).index(at) :]
                for one in ring[:-1]:
                    self._break(one, ring)
                return
            yield at
            passed[at] = None
            at = self._base(at)

    def _break(self, number: int, ring: Sequence[int]) -> None:
        """Report a rule that is like itself by way of others, and let it stand alone."""
        node, defaults = self._rules[number]
        place = list(ring[:-1]).index(number)
        order = [*ring[place:-1], *ring[:place], number]
        names = " -> ".join(getattr(self._rules[one][0].get("id"), "text", "?") for one in order)
        like = node.get("like")
        self._findings.add("like_cycle", like.mark if like else node.mark, ring=names)
        self._whole[number] = Whole(_over(node, defaults))

    def _base(self, number: int) -> int | None:
        node, defaults = self._rules[number]
        like = node.get("like") or (defaults.get("like") if defaults else None)
        if like is None:
            return None
        try:
            name = scalar(like, self._findings)
            if name.text not in self._by_id:
                raise self._findings.no_choice("unknown_rule", name.mark, name.text, self._by_id)
        except UnusableError:
            return None
        return self._by_id[name.text]

    def _joined(self, number: int) -> Whole:
        node, defaults = self._rules[number]
        base = self._base(number)
        if base is None:
            return Whole(_over(node, defaults))
        taken = {key: pair for key, pair in self._whole[base].node.pairs.items() if key not in NEVER_TAKEN}
        like = node.get("like")
        return Whole(
            _over(_over(node, MappingNode(taken, node.mark)), defaults),
            frozenset(taken.keys() - node.pairs.keys()),
            like.mark if like else node.mark,
        )


def _over(own: MappingNode, under: MappingNode | None) -> MappingNode:
    """Return a map with the keys of another one that it does not have itself."""
    return own if under is None else MappingNode({**under.pairs, **own.pairs}, own.mark)
