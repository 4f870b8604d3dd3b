"""Conditions: what must hold for the events of a group before an alert opens.

A condition is a value. `window`, `pattern`, `absence` and `aggregate` evaluate it. A condition on absent events names
who is expected to report. A column is one number for each region, out of a table of reference figures.

Specification: docs/specification/rules.md#rosters.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import Literal

import msgspec

from engine.core.judging.event import Scalar
from engine.core.judging.filter import Filter, Limit, Operator
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.region import cut


class ReferenceColumn(msgspec.Struct, frozen=True, kw_only=True, tag="column"):
    """A column by its name as rules write it (`directory.dpt`), for regions of one level.

    `regions` are codes in order, `numbers` stand beside them.
    """

    name: str
    level: str = "regency"
    regions: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    def of(self, region: str) -> float | None:
        """Return the number of the region of this column's level that a code is or lies in, if there is one."""
        code = cut(region, self.level)
        if code is None:
            return None
        place = bisect_left(self.regions, code)
        return self.numbers[place] if self.regions[place : place + 1] == (code,) else None


class ExpectedMember(msgspec.Struct, frozen=True, array_like=True):
    """A group that is expected to report, from the instant of its activation until it ends (None: no bound)."""

    group: str
    since: Instant | None = None
    until: Instant | None = None


class ExpectedReporters(msgspec.Struct, frozen=True, kw_only=True):
    """Who must report: `members`, or with `seen` every group with a watched event in the last so many milliseconds.

    `roster` and `where` tell how the file says it: a name (`regions` too), or a filter over the table of regions.
    """

    members: tuple[ExpectedMember, ...] = ()
    seen: Millis | None = None
    roster: str = ""
    where: Filter | None = None


class SilenceCondition(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="silence"):
    """True while somebody expected had fewer than `below` watched events in the last `length` (state condition).

    Its figure is how long that has been so, in milliseconds.
    """

    length: Millis
    expected: ExpectedReporters
    below: int = 1


class Deadline(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="deadline"):
    """True at `by` of everybody expected who has no watched event at or before it; a naive one is local there."""

    by: datetime | Instant
    expected: ExpectedReporters


Absence = SilenceCondition | Deadline
"""What does not come: also of groups that nothing was ever heard of."""


# --- patterns: conditions on several events that fit different filters -------------------------------------------


