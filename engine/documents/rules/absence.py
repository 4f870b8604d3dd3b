"""Conditions on what does not come, and whom they expect to report (docs/specification/rules.md#rosters).

Here: `silence`, `deadline` and `expected_from`, and finding the members that it names for the groups of a rule. Not
here: the files that say who is activated and who must report (`documents.desks`), and judging (`core.judging.absence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import re2
from msgspec.structs import replace

from engine.core.judging.condition import (
    Condition,
    Deadline,
    ExpectedMember,
    ExpectedReporters,
    SilenceCondition,
)
from engine.core.judging.event import Scalar as Plain
from engine.core.judging.filter import AllOf, AnyOf, Filter, Test, Unless
from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION, Region, lineage
from engine.core.judging.region import level_of as level_of_code
from engine.documents.desks import activation
from engine.documents.fields import Form, Take, form_of, text, whole
from engine.documents.finding import Findings
from engine.documents.reference_data import Field, ReferenceData
from engine.documents.rules.aggregate import level_of_group
from engine.documents.rules.filters import Filters
from engine.documents.times import duration, local_or_instant
from engine.documents.yaml_tree import MappingNode as Map
from engine.documents.yaml_tree import Node

REGIONS = "regions"
"""The name of the roster of all regions that hold an election."""
MOST = 1_000
"""The greatest `below`."""
COLUMNS = {
    **{name: Field() for name in ("region", "code", "parent", "level", "name", "short_name", "zone", "timezone")},
    **{name: Field("boolean") for name in ("election_governor", "election_local", "noken")},
}  # fmt: skip
"""What a filter over the table of regions can test."""


def silence(form: Form, filters: Filters, findings: Findings) -> SilenceCondition | None:
    """Take `silence`: for how long, whom it expects, and how few events are as good as none."""
    found = SilenceCondition(
        length=form.require("for", duration(1), 1),
        below=form.read("below", whole(1, MOST), 1),
        expected=form.require("expected_from", _expected(filters.known), ExpectedReporters()),
    )
    if found.expected.seen is not None and found.expected.seen <= found.length:
        findings.add("seen_too_short", form.place("expected_from"))
    return found


def deadline(form: Form, filters: Filters, findings: Findings) -> Deadline | None:
    """Take `deadline`: by when, and whom it expects."""
    by: datetime | Instant = form.require("by", local_or_instant, 0)
    found = Deadline(
        by=by, expected=form.require("expected_from", _expected(filters.known), ExpectedReporters())
    )
    if found.expected.seen is not None:
        findings.add("deadline_seen", form.place("expected_from"))
    return found


def _expected(known: ReferenceData) -> Take[ExpectedReporters]:
    """Return a reader of `expected_from`: the name of a roster, `{seen: 7d}`, or a filter over the table of regions."""

    def read(node: Node, findings: Findings) -> ExpectedReporters:
        if not isinstance(node, Map):
            name = text(node, findings)
            if name != REGIONS and known.expected is not None and name not in known.expected:
                raise findings.no_choice("unknown_roster", node.mark, name, (REGIONS, *known.expected))
            return ExpectedReporters(roster=name)
        if "seen" in node.pairs:
            form = form_of(node, findings)
            seen = form.require("seen", duration(1), 1)
            form.close()
            return ExpectedReporters(seen=seen)
        table = ReferenceData(regions=known.regions, fields=COLUMNS)
        return ExpectedReporters(where=Filters(table, findings).read(node, findings))

    return read


def by_region(expected: ExpectedReporters) -> bool:
    """Say whether the members are regions, so that the groups must be."""
    return expected.roster == REGIONS or expected.where is not None


def expecting(condition: Condition, per: tuple[str, ...], known: ReferenceData) -> Condition:
    """Return the condition with the members of its roster, for groups of these keys."""
    if not isinstance(condition, SilenceCondition | Deadline) or condition.expected.seen is not None:
        return condition
    expected = condition.expected
    if not by_region(expected):
        members = (known.expected or {}).get(expected.roster, ())
    elif expected.where is None:
        members = _activated(sorted(known.members(level_of_group(per))), known, only=known.roster is None)
    else:
        rows = _rows(level_of_group(per), known)
        codes = [code for code, row in rows.items() if _holds(expected.where, row)]
        members = _activated(codes, known, only=False)
    return replace(condition, expected=replace(expected, members=members))


def _activated(codes: list[str], known: ReferenceData, *, only: bool) -> tuple[ExpectedMember, ...]:
    """Return regions as members from and until when their desks are activated; `only`: leave the others out."""
    found = []
    for code in codes:
        desk = activation(known.desks, code, known.regions)
        if desk is not None:
            found.append(ExpectedMember(code, *desk))
        elif not only:
            found.append(ExpectedMember(code))
    return tuple(found)


def _rows(level: str, known: ReferenceData) -> dict[str, Mapping[str, Plain]]:
    """Return the regions of a level with what a filter can test of them."""
    rows: dict[str, Mapping[str, Plain]] = {}
    for region in known.regions or ():
        if region.level == level:
            rows[region.code] = {"region": region.code, **_columns(region)}
    for code in sorted(known.members(level)) if not rows else ():
        parent = lineage(code)[1] if code != NATION else ""
        rows[code] = {"region": code, "code": code, "parent": parent, "level": level_of_code(code)}
    return rows


def _columns(region: Region) -> dict[str, Plain]:
    return {name: getattr(region, name) for name in COLUMNS if name != "region"}


def _holds(filter_: Filter, row: Mapping[str, Plain]) -> bool:
    """Say whether a filter holds for a line of the table; what is missing meets no test but `exists: false`."""
    match filter_:
        case AllOf(parts):
            return all(_holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, row) for part in parts)
        case Unless(part):
            return not _holds(part, row)
        case Test(field=field, operator=operator, value=value):
            return _meets(row.get(field), operator, value)


def _meets(found: Plain | None, operator: str, value: Plain | tuple[Plain, ...]) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    match operator:
        case "exists":
            return (found is not None) is value
        case "equals" | "one_of":
            return any(type(one) is type(found) and one == found for one in values)
        case "prefix":
            return isinstance(found, str) and found.startswith(str(value))
        case "lies_in":
            return isinstance(found, str) and not set(lineage(found)).isdisjoint(map(str, values))
        case "matches":
            return isinstance(found, str) and re2.search(str(value), found) is not None
        case _:
            return False  # the table holds no numbers
