"""A batch: the events of some entries, sorted into the groups of the rules they match.

Here: keys of groups and their shares of each request. Not here: judging and committing (`service.evaluator`).
Events of one request are applied together before anything is judged (rule-language.md 3.2), so shares are by request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import structlog

from engine.judging.event import Event
from engine.judging.group import group_of
from engine.judging.instant import Instant
from engine.judging.rule import Rule
from engine.matching.checked import Matcher
from engine.store.port import Entry

log = structlog.get_logger(__name__)


class Key(NamedTuple):
    """Which group of which rule, in which space."""

    space: str
    rule: str
    group: str

    def __str__(self) -> str:
        """Return the id of the group's record; rule ids hold no bar, groups may."""
        return f"{self.space}|{self.rule}|{self.group}"


def key_of(member: str) -> Key:
    """Return the key whose text this is."""
    space, rule, group = member.split("|", 2)
    return Key(space, rule, group)


class Share(NamedTuple):
    """What one request holds for one group: events that match, and events that clear."""

    received_at: Instant
    arrivals: list[Event]
    clearing: list[Event]


class Batch(NamedTuple):
    """The shares of each group, request by request, and how many matches there are in all."""

    shares: dict[Key, list[Share]]
    matches: int


def sort(entries: Iterable[Entry], matcher: Matcher) -> Batch:
    """Sort the events of the entries into groups. An event without the key of a rule is reported and not counted."""
    shares: dict[Key, list[Share]] = {}
    matches = 0
    for received_at, events in requests(entries):
        request: dict[Key, Share] = {}
        for event in events:
            matched = matcher.match(event)
            matches += len(matched)
            for rule in matched:
                if (share := _share(request, rule, event, received_at)) is not None:
                    share.arrivals.append(event)
            for rule in matcher.clears(event):
                if (share := _share(request, rule, event, received_at)) is not None:
                    share.clearing.append(event)
        for key, share in request.items():
            shares.setdefault(key, []).append(share)
    return Batch(shares, matches)


def _share(request: dict[Key, Share], rule: Rule, event: Event, received_at: Instant) -> Share | None:
    group = group_of(rule, event)
    if group is None:
        log.debug("event_without_key", rule=rule.id, event_id=event.id, desk=event.desk)
        return None
    return request.setdefault(Key(event.space, rule.id, group), Share(received_at, [], []))


_EVENT = msgspec.json.Decoder(Event)


def requests(entries: Iterable[Entry]) -> Iterator[tuple[Instant, list[Event]]]:
    """Yield the events of each request, the entries of one request joined, stamped with when they were received."""
    events: list[Event] = []
    for entry in entries:
        if entry.type != "events":
            continue
        events += [
            msgspec.structs.replace(_EVENT.decode(value), received_at=entry.received_at)
            for value in entry.values
        ]
        if entry.last:
            yield entry.received_at, events
            events = []
