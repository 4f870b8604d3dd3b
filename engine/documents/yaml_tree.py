"""YAML with the line and column of every value, and no implicit types.

Sizes, depth and aliases are bounded. A syntax error is explained by the common mistake behind it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine.documents.finding import Findings, Mark, SourceFile, at_start

_GLUED = re.compile(r"\s*(?:- )?[A-Za-z_]+(:)[^ \t/]")
"""A key with no ordinary space after its colon."""
_OPEN = {"while parsing a flow mapping": "}", "while parsing a flow sequence": "]"}


def note_syntax_error(source: SourceFile, error: yaml.MarkedYAMLError, findings: Findings) -> None:
    """Note the syntax error of a file, with the hint that fits."""
    problem = error.problem or ""
    mark = _mark(source, error.problem_mark or error.context_mark)
    glued = _glued_before(source, mark)
    if _rest(mark).startswith("\t") or "tab" in problem:
        findings.add("tab", mark)
    elif glued is not None:
        findings.add("colon_without_space", glued)
    elif "mapping values are not allowed" in problem:
        findings.add("colon_in_text", mark)
    elif error.context in _OPEN and error.context_mark is not None:
        findings.add("bracket_open", _mark(source, error.context_mark), bracket=_OPEN[error.context])
    elif _rest(mark)[:1] in ("<", ">", "="):
        findings.add("comparison_sign", mark)
    else:
        findings.add("not_yaml", mark, problem=problem)


def _mark(source: SourceFile, place: yaml.Mark | None) -> Mark:
    return Mark(source, place.line + 1, place.column + 1) if place else Mark(source)


def _rest(mark: Mark) -> str:
    """Return what stands from a place to the end of its line."""
    lines = mark.source.lines
    return lines[mark.line - 1][mark.column - 1 :] if mark.line <= len(lines) else ""


def _glued_before(source: SourceFile, mark: Mark) -> Mark | None:
    """Return the place of a colon without a space after it, in the line of the mark or the one before."""
    for number in (mark.line, mark.line - 1):
        line = source.lines[number - 1] if 0 < number <= len(source.lines) else ""
        if found := _GLUED.match(line):
            return Mark(source, number, found.start(1) + 1)
    return None


MAX_BYTES = 1024 * 1024
"""A rule file is at most this large (docs/specification/rules.md#loading)."""
MAX_DEPTH = 50
"""Nodes lie at most this deep in each other, aliases followed: readers may recurse."""
MAX_COPIES = 100_000
"""Aliases stand for at most this many nodes in one file: a few lines could otherwise stand for billions."""

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_CURLY = re.compile("[\u2018\u2019\u201c-\u201e].*[\u2018\u2019\u201c-\u201e]")
"""A text between quotation marks as word processors write them, which are no quotes in YAML."""
_NULL = ("", "~", "null", "Null", "NULL")


class ScalarNode(msgspec.Struct, frozen=True):
    """A text and its place. `plain` is one without quotes, which other programs may take for a number."""

    text: str
    plain: bool
    mark: Mark

    @property
    def empty(self) -> bool:
        """Whether nothing is written here, or an unquoted `null`."""
        return not self.text or (self.plain and self.text in _NULL)


class SequenceNode(msgspec.Struct, frozen=True):
    """A list and its place."""

    items: tuple[Node, ...]
    mark: Mark


class MappingNode(msgspec.Struct, frozen=True):
    """A map and its place; its keys are texts, each once."""

    pairs: dict[str, tuple[ScalarNode, Node]]
    mark: Mark

    def get(self, key: str) -> Node | None:
        """Return the value of a key, if it is there."""
        pair = self.pairs.get(key)
        return pair[1] if pair else None


Node = ScalarNode | SequenceNode | MappingNode


def compose_file(
    path: Path, findings: Findings, limit: int = MAX_BYTES, *, private: bool = False
) -> Node | None:
    """Read a file of at most `limit` bytes; None where it cannot be read as YAML (then there is a finding)."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        findings.add("file_unreadable", at_start(path), reason=error.strerror or "")
        return None
    return compose(data, str(path), findings, limit, private=private)


def compose(
    data: bytes, name: str, findings: Findings, limit: int = MAX_BYTES, *, private: bool = False
) -> Node | None:
    """Read bytes as the YAML file called `name`; None where they are not (then there is a finding).

    Lines of a `private` file, such as the directory with its phone numbers, are never quoted in a finding.
    """
    if len(data) > limit:
        findings.add("file_too_large", at_start(name), limit=f"{limit // 1024} KiB")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(data[: error.start].decode("utf-8-sig"))
        findings.add("not_utf8", Mark(SourceFile(name), line, column))
        return None
    source = SourceFile(name, () if private else tuple(_BREAK.split(text)))
    composer = _Composer(source, findings)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if not composer.take(event):
                return None
    except yaml.MarkedYAMLError as error:
        note_syntax_error(source, error, findings)
        return None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position]  # libyaml counts bytes here
        line, column = _place(before.decode(errors="ignore"))
        findings.add("control_character", Mark(source, line, column), sign=f"U+{error.character:04X}")
        return None
    if composer.root is None or (isinstance(composer.root, ScalarNode) and composer.root.empty):
        findings.add("file_empty", Mark(source))
        return None
    return composer.root


def _place(text: str) -> tuple[int, int]:
    """Return line and column of what comes after `text`."""
    lines = _BREAK.split(text)
    return len(lines), len(lines[-1]) + 1


class _Open:
    """A list or map whose end has not come yet, how many nodes it stands for and how high it is."""

    def __init__(self, mark: Mark, anchor: str | None, *, is_map: bool) -> None:
        self.mark, self.anchor, self.is_map = mark, anchor, is_map
        self.children: list[Node] = []
        self.size, self.height = 1, 1


class _Composer:
    """Builds nodes from the parser's events without recursion, so that no nesting can exhaust the stack."""

    def __init__(self, source: SourceFile, findings: Findings) -> None:
        self.root: Node | None = None
        self._source, self._findings = source, findings
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._copies = 0
        self._documents = 0

    def take(self, event: Any) -> bool:
        """Take the next event; False where reading on makes no sense (then there is a finding)."""
        mark = Mark(self._source, event.start_mark.line + 1, event.start_mark.column + 1)
        if getattr(event, "tag", None) is not None:
            self._findings.add("tag", mark, tag=event.tag)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                return self._documents == 1 or self._refuse("second_document", mark)
            case yaml.ScalarEvent():
                plain, text = bool(event.implicit[0]), event.value
                if plain and _CURLY.fullmatch(text):
                    self._findings.add("curly_quotes", mark)
                    plain, text = False, text[1:-1]
                self._put(ScalarNode(text, plain, mark), event.anchor)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if event.anchor:
                    self._anchors.pop(event.anchor, None)
                self._open.append(_Open(mark, event.anchor, is_map=isinstance(event, yaml.MappingStartEvent)))
                return len(self._open) <= MAX_DEPTH or self._refuse("too_deep", mark, limit=MAX_DEPTH)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close()
            case yaml.AliasEvent():
                return self._alias(event.anchor or "", mark)
            case _:
                pass
        return True

    def _refuse(self, code: str, mark: Mark, **facts: object) -> bool:
        self._findings.add(code, mark, **facts)
        return False

    def _alias(self, name: str, mark: Mark) -> bool:
        found = self._anchors.get(name)
        if found is None:
            inside = any(outer.anchor == name for outer in self._open)
            return self._refuse("alias_of_itself" if inside else "alias_unknown", mark, name=name)
        node, size, height = found
        self._copies += size
        if self._copies > MAX_COPIES:
            return self._refuse("alias_bomb", mark, limit=MAX_COPIES)
        if len(self._open) + height > MAX_DEPTH:
            return self._refuse("too_deep", mark, limit=MAX_DEPTH)
        self._put(node, None, size, height)
        return True

    def _put(self, node: Node, anchor: str | None, size: int = 1, height: int = 1) -> None:
        if anchor:
            self._anchors[anchor] = (node, size, height)
        if not self._open:
            self.root = node
            return
        outer = self._open[-1]
        outer.children.append(node)
        outer.size += size
        outer.height = max(outer.height, height + 1)

    def _close(self) -> None:
        ended = self._open.pop()
        node: Node
        if ended.is_map:
            node = MappingNode(self._pairs(ended.children), ended.mark)
        else:
            node = SequenceNode(tuple(ended.children), ended.mark)
        self._put(node, ended.anchor, ended.size, ended.height)

    def _pairs(self, children: list[Node]) -> dict[str, tuple[ScalarNode, Node]]:
        pairs: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, ScalarNode):
                self._findings.add("key_not_text", key.mark)
            elif key.plain and key.text.isdigit() and isinstance(value, ScalarNode) and value.empty:
                self._findings.add("decimal_comma", key.mark)
            elif key.text in pairs:
                first = pairs[key.text][0].mark.line
                self._findings.add("duplicate_key", key.mark, key=key.text, line=first)
            else:
                pairs[key.text] = (key, value)
        return pairs
