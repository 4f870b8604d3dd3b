"""Kinds of events and their names, read from YAML.

Here: the form of `config/kinds.yaml`. Not here: what happens to an event of an unknown kind (`service.intake`) and
how a name is worked into a message (`wording`).
"""

from __future__ import annotations

import re
from collections import abc
from pathlib import Path

import msgspec

from engine.loading.finding import Findings
from engine.loading.form import Form, form_of
from engine.loading.loaded import Loaded, load_file
from engine.loading.marked import Mapping, Node
from engine.loading.texts import Language
from engine.loading.value import short_text

CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", re.ASCII)
"""The code of a kind: words joined by dots."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one kind: `id` Indonesian, `en` English, each short enough to stand in an SMS."""

    id: str
    en: str

    def name(self, language: Language) -> str:
        """Return the name in one language."""
        return self.en if language == "en" else self.id


_UNNAMED = Kind(id="", en="")


def names_by_language(kinds: abc.Mapping[str, Kind]) -> dict[str, dict[str, str]]:
    """Return the names as messages and pages look them up: code -> language -> name."""
    return {code: msgspec.structs.asdict(kind) for code, kind in kinds.items()}


def load_kinds(path: Path) -> dict[str, Kind]:
    """Read the kinds by their code (`neutrality.asn`); raise `ConfigurationError` with every mistake and its place."""
    return read_kinds(path).expect()


def read_kinds(path: Path) -> Loaded[dict[str, Kind]]:
    """Read the kinds by their code, with every finding on their file."""
    none: dict[str, Kind] = {}
    return load_file(path, _file, none)


def _file(form: Form, _findings: Findings) -> dict[str, Kind]:
    return form.require("kinds", _kinds, {})


def _kinds(node: Node, findings: Findings) -> dict[str, Kind]:
    if not isinstance(node, Mapping):
        raise findings.unusable("not_a_map", node.mark)
    form, kinds = Form(node, findings), {}
    for code in node.pairs:
        if not CODE.fullmatch(code):
            findings.add("not_an_id", form.key_place(code), text=code)
        kinds[code] = form.read(code, _kind, _UNNAMED)
    return kinds


def _kind(node: Node, findings: Findings) -> Kind:
    form = form_of(node, findings)
    kind = Kind(id=form.require("id", short_text, ""), en=form.require("en", short_text, ""))
    form.close()
    return kind
