"""The fields of an event: dotted paths, and what each may hold.

Here: flattening a JSON object, and the check of every field that the event does not hold itself. Not here: the fields
that make an event what it is (`intake.event_schema`), and their types and bounds, which stand in
`documents.reference_data`, so that a rule and the door never disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

from engine.core.judging.event import Scalar
from engine.documents.reference_data import FIELDS, Field

FieldFaultKind = Literal[
    "missing",
    "wrong_type",
    "wrong_form",
    "not_one_of",
    "out_of_range",
    "too_long",
    "too_many_fields",
    "too_deep",
    "region_look_alike",
    "region_unknown",
    "region_scheme_unknown",
    "no_zone",
    "ahead",
    "too_late",
    "id_conflict",
    "kind_unknown",
]
"""Why an event is kept aside. `id_conflict` is found by the store: the same id came before with other content.
`kind_unknown`: a grave report whose kind the installation does not know, which no rule would ever judge.
"""
FAULTS: tuple[str, ...] = get_args(FieldFaultKind)

MOST_FIELDS = 100
MOST_DEPTH = 8
LARGEST_NUMBER = 1e15
"""Beyond this a number is no longer exact as JSON's readers keep it."""
LONGEST_TEXT = 1_000
LENGTHS = {"summary": 280, "details_ref": 2_000, "incident": 100, "corrects": 64, "supersedes": 64}
"""Longest text of a field, in characters; `LONGEST_TEXT` for any other."""
OWN = frozenset(("id", "source.desk", "kind", "region", "severity", "occurred_at", "exercise"))
"""Fields that the event holds itself; all others lie in its `fields`."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", re.ASCII)


class Wrong(Exception):
    """One fault of a document, with the values that would mend it by field."""

    def __init__(self, fault: FieldFaultKind, field: str, **mended: str) -> None:
        self.fault: FieldFaultKind = fault
        self.field = field
        self.mended = mended


def flatten(document: Any, prefix: str, flat: dict[str, Scalar], depth: int = MOST_DEPTH) -> None:
    """Put every scalar of nested objects and lists under its dotted path; nulls are missing fields."""
    if type(document) is not dict:
        raise Wrong("wrong_type", prefix)
    if depth == 0:
        raise Wrong("too_deep", prefix.rstrip("."))
    for key, value in document.items():
        path = prefix + key if prefix else key
        kind = type(value)
        if kind is dict:
            flatten(value, path + ".", flat, depth - 1)
        elif kind is list:
            if len(value) > MOST_FIELDS:
                raise Wrong("too_many_fields", path)
            flatten({str(number): item for number, item in enumerate(value)}, path + ".", flat, depth - 1)
        elif value is not None:
            if path in flat:
                raise Wrong("wrong_form", path)
            flat[path] = value
    if len(flat) > MOST_FIELDS:
        raise Wrong("too_many_fields", list(flat)[MOST_FIELDS])


def public_name(path: str) -> str:
    """Return the path of a field as a log may name it: one that the schema does not know may be what a person wrote."""
    return path if path in OWN or path in FIELDS else "-"


class _Text(NamedTuple):
    """What a field of texts may hold: so many characters, and only these texts where there are any."""

    longest: int
    only: frozenset[str]


_Check = Callable[[Scalar], FieldFaultKind | None]


def check_fields(fields: Mapping[str, Scalar]) -> None:
    """Raise what is wrong with the first field whose value is no good."""
    text_of, check_of = _TEXTS.get, _CHECKS.get
    for path, value in fields.items():
        text = text_of(path)
        if text is not None:
            longest, only = text
            if type(value) is str and len(value) <= longest and (not only or value in only):
                continue
            raise Wrong(
                "wrong_type" if type(value) is not str else "not_one_of" if only else "too_long", path
            )
        check = check_of(path)
        fault = check(value) if check is not None else _any_field(path, value)
        if fault:
            raise Wrong(fault, path)


def faults_of_fields(fields: Mapping[str, Scalar]) -> list[Wrong]:
    """Return what is wrong with each field whose value is no good."""
    found = []
    for path, value in fields.items():
        try:
            check_fields({path: value})
        except Wrong as wrong:
            found.append(wrong)
    return found


def _any_field(path: str, value: Scalar) -> FieldFaultKind | None:
    """Check a field that the schema does not know: its name, and bounds that hold for every value."""
    if not _is_name(path):
        return "wrong_form"
    if isinstance(value, str):
        return "too_long" if len(value) > LONGEST_TEXT else None
    return None if abs(value) <= LARGEST_NUMBER else "out_of_range"


@lru_cache(maxsize=4_096)
def _is_name(path: str) -> bool:
    return len(path) <= 100 and _NAME.fullmatch(path) is not None


def _check(field: Field) -> _Check:
    """Return the check of a field that holds numbers, or true and false."""
    lowest = -LARGEST_NUMBER if field.lowest is None else field.lowest
    highest = LARGEST_NUMBER if field.highest is None else field.highest

    def number(value: Scalar) -> FieldFaultKind | None:
        if type(value) is not int and type(value) is not float:
            return "wrong_type"
        return None if lowest <= value <= highest else "out_of_range"

    def boolean(value: Scalar) -> FieldFaultKind | None:
        return None if type(value) is bool else "wrong_type"

    return {"number": number, "boolean": boolean}[field.type]


_TEXTS = {
    path: _Text(LENGTHS.get(path, LONGEST_TEXT), frozenset(field.texts))
    for path, field in FIELDS.items()
    if field.type == "text" and path not in OWN
}
_CHECKS = {path: _check(field) for path, field in FIELDS.items() if field.type != "text" and path not in OWN}
