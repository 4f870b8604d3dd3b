"""The columns of the sheet in which desks report, and the words for its mistakes, as `event_columns.yaml` has them.

Here: which column a heading means, the template, and the text of a fault. Not here: reading cells
(`documents.sheets.cell`) and rows (`documents.sheets.event_sheet`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from engine.documents.finding import FindingText, Language
from engine.documents.reference_data import FIELDS
from engine.documents.suggestion import meant

CellReader = Literal["region", "date", "time", "kind", "words", "text", "code", "whole", "number", "free"]
REQUIRED = ("region", "date", "kind", "severity")
"""Fields without whose column no row is a report."""
LONGEST_GUESSED = 60
"""Characters up to which it is guessed what a word was meant to be."""

_DOTTED = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", re.ASCII)


class EventColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column: the event's field, its headings, how a cell is read, and the words for each of its values."""

    field: str
    id: str = ""
    en: str = ""
    also: tuple[str, ...] = ()
    read: CellReader
    words: Mapping[str | int, tuple[str, ...]] = {}
    note: Mapping[str, str] = {}

    def heading(self, language: Language) -> str:
        """Return the heading of the template in one language; the field where it has none."""
        return (self.en if language == "en" else self.id) or self.field


class CellFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong in one cell, or with the whole where `column` is empty: a code and what its words need."""

    code: str
    column: str = ""
    facts: Mapping[str, str] = {}

    def text(self, language: Language) -> FindingText:
        """Return what is wrong and what to write instead."""
        facts = {name: text if text.isprintable() else repr(text) for name, text in self.facts.items()}
        known = _FAULTS.get(self.code)
        return known[language].filled(language, facts) if known else FindingText(self.code, "")

    def said(self, language: Language) -> str:
        """Return one line: the column, what is wrong, and what to write instead."""
        text = self.text(language)
        place = f"{self.column}: " if self.column else ""
        return f"{place}{text.message} -> {text.suggestion}" if text.suggestion else f"{place}{text.message}"

    def sentences(self, language: Language) -> str:
        """Return the same in sentences, for pages."""
        text = self.text(language)
        place = f"{field_heading(self.column, language)}: " if self.column else ""
        advice = text.suggestion[:1].upper() + text.suggestion[1:]
        sentences = [f"{place}{text.message}", *([advice] if advice else [])]
        return " ".join(said if said.endswith(("?", ".")) else f"{said}." for said in sentences)


def folded(text: str) -> str:
    """Return a heading or word as it is compared: small, and with single spaces."""
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").rstrip("*:").split())


def column_of(heading: str) -> EventColumn | None:
    """Return the column that a heading means; None where it means none."""
    found = _BY_HEADING.get(folded(heading))
    if found is not None:
        return found
    path = heading.strip()
    field = FIELDS.get(path)
    if field is not None or _DOTTED.fullmatch(path):
        return EventColumn(
            field=path, read="number" if field is not None and field.type == "number" else "free"
        )
    return None


def is_ignored(heading: str) -> bool:
    """Whether a column is there for people only."""
    return folded(heading) in _IGNORED


def field_heading(path: str, language: Language) -> str:
    """Return the heading under which people know a field of an event."""
    known = _BY_FIELD.get("date" if path == "occurred_at" else path)
    return known.heading(language) if known else path


def choice(code: str, column: str, text: str, choices: Sequence[str], *, guess: bool = True) -> CellFault:
    """Return the fault of a word that is none of the choices, with the one that was probably meant."""
    best = meant(text.casefold(), choices) if guess and len(text) <= LONGEST_GUESSED else ""
    listed = ", ".join(choices[:20]) + (", ..." if len(choices) > 20 else "")
    return CellFault(code=code, column=column, facts={"text": cut(text), "best": best, "choices": listed})


def cut(text: str) -> str:
    """Return a text as it is quoted in a fault: in one short line."""
    return text if len(text) <= LONGEST_GUESSED else f"{text[: LONGEST_GUESSED - 1]}…"


def headings(language: Language = "id") -> tuple[str, ...]:
    """Return the headings of the template."""
    return tuple(column.heading(language) for column in COLUMNS)


def _read() -> Any:
    path = Path(__file__).with_name("event_columns.yaml")
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


_FILE = _read()
COLUMNS: tuple[EventColumn, ...] = msgspec.convert(_FILE["columns"], tuple[EventColumn, ...])
"""The columns of the template, in order."""
_FAULTS: Mapping[str, Mapping[Language, FindingText]] = {
    code: {"id": FindingText(*texts["id"].split(" -> ", 1)), "en": FindingText(*texts["en"].split(" -> ", 1))}
    for code, texts in _FILE["faults"].items()
}
FAULTS = frozenset(_FAULTS)
"""The codes that have words."""
_IGNORED = frozenset(folded(heading) for heading in _FILE["ignored"])
_BY_HEADING = {
    folded(heading): column
    for column in COLUMNS
    for heading in (column.field, column.id, column.en, *column.also)
}
_BY_FIELD = {column.field: column for column in COLUMNS}
WORDS: Mapping[str, Mapping[str, str | int]] = {
    column.field: {folded(word): value for value, words in column.words.items() for word in words}
    for column in COLUMNS
    if column.words
}
"""For each field with words: the value that a word means."""
