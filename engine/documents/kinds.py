"""Kinds of events and their names, and the groups in which a form offers them, read from YAML.

Here: the form of `config/kinds.yaml`. Not here: what happens to an event of an unknown kind (`intake.submission`) and
how a name is worked into a message (`texts`).
"""

from __future__ import annotations

import re
from collections import abc
from pathlib import Path

import msgspec

from engine.documents.fields import Form, Take, form_of, list_of, short_text, text, word
from engine.documents.finding import Findings, Language
from engine.documents.loaded import Loaded, load_file
from engine.documents.reference_data import FIELDS
from engine.documents.yaml_tree import MappingNode, Node

CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*", re.ASCII)
"""The code of a kind: words joined by dots."""


class EventKind(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one kind: `id` Indonesian, `en` English, each short enough to stand in an SMS."""

    id: str
    en: str

    def name(self, language: Language) -> str:
        """Return the name in one language."""
        return self.en if language == "en" else self.id


_UNNAMED = EventKind(id="", en="")
ASKED = tuple(path for path in FIELDS if path.startswith(("metrics.", "subject.")))
"""What a form can ask of a kind beside what it asks of each."""


class KindGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Kinds that a form offers under one name, and the fields that it asks for each of them."""

    id: str
    en: str
    kinds: tuple[str, ...]
    ask: tuple[str, ...] = ()

    def name(self, language: Language) -> str:
        """Return the name in one language."""
        return self.en if language == "en" else self.id


class Kinds(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file: the kinds by their code, and the groups."""

    kinds: dict[str, EventKind] = {}
    groups: tuple[KindGroup, ...] = ()


def names_by_language(kinds: abc.Mapping[str, EventKind]) -> dict[str, dict[str, str]]:
    """Return the names as messages and pages look them up: code -> language -> name."""
    return {code: msgspec.structs.asdict(kind) for code, kind in kinds.items()}


def load_kinds(path: Path) -> dict[str, EventKind]:
    """Read the kinds by their code (`neutrality.asn`); raise `ConfigurationError` with every mistake and its place."""
    return read_kinds(path).expect()


def load_groups(path: Path) -> tuple[KindGroup, ...]:
    """Read the groups; raise `ConfigurationError` with every mistake of the file and its place."""
    return load_file(path, _file, Kinds()).expect().groups


def read_kinds(path: Path) -> Loaded[dict[str, EventKind]]:
    """Read the kinds by their code, with every finding on their file."""
    read = load_file(path, _file, Kinds())
    return Loaded(read.value.kinds, read.findings)


def _file(form: Form, _findings: Findings) -> Kinds:
    kinds = form.require("kinds", _kinds, {})
    return Kinds(kinds=kinds, groups=form.read("groups", list_of(_group(kinds)), ()))


def _group(kinds: abc.Mapping[str, EventKind]) -> Take[KindGroup]:
    def code(node: Node, findings: Findings) -> str:
        found = text(node, findings)
        if found not in kinds:
            raise findings.no_choice("unknown_kind", node.mark, found, kinds)
        return found

    def read(node: Node, findings: Findings) -> KindGroup:
        form = form_of(node, findings)
        group = KindGroup(
            id=form.require("id", short_text, ""),
            en=form.require("en", short_text, ""),
            kinds=form.require("kinds", list_of(code, minimum=1), ()),
            ask=form.read("ask", list_of(word(*ASKED)), ()),
        )
        form.close()
        return group

    return read


def _kinds(node: Node, findings: Findings) -> dict[str, EventKind]:
    if not isinstance(node, MappingNode):
        raise findings.unusable("not_a_map", node.mark)
    form, kinds = Form(node, findings), {}
    for code in node.pairs:
        if not CODE.fullmatch(code):
            findings.add("not_an_id", form.key_place(code), text=code)
        kinds[code] = form.read(code, _kind, _UNNAMED)
    return kinds


def _kind(node: Node, findings: Findings) -> EventKind:
    form = form_of(node, findings)
    kind = EventKind(id=form.require("id", short_text, ""), en=form.require("en", short_text, ""))
    form.close()
    return kind
