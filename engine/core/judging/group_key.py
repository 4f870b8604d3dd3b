"""Groups: for whom a rule counts on its own.

Here: the key an event has under `per`, and the region such a group stands for. Not here: the group's state
(`core.judging.group_state`) or its judging. Keys: docs/specification/rules.md#groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.core.judging.event import Event, Scalar
from engine.core.judging.region import LEVELS, NATION, cut
from engine.core.judging.rule import Rule

SEPARATOR = "|"
"""Stands between the parts of a key of several fields; inside a part it is written with a backslash before it."""


def group_of(rule: Rule, event: Event) -> str | None:
    """Return the canonical text of the group the event belongs to, such as `73.15` or `73.15|A`.

    None where the event lacks a field of `per` (an empty text is no key): such an event is not counted.
    """
    return group_under(rule.per, event)


def group_under(per: Sequence[str], event: Event) -> str | None:
    """Return the canonical text of the values that an event has under these keys; None where it lacks one."""
    if len(per) == 1:
        return _part(per[0], event)
    parts = [part for name in per if (part := _part(name, event)) is not None]
    return grouped(parts) if len(parts) == len(per) else None


def grouped(parts: Sequence[str]) -> str:
    """Return the canonical text of a group of these parts."""
    if len(parts) == 1:
        return parts[0]
    return SEPARATOR.join(part.replace("\\", "\\\\").replace(SEPARATOR, "\\" + SEPARATOR) for part in parts)


def parts_of(group: str) -> tuple[str, ...]:
    """Cut the canonical text of a group into its parts, in the order of `per`; the inverse of joining them."""
    parts, part, escaped = [], "", False
    for sign in group:
        if escaped or sign not in ("\\", SEPARATOR):
            part, escaped = part + sign, False
        elif sign == "\\":
            escaped = True
        else:
            parts.append(part)
            part = ""
    return (*parts, part)


def key_values(per: Sequence[str], group: str) -> dict[str, str]:
    """Return the canonical text of each key of `per` that a group has."""
    parts = (group,) if len(per) == 1 else parts_of(group)
    return dict(zip(per, parts, strict=True))


def region_of_group(per: Sequence[str], group: str, reported: str = NATION) -> str:
    """Return the region a group stands for: the narrowest region of `per`, else the regency of a region reported."""
    codes = [code for name, code in key_values(per, group).items() if name in REGION_WORDS]
    return max(codes, key=_depth) if codes else _at_most_regency(reported)


def canonical(value: Scalar | None) -> str:
    """Write a value so that equal values, and only those, give equal texts.

    Texts equal texts, numbers equal numbers (to 9 decimals), true and false are neither; a missing value is its own.
    """
    match value:
        case str():
            return "'" + value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return number_text(value)


def number_text(number: float) -> str:
    """Write a number rounded to 9 decimals; whole numbers as such."""
    rounded = round(number, 9)
    return str(int(rounded)) if rounded == rounded // 1 else repr(rounded)


def _part(name: str, event: Event) -> str | None:
    if name == "region":
        return _at_most_regency(event.region)
    if name in LEVELS:
        return cut(event.region, name)
    value = event.value(name)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else canonical(value)


def _at_most_regency(code: str) -> str:
    return cut(code, "regency") or code


def _depth(code: str) -> int:
    return 0 if code == NATION else code.count(".") + 1


REGION_WORDS = frozenset((*LEVELS, "region"))
"""Words of `per` that cut the code of the region."""


class GroupKey(msgspec.Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """Which group of which rule, in which space."""

    space: str
    rule: str
    group: str

    def __str__(self) -> str:
        """Return the id of the group's record; rule ids hold no bar, groups may."""
        return f"{self.space}|{self.rule}|{self.group}"


def key_of(member: str) -> GroupKey:
    """Return the key whose text this is."""
    space, rule, group = member.split("|", 2)
    return GroupKey(space, rule, group)
