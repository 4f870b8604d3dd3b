"""Who is to report: desks with the time of their activation, and named lists (docs/specification/rules.md#rosters).

Here: `config/desks.yaml` and `config/expected.yaml`. Not here: how a rule names them (`documents.rules.absence`).
A desk covers its region and all that lies in it; of several the narrowest holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from engine.core.judging.calendar import instant_of
from engine.core.judging.condition import ExpectedMember
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable, lineage
from engine.documents.fields import REGION_CODE, Form, Take, form_of, identifier, list_of, region, text
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded, load_file
from engine.documents.times import local_or_instant
from engine.documents.yaml_tree import MappingNode as Map
from engine.documents.yaml_tree import Node

Bound = datetime | Instant | None
Lists = Mapping[str, tuple[ExpectedMember, ...]]
"""Named lists of who must report."""
NO_LISTS: Lists = {}


class DeskEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A desk that is activated from and until when (None: no bound); a naive datetime is local to each region."""

    region: str
    since: Bound = None
    until: Bound = None


Desks = tuple[DeskEntry, ...]


def load_desks(path: Path, regions: RegionTable | None) -> Loaded[Desks]:
    """Load the file of desks."""
    return load_file(path, partial(_desks, regions), ())


def load_expected(path: Path, regions: RegionTable | None) -> Loaded[Lists]:
    """Load the file of named lists."""
    return load_file(path, partial(_lists, regions), NO_LISTS)


def activation(
    desks: Desks | None, code: str, regions: RegionTable | None
) -> tuple[Instant | None, Instant | None] | None:
    """Return from and until when the desk of a region is activated; None where it has none."""
    known = {desk.region: desk for desk in desks or ()}
    desk = next((known[one] for one in lineage(code) if one in known), None)
    return (
        None if desk is None else (_instant(desk.since, code, regions), _instant(desk.until, code, regions))
    )


def members(regions: RegionTable | None) -> Take[tuple[ExpectedMember, ...]]:
    """Return a reader of one list: groups by their text, or maps `{group, from, until}`."""
    return list_of(partial(_member, regions))


def _desks(regions: RegionTable | None, form: Form, findings: Findings) -> Desks:
    read: Take[DeskEntry] = partial(_desk, regions)
    found = form.require("desks", list_of(read), ())
    codes = [desk.region for desk in found]
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        findings.add("region_twice", form.place("desks"), region=code)
    return found


def _desk(regions: RegionTable | None, node: Node, findings: Findings) -> DeskEntry:
    form = form_of(node, findings)
    code = form.require("region", region(regions), "")
    since, until = _span(form, findings)
    return DeskEntry(region=code, since=since, until=until)


def _lists(regions: RegionTable | None, form: Form, _findings: Findings) -> Lists:
    return form.require("expected", partial(_named, regions), NO_LISTS)


def _named(regions: RegionTable | None, node: Node, findings: Findings) -> Lists:
    form = form_of(node, findings)
    found: dict[str, tuple[ExpectedMember, ...]] = {}
    for name in form.written:
        identifier(form.key(name), findings)
        found[name] = form.read(name, members(regions), ())
    return found


def _member(regions: RegionTable | None, node: Node, findings: Findings) -> ExpectedMember:
    if not isinstance(node, Map):
        return ExpectedMember(_group(regions, node, findings))
    form = form_of(node, findings)
    group = form.require("group", partial(_group, regions), "")
    since, until = _span(form, findings)
    return ExpectedMember(group, _instant(since, group, regions), _instant(until, group, regions))


def _group(regions: RegionTable | None, node: Node, findings: Findings) -> str:
    """Take the text of a group; what looks like a region code must be one."""
    found = text(node, findings)
    return region(regions)(node, findings) if REGION_CODE.fullmatch(found) else found


def _span(form: Form, findings: Findings) -> tuple[Bound, Bound]:
    since: Bound = form.read("from", local_or_instant, None)
    until: Bound = form.read("until", local_or_instant, None)
    form.close()
    if since is not None and type(since) is type(until) and since >= until:  # type: ignore[operator]
        raise findings.unusable("until_before_from", form.place("until"))
    return since, until


def _instant(bound: Bound, code: str, regions: RegionTable | None) -> Instant | None:
    """Return a bound as an instant, local to a region; WIB where the code is none."""
    if bound is None:
        return None
    place = code if REGION_CODE.fullmatch(code) else "00"
    return instant_of(bound, (regions or RegionTable(())).timezone(place))
