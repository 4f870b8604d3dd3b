"""The stored state of a group: its points, snapshots of its fold, its open spell and the alerts it has opened.

`Circumstances` holds what judging needs besides the rule and the events: outages of the intake, exceptions, members.

Specification: docs/specification/rules.md#outages, #arrival-order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from engine.core.judging.condition import ExpectedMember
from engine.core.judging.event import EventKey
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.judgement import Evidence, Sides


class Gap(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The intake was down from `since` until `until` (clock instants)."""

    since: Instant = msgspec.field(name="from")
    until: Instant


def merged_gaps(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return the same time as spans that neither touch nor overlap, earliest first."""
    spans: list[Gap] = []
    for gap in sorted(gaps):
        if spans and gap.since <= spans[-1].until:
            spans[-1] = Gap(since=spans[-1].since, until=max(spans[-1].until, gap.until))
        elif gap.since < gap.until:
            spans.append(gap)
    return tuple(spans)


def outage_within(gaps: Iterable[Gap], since: Instant, until: Instant) -> Millis:
    """Return how many milliseconds from `since` to `until` the intake was down; no time counts twice."""
    return sum(max(0, min(gap.until, until) - max(gap.since, since)) for gap in merged_gaps(gaps))


Measure = int | float | str | bool | None


class Point(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as one rule sees it.

    `measure` is what the condition reads: a weight in billionths (count), a canonical text (distinct), the field
    (value), the parts that the event fits, a bit for each (patterns). `watched`: it counts; `clears`: it meets
    `clear_when: {event: ...}`. `told` is the ordinal of the alert that has it as evidence, 0 for none. `besides`
    are further numbers of it: of a share the whole in billionths, and 1 where the floor's field lets it pass.
    """

    evidence: Evidence
    measure: Measure = None
    watched: bool = True
    clears: bool = False
    told: int = 0
    besides: tuple[int, ...] = ()

    @property
    def key(self) -> EventKey:
        """The place of the event in the order of all events."""
        return self.evidence.key


class FiringInterval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A stretch of event time for which an alert ought to be open: what the fold finds.

    Evidence of the opening are the watched points from `first` to `last` (None: the window was empty), of a pattern
    only those of `keys`. `since` is from when a silence is measured. `reason` and `ended_at` are None while it runs;
    `by_hand` ends at the floor of the closing, `before_rule` where the rule came into force and it did not hold.
    Where an event that leaves may raise the level, `level` is the highest the figure had so far, and `counted_from`
    the figure from which its doubling is counted.
    """

    happened_at: Instant
    first: EventKey | None
    last: EventKey | None
    figure: float | None = None
    sides: Sides | None = None
    ended_at: Instant | None = None
    reason: str | None = None
    keys: tuple[EventKey, ...] = ()
    since: Instant | None = None
    level: int = 0
    counted_from: float | None = None


class Join(NamedTuple):
    """A point that joined a running spell (its place among all spells) at an instant, and the figure and sides then."""

    key: EventKey
    place: int
    figure: float | None
    sides: Sides | None
    at: Instant


class GroupStatus(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """How the fold stands after the instants it has judged; small, so that copies are cheap.

    `spell`: the one that runs. `true_since` (and `true_first`, its first point): since when a state condition is true
    without an alert. `over_since`: since when the condition of the running spell is over. `newest`: the newest evidence
    of the running spell. `floor`: an opening needs an event newer than this. `blocked`: it must be false once first.
    `restart`: points up to here are never counted again. `seen`: the newest watched point. `anchor`: what opened the
    latest wait for missing items (`not_all_of`), which takes in all that comes before its end; with `expected_from:
    seen` what made the group expected. `first`: the occurrence of the first point that counts (`compare`).
    """

    spell: FiringInterval | None = None
    true_since: Instant | None = None
    true_first: EventKey | None = None
    over_since: Instant | None = None
    newest: EventKey | None = None
    floor: EventKey | None = None
    blocked: bool = False
    restart: EventKey | None = None
    seen: EventKey | None = None
    anchor: EventKey | None = None
    first: Instant | None = None

    @property
    def last_joined(self) -> Instant:
        """When the running spell was joined last; its opening, which may have come after a wait, counts as a join."""
        opened = self.spell.happened_at if self.spell is not None else 0
        return opened if self.newest is None else max(opened, self.newest.occurred_at)


class Opening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An alert that was opened and not undone, as last said: `ordinal` counts the group's alerts from 1.

    `carried`: another version of the rule opened it and no spell of this one is its own. Nothing undoes it, and the
    next spell that is not over by `happened_at` (when this version came into force) is its own. `figure` is how far a
    silence had grown as last said. Of a state whose level may rise when an event leaves, `level` is the highest one
    that was said, `risen` the instant of the newest rise that was, and `excepted` whether an exception gives a level
    to each of its evidence. `mark` is where people closed it, if they did.
    """

    ordinal: int
    happened_at: Instant
    ended_at: Instant | None = None
    carried: bool = False
    figure: float | None = None
    level: int = 0
    risen: Instant | None = None
    excepted: bool = False
    mark: EventKey | None = None


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The alert of this ordinal was closed by hand: the key of its newest evidence (None: it has none), and when.

    `at` is the clock instant of the act. A closing may be told again and again; it counts once.
    """

    ordinal: int
    floor: EventKey | None
    at: Instant


class Reopening(msgspec.Struct, frozen=True, kw_only=True):
    """The closing by hand of the newest alert of a group, of this ordinal, was withdrawn at the clock instant `at`.

    It may be told again and again as long as the alert is open; it counts once.
    """

    ordinal: int
    at: Instant


ByHand = Closing | Reopening
"""What people did last about whether an alert is open."""


class GroupState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """All that is stored of one group of one rule.

    `points` are in event order. Instants up to `base` are judged for good, `status` is how the fold stood then; points
    at or before it are kept only while they are in a window. `openings` are those a late event may still change,
    `opened` counts all alerts ever opened, `marks` are the floors of closings by hand after `base`, and the gate of
    the rule (`gate_of`). `ripe` is the instant up to which was judged what more events could undo.
    """

    points: tuple[Point, ...] = ()
    base: Instant | None = None
    status: GroupStatus = msgspec.field(default_factory=GroupStatus)
    openings: tuple[Opening, ...] = ()
    opened: int = 0
    marks: tuple[EventKey, ...] = ()
    ripe: Instant | None = None

    @property
    def open(self) -> Opening | None:
        """The opening that has not ended, as far as judging knows; not always the one opened last."""
        return next((opening for opening in reversed(self.openings) if opening.ended_at is None), None)


EMPTY = GroupState()
"""A group that nothing was reported of."""


def gate_of(before: Instant) -> EventKey:
    """Return the mark of where a rule came into force: before all events of that instant, and of none itself."""
    return EventKey(before, "", "")


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: from when the rule has watched its groups (None: for as long as matters). `zone`: where the group's
    hours are local. `gaps`: the spans in which the intake was down, merged. `member`: as whom an absence expects the
    group to report (None: not at all).
    """

    since: Instant | None = None
    zone: str = "Asia/Jakarta"
    gaps: tuple[Gap, ...] = ()
    member: ExpectedMember | None = None


UNKNOWN = Circumstances()
