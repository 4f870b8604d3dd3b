"""Versions: by what a rule is known to be another one than before.

Here: the hash of all that a resolved rule says. Not here: resolving it (`loading.rules`), and what a new version
changes (`service`).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from engine.judging.rule import Rule


def versioned(rule: Rule) -> Rule:
    """Return the rule with its version, which those of its exceptions share."""
    version = version_of(rule)
    exemptions = tuple(
        msgspec.structs.replace(
            one,
            variant=one.variant and msgspec.structs.replace(one.variant, version=version, source=rule.source),
        )
        for one in rule.exemptions
    )
    return msgspec.structs.replace(rule, version=version, exemptions=exemptions)


def version_of(rule: Rule) -> str:
    """Return the version of a rule: a hash of all it says, and of nothing else (not of file, line or layout).

    What has its default is left out, so that a key which a later Siaga adds changes no version.
    """
    return hashlib.sha256(words_of(rule)).hexdigest()[:12]


def words_of(rule: Rule) -> bytes:
    """Return all that a rule says, and nothing of file, line or layout; equal rules give equal bytes."""
    exemptions = tuple(
        msgspec.structs.replace(
            one, variant=one.variant and msgspec.structs.replace(one.variant, version="", source="")
        )
        for one in rule.exemptions
    )
    bare = msgspec.structs.replace(rule, version="", source="", exemptions=exemptions)
    return msgspec.json.encode(_said(bare), order="deterministic")


def _said(value: Any) -> Any:
    """Return plain data of all that is not a default."""
    if isinstance(value, tuple):
        return [_said(item) for item in value]
    if not isinstance(value, msgspec.Struct):
        return value
    fields = {
        field.name: (getattr(value, field.name), field.default) for field in msgspec.structs.fields(value)
    }
    return {
        "": type(value).__struct_config__.tag,
        **{name: _said(own) for name, (own, default) in fields.items() if own != default},
    }
