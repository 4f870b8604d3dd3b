"""The rule as a value: what is watched, per which group, when an alert opens and how it ends.

Here: frozen values that `loading` makes from YAML and the kernels read. Not here: YAML, lint, or judging itself.
Words: rule-language.md 2, 4 and 5. A condition is one tagged struct per word of the language.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.judging.event import Scalar
from engine.judging.instant import HOUR, Instant, Millis

Operator = Literal["at_least", "at_most", "above", "below", "equals"]
LEVEL_NAMES = ("normal", "waspada", "siaga", "awas")
"""Names of the levels 1 to 4, the same scale as an event's severity."""


def level_name(level: int) -> str:
    """Return the name of a level 1-4."""
    return LEVEL_NAMES[level - 1]


class Limit(msgspec.Struct, frozen=True):
    """A limit on a figure: `operator` and the number it is held against."""

    operator: Operator
    number: float

    def met_by(self, figure: float) -> bool:
        """Say whether the figure meets the limit; the bounds are inclusive for at_least and at_most."""
        match self.operator:
            case "at_least":
                return figure >= self.number
            case "at_most":
                return figure <= self.number
            case "above":
                return figure > self.number
            case "below":
                return figure < self.number
            case "equals":
                return figure == self.number


# --- filters on one event (rule-language.md 4) -------------------------------------------------------------------


class Test(msgspec.Struct, frozen=True, tag="test"):
    """One field of an event held against one value.

    `operator` is `equals`, `one_of` (value: tuple of scalars), `prefix`, `at_least`, `at_most`, `above`, `below`,
    `matches` (RE2), `exists` (value: bool) or `lies_in` (value: tuple of region codes; the field holds a code).
    A test on a missing field is false, except `exists: false`.
    """

    __test__ = False
    field: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Every part holds; the empty one always does."""

    parts: tuple[Filter, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """At least one part holds."""

    parts: tuple[Filter, ...]


class Unless(msgspec.Struct, frozen=True, tag="unless"):
    """The part does not hold."""

    part: Filter


Filter = Test | AllOf | AnyOf | Unless
EVERYTHING = AllOf(())


# --- patterns: conditions on several events that fit different filters -------------------------------------------


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What an event of a pattern must be like to count for it: a step, an item, or what must not come.

    It is filled by the `times`-th event that it fits. `per` renames fields: pairs of a key of the rule's `per` and the
    field that carries it in these events.
    """

    watch: Filter
    times: int = 1
    per: tuple[tuple[str, str], ...] = ()


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What must not come (`but_not`): until the next stage is filled, or for `within` from where it stands."""

    part: Part
    within: Millis | None = None


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a sequence: any or all (`every`) of its parts, after the guards that stand before it.

    `within` counts from the event that filled the stage before; of a first stage, from its own first event.
    """

    parts: tuple[Part, ...]
    every: bool = False
    name: str = ""
    within: Millis | None = None
    guards: tuple[Guard, ...] = ()


class Sequence(msgspec.Struct, frozen=True, kw_only=True, tag="sequence"):
    """True where some choice of events fills all stages in order and no guard was broken.

    `guards` stand after the last stage: true only when their time is over. `within` counts from the first event to the
    one that fills the last stage.
    """

    stages: tuple[Stage, ...]
    guards: tuple[Guard, ...] = ()
    within: Millis | None = None


class AllItems(msgspec.Struct, frozen=True, kw_only=True, tag="all_of"):
    """True at an event that fits an item when (t - within, t] fills all of them, in any order."""

    items: tuple[Part, ...]
    within: Millis | None = None


class AnyItem(msgspec.Struct, frozen=True, kw_only=True, tag="any_of"):
    """True at an event that fits an item when (t - within, t] fills that item."""

    items: tuple[Part, ...]
    within: Millis | None = None


class NotAllItems(msgspec.Struct, frozen=True, kw_only=True, tag="not_all_of"):
    """The first item to come opens a wait [s, s + within); true at its end if any item is not filled."""

    items: tuple[Part, ...]
    within: Millis


Pattern = Sequence | AllItems | AnyItem | NotAllItems
"""What events come between those that fit does not count."""


# --- conditions (rule-language.md 5) -----------------------------------------------------------------------------


class EveryEvent(msgspec.Struct, frozen=True, tag="every_event"):
    """True at each watched event."""


class Count(msgspec.Struct, frozen=True, tag="count"):
    """True at a watched event at t when (t - within, t] holds at least so many (or so much weight)."""

    at_least: float
    within: Millis
    weight: str | None = None


