"""Pasted text in place of a rule: a copy of the rule files in which one rule, or one file, is another.

Here: what pasted text is (one rule, a list of rules, a whole file), where it goes, and which of its lines a finding
means. Not here: whether the text is valid (`loading`) and what it would do (`rehearsal.what_if`).
A rule that is replaced is replaced where it stands, since it takes its file's `defaults`.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOR_NEW = "usulan.yaml"
"""The file of pasted rules that stand in no file yet."""
_HEAD = ("version: 1", "rules:")
_INDENT = "  "


class Pasted(NamedTuple):
    """Where pasted text went: its first line is line `first` (from 1) of `file`, its last is line `last`."""

    file: Path
    first: int
    last: int

    def line(self, file: Path, line: int) -> int | None:
        """Return which line of the pasted text (from 1) a line of a file is; None where it is of what was there."""
        inside = file == self.file and self.first <= line <= self.last
        return line - self.first + 1 if inside else None


class Place(NamedTuple):
    """A rule in its file: lines [start, end) from 0, and the column of its dash."""

    file: Path
    start: int
    end: int
    column: int


def paste(text: str, rules: Path, into: Path) -> Pasted:
    """Copy the folder `rules` to `into`, with the pasted text in place of the rules of the same ids, or beside them."""
    shutil.copytree(
        rules, into, ignore=lambda _, names: [n for n in names if not n.endswith((".yaml", ".yml"))]
    )
    text = textwrap.dedent(text.replace("\t", _INDENT)).strip("\n")
    root = _composed(text)
    ids = list(_ids(root))
    places = {id_: place for id_ in ids if (place := find(id_, into)) is not None}
    if isinstance(root, yaml.MappingNode) and "id" not in _keys(root):
        return _write(
            next(iter(places.values())).file if places else into / FOR_NEW, [], text.splitlines(), []
        )
    lines = text.splitlines()
    if isinstance(root, yaml.MappingNode):
        lines = [
            ("- " if number == 0 else _INDENT) + line if line else line for number, line in enumerate(lines)
        ]
    if not places:
        return _write(into / FOR_NEW, list(_HEAD), [_INDENT + line for line in lines], [])
    first, *others = places.values()
    for place in others:
        _blank(place)
    before, after = _around(first)
    return _write(first.file, before, [" " * first.column + line for line in lines], after)


def find(id_: str, rules: Path) -> Place | None:
    """Return where a rule stands in the files of a folder."""
    for file in sorted(rules.rglob("*.y*ml")):
        for place, found in _rules(file):
            if found == id_:
                return place
    return None


def text_of(id_: str, rules: Path) -> str:
    """Return the text of a rule as it stands in its file; empty where no file has it."""
    place = find(id_, rules)
    if place is None:
        return ""
    lines = place.file.read_text(encoding="utf-8").splitlines()[place.start : place.end]
    return textwrap.dedent("\n".join(lines)).strip("\n")


def _rules(file: Path) -> Iterator[tuple[Place, str]]:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    rules = _keys(_composed(text)).get("rules")
    if not isinstance(rules, yaml.SequenceNode) or rules.flow_style:
        return
    items = rules.value
    for number, item in enumerate(items):
        start = item.start_mark
        end = items[number + 1].start_mark.line if number + 1 < len(items) else rules.end_mark.line
        while end > start.line + 1 and not lines[end - 1].partition("#")[0].strip():
            end -= 1  # remarks between two rules are of the second one
        if isinstance(id_ := _keys(item).get("id"), yaml.ScalarNode):
            yield Place(file, start.line, max(end, start.line + 1), start.column - 2), id_.value


def _composed(text: str) -> Any:
    """Return the root of a text; None where it is no YAML, which the loader then says with its place."""
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


def _ids(root: Any) -> Iterator[str]:
    """Yield the ids of the rules of a composed text, whichever of the three forms it has."""
    if isinstance(root, yaml.MappingNode):
        keys = _keys(root)
        if isinstance(id_ := keys.get("id"), yaml.ScalarNode):
            yield id_.value
        root = keys.get("rules")
    if isinstance(root, yaml.SequenceNode):
        for item in root.value:
            yield from _ids(item)


def _keys(node: Any) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _around(place: Place) -> tuple[list[str], list[str]]:
    lines = place.file.read_text(encoding="utf-8").splitlines()
    return lines[: place.start], lines[place.end :]


def _blank(place: Place) -> None:
    """Take a rule out of its file; the lines stay, so that findings on others keep their places."""
    before, after = _around(place)
    lines = [*before, *[""] * (place.end - place.start), *after]
    place.file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write(file: Path, before: list[str], lines: list[str], after: list[str]) -> Pasted:
    file.write_text("\n".join([*before, *lines, *after]) + "\n", encoding="utf-8")
    return Pasted(file, len(before) + 1, len(before) + len(lines))
