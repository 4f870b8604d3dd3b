"""A batch: the events of some entries, sorted into the groups of the rules they match.

Here: shares of groups in each request. Not here: which events correct which (`intake.event_families`),
judging and committing (`evaluation.evaluator`).
Events of one request are applied together before anything is judged (docs/specification/rules.md#event-order), so
shares are by request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
import structlog

from engine.core.judging.correction import Name
from engine.core.judging.event import Event
from engine.core.judging.group_key import GroupKey, group_of
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.intake.event_families import Arrived, Families, events_of
from engine.matching.checked import Matcher
from engine.store.port import Entry

log = structlog.get_logger(__name__)


class GroupShare(msgspec.Struct, frozen=True, array_like=True):
    """What one request holds for one group: events that match, events that clear, and events that are out now.

    `fits` says which parts of a pattern the events fit that match. `request` is the place of the request in its batch:
    several may be received at one instant.
    """

    received_at: Instant
    arrivals: list[Event]
    clearing: list[Event]
    gone: list[tuple[Event, str]]
    fits: dict[Name, int]
    request: int = 0

    @property
    def withdrawn(self) -> dict[Name, str]:
        """Why events are out, by desk and id."""
        return {(event.desk, event.id): reason for event, reason in self.gone}


class BatchRequest(NamedTuple):
    """The events that came in together: they are applied together before anything is judged."""

    received_at: Instant
    arrived: list[Arrived]


class MatchFault(NamedTuple):
    """A rule, by its id, that could not be asked about an event, because that raised."""

    rule: str
    event: Event
    error: Exception


class Batch(NamedTuple):
    """The shares of each group, request by request, how many matches there are in all, and whom asking raised."""

    shares: dict[GroupKey, list[GroupShare]]
    matches: int
    faults: tuple[MatchFault, ...] = ()


async def sort(entries: Iterable[Entry], matcher: Matcher, families: Families) -> Batch:
    """Sort the events of the entries into groups. An event without the key of a rule is reported and not counted.

    Who is out goes to the groups as well, and who is back in goes there as if it had come in just now.
    """
    whole = list(requests(entries))
    await families.load([arrived for request in whole for arrived in request.arrived])
    changes = [families.take(request.arrived) for request in whole]
    earlier = await families.events(name for c in changes for name in (*c.withdrawn, *c.returned))
    shares: dict[GroupKey, list[GroupShare]] = {}
    faults: list[MatchFault] = []
    matches = 0
    for number, (request, change) in enumerate(zip(whole, changes, strict=True)):
        sheet = _Sheet(request.received_at, number, matcher)
        matches += sum([sheet.add(event) for event in change.counting])
        for name in change.returned:
            if name in earlier:
                sheet.add(earlier[name])
        for name, reason in change.withdrawn.items():
            if name in earlier:
                sheet.take_out(earlier[name], reason)
        for key, share in sheet.shares.items():
            shares.setdefault(key, []).append(share)
        faults += sheet.faults
    return Batch(shares, matches, tuple(faults))


class _Sheet:
    """The shares of one request."""

    def __init__(self, received_at: Instant, number: int, matcher: Matcher) -> None:
        self.shares: dict[GroupKey, GroupShare] = {}
        self.faults: list[MatchFault] = []
        self._received_at, self._number = received_at, number
        self._matcher = matcher

    def add(self, event: Event) -> int:
        """Give the event to the groups it matches and clears; return how many rules it matches."""
        seen, space = self._seen(event), event.space
        for rule, groups in seen.matched:
            if not groups:
                _tell_keyless(rule, event)
            for group, bits in groups.items():
                share = self._share(space, rule, group)
                share.arrivals.append(event)
                if bits:
                    share.fits[event.desk, event.id] = bits
        for rule, cleared in seen.cleared:
            if cleared is None:
                _tell_keyless(rule, event)
            else:
                self._share(space, rule, cleared).clearing.append(event)
        return len(seen.matched)

    def take_out(self, event: Event, reason: str) -> None:
        """Tell the groups that an event had matched or cleared that it is out."""
        seen = self._seen(event)
        concerned = {(rule.id, group): rule for rule, groups in seen.matched for group in groups}
        concerned |= {(rule.id, group): rule for rule, group in seen.cleared if group is not None}
        for (_, group), rule in concerned.items():
            self._share(event.space, rule, group).gone.append((event, reason))

    def _seen(self, event: Event) -> _Seen:
        """Ask all rules about an event; where that raises each by itself, so that only those are left out."""
        try:
            return _ask(self._matcher, event)
        except Exception:  # noqa: BLE001 -- whichever rule it was says so again below
            seen = _Seen([], [])
            for rule, matcher in self._matcher.apart():
                try:
                    found = _ask(matcher, event)
                except Exception as error:  # noqa: BLE001 -- kept aside with the batch
                    self.faults.append(MatchFault(rule.id, event, error))
                else:
                    seen.matched.extend(found.matched)
                    seen.cleared.extend(found.cleared)
            return seen

    def _share(self, space: str, rule: Rule, group: str) -> GroupShare:
        key = GroupKey(space, rule.id, group)
        share = self.shares.get(key)
        if share is None:
            share = self.shares[key] = GroupShare(self._received_at, [], [], [], {}, self._number)
        return share


class _Seen(NamedTuple):
    """What the rules say of an event: which match it in which groups, and in which group it clears; None: keyless."""

    matched: list[tuple[Rule, Mapping[str, int]]]
    cleared: list[tuple[Rule, str | None]]


def _ask(matcher: Matcher, event: Event) -> _Seen:
    return _Seen(
        [(rule, matcher.groups(rule, event)) for rule in matcher.match(event)],
        [(rule, group_of(rule, event)) for rule in matcher.clears(event)],
    )


def _tell_keyless(rule: Rule, event: Event) -> None:
    log.debug("event_without_key", rule=rule.id, event_id=event.id, desk=event.desk)


def requests(entries: Iterable[Entry]) -> Iterator[BatchRequest]:
    """Yield the events of each request, the entries of one request joined, stamped with when they were received."""
    arrived: list[Arrived] = []
    for entry in entries:
        if entry.type != "events":
            continue
        arrived += [Arrived(event, entry.position) for event in events_of(entry)]
        if entry.last:
            yield BatchRequest(entry.received_at, arrived)
            arrived = []
