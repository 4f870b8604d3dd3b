"""JSON Schema of the files that policy staff write, for their editors.

Here: making it of `schema.yaml`. Not here: what a file may mean: the loader alone says that, and tests hold both
together.
A title is Indonesian first; a description has both languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def _data() -> Mapping[str, Any]:
    text = files("engine.documents.rules").joinpath("schema.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = yaml.safe_load(text)
    return data


def documents() -> tuple[str, ...]:
    """Return the names of the schemas: `rules`, `test`, `policy`, `policy-test`."""
    return tuple(_data()["documents"])


def schema_of(document: str) -> Schema:
    """Return the schema of one kind of file, with all that it refers to."""
    root = _data()["documents"][document]
    used: dict[str, Schema] = {}
    _use(root, used)
    main = used.pop(root)
    return {
        "$schema": DIALECT,
        **main,
        **({"$defs": {name: used[name] for name in sorted(used)}} if used else {}),
    }


def keys_of(shape: str) -> dict[str, list[str]]:
    """Return the keys of a shape, those it takes from others included: type and texts of each."""
    described = _data()["shapes"][shape]
    found: dict[str, list[str]] = {}
    for other in described.get("with", ()):
        found |= keys_of(other)
    found |= described["keys"]
    return found


def _use(name: str, used: dict[str, Schema]) -> None:
    """Make the schema of a name and of all it refers to."""
    if name in used:
        return
    if name in _data()["scalars"]:
        used[name] = dict(_data()["scalars"][name])
        return
    shape = _data()["shapes"][name]
    used[name] = {}
    keys = keys_of(name)
    indonesian, english = shape["about"]
    used[name] |= {
        "title": indonesian,
        "description": f"{indonesian}. / {english}.",
        "type": "object",
        "properties": {key: _described(keys[key], used) for key in keys},
        "additionalProperties": _typed(shape["open"], used) if "open" in shape else False,
    }
    if "required" in shape:
        used[name]["required"] = shape["required"]
    if shape.get("single"):
        used[name] |= {"minProperties": 1, "maxProperties": 1}


def _described(key: list[str], used: dict[str, Schema]) -> Schema:
    type_, indonesian, english = key
    return {"title": indonesian, "description": f"{indonesian}. / {english}.", **_typed(type_, used)}


def _typed(type_: str, used: dict[str, Schema]) -> Schema:
    """Return the schema of a type as it is written in `schema.yaml`."""
    parts = [part.strip() for part in _alternatives(type_)]
    words = [part[1:-1] for part in parts if part.startswith("'")]
    others = [_one(part, used) for part in parts if not part.startswith("'")]
    if words:
        others.insert(0, {"enum": words})
    return others[0] if len(others) == 1 else {"anyOf": others}


def _alternatives(type_: str) -> list[str]:
    return re.findall(r"(?:\[[^\[\]]*\]|\{(?:[^{}\[\]]|\[[^\]]*\])*\}|[^|\[\]{}])+", type_)


def _one(type_: str, used: dict[str, Schema]) -> Schema:
    if type_.startswith("["):
        return {"type": "array", "items": _typed(type_[1:-1], used)}
    if type_.startswith("{"):
        return {"type": "object", "additionalProperties": _typed(type_[1:-1], used)}
    if type_ == "anything":
        return {}
    _use(type_, used)
    return {"$ref": f"#/$defs/{type_}"}
