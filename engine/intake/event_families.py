"""Families in the store: which events name which, and what that changes when a request comes in.

Here: a record for each event id that an act bears or names, of who bears it and which events name it, so that an act
finds its event and an event finds the acts that came before it. Not here: the outcome for a family
(`core.judging.correction`), what it does to groups (`evaluation.batch`).

The whole batch asks the store once for the records of all its ids; only where there are acts is the family followed
further, id by id. An event that is no act and that none names is let through as it is. The first act that bears or
names an id finds the earlier events that bear it by the positions that the store remembers of all ids; from then on the
record is kept up with every further event. Only the evaluator writes these records, with the commit of the batch, so
its fence guards them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from engine.core.judging.correction import (
    CorrectionRefusal,
    CorrectionVerdict,
    FamilyMember,
    Name,
    is_refuted,
    member_of,
    named_by,
    verdict,
)
from engine.core.judging.event import Event
from engine.core.judging.instant import Instant
from engine.errors import UnreadableRecordError
from engine.intake.event_schema import id_digest
from engine.records.tolerant_read import kept_bytes
from engine.store.archive.history import EventHistory
from engine.store.codec import decode_record, encode
from engine.store.port import Entry, Put, Store, order_of

log = structlog.get_logger(__name__)

FAMILIES = "families"
"""Table of what is known of an event id, by that id."""
MOST_ACTS = 100
"""A family is followed up to so many acts of one desk; a further one of it changes nothing, so that no desk uses up
what others may say."""
MOST_ACTS_IN_ALL = 1_000
"""A family is followed up to so many acts of all desks, so that nobody can make a batch endless. Who has the right
`verify` is always followed: what a stolen token brought can be refuted however much it brought."""
MOST_BEARERS = 200
"""So many entries are searched for the events that bear an id, for the same reason."""

_EVENTS = msgspec.json.Decoder(list[Event])


class Bearer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event, and the position of the entry of the stream that holds it."""

    member: FamilyMember
    position: str


class KnownEvents(msgspec.Struct, array_like=True):
    """What is known of an event id: the events that bear it, and the ids of the events that name it."""

    bearers: list[Bearer] = []
    named_by: list[str] = []


class Arrived(NamedTuple):
    """An event of a request, and the position of the entry that holds it."""

    event: Event
    position: str


class FamilyChange(NamedTuple):
    """What one request changes: its events that count, earlier events that are out now (and why), and those back in."""

    counting: list[Event]
    withdrawn: dict[Name, str]
    returned: list[Name]