class Distinct(msgspec.Struct, frozen=True, tag="distinct"):
    """True when the window holds at least (event condition) or at most (state condition) so many values of `of`."""

    of: tuple[str, ...]
    limit: Limit
    within: Millis


class Value(msgspec.Struct, frozen=True, tag="value"):
    """True while the latest watched event's field meets the limit or is one of the values (state condition)."""

    field: str
    limit: Limit | None = None
    one_of: tuple[Scalar, ...] = ()


Function = Literal["sum", "average", "highest", "lowest", "latest", "percentile"]


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate"):
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


class Change(msgspec.Struct, frozen=True, tag="change"):
    """True at a watched event whose value of `of` differs from that of the event before it in the group.

    `old` and `new` are the values it may have before and after (empty: any); the event before it is less than `within`
    ago (None: however long). `missing` stands for a missing field; None: such an event does not count.
    """

    of: tuple[str, ...]
    old: tuple[Scalar, ...] = ()
    new: tuple[Scalar, ...] = ()
    within: Millis | None = None
    missing: Scalar | None = None


class FirstTime(msgspec.Struct, frozen=True, tag="first_time"):
    """True at a watched event at t whose value of `of` no other event of the group has in (t - memory, t).

    `missing` stands for a missing field; None: such an event does not count.
    """

    of: tuple[str, ...]
    memory: Millis
    missing: Scalar | None = None


class Spread(msgspec.Struct, frozen=True, tag="spread"):
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


class Share(msgspec.Struct, frozen=True, tag="share"):
    """True while `part` in percent of `whole` meets the limit and the floor its limits (state condition).

    Each is a field whose numbers are added up, or a filter whose events are counted, over (t - within, t]; without
    `within` in the latest event. `missing` is the number of an event without a field; None: it adds nothing.
    """

    part: str | Filter
    whole: str | Filter
    limit: Limit
    within: Millis | None = None
    floor: Floor = Floor()
    missing: float | None = None


Condition = EveryEvent | Count | Distinct | Value | Aggregate | Change | FirstTime | Spread | Share | Pattern


# --- the rule ----------------------------------------------------------------------------------------------------


class LevelStep(msgspec.Struct, frozen=True):
    """One row of a level map: this level from this limit on the figure; no limit means always."""

    level: int
    limit: Limit | None = None


class Clear(msgspec.Struct, frozen=True):
    """How an alert of the rule ends: `by_hand`, `no_longer_true`, `event`, `quiet` or `limit` (hysteresis)."""

    how: Literal["by_hand", "no_longer_true", "event", "quiet", "limit"]
    event: Filter | None = None
    quiet_for: Millis = 0
    limit: Limit | None = None


class TellAgain(msgspec.Struct, frozen=True):
    """When people are told again though nothing else changed; all off by default (rule-language.md 2)."""

    value_doubles: bool = False
    every: Millis | None = None
    growing_to: Millis | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One resolved rule. `levels` has exactly one row without limit, the lowest; `by_severity` replaces the rows.

    `version` is the content hash of the resolved rule, `source` the file and line it was read from.
    """

    id: str
    title: str
    short_title: str
    owner: str
    why: str
    guide: str
    levels: tuple[LevelStep, ...] = (LevelStep(3),)
    by_severity: bool = False
    watch: Filter = EVERYTHING
    per: tuple[str, ...] = ("region",)
    condition: Condition = EveryEvent()
    hold_for: Millis = 0
    clear: Clear = Clear("by_hand")
    keep_open_for: Millis = 0
    start_again: bool = False
    tell_again: TellAgain = TellAgain()
    wait_for_late: Millis = 0
    late_horizon: Millis = 72 * HOUR
    effective_from: Instant | None = None
    effective_until: Instant | None = None
    escalate: str = ""
    version: str = ""
    source: str = ""

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """Kinds that the watch can match (exact kinds or prefixes ending in `*`); None where it can be any."""
        return kinds_of(self.watch)


def kinds_of(node: Filter) -> tuple[str, ...] | None:
    """Return the kinds a filter can hold for (exact, or prefixes ending in `*`); None where it can be any."""
    match node:
        case Test(field="kind", operator="equals", value=str(kind)):
            return (kind,)
        case Test(field="kind", operator="prefix", value=str(prefix)):
            return (prefix + "*",)
        case Test(field="kind", operator="one_of", value=tuple(values)):
            return tuple(str(value) for value in values)
        case AllOf(parts):
            return next((found for part in parts if (found := kinds_of(part)) is not None), None)
        case AnyOf(parts):
            alternatives = [kinds_of(part) for part in parts]
            if not alternatives or None in alternatives:
                return None
            return tuple(kind for kinds in alternatives if kinds for kind in kinds)
        case _:
            return None
