"""What is wrong where a text is no YAML at all: the slips that people make, each with a hint of its own.

Here: telling them apart by what the parser says and what stands in the line. Not here: composing (`loading.marked`).
The parser often notices a slip a line late; the finding stands where the slip is.
"""

from __future__ import annotations

import re

import yaml

from engine.loading.finding import Findings, Mark, Source

_GLUED = re.compile(r"\s*(?:- )?[A-Za-z_]+(:)[^ \t/]")
"""A key with no ordinary space after its colon."""
_OPEN = {"while parsing a flow mapping": "}", "while parsing a flow sequence": "]"}


def slip(source: Source, error: yaml.MarkedYAMLError, findings: Findings) -> None:
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


def _mark(source: Source, place: yaml.Mark | None) -> Mark:
    return Mark(source, place.line + 1, place.column + 1) if place else Mark(source)


def _rest(mark: Mark) -> str:
    """Return what stands from a place to the end of its line."""
    lines = mark.source.lines
    return lines[mark.line - 1][mark.column - 1 :] if mark.line <= len(lines) else ""


def _glued_before(source: Source, mark: Mark) -> Mark | None:
    """Return the place of a colon without a space after it, in the line of the mark or the one before."""
    for number in (mark.line, mark.line - 1):
        line = source.lines[number - 1] if 0 < number <= len(source.lines) else ""
        if found := _GLUED.match(line):
            return Mark(source, number, found.start(1) + 1)
    return None
