"""Families in the store: which events name which, and what that changes when a request comes in.

Here: a record per event id of who bears it and which events name it, so that an act finds its event and an event finds
the acts that came before it. Not here: the outcome for a family (`judging.correction`), what it does to groups
(`service.batch`).

The whole batch asks the store once for the records of all its ids; only where there are acts is the family followed
further, id by id. Only the evaluator writes these records, with the commit of the batch, so its fence guards them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from engine.judging.correction import Member, Name, Refusal, Verdict, member_of, named_by, verdict
from engine.judging.event import Event
from engine.store.codec import decode, encode
from engine.store.history import History
from engine.store.port import Entry, Put, Store

log = structlog.get_logger(__name__)

FAMILIES = "families"
"""Table of what is known of an event id, by that id."""
MOST_ACTS = 100
"""A family is followed up to so many acts; a further one changes nothing, so that nobody can make a batch endless."""

_EVENT = msgspec.json.Decoder(Event)


class Bearer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event, and the position of the entry of the stream that holds it."""

    member: Member
    position: str


class Known(msgspec.Struct, array_like=True):
    """What is known of an event id: the events that bear it, and the ids of the events that name it."""

    bearers: list[Bearer] = []
    named_by: list[str] = []


class Arrived(NamedTuple):
    """An event of a request, and the position of the entry that holds it."""

    event: Event
    position: str


class Change(NamedTuple):
    """What one request changes: its events that count, earlier events that are out now (and why), and those back in."""

    counting: list[Event]
    withdrawn: dict[Name, str]
    returned: list[Name]


class Families:
    """What one batch must know of its events' families, and what it adds to them."""

    def __init__(self, store: Store, history: History) -> None:
        """Read records from the store, and events of earlier batches from the history."""
        self._store = store
        self._history = history
        self._known: dict[str, Known] = {}
        self._changed: set[str] = set()
        self._events: dict[Name, Event] = {}
        self.withdrawn: list[tuple[Name, str]] = []
        """Earlier events that this batch took out, and why."""
        self.refused: list[tuple[Name, Refusal]] = []
        """Acts that change nothing, and why, as far as that came out with this batch."""

    async def load(self, arrived: Collection[Arrived]) -> None:
        """Read what the store knows of the ids of these events, and of the families of those that name one another."""
        self._events.update({(event.desk, event.id): event for event, _ in arrived})
        acts = [(event.id, names) for event, _ in arrived if (names := named_by(event))]
        ids = {event.id for event, _ in arrived} | {names for _, names in acts}
        await self._read(ids)
        near = {id_ for act in acts for id_ in act}
        near |= {id_ for id_ in ids if self._known[id_].named_by}
        while near:
            near = {id_ for known in near for id_ in self._neighbours(known)} - self._known.keys()
            await self._read(near)

    async def _read(self, ids: Iterable[str]) -> None:
        wanted = sorted(ids)
        for id_, record in zip(wanted, await self._store.get(FAMILIES, wanted), strict=True):
            self._known[id_] = decode(record.value, Known) if record else Known()

    def _neighbours(self, id_: str) -> set[str]:
        known = self._known[id_]
        return {*known.named_by, *(b.member.names for b in known.bearers if b.member.names)}

    def take(self, request: Sequence[Arrived]) -> Change:
        """Add the events of one request to their families; return what changes by them, all at once."""
        concerned: set[str] = set()
        members = {}
        for event, position in request:
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
        counts = [not member.refuted and name not in after.withdrawn for name, member in members.items()]
        return Change(
            counting=[event for (event, _), true in zip(request, counts, strict=True) if true],
            withdrawn=out,
            returned=sorted(before.withdrawn.keys() - after.withdrawn.keys()),
        )

    def _too_many(self, act: Member) -> bool:
        family = self._family({act.id, act.names})
        return sum(bool(b.member.names) for id_ in family for b in self._known[id_].bearers) >= MOST_ACTS

    def _verdicts(self, concerned: set[str], new: Collection[Name]) -> tuple[Verdict, Verdict]:
        """Judge the families of these ids without and with the new events."""
        members = [b.member for id_ in self._family(concerned) for b in self._known[id_].bearers]
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
        places = {
            bearer.member.name: bearer.position
            for _, id_ in wanted
            for bearer in self._known[id_].bearers
            if bearer.member.name in wanted and bearer.member.name not in self._events
        }
        wanted_at = sorted(set(places.values()))
        for position, entry in zip(wanted_at, await self._history.at(wanted_at), strict=True):
            if entry is None:
                log.warning("event_not_found", position=position, why="it is neither in stream nor archive")
            else:
                self._events.update({(event.desk, event.id): event for event in events_of(entry)})
        return {name: self._events[name] for name in wanted if name in self._events}

    def puts(self) -> list[Put]:
        """Return the records that changed."""
        return [Put(FAMILIES, id_, encode(self._known[id_])) for id_ in sorted(self._changed)]


def events_of(entry: Entry) -> list[Event]:
    """Return the events of an entry, stamped with when they were received."""
    return [
        msgspec.structs.replace(_EVENT.decode(value), received_at=entry.received_at) for value in entry.values
    ]
