"""The words of every finding, Indonesian first and English second, read from `texts.yaml` beside this module.

Here: finding the text of a code and filling it. Not here: the texts themselves, and when a finding is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import yaml

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


class Text(NamedTuple):
    """What is wrong and what to write instead, in one language."""

    message: str
    suggestion: str

    def filled(self, language: Language, facts: dict[str, str]) -> Text:
        """Put the facts in; `{choose}` becomes "did you mean" or the words that are good."""
        best, listed, none = _CHOOSE[language]
        if facts.get("best"):
            facts = {**facts, "choose": best.format_map(facts)}
        elif "choices" in facts:
            facts = {**facts, "choose": listed.format_map(facts) if facts["choices"] else none}
        return Text(self.message.format_map(facts), self.suggestion.format_map(facts))


def _read(path: Path) -> dict[Severity, dict[str, dict[str, Text]]]:
    catalogue = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)

    def texts(codes: dict[str, dict[str, str]]) -> dict[str, dict[str, Text]]:
        return {
            code: {language: Text(*words.split(" -> ", 1)) for language, words in languages.items()}
            for code, languages in codes.items()
        }

    return {"error": texts(catalogue["errors"]), "warning": texts(catalogue["warnings"])}


_CATALOGUE = _read(Path(__file__).with_name("texts.yaml"))
CODES: dict[str, Severity] = {code: severity for severity, texts in _CATALOGUE.items() for code in texts}
"""Every code, and whether it is an error (the files do not become live) or a warning (advice)."""


def text_of(code: str, language: Language) -> Text:
    """Return the text of a code, with its placeholders."""
    return _CATALOGUE[CODES[code]][code][language]
