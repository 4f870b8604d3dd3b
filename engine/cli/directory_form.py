"""The directory as it is exported: YAML with everything, CSV with what a table can hold (escalation.md 2).

Here: from the contents to plain maps, lists and lines. Not here: reading them again (`documents.directory`), and files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from engine.core.alerting.directory import ALWAYS, Assignment, Contact, Contents, Directory, Person, Span
from engine.core.judging.instant import Instant, format_duration, local
from engine.core.judging.region import NATION, RegionTable
from engine.errors import SiagaError

COLUMNS = (
    "region",
    "role",
    "person",
    "status",
    "language",
    "sms",
    "email",
    "deputy",
    "valid_from",
    "valid_to",
)


def as_csv(contents: Contents, regions: RegionTable) -> str:
    """Return the directory as CSV, a line for each office that somebody holds.

    Raises `SiagaError` where it holds what a line has no column for, naming it.
    """
    directory, written = Directory(contents), io.StringIO()
    _fits(contents)
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    for held in contents.assignments:
        person = directory.person(held.person) or Person(id=held.person)
        deputies = [d.deputy for d in contents.deputies if d.of == held.person]
        table.writerow(_row(held, person, deputies, regions))
    return written.getvalue()


def _row(held: Assignment, person: Person, deputies: list[str], regions: RegionTable) -> dict[str, str]:
    zone = regions.timezone(held.region)
    return {
        "region": held.region,
        "role": held.role,
        "person": held.person,
        "status": held.status,
        "language": person.language,
        **{contact.channel: contact.value for contact in person.contacts},
        "deputy": next(iter(deputies), ""),
        **_days(held.valid, zone, "valid_from", "valid_to"),
    }


def _fits(contents: Contents) -> None:
    """Raise where a CSV would lose something."""
    holders = {held.person for held in contents.assignments}
    if contents.roster:
        raise _unfit("shifts of the roster")
    for person in contents.people:
        plain = tuple(
            Contact(id=f"{person.id}/{channel}/1", channel=channel, value=contact.value, priority=priority)
            for priority, channel in ((1, "sms"), (2, "email"))
            for contact in person.contacts
            if contact.channel == channel
        )
        if msgspec.structs.replace(person, contacts=plain, away=()) != person:
            raise _unfit(
                f"absences, or contacts beyond one plain phone and one plain mailbox, of {person.id}"
            )
        if person.id not in holders:
            raise _unfit(f"{person.id}, who holds no office")
    of = [deputy.of for deputy in contents.deputies]
    for deputy in contents.deputies:
        if deputy.valid != ALWAYS or of.count(deputy.of) > 1 or deputy.of not in holders:
            raise _unfit(f"deputies of {deputy.of} for a time, or several of them")


def _unfit(what: str) -> SiagaError:
    return SiagaError(f"a CSV has no columns for everything: {what}. Export to a .yaml file")


def as_document(contents: Contents, regions: RegionTable) -> dict[str, Any]:
    """Return the directory as plain maps and lists in the form of its YAML file."""
    places: dict[str, str] = {}
    for assignment in contents.assignments:
        places.setdefault(assignment.person, assignment.region)

    def zone_of(person: str) -> str:
        return regions.timezone(places.get(person, NATION))

    return {
        "version": 1,
        "people": [_person(person, zone_of(person.id)) for person in contents.people],
        "assignments": [
            {
                "position": {"region": held.region, "role": held.role},
                "person": held.person,
                "status": held.status,
                **_days(held.valid, regions.timezone(held.region), "valid_from", "valid_to"),
            }
            for held in contents.assignments
        ],
        "deputies": [
            {"of": one.of, "deputy": one.deputy, **_days(one.valid, zone_of(one.of), "from", "until")}
            for one in contents.deputies
        ],
        "roster": [
            {
                "position": {"region": duty.region, "role": duty.role},
                "person": duty.person,
                **dict(_moments(duty.valid, regions.timezone(duty.region))),
            }
            for duty in contents.roster
        ],
    }


def _person(person: Person, zone: str) -> dict[str, Any]:
    away = [_days(span, zone, "from", "until") for span in person.away]
    contacts = [_contact(contact) for contact in person.contacts]
    return {
        "id": person.id,
        "language": person.language,
        "contacts": contacts,
        **({"away": away} if away else {}),
    }


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "channel": contact.channel,
        "value": contact.value,
        "priority": contact.priority,
        **({"quiet_hours": contact.quiet_hours} if contact.quiet_hours else {}),
        **({"delay": format_duration(contact.delay)} if contact.delay else {}),
        **({} if contact.verified else {"verified": False}),
        **({"stopped": True} if contact.stopped else {}),
    }


def _days(span: Span, zone: str, first: str, last: str) -> dict[str, str]:
    """Return a span of whole days by its first and last day."""
    days = {}
    if span.since is not None:
        days[first] = f"{local(span.since, zone):%Y-%m-%d}"
    if span.until is not None:
        days[last] = f"{local(span.until - 1, zone):%Y-%m-%d}"
    return days


def _moments(span: Span, zone: str) -> Iterator[tuple[str, str]]:
    for name, instant in (("from", span.since), ("until", span.until)):
        if instant is not None:
            yield name, _moment(instant, zone)


def _moment(instant: Instant, zone: str) -> str:
    return f"{local(instant, zone):%Y-%m-%d %H:%M}"