class Families:
    """What one batch must know of its events' families, and what it adds to them."""

    def __init__(self, store: Store, history: EventHistory) -> None:
        """Read records from the store, and events of earlier batches from the history."""
        self._store = store
        self._history = history
        self._known: dict[str, KnownEvents] = {}
        self.unreadable: list[UnreadableRecordError] = []
        """Records of this batch that cannot be read. Their bearers are found anew; the acts they named are not."""
        self._unread: dict[str, bytes] = {}
        self._recorded: set[str] = set()
        """Ids that some act bears or names, as far as this batch touches them."""
        self._asked: set[str] = set()
        self._changed: set[str] = set()
        self._arrived: Collection[Arrived] = ()
        self._events: dict[Name, Event] = {}
        self.withdrawn: list[tuple[Name, str]] = []
        """Earlier events that this batch took out, and why."""
        self.refused: list[tuple[Name, CorrectionRefusal]] = []
        """Acts that change nothing, and why, as far as that came out with this batch."""

    async def load(self, arrived: Collection[Arrived]) -> None:
        """Read what the store knows of the ids of these events, and of the families of those that name one another."""
        self._arrived = arrived
        acts = [(event.id, names) for event, _ in arrived if (names := named_by(event))]
        ids = {event.id for event, _ in arrived}
        ids.update([names for _, names in acts])
        await self._read(ids)
        near = {id_ for act in acts for id_ in act} | {error.id for error in self.unreadable}
        earliest = min((order_of(position) for _, position in arrived), default=(0, 0))
        if unrecorded := near - self._recorded:
            await self._find(unrecorded, before=earliest)
        near |= {id_ for id_, known in self._known.items() if known.named_by}
        while near:
            near = {id_ for known in near for id_ in self._neighbours(known)} - self._asked
            await self._read(near)
            if lost := near & {error.id for error in self.unreadable}:
                await self._find(lost, before=earliest)

    async def _read(self, ids: Iterable[str]) -> None:
        wanted = list(ids)
        self._asked.update(wanted)
        for id_, record in zip(wanted, await self._store.get(FAMILIES, wanted), strict=True):
            if record is None:
                continue
            try:
                self._known[id_] = decode_record(FAMILIES, id_, record.value, KnownEvents)
                self._recorded.add(id_)
            except UnreadableRecordError as error:
                self.unreadable.append(error)
                self._unread[id_] = record.value

    async def _find(self, ids: Iterable[str], before: tuple[Instant, int]) -> None:
        """Find the events of earlier batches that bear ids of which there is no record yet."""
        wanted = sorted(ids)
        bearers = await self._store.bearers([id_digest(id_) for id_ in wanted])
        places = [[p for p in found[:MOST_BEARERS] if order_of(p) < before] for found in bearers]
        entries = await self._at({position for found in places for position in found})
        for id_, found in zip(wanted, places, strict=True):
            self._recorded.add(id_)
            known = self._known[id_] = KnownEvents()
            for position in found:
                events = [event for event in entries.get(position, ()) if event.id == id_]
                known.bearers += [Bearer(member_of(event), position) for event in events]
                self._events.update({(event.desk, event.id): event for event in events})

    async def _at(self, positions: Iterable[str]) -> dict[str, list[Event]]:
        """Return the events of the entries at these positions; what is nowhere is told."""
        wanted = sorted(positions)
        found = {}
        for position, entry in zip(wanted, await self._history.at(wanted), strict=True):
            if entry is None:
                log.warning("event_not_found", position=position, why="it is neither in stream nor archive")
            else:
                found[position] = events_of(entry)
        return found

    def _of(self, id_: str) -> KnownEvents:
        return self._known.get(id_) or KnownEvents()

    def _neighbours(self, id_: str) -> set[str]:
        known = self._of(id_)
        return {*known.named_by, *(b.member.names for b in known.bearers if b.member.names)}

    def take(self, request: Sequence[Arrived]) -> FamilyChange:
        """Add the events of one request to their families; return what changes by them, all at once."""
        concerned: set[str] = set()
        members: dict[Name, FamilyMember] = {}
        for event, position in request:
            if event.id not in self._recorded:
                continue
            member = members[event.desk, event.id] = member_of(event)
            if member.names and self._too_many(member):
                self.refused.append((member.name, "too_many"))
                member = msgspec.structs.replace(member, names="")
            known = self._known[event.id]
            known.bearers.append(Bearer(member, position))
            self._changed.add(event.id)
            if member.names:
                self._known[member.names].named_by.append(event.id)
                self._changed.add(member.names)
            if member.names or known.named_by:
                concerned.add(event.id)
        if not members:
            return FamilyChange([event for event, _ in request if not is_refuted(event)], {}, [])
        before, after = self._verdicts(concerned, members.keys())
        self.refused += [
            (name, reason) for name, reason in after.refused.items() if name not in before.refused
        ]
        out = {
            name: reason
            for name, reason in after.withdrawn.items()
            if name not in members and name not in before.withdrawn
        }
        self.withdrawn += out.items()
        return FamilyChange(
            counting=[
                event
                for event, _ in request
                if not is_refuted(event) and (event.desk, event.id) not in after.withdrawn
            ],
            withdrawn=out,
            returned=sorted(before.withdrawn.keys() - after.withdrawn.keys()),
        )

    def _too_many(self, act: FamilyMember) -> bool:
        if act.by_verifier:
            return False
        bearers = [b.member for id_ in self._family({act.id, act.names}) for b in self._of(id_).bearers]
        acts = [one for one in bearers if one.names and not one.by_verifier]
        own = sum(one.desk == act.desk for one in acts)
        return own >= MOST_ACTS or len(acts) >= MOST_ACTS_IN_ALL

    def _verdicts(
        self, concerned: set[str], new: Collection[Name]
    ) -> tuple[CorrectionVerdict, CorrectionVerdict]:
        """Judge the families of these ids without and with the new events."""
        members = [b.member for id_ in self._family(concerned) for b in self._of(id_).bearers]
        return verdict(member for member in members if member.name not in new), verdict(members)

    def _family(self, ids: set[str]) -> set[str]:
        found, near = set(ids), set(ids)
        while near:
            near = {id_ for known in near for id_ in self._neighbours(known)} - found
            found |= near
        return found

    async def events(self, names: Iterable[Name]) -> dict[Name, Event]:
        """Return these events, of the batch or of the history; what is in neither is left out, and told."""
        wanted = set(names)
        if not wanted:
            return {}
        self._events.update(
            {(event.desk, event.id): event for event, _ in self._arrived if event.id in self._recorded}
        )
        places = {
            bearer.member.name: bearer.position
            for _, id_ in wanted
            for bearer in self._of(id_).bearers
            if bearer.member.name in wanted and bearer.member.name not in self._events
        }
        for events in (await self._at(set(places.values()))).values():
            self._events.update({(event.desk, event.id): event for event in events})
        return {name: self._events[name] for name in wanted if name in self._events}

    def puts(self) -> list[Put]:
        """Return the records that changed. The bytes of an unreadable record that is replaced are kept."""
        puts = [Put(FAMILIES, id_, encode(self._known[id_])) for id_ in sorted(self._changed)]
        lost = sorted(self._changed & self._unread.keys())
        return [*puts, *(kept_bytes(FAMILIES, id_, self._unread[id_]) for id_ in lost)]


def events_of(entry: Entry) -> list[Event]:
    """Return the events of an entry, stamped with when they were received."""
    events = _EVENTS.decode(b"[%b]" % b",".join(entry.values))
    for event in events:  # nobody else has them yet, so that they need not be made twice
        msgspec.structs.force_setattr(event, "received_at", entry.received_at)
    return events
