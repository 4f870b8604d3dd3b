"""The rule as a value: what is watched, per which group, when an alert opens and how it ends.

Here: the keys of rule-language.md 2 but for filters (`judging.filter`) and conditions (`judging.condition`), which are
given on, so that a rule and its parts come from one place. Not here: YAML, lint, or judging itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from engine.judging.active import Active
from engine.judging.column import Column
from engine.judging.condition import (
    Aggregate,
    AllItems,
    AnyItem,
    Bond,
    Change,
    Compare,
    Condition,
    Count,
    Distinct,
    Earlier,
    EveryEvent,
    FirstTime,
    Floor,
    Function,
    Guard,
    NotAllItems,
    Part,
    Pattern,
    PreviousWindow,
    Reference,
    Relation,
    SameHour,
    Sequence,
    Share,
    Spread,
    Stage,
    Value,
)
from engine.judging.expected import Deadline, Silence
from engine.judging.filter import (
    EVERYTHING,
    NOTHING,
    AllOf,
    AnyOf,
    Filter,
    Limit,
    Operator,
    Test,
    Unless,
    kinds_of,
)
from engine.judging.instant import HOUR, Instant, Millis

__all__ = [
    "EVERYTHING",
    "LEVEL_NAMES",
    "NOTHING",
    "Aggregate",
    "AllItems",
    "AllOf",
    "AnyItem",
    "AnyOf",
    "Bond",
    "Change",
    "Clear",
    "Column",
    "Compare",
    "Condition",
    "Count",
    "Deadline",
    "Distinct",
    "Earlier",
    "EveryEvent",
    "Exemption",
    "Filter",
    "FirstTime",
    "Floor",
    "Function",
    "Guard",
    "LevelStep",
    "Limit",
    "NotAllItems",
    "Operator",
    "Part",
    "Pattern",
    "PreviousWindow",
    "Reference",
    "Relation",
    "Rule",
    "SameHour",
    "Sequence",
    "Share",
    "Silence",
    "Spread",
    "Stage",
    "TellAgain",
    "Test",
    "Unless",
    "Value",
    "kinds_of",
    "level_name",
]

LEVEL_NAMES = ("normal", "waspada", "siaga", "awas")
"""Names of the levels 1 to 4, the same scale as an event's severity."""


def level_name(level: int) -> str:
    """Return the name of a level 1-4."""
    return LEVEL_NAMES[level - 1]


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


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """Other values for the events or groups that a filter holds for (`except`); the first one that holds counts.

    `level` is given to events that occur before `until`; else `variant` is the rule for these groups. `keys` are what
    is set, as pairs of a dotted path and its value as JSON.
    """

    holds: Filter
    keys: tuple[tuple[str, str], ...]
    reason: str
    until: Instant | None = None
    level: int = 0
    variant: Rule | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One resolved rule. `levels` has exactly one row without limit, the lowest; `by_severity` replaces the rows.

    `version` is the content hash of the resolved rule, `source` the file and line it was read from. `holds_until` is
    when the exception ends of which this is the variant.
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
    active: Active | None = None
    wait_for_late: Millis = 0
    late_horizon: Millis = 72 * HOUR
    hide_while: tuple[str, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    holds_until: Instant | None = None
    effective_from: Instant | None = None
    effective_until: Instant | None = None
    escalate: str = ""
    version: str = ""
    source: str = ""

    @property
    def is_local(self) -> bool:
        """Whether what it judges depends on the zone in which a group lies."""
        return self.active is not None or isinstance(getattr(self.condition, "at", None), datetime)

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """Kinds that the watch can match (exact kinds or prefixes ending in `*`); None where it can be any."""
        return kinds_of(self.watch)
