"""Readers of values and of maps with a known set of keys: each fault becomes a finding, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from engine.core.judging.region import Region, RegionTable
from engine.core.judging.rule import LEVEL_NAMES
from engine.documents.finding import Findings, Mark, UnusableError
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from engine.gsm7 import foreign, septets

LONGEST_TEXT = 2_000
"""Characters of any text in a file."""
REGION_CODE = re.compile(r"\d{2}(\.\d{2}(\.\d{2}(\.\d{4})?)?)?", re.ASCII)

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
LIKE_NUMBER = re.compile(r"[-+]?[\d][\d_.,]*([eE][-+]?\d+)?|0[xob][0-9a-fA-F_]+", re.ASCII)
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_LIKE_BOOLEAN = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def scalar(node: Node, findings: Findings) -> ScalarNode:
    """Take a single value that is not empty."""
    if not isinstance(node, ScalarNode):
        raise findings.unusable("not_a_single_value", node.mark)
    if node.empty:
        raise findings.unusable("empty", node.mark)
    return node


def text(node: Node, findings: Findings) -> str:
    """Take a text of at most `LONGEST_TEXT` characters."""
    found = scalar(node, findings)
    if len(found.text) > LONGEST_TEXT:
        raise findings.unusable("text_too_long", found.mark, count=len(found.text), maximum=LONGEST_TEXT)
    if not found.text.strip():
        raise findings.unusable("empty", found.mark)
    return found.text.strip()


def short_text(node: Node, findings: Findings, maximum: int = 40) -> str:
    """Take a text that fits into an SMS: at most `maximum` characters of the GSM alphabet, the extended ones double."""
    found = text(node, findings)
    strange = foreign(found)
    if strange or "\n" in found:
        raise findings.unusable("not_gsm7", node.mark, signs=" ".join(strange) or "\\n")
    length = septets(found)
    if length > maximum:
        raise findings.unusable("short_title_too_long", node.mark, count=length, maximum=maximum)
    return found


def identifier(node: Node, findings: Findings) -> str:
    """Take an id: small letters, digits, `.`, `_` and `-`, at most 64 characters."""
    found = text(node, findings)
    if not _IDENTIFIER.fullmatch(found):
        raise findings.unusable("not_an_id", node.mark, text=found)
    return found


def word(*choices: str) -> Take[str]:
    """Return a reader of one of these words."""

    def read(node: Node, findings: Findings) -> str:
        found = text(node, findings)
        if found not in choices:
            raise findings.no_choice("not_a_choice", node.mark, found, choices)
        return found

    return read


def number(node: Node, findings: Findings) -> float:
    """Take a number, whole or with a decimal point."""
    found = scalar(node, findings)
    if not _NUMBER.fullmatch(found.text) or len(found.text) > 30:
        raise findings.unusable("not_a_number", found.mark, text=found.text)
    value = float(found.text)
    return int(value) if value.is_integer() else value


def whole(minimum: int, maximum: int) -> Take[int]:
    """Return a reader of whole numbers within bounds, both included."""

    def read(node: Node, findings: Findings) -> int:
        value = number(node, findings)
        if not isinstance(value, int) or not minimum <= value <= maximum:
            raise findings.unusable(
                "number_out_of_bounds", node.mark, number=value, minimum=minimum, maximum=maximum
            )
        return value

    return read


def boolean(node: Node, findings: Findings) -> bool:
    """Take `true` or `false`."""
    found = scalar(node, findings)
    if found.text not in _BOOLEANS:
        raise findings.unusable(
            "not_a_boolean",
            found.mark,
            text=found.text,
            instead=_LIKE_BOOLEAN.get(found.text.lower(), "true"),
        )
    return _BOOLEANS[found.text]


def level(node: Node, findings: Findings, lowest: int = 2) -> int:
    """Take the name of a level, as its number 1-4."""
    found = text(node, findings)
    choices = LEVEL_NAMES[lowest - 1 :]
    if found in choices:
        return LEVEL_NAMES.index(found) + 1
    if found in ("1", "2", "3", "4") and int(found) >= lowest:
        raise findings.unusable("level_by_number", node.mark, number=found, name=LEVEL_NAMES[int(found) - 1])
    raise findings.no_choice("not_a_level", node.mark, found, choices)


def region(regions: RegionTable | None) -> Take[str]:
    """Return a reader of quoted region codes that are in the table (any code where there is none)."""

    def read(node: Node, findings: Findings) -> str:
        found = quoted_region(node, findings)
        if not REGION_CODE.fullmatch(found.text):
            if (code := code_of(found.text, regions or ())) is not None:
                raise findings.unusable("unknown_region", found.mark, word=found.text, best=code)
            raise findings.unusable("not_a_region", found.mark, text=found.text)
        if regions is not None and not regions.known(found.text):
            raise findings.no_choice("unknown_region", found.mark, found.text, _alike(found.text, regions))
        return found.text

    return read


def quoted_region(node: Node, findings: Findings) -> ScalarNode:
    """Take a region code, refusing one without quotes that plain YAML takes for a number."""
    found = scalar(node, findings)
    if found.plain and re.fullmatch(r"\d+(\.\d+)?", found.text, re.ASCII):
        code = found.text
        if (short := re.fullmatch(r"(\d{2})\.(\d)", code)) is not None:  # 32.1 is what is left of 32.10
            code = f"{short[1]}.{short[2]}0"
        raise findings.unusable("unquoted_region", found.mark, text=found.text, quoted=code)
    return found


def code_of(written: str, regions: Iterable[Region]) -> str | None:
    """Return the code of the one region that is written here by its name, or without the dots of its code."""
    said = written.casefold()
    found = [
        region.code
        for region in regions
        if said in (region.code.replace(".", ""), region.name.casefold(), region.short_name.casefold())
        or region.short_name.casefold().removeprefix("kab. ").removeprefix("kota ") == said
    ]
    return found[0] if len(found) == 1 else None


def _alike(code: str, regions: RegionTable) -> list[str]:
    """Return the codes among which a wrong one was meant: those of its province, else the provinces."""
    province = code[:2]
    near = [r.code for r in regions if r.code.startswith(province + ".")] if province in regions else []
    return near or [r.code for r in regions if r.level == "province"]


def free(node: Node, findings: Findings) -> str | float | bool:
    """Take a value whose type is how it is written: a number, `true` or `false`, else a text; quoted always a text.

    An unquoted text that plain YAML would take for something else is refused.
    """
    found = scalar(node, findings)
    written, small = found.text, found.text.lower()
    if not found.plain:
        return written
    if _NUMBER.fullmatch(written) and len(written) <= 30:
        value = float(written)
        return int(value) if value.is_integer() else value
    if written in _BOOLEANS:
        return _BOOLEANS[written]
    if CLOCK.fullmatch(written):
        raise findings.unusable("unquoted_time", found.mark, text=written)
    if small in _LIKE_BOOLEAN or small in _BOOLEANS:
        instead = _LIKE_BOOLEAN.get(small, small)
        raise findings.unusable("ambiguous_word", found.mark, text=written, instead=instead)
    if LIKE_NUMBER.fullmatch(written):
        raise findings.unusable("ambiguous_number", found.mark, text=written)
    return written


def named(known: Collection[str] | None, code: str) -> Take[str]:
    """Return a reader of a name that must be among the known ones (any where None); `code` is the finding else."""

    def read(node: Node, findings: Findings) -> str:
        found = text(node, findings)
        if known is not None and found not in known:
            raise findings.no_choice(code, node.mark, found, known)
        return found

    return read


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
