"""The directory: who holds which office and when, how a person is reached, and edits as pure functions.

Specification: docs/specification/escalation.md#directory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

import msgspec

from engine.core.alerting.policy import Channel, StepTarget
from engine.core.judging.calendar import AWAS
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.region import NATION, RegionTable, cut

Holding = Literal["definitif", "pj", "pjs", "plt", "plh"]
PRECEDENCE: Mapping[str, int] = {"plh": 0, "plt": 1, "pjs": 2, "pj": 3, "definitif": 4}
"""Of two overlapping assignments the one with the lower number counts (docs/specification/escalation.md#holders)."""
PassedOver = Literal["vacant", "away", "no_contact", "conflict_of_interest", "declined"]


class HolderSpan(msgspec.Struct, frozen=True, omit_defaults=True):
    """From (included) until (excluded), in milliseconds UTC; None is unbounded."""

    since: Instant | None = None
    until: Instant | None = None

    def covers(self, at: Instant) -> bool:
        """Say whether the instant lies in the span."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


ALWAYS = HolderSpan()


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One address of a person. `id` is opaque (person/channel/number), `priority` lower is earlier.

    `stopped`: its owner asked by SMS, with a code, for no more messages: only awas goes there until an operator
    confirms.
    """

    id: str
    channel: Channel
    value: str
    priority: int = 1
    quiet_hours: str = ""
    delay: Millis = 0
    verified: bool = True
    stopped: bool = False

    def serves(self, level: int) -> bool:
        """Say whether messages of alerts of a level may go there."""
        return self.verified and (not self.stopped or level >= AWAS)


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person. `id` is opaque and may appear in logs, so it is never a name."""

    id: str
    language: str = "id"
    contacts: tuple[Contact, ...] = ()
    away: tuple[HolderSpan, ...] = ()

    @property
    def reachable(self) -> tuple[Contact, ...]:
        """Verified contacts by priority."""
        return tuple(sorted((c for c in self.contacts if c.verified), key=lambda c: c.priority))

    def reachable_at(self, level: int) -> tuple[Contact, ...]:
        """Contacts that messages of alerts of a level may use, by priority."""
        return tuple(contact for contact in self.reachable if contact.serves(level))


class Assignment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person holds a role at a region for a time."""

    region: str
    role: str
    person: str
    status: Holding = "definitif"
    valid: HolderSpan = ALWAYS


class Deputy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person stands in for another for a time."""

    of: str
    deputy: str
    valid: HolderSpan = ALWAYS


class Duty(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shift of the duty roster; of overlapping shifts the later in the file counts."""

    region: str
    role: str
    person: str
    valid: HolderSpan = ALWAYS


class Contents(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole directory as it is stored, one version at a time."""

    people: tuple[Person, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    deputies: tuple[Deputy, ...] = ()
    roster: tuple[Duty, ...] = ()


class FoundHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Who a target resolved to, as what (`on_duty`, `holder`, `deputy`, `person`), of which role at which region.

    `status` is how the office is held: by the person, or by whom a deputy stands in for.
    """

    person: str
    capacity: str
    role: str
    region: str
    status: Holding = "definitif"


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A person or office that was passed over in a resolution, and why."""

    role: str
    region: str
    reason: PassedOver
    person: str = ""


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of resolving one target: somebody or nobody, and who was passed over on the way."""

    found: FoundHolder | None
    passed: tuple[Passed, ...] = ()


class Directory:
    """The contents with their indexes; immutable."""

    def __init__(self, contents: Contents, version: int = 0) -> None:
        self.contents = contents
        self.version = version
        self._people = {person.id: person for person in contents.people}
        self.stopped = frozenset(
            person.id
            for person in contents.people
            if person.reachable and all(contact.stopped for contact in person.reachable)
        )
        """People of whom every contact that counts was stopped: only awas reaches them."""
        self._assignments: dict[tuple[str, str], list[Assignment]] = {}
        for assignment in contents.assignments:
            self._assignments.setdefault((assignment.region, assignment.role), []).append(assignment)
        self._duties: dict[tuple[str, str], list[Duty]] = {}
        for duty in contents.roster:
            self._duties.setdefault((duty.region, duty.role), []).append(duty)
        self._deputies: dict[str, list[Deputy]] = {}
        for deputy in contents.deputies:
            self._deputies.setdefault(deputy.of, []).append(deputy)

    def person(self, person_id: str) -> Person | None:
        """Return a person by id."""
        return self._people.get(person_id)

    def contact(self, contact_id: str) -> Contact | None:
        """Return a contact by its id, whoever's it is."""
        person = self._people.get(contact_id.split("/", 1)[0])
        return next((c for c in person.contacts if c.id == contact_id), None) if person else None

    def on_duty(self, region: str, role: str, at: Instant) -> str | None:
        """Return who is on duty for a position; of overlapping shifts the later entry."""
        shifts = [d.person for d in self._duties.get((region, role), ()) if d.valid.covers(at)]
        return shifts[-1] if shifts else None

    def assignment(self, region: str, role: str, at: Instant) -> Assignment | None:
        """Return the assignment that counts: plh, plt, pjs, pj before definitif, then the later `valid.since`."""
        valid = [a for a in self._assignments.get((region, role), ()) if a.valid.covers(at)]
        return min(valid, key=lambda a: (PRECEDENCE[a.status], -(a.valid.since or 0)), default=None)

    def holder(self, region: str, role: str, at: Instant) -> str | None:
        """Return who holds a position."""
        assignment = self.assignment(region, role, at)
        return assignment.person if assignment else None

    def deputies(self, person_id: str, at: Instant) -> Iterator[str]:
        """Yield who deputises for a person at this instant, in file order."""
        return (d.deputy for d in self._deputies.get(person_id, ()) if d.valid.covers(at))

    def occupants(self, region: str, role: str, at: Instant) -> Iterator[tuple[str, str]]:
        """Yield (person, capacity) of a position in their order, each person once.

        Specification: docs/specification/escalation.md#resolution.
        """
        seen: set[str] = set()
        candidates: list[tuple[str, str]] = []
        if (duty := self.on_duty(region, role, at)) is not None:
            candidates.append((duty, "on_duty"))
        if (holder := self.holder(region, role, at)) is not None:
            candidates.append((holder, "holder"))
            candidates.extend((deputy, "deputy") for deputy in self.deputies(holder, at))
        for person, capacity in candidates:
            if person not in seen:
                seen.add(person)
                yield person, capacity

    def bearers(self, region: str, role: str, at: Instant) -> set[str]:
        """Return everyone who bears a position now: all holders, also one whom another acts for, deputies, on duty."""
        holders = {a.person for a in self._assignments.get((region, role), ()) if a.valid.covers(at)}
        stand_ins = {deputy for holder in holders for deputy in self.deputies(holder, at)}
        duty = self.on_duty(region, role, at)
        return holders | stand_ins | ({duty} if duty else set())

    def positions(self, person_id: str, at: Instant) -> list[tuple[str, str]]:
        """Return the (region, role) that a person holds or is on duty for at this instant."""
        held = [key for key in self._assignments if self.holder(*key, at) == person_id]
        return held + [key for key in self._duties if key not in held and self.on_duty(*key, at) == person_id]

    def roles(self, region: str) -> list[str]:
        """Return the roles that somebody is assigned to or on duty for at a region, at whatever time."""
        return list(
            dict.fromkeys(role for code, role in (*self._assignments, *self._duties) if code == region)
        )

    def unusable(self, person_id: str, at: Instant, excluded: Mapping[str, PassedOver]) -> PassedOver | None:
        """Return why a person cannot be a recipient now, or None."""
        person = self._people.get(person_id)
        if person_id in excluded:
            return excluded[person_id]
        if person is not None and any(span.covers(at) for span in person.away):
            return "away"
        if person is None or not person.reachable:
            return "no_contact"
        return None


def place_of(target: StepTarget, region: str) -> str:
    """Return the region code at which a target's role is looked for, for an alert of `region`."""
    if target.at == "region":
        return region
    if target.at in ("province", "nation"):
        return cut(region, target.at) or NATION
    return target.at


def resolve(
    directory: Directory,
    regions: RegionTable,
    target: StepTarget,
    region: str,
    at: Instant,
    excluded: Mapping[str, PassedOver],
) -> Resolution:
    """Resolve one target for an alert of `region` at an instant (docs/specification/escalation.md#resolution).

    On duty, holder, deputies; then the same role at the parents up to the nation; then `posko_nasional`. The first
    usable person wins. `excluded` names people who may not be recipients of this alert, with the reason.
    """
    if target.person:
        reason = directory.unusable(target.person, at, excluded)
        if reason is None:
            return Resolution(
                found=FoundHolder(person=target.person, capacity="person", role="", region=region)
            )
        return Resolution(
            found=None, passed=(Passed(person=target.person, role="", region=region, reason=reason),)
        )
    place: str | None = place_of(target, region)
    places: list[tuple[str, str]] = []
    while place is not None:
        places.append((place, target.role))
        place = regions.parent(place) if target.fallback == "up" else None
    if target.fallback == "up" and (NATION, "posko_nasional") not in places:
        places.append((NATION, "posko_nasional"))
    passed: list[Passed] = []
    for code, role in places:
        vacant = True
        for person, capacity in directory.occupants(code, role, at):
            vacant = False
            reason = directory.unusable(person, at, excluded)
            if reason is None:
                held = directory.assignment(code, role, at) if capacity != "on_duty" else None
                status = held.status if held else "definitif"
                found = FoundHolder(person=person, capacity=capacity, role=role, region=code, status=status)
                return Resolution(found=found, passed=tuple(passed))
            passed.append(Passed(person=person, role=role, region=code, reason=reason))
        if vacant:
            passed.append(Passed(role=role, region=code, reason="vacant"))
    return Resolution(found=None, passed=tuple(passed))


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
