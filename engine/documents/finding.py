"""A finding: one remark on a file, with line, column, text and suggestion, in Indonesian and English.

`finding_texts.yaml` holds the texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import yaml

from engine.documents.suggestion import meant

Language = Literal["id", "en"]
Severity = Literal["error", "warning"]

_CHOOSE = {
    "id": (
        "mungkin maksud Anda `{best}`?",
        "pilihannya: {choices}",
        "belum ada satu pun; buat dulu, atau hapus",
    ),
    "en": (
        "did you mean `{best}`?",
        "choose one of: {choices}",
        "there is none yet; make one, or remove this",
    ),
}


class FindingText(NamedTuple):
    """What is wrong and what to write instead, in one language."""

    message: str
    suggestion: str

    def filled(self, language: Language, facts: dict[str, str]) -> FindingText:
        """Put the facts in; `{choose}` becomes "did you mean" or the words that are good."""
        best, listed, none = _CHOOSE[language]
        if facts.get("best"):
            facts = {**facts, "choose": best.format_map(facts)}
        elif "choices" in facts:
            facts = {**facts, "choose": listed.format_map(facts) if facts["choices"] else none}
        return FindingText(self.message.format_map(facts), self.suggestion.format_map(facts))


def _read(path: Path) -> dict[Severity, dict[str, dict[str, FindingText]]]:
    catalogue = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)

    def texts(codes: dict[str, dict[str, str]]) -> dict[str, dict[str, FindingText]]:
        return {
            code: {language: FindingText(*words.split(" -> ", 1)) for language, words in languages.items()}
            for code, languages in codes.items()
        }

    return {"error": texts(catalogue["errors"]), "warning": texts(catalogue["warnings"])}


_CATALOGUE = _read(Path(__file__).with_name("finding_texts.yaml"))
CODES: dict[str, Severity] = {code: severity for severity, texts in _CATALOGUE.items() for code in texts}
"""Every code, and whether it is an error (the files do not become live) or a warning (advice)."""


def text_of(code: str, language: Language) -> FindingText:
    """Return the text of a code, with its placeholders."""
    return _CATALOGUE[CODES[code]][code][language]


MOST = 10_000
"""Findings of one loading; a file that has more has something else wrong with it, and would exhaust the memory."""
_GUESSES = 1_000
"""Findings of one loading that may guess what was meant: a guess takes a thousand times longer than the rest."""
_WIDTH = 110
"""Characters of a source line that are shown around the caret."""


_ONE_OF_SEVERAL = frozenset(
    [
        "not_a_kind",
        "not_a_choice",
        "not_a_level",
        "not_a_region",
        "unknown_group_key",
        "unknown_stage",
        "unknown_field",
    ]
)
"""What is said of a value that may stand in a list; where it looks like several, the brackets are what lacks."""
_SEVERAL = re.compile(r"[\w.*-]+(?: *, *[\w.*-]+)+", re.ASCII)


class SourceFile(msgspec.Struct, frozen=True):
    """A file as people know it: the name they gave and its lines."""

    file: str
    lines: tuple[str, ...] = ()


class Mark(msgspec.Struct, frozen=True):
    """A place in a source, line and column from 1."""

    source: SourceFile
    line: int = 1
    column: int = 1

    @property
    def excerpt(self) -> tuple[str, int]:
        """The line, cut where it is very long, and the offset of the column in what is left."""
        line = self.source.lines[self.line - 1] if self.line <= len(self.source.lines) else ""
        start = max(0, self.column - 1 - _WIDTH // 2) if len(line) > _WIDTH else 0
        shown = "".join(sign if sign.isprintable() else " " for sign in line[start : start + _WIDTH])
        return shown.rstrip(), self.column - 1 - start


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One remark. `facts` are the words that its message names; `source_line` and `caret` show the place."""

    file: str
    line: int
    column: int
    code: str
    facts: tuple[tuple[str, str], ...] = ()
    source_line: str = ""
    caret: int = 0

    @property
    def severity(self) -> Severity:
        """An error keeps the whole rule set from becoming live; a warning is advice."""
        return CODES[self.code]

    def text(self, language: Language = "id") -> FindingText:
        """Say what is wrong and what to write instead."""
        return text_of(self.code, language).filled(language, dict(self.facts))

    def format(self, language: Language = "id") -> str:
        """Write the finding as people read it: place, code, message, suggestion, the line and a caret."""
        text = self.text(language)
        place = f"{self.file}:{self.line}:{self.column}"
        lines = [f"{place}: {self.code} {text.message} -> {text.suggestion}"]
        if self.source_line:
            lines += [f"    {self.source_line}", f"    {' ' * self.caret}^"]
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """Return the finding for machines, with both languages."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "severity": self.severity,
            "message": {"id": self.text("id").message, "en": self.text("en").message},
            "suggestion": {"id": self.text("id").suggestion, "en": self.text("en").suggestion},
            "source": self.source_line,
        }


class UnusableError(Exception):
    """A value cannot be used; there is a finding that says why."""


class Findings:
    """The findings of one loading, each once, in order of file, line and column; `errors` counts the errors."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}
        self.errors = 0

    def add(self, code: str, mark: Mark, **facts: object) -> None:
        """Note a finding at a place; `facts` fill the placeholders of its texts."""
        if len(self._found) >= MOST:
            self.errors += 1
            return
        said = str(facts.get("text", facts.get("word", "")))
        if code in _ONE_OF_SEVERAL and len(said) <= _WIDTH and _SEVERAL.fullmatch(said):
            quote = '"' if code == "not_a_region" else ""
            parts = (f"{quote}{part.strip()}{quote}" for part in said.split(","))
            code, facts = "list_without_brackets", {"text": said, "instead": f"[{', '.join(parts)}]"}
        if len(self._found) == MOST - 1:
            code, facts = "too_many_findings", {"count": MOST}
        line, caret = mark.excerpt
        finding = Finding(
            file=mark.source.file,
            line=mark.line,
            column=mark.column,
            code=code,
            facts=tuple((name, _shown(fact)) for name, fact in facts.items()),
            source_line=line,
            caret=caret,
        )
        self._keep(finding)

    def add_choice(self, code: str, mark: Mark, word: str, choices: Iterable[str], **facts: object) -> None:
        """Note that `word` is none of the choices, and which of them it looks like."""
        known = list(dict.fromkeys(choices)) if isinstance(choices, tuple) else sorted(set(choices))
        best = meant(word[:80], known) if len(self._found) < _GUESSES else ""
        listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        self.add(code, mark, word=word, best=best, choices=listed, **facts)

    def unusable(self, code: str, mark: Mark, **facts: object) -> UnusableError:
        """Note a finding and return what to raise, so that the reader of the value stops."""
        self.add(code, mark, **facts)
        return UnusableError(code)

    def no_choice(self, code: str, mark: Mark, word: str, choices: Iterable[str]) -> UnusableError:
        """Note that `word` is none of the choices and return what to raise."""
        self.add_choice(code, mark, word, choices)
        return UnusableError(code)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Take findings of another loading over."""
        for finding in findings:
            self._keep(finding)

    def _keep(self, finding: Finding) -> None:
        self.errors += finding.severity == "error" and finding not in self._found
        self._found[finding] = None

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self._found, key=lambda f: (f.file, f.line, f.column, f.code, f.facts)))

    def __len__(self) -> int:
        return len(self._found)


def advice_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings as people are shown them: errors last, next to what sums up."""
    return sorted(findings, key=lambda finding: finding.severity == "error")


def at_start(path: Path | str) -> Mark:
    """Return the place of a finding on a file as a whole."""
    return Mark(SourceFile(str(path)))


def _shown(fact: object) -> str:
    """Return a fact in one printable line; a text of the user may be long or hold control characters."""
    text = "".join(sign if sign.isprintable() else "?" for sign in str(fact))
    return text if len(text) <= 400 else text[:397] + "..."
