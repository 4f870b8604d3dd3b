"""Edits of the directory: one contact, one holder, one shift, one person, as pure functions.

Here: contents in, changed contents out. Not here: whether an edit may be (`alerting.continuity`), keeping it
(`service.registry`), and whole directories from files (`loading.directory`).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from engine.alerting.directory import Assignment, Contact, Contents, Duty, Person
from engine.alerting.policy import Channel


def added(contents: Contents, person_id: str, channel: Channel, value: str) -> tuple[Contents, Contact]:
    """Return the directory with another contact of a person, last in order and not verified, and that contact.

    A number that a contact of theirs had is not given again while a later one stands.
    """
    person = next(p for p in contents.people if p.id == person_id)
    numbers = [int(c.id.rpartition("/")[2]) for c in person.contacts if c.channel == channel]
    contact = Contact(
        id=f"{person_id}/{channel}/{max(numbers, default=0) + 1}",
        channel=channel,
        value=value,
        priority=max((c.priority for c in person.contacts), default=0) + 1,
        verified=False,
    )
    changed = msgspec.structs.replace(person, contacts=(*person.contacts, contact))
    return _with(contents, changed), contact


def removed(contents: Contents, contact_id: str) -> Contents:
    """Return the directory without a contact."""
    people = tuple(
        msgspec.structs.replace(p, contacts=tuple(c for c in p.contacts if c.id != contact_id))
        for p in contents.people
    )
    return msgspec.structs.replace(contents, people=people)


def restored(contents: Contents, contact: Contact) -> Contents:
    """Return the directory with a contact as it was before it was removed or stopped.

    It gets another number where its own was given again.
    """
    person = next((p for p in contents.people if p.id == contact.id.partition("/")[0]), None)
    if person is None:
        return contents
    others = tuple(c for c in person.contacts if c.value != contact.value)
    if any(c.id == contact.id for c in others):
        anew = added(contents, person.id, contact.channel, contact.value)[1]
        contact = msgspec.structs.replace(contact, id=anew.id)
    contacts = tuple(sorted((*others, contact), key=lambda c: c.priority))
    return _with(contents, msgspec.structs.replace(person, contacts=contacts))


def marked(contents: Contents, contacts: Collection[str], *, verified: bool) -> Contents:
    """Return the directory with these contacts verified, or not any more; a STOP is over with either."""
    return _changed(contents, contacts, verified=verified, stopped=False)


def stopped(contents: Contents, contacts: Collection[str]) -> Contents:
    """Return the directory with these contacts kept for awas alone: their owner asked for no more messages."""
    return _changed(contents, contacts, stopped=True)


def _changed(contents: Contents, contacts: Collection[str], **changes: bool) -> Contents:
    people = tuple(
        msgspec.structs.replace(
            p,
            contacts=tuple(
                msgspec.structs.replace(c, **changes) if c.id in contacts else c for c in p.contacts
            ),
        )
        for p in contents.people
    )
    return msgspec.structs.replace(contents, people=people)


def assigned(contents: Contents, assignment: Assignment) -> Contents:
    """Return the directory with another holder of an office; whom it had stays, and precedence decides."""
    return msgspec.structs.replace(contents, assignments=(*contents.assignments, assignment))


def rostered(contents: Contents, duty: Duty) -> Contents:
    """Return the directory with another shift, which goes before those that it overlaps."""
    return msgspec.structs.replace(contents, roster=(*contents.roster, duty))


def without(contents: Contents, person_id: str) -> Contents:
    """Return the directory without a person and whatever names them."""
    return Contents(
        people=tuple(p for p in contents.people if p.id != person_id),
        assignments=tuple(a for a in contents.assignments if a.person != person_id),
        deputies=tuple(d for d in contents.deputies if person_id not in (d.of, d.deputy)),
        roster=tuple(d for d in contents.roster if d.person != person_id),
    )


def _with(contents: Contents, person: Person) -> Contents:
    people = tuple(person if one.id == person.id else one for one in contents.people)
    return msgspec.structs.replace(contents, people=people)