class PatternPart(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of a pattern must be like to count for it: a step, an item, or what must not come.

    It is filled by the `times`-th event that it fits. `per` renames fields: pairs of a key of the rule's `per` and the
    field that carries it in these events.
    """

    watch: Filter
    times: int = 1
    per: tuple[tuple[str, str], ...] = ()


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What must not come (`but_not`): until the next stage is filled, or for `within` from where it stands."""

    part: PatternPart
    within: Millis | None = None


class SequenceStage(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a sequence: any or all (`every`) of its parts, after the guards that stand before it.

    `within` counts from the event that filled the stage before; of a first stage, from its own first event.
    """

    parts: tuple[PatternPart, ...]
    every: bool = False
    name: str = ""
    within: Millis | None = None
    guards: tuple[Guard, ...] = ()


class Sequence(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="sequence"):
    """True where some choice of events fills all stages in order and no guard was broken.

    `guards` stand after the last stage: true only when their time is over. `within` counts from the first event to the
    one that fills the last stage.
    """

    stages: tuple[SequenceStage, ...]
    guards: tuple[Guard, ...] = ()
    within: Millis | None = None


class AllItems(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="all_of"):
    """True at an event that fits an item when (t - within, t] fills all of them, in any order."""

    items: tuple[PatternPart, ...]
    within: Millis | None = None


class AnyItem(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="any_of"):
    """True at an event that fits an item when (t - within, t] fills that item."""

    items: tuple[PatternPart, ...]
    within: Millis | None = None


class NotAllItems(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="not_all_of"):
    """The first item to come opens a wait [s, s + within); true at its end if any item is not filled."""

    items: tuple[PatternPart, ...]
    within: Millis


Pattern = Sequence | AllItems | AnyItem | NotAllItems
"""What events come between those that fit does not count."""


# --- conditions (docs/specification/rules.md#conditions) --------------------------------------------------------------


class EveryEvent(msgspec.Struct, frozen=True, cache_hash=True, tag="every_event"):
    """True at each watched event."""


class Count(msgspec.Struct, frozen=True, cache_hash=True, tag="count"):
    """True at a watched event at t when (t - within, t] holds at least so many (or so much weight)."""

    at_least: float
    within: Millis
    weight: str | None = None


class Distinct(msgspec.Struct, frozen=True, cache_hash=True, tag="distinct"):
    """True when the window holds at least (event condition) or at most (state condition) so many values of `of`."""

    of: tuple[str, ...]
    limit: Limit
    within: Millis


class Value(msgspec.Struct, frozen=True, cache_hash=True, tag="value"):
    """True while the latest watched event's field meets the limit or is one of the values (state condition).

    `missing` stands for a missing field; None: such an event does not count, and the one before it stays the latest.
    """

    field: str
    limit: Limit | None = None
    one_of: tuple[Scalar, ...] = ()
    missing: Scalar | None = None


Function = Literal["sum", "average", "highest", "lowest", "latest", "percentile"]


class Aggregate(msgspec.Struct, frozen=True, cache_hash=True, tag="aggregate"):
    """True while the figure over the numbers of `of` in (t - within, t] meets the limit (state condition).

    `p` is the percentile, 1 to 100. Fewer than `min_events` numbers meet no limit. `missing` is the number of an event
    without the field; None: it does not count. `non_negative`: the field holds no numbers below 0.
    """

    function: Function
    of: str
    limit: Limit
    within: Millis
    p: int = 0
    min_events: int = 0
    missing: float | None = None
    non_negative: bool = False


class Change(msgspec.Struct, frozen=True, cache_hash=True, tag="change"):
    """True at a watched event whose value of `of` differs from that of the event before it in the group.

    `old` and `new` are the values it may have before and after (empty: any); the event before it is less than `within`
    ago (None: however long). `missing` stands for a missing field; None: such an event does not count.
    """

    of: tuple[str, ...]
    old: tuple[Scalar, ...] = ()
    new: tuple[Scalar, ...] = ()
    within: Millis | None = None
    missing: Scalar | None = None


class FirstTime(msgspec.Struct, frozen=True, cache_hash=True, tag="first_time"):
    """True at a watched event at t whose value of `of` no other event of the group has in (t - memory, t).

    `missing` stands for a missing field; None: such an event does not count.
    """

    of: tuple[str, ...]
    memory: Millis
    missing: Scalar | None = None


class Spread(msgspec.Struct, frozen=True, cache_hash=True, tag="spread"):
    """True while (t - within, t] holds events of at least so many different children (state condition).

    `over` is the level of the children's regions, or a field. With `children` (pairs of a group's region and how many
    children it has in the roster) `at_least` is a percentage of these; a group that has none there is not judged.
    """

    over: str
    at_least: float
    within: Millis
    children: tuple[tuple[str, int], ...] | None = None


class Floor(msgspec.Struct, frozen=True):
    """What must hold besides a relation of two figures: limits on each, and on a field of the latest event."""

    now: Limit | None = None
    reference: Limit | None = None
    field: str | None = None
    field_limit: Limit | None = None


class ShareCondition(msgspec.Struct, frozen=True, cache_hash=True, tag="share"):
    """True while `part` in percent of `whole` meets the limit and the floor its limits (state condition).

    Each is a field whose numbers are added up, or a filter whose events are counted, over (t - within, t]; without
    `within` in the latest event. The whole may be a column instead, the number of the group's region. `missing` is the
    number of an event without a field; None: it adds nothing.
    """

    part: str | Filter
    whole: str | Filter | ReferenceColumn
    limit: Limit
    within: Millis | None = None
    floor: Floor = Floor()
    missing: float | None = None


class PreviousWindow(msgspec.Struct, frozen=True, cache_hash=True, tag="previous_window"):
    """The window before this one: (t - 2 within, t - within]."""


class Earlier(msgspec.Struct, frozen=True, cache_hash=True, tag="earlier"):
    """What is at least `before` old, but less than `not_older_than`: (t - not_older_than, t - before]."""

    before: Millis
    not_older_than: Millis


class SameHour(msgspec.Struct, frozen=True, cache_hash=True, tag="same_hour"):
    """The mean of the same window on each of so many days before."""

    days: int


Reference = PreviousWindow | Earlier | SameHour | ReferenceColumn
"""What a comparison is made with; a column is a baseline by region."""
Relation = Literal["rises_to", "falls_to", "rises_above", "falls_below", "rises_by", "falls_by"]
_AS_LIMIT: dict[Relation, Operator] = {
    "falls_to": "at_most",
    "falls_below": "below",
    "rises_above": "above",
}


class Compare(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True, tag="compare"):
    """True while the figure over (t - within, t] stands so to its reference, and the floor holds (state condition).

    With `at` (local to the group where it has no zone) it is true at that instant only. `number` is how many times the
    reference, with `_by` how many points more or less. `of` are the fields of the figure (none for `count`), `missing`
    is the number of an event without it; None: it does not count. Without a reference the comparison is skipped, counts
    as met, or takes this number for it.
    """

    figure: Literal["count", "distinct", "sum", "average", "highest", "lowest", "latest"]
    reference: Reference
    relation: Relation
    number: float
    within: Millis
    of: tuple[str, ...] = ()
    weight: str | None = None
    missing: float | None = None
    floor: Floor = Floor()
    if_no_baseline: Literal["skip", "fire"] | float = "skip"
    at: datetime | Instant | None = None

    @property
    def limit(self) -> Limit:
        """The limit on the ratio, or on the points by which it rises or falls."""
        return Limit(_AS_LIMIT.get(self.relation, "at_least"), self.number)

    @property
    def in_points(self) -> bool:
        """Whether the figure is a difference, not a ratio."""
        return self.relation in ("rises_by", "falls_by")


class Bond(msgspec.Struct, frozen=True, cache_hash=True, tag="rules"):
    """True while so many alerts of other rules are open whose group lies in this one (state condition).

    `over` counts different values of a key of theirs instead, `within` those only that opened in (t - within, t].
    """

    open: tuple[str, ...]
    limit: Limit
    over: str | None = None
    within: Millis | None = None


Condition = (
    EveryEvent
    | Count
    | Distinct
    | Value
    | Aggregate
    | Change
    | FirstTime
    | Spread
    | ShareCondition
    | Compare
    | Absence
    | Bond
    | Pattern
)
