"""The directory of people and offices, from YAML or CSV to values, with checks across entries.

Specification: docs/specification/escalation.md#directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar, cast

import msgspec

from engine.core.alerting.directory import (
    PRECEDENCE,
    Assignment,
    Contact,
    Contents,
    Deputy,
    Duty,
    HolderSpan,
    Holding,
    Person,
)
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import local_midnight
from engine.core.judging.region import NATION, RegionTable
from engine.documents.address import address_of
from engine.documents.csv_table import read_table
from engine.documents.fields import (
    Form,
    Take,
    boolean,
    form_of,
    identifier,
    list_of,
    region,
    usable,
    whole,
    word,
)
from engine.documents.finding import Findings, Mark
from engine.documents.loaded import Loaded, load_file, loaded
from engine.documents.times import day, duration, hours, local_instant
from engine.documents.yaml_tree import MappingNode, Node, SequenceNode

E = TypeVar("E")


class Placed(msgspec.Struct, Generic[E], frozen=True):
    """An entry, where the person of it stands, and where the rest begins."""

    entry: E
    mark: Mark
    other: Mark | None = None


def check_positions(
    people: Sequence[Placed[Person]],
    assignments: Sequence[Placed[Assignment]],
    deputies: Sequence[Placed[Deputy]],
    roster: Sequence[Placed[Duty]],
    findings: Findings,
) -> None:
    """Report what does not fit together in one directory."""
    known: dict[str, Mark] = {}
    for placed in people:
        person = placed.entry
        if person.id in known:
            findings.add("duplicate_person", placed.mark, person=person.id, line=known[person.id].line)
        known.setdefault(person.id, placed.mark)
        if not person.contacts:
            findings.add("no_contact", placed.mark, person=person.id)
    named = [(a.entry.person, a.mark) for a in assignments] + [(d.entry.person, d.mark) for d in roster]
    named += [(d.entry.of, d.other or d.mark) for d in deputies] + [
        (d.entry.deputy, d.mark) for d in deputies
    ]
    for person_id, mark in named:
        if person_id and person_id not in known:
            findings.add_choice("unknown_person", mark, person_id, _alike(person_id, known))
    _check_holders(assignments, findings)
    _check_shifts(roster, findings)


def _alike(person: str, known: dict[str, Mark]) -> list[str]:
    """Return the people among whom a wrong id was meant; those of the same office or place where there are many."""
    if len(known) <= 200:
        return list(known)
    first, _, last = person.rpartition("-")
    return [id_ for id_ in known if id_.startswith(first + "-") or id_.endswith("-" + last)][:200]


def _check_holders(assignments: Sequence[Placed[Assignment]], findings: Findings) -> None:
    offices: dict[tuple[str, str], list[Placed[Assignment]]] = {}
    for placed in assignments:
        offices.setdefault((placed.entry.region, placed.entry.role), []).append(placed)
    for (code, role), held in offices.items():
        for earlier, later in pairwise(sorted(held, key=lambda p: _since(p.entry.valid))):
            if role and _overlap(earlier.entry.valid, later.entry.valid):
                counts = min(later, earlier, key=lambda p: PRECEDENCE[p.entry.status]).entry
                findings.add(
                    "overlapping_assignments",
                    later.mark,
                    role=role,
                    region=code,
                    status=f"{counts.person} ({counts.status})",
                )


def _check_shifts(roster: Sequence[Placed[Duty]], findings: Findings) -> None:
    offices: dict[tuple[str, str], list[Placed[Duty]]] = {}
    for placed in roster:
        offices.setdefault((placed.entry.region, placed.entry.role), []).append(placed)
    for (code, role), shifts in offices.items():
        for earlier, later in pairwise(sorted(shifts, key=lambda p: _since(p.entry.valid))):
            if role and _overlap(earlier.entry.valid, later.entry.valid):
                findings.add("overlapping_duties", later.mark, role=role, region=code)


def _since(span: HolderSpan) -> float:
    return float("-inf") if span.since is None else span.since


def _overlap(earlier: HolderSpan, later: HolderSpan) -> bool:
    """Say whether two spans, the earlier beginning first, share an instant."""
    return earlier.until is None or _since(later) < earlier.until


MAX_BYTES = 64 * 1024 * 1024
"""A directory is at most this large."""
COLUMNS = ("region", "role", "person", "status", "language", "sms", "email", "deputy")
"""Columns of the CSV form; `valid_from` and `valid_to` may be added. One line is one office held by one person."""
LANGUAGES = ("id", "en")


def load_directory(path: Path, regions: RegionTable) -> Loaded[Contents]:
    """Load a directory file, CSV by its ending, else YAML."""
    reader = _Reader(regions)
    if path.suffix != ".csv":
        return load_file(path, reader.read, Contents(), limit=MAX_BYTES, private=True)
    findings = Findings()
    rows = read_table(path, COLUMNS, ("valid_from", "valid_to"), findings, MAX_BYTES)
    return loaded(reader.read_rows(rows, findings), Contents(), findings)


def inline_directory(node: Node, findings: Findings, regions: RegionTable) -> Contents:
    """Take `inline_directory` of a test: the keys of the YAML form, without `version`."""
    form = form_of(node, findings)
    contents = _Reader(regions).read(form, findings)
    form.close(also=("regions",))
    return contents


class _Reader:
    """Reads one directory; knows the regions, and at which of them each person holds an office."""

    def __init__(self, regions: RegionTable) -> None:
        self._regions = regions
        self._region = region(regions)
        self._places: dict[str, str] = {}

    # --- YAML ---

    def read(self, form: Form, findings: Findings) -> Contents:
        """Read all keys of a directory."""
        assignments = form.read("assignments", list_of(self._assignment, maximum=1_000_000), ())
        for placed in assignments:
            self._places.setdefault(placed.entry.person, placed.entry.region)
        people = form.read("people", list_of(self._person, maximum=1_000_000), ())
        deputies = form.read("deputies", list_of(self._deputy, maximum=1_000_000), ())
        roster = form.read("roster", list_of(self._duty, maximum=1_000_000), ())
        return self._contents(people, assignments, deputies, roster, findings)

    def _contents(
        self,
        people: Iterable[Placed[Person]],
        assignments: Iterable[Placed[Assignment]],
        deputies: Iterable[Placed[Deputy]],
        roster: Iterable[Placed[Duty]],
        findings: Findings,
    ) -> Contents:
        people, assignments = tuple(people), tuple(assignments)
        deputies, roster = tuple(deputies), tuple(roster)
        check_positions(people, assignments, deputies, roster, findings)
        return Contents(
            people=tuple(placed.entry for placed in people),
            assignments=tuple(placed.entry for placed in assignments),
            deputies=tuple(placed.entry for placed in deputies),
            roster=tuple(placed.entry for placed in roster),
        )

    def _person(self, node: Node, findings: Findings) -> Placed[Person]:
        form = form_of(node, findings)
        id_ = form.require("id", identifier, "")
        language = form.read("language", word(*LANGUAGES), "id")
        contacts: list[Contact] = []
        for item in form.read("contacts", _items, ()):
            contacts += usable((item,), _contact(id_, contacts), findings)

        def away(item: Node, findings: Findings) -> HolderSpan:
            span = form_of(item, findings)
            return self._days(span, findings, self._zone_of(id_))

        spans = form.read("away", list_of(away), ())
        form.close()
        person = Person(id=id_, language=language, contacts=tuple(contacts), away=spans)
        return Placed(person, form.place("id"))

    def _assignment(self, node: Node, findings: Findings) -> Placed[Assignment]:
        form = form_of(node, findings)
        code, role = form.require("position", self._position, (NATION, ""))
        person = form.require("person", identifier, "")
        status = form.read("status", word(*PRECEDENCE), "definitif")
        span = self._days(form, findings, self._regions.timezone(code), ("valid_from", "valid_to"))
        assignment = Assignment(
            region=code, role=role, person=person, status=cast("Holding", status), valid=span
        )
        return Placed(assignment, form.place("person"), form.place("position"))

    def _deputy(self, node: Node, findings: Findings) -> Placed[Deputy]:
        form = form_of(node, findings)
        of, deputy = form.require("of", identifier, ""), form.require("deputy", identifier, "")
        span = self._days(form, findings, self._zone_of(of))
        return Placed(Deputy(of=of, deputy=deputy, valid=span), form.place("deputy"), form.place("of"))

    def _duty(self, node: Node, findings: Findings) -> Placed[Duty]:
        form = form_of(node, findings)
        code, role = form.require("position", self._position, (NATION, ""))
        person = form.require("person", identifier, "")
        zone_name = self._regions.timezone(code)
        since = form.read("from", local_instant(zone_name), None)
        until = form.read("until", local_instant(zone_name), None)
        form.close()
        if since is not None and until is not None and until <= since:
            findings.add("until_before_from", form.place("until"))
        duty = Duty(region=code, role=role, person=person, valid=HolderSpan(since, until))
        return Placed(duty, form.place("person"), form.place("position"))

    def _position(self, node: Node, findings: Findings) -> tuple[str, str]:
        form = form_of(node, findings)
        position = form.require("region", self._region, NATION), form.require("role", identifier, "")
        form.close()
        return position

    def _days(
        self, form: Form, findings: Findings, zone_name: str, keys: tuple[str, str] = ("from", "until")
    ) -> HolderSpan:
        """Take a span of days, both included, local to a zone, and close the form."""
        first, last = form.read(keys[0], day, None), form.read(keys[1], day, None)
        form.close()
        if first is not None and last is not None and last < first:
            findings.add("until_before_from", form.place(keys[1]))
        return _span(first, last, zone_name)

    def _zone_of(self, person: str) -> str:
        return self._regions.timezone(self._places.get(person, NATION))

    # --- CSV ---

    def read_rows(self, rows: Iterable[MappingNode], findings: Findings) -> Contents:
        """Read one line after the other; a person with several offices has several lines."""
        people: dict[str, Placed[Person]] = {}
        assignments: list[Placed[Assignment]] = []
        deputies: dict[tuple[str, str], Placed[Deputy]] = {}
        for placed, person, deputy in usable(rows, self._row, findings):
            assignments.append(placed)
            first = people.setdefault(person.entry.id, person)
            if first.entry != person.entry:
                line = first.mark.line
                findings.add("duplicate_person", person.mark, person=person.entry.id, line=line)
            if deputy is not None:
                deputies.setdefault((deputy.entry.of, deputy.entry.deputy), deputy)
        return self._contents(people.values(), assignments, deputies.values(), (), findings)

    def _row(
        self, row: Node, findings: Findings
    ) -> tuple[Placed[Assignment], Placed[Person], Placed[Deputy] | None]:
        form = form_of(row, findings)
        code = form.require("region", self._region, NATION)
        role = form.require("role", identifier, "")
        id_ = form.require("person", identifier, "")
        status = form.read("status", word(*PRECEDENCE), "definitif")
        language = form.read("language", word(*LANGUAGES), "id")
        contacts = [
            Contact(id=f"{id_}/{channel}/1", channel=channel, value=value, priority=priority)
            for priority, channel in enumerate(_CSV_CHANNELS, start=1)
            if (value := form.read(channel, address_of(channel), "")) != ""
        ]
        deputy = form.read("deputy", identifier, "")
        span = self._days(form, findings, self._regions.timezone(code), ("valid_from", "valid_to"))
        assignment = Assignment(
            region=code, role=role, person=id_, status=cast("Holding", status), valid=span
        )
        person = Person(id=id_, language=language, contacts=tuple(contacts))
        return (
            Placed(assignment, form.place("person"), form.place("role")),
            Placed(person, form.place("person")),
            Placed(Deputy(of=id_, deputy=deputy), form.place("deputy"), form.mark) if deputy else None,
        )


_CSV_CHANNELS: tuple[Channel, ...] = ("sms", "email")


def _span(first: date | None, last: date | None, zone_name: str) -> HolderSpan:
    """Return the instants from the start of the first day to the end of the last one."""
    return HolderSpan(
        None if first is None else local_midnight(first, zone_name),
        None if last is None else local_midnight(last + timedelta(days=1), zone_name),
    )


def _items(node: Node, findings: Findings) -> tuple[Node, ...]:
    if not isinstance(node, SequenceNode):
        raise findings.unusable("not_a_list", node.mark)
    return node.items


def _contact(person: str, before: list[Contact]) -> Take[Contact]:
    """Return a reader of one contact of a person, given those that stand before it."""

    def read(node: Node, findings: Findings) -> Contact:
        form = form_of(node, findings)
        channel = cast("Channel", form.require("channel", word("sms", "email", "webhook"), "sms"))
        value = form.require("value", address_of(channel), "") if "channel" in form else ""
        number = 1 + sum(contact.channel == channel for contact in before)
        contact = Contact(
            id=f"{person}/{channel}/{number}",
            channel=channel,
            value=value,
            priority=form.read("priority", whole(1, 99), len(before) + 1),
            quiet_hours=form.read("quiet_hours", hours, ""),
            delay=form.read("delay", duration(), 0),
            verified=form.read("verified", boolean, default=True),
            stopped=form.read("stopped", boolean, default=False),
        )
        form.close()
        return contact

    return read
