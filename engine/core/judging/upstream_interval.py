"""Stretches: for how long alerts of other rules are open, as points of a rule that looks at them.

Here: a stretch as a value, the two points that a group keeps of it, its group under another `per`, how many are open.
Not here: when that opens an alert (`core.judging.condition_folds`) and how it is heard of
(`core.judging.rule_dependency`). A stretch is what the fold of the other rule finds, not what was said of it: an alert
that was closed too early and opened anew is one stretch. Only a closing by hand ends it at the instant of the act
(docs/specification/rules.md#opening-after-closing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from engine.core.judging.condition import Bond
from engine.core.judging.event import EventKey
from engine.core.judging.group_key import REGION_WORDS, grouped, key_values, region_of_group
from engine.core.judging.group_state import Point
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Evidence
from engine.core.judging.region import LEVELS, cut
from engine.core.judging.rule import Rule

ENDED = "/ended"
"""Stands behind the id of an alert in the point that says that it ended."""


class OpenInterval(msgspec.Struct, frozen=True, kw_only=True):
    """An alert is open in [happened_at, ended_at); None: still. `level` is that of its opening, `title`
    the short title of its rule.

    `region` and `subject_role` are those of the first event of its evidence that names an office, else those of the
    group: who is accused there may not be told of what is made of it either.
    """

    alert: str
    region: str
    level: int
    title: str = ""
    happened_at: Instant
    ended_at: Instant | None = None
    by_hand: bool = False
    subject_role: str | None = None


class IntervalSource(msgspec.Struct, frozen=True):
    """A group of another rule, as a group of a rule that looks at it names it: `rule|group`, and what `over` counts."""

    name: str
    child: str | None = None


def source_of(rule: Rule, group: str, bond: Rule) -> tuple[str, IntervalSource] | None:
    """Return the group of `bond` in which a group of `rule` lies, or that it shares, and the group as its source.

    None where it lies in none: it lacks a key, or stands for a wider region.
    """
    condition = bond.condition
    found = [_key(rule, group, name) for name in bond.per]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found) or not isinstance(condition, Bond):
        return None
    child = None if condition.over is None else _key(rule, group, condition.over)
    if condition.over is not None and child is None:
        return None
    return grouped(parts), IntervalSource(f"{rule.id}|{group}", child)


def _key(rule: Rule, group: str, name: str) -> str | None:
    """Return what a group of a rule has under a key of another `per`."""
    values = key_values(rule.per, group)
    if name not in REGION_WORDS:
        return values.get(name)
    if REGION_WORDS.isdisjoint(values):
        return None
    region = region_of_group(rule.per, group)
    return (cut(region, "regency") or region) if name == "region" else cut(region, name)


def names_key(per: Iterable[str], name: str) -> bool:
    """Say whether groups under `per` have a value for the key of another `per`: the key itself, or a region within."""
    if name not in REGION_WORDS:
        return name in per
    depths = [_DEPTH[word] for word in per if word in REGION_WORDS]
    return bool(depths) and max(depths) >= (0 if name == "region" else _DEPTH[name])


_DEPTH = {**{word: depth for depth, word in enumerate(LEVELS)}, "region": LEVELS.index("regency")}


def points_of(source: IntervalSource, stretch: OpenInterval, received_at: Instant) -> list[Point]:
    """Return the point at which an alert opened, and where it is over that at which it ended."""
    began = Evidence(
        desk=source.name,
        id=stretch.alert,
        kind=f"alert:{source.name.partition('|')[0]}",
        region=stretch.region,
        severity=stretch.level,
        occurred_at=stretch.happened_at,
        received_at=received_at,
        subject_role=stretch.subject_role,
        title=stretch.title,
    )
    opened = Point(began, stretch.alert if source.child is None else source.child)
    if stretch.ended_at is None:
        return [opened]
    ended = msgspec.structs.replace(began, id=stretch.alert + ENDED, occurred_at=stretch.ended_at)
    return [opened, Point(ended, stretch.alert, watched=False)]


class OpenIntervalState:
    """How many of the alerts, or how many different children of theirs, are open."""

    def __init__(self, condition: Bond) -> None:
        self._limit = condition.limit
        self._open: dict[str, str] = {}
        self._times: Counter[str] = Counter()

    def enter(self, point: Point) -> None:
        """Take an alert that opened, or one that ended."""
        if not point.watched:
            self._drop(str(point.measure))
            return
        self._open[point.evidence.id] = str(point.measure)
        self._times[str(point.measure)] += 1

    def leave(self, point: Point) -> None:
        """Let go of an alert that opened too long ago."""
        self._drop(point.evidence.id)

    def _drop(self, alert: str) -> None:
        child = self._open.pop(alert, None)
        if child is not None:
            self._times[child] -= 1
            if not self._times[child]:
                del self._times[child]

    def holds(self, key: EventKey) -> bool:
        """Say whether the alert of this point is counted now."""
        return key.id in self._open

    @property
    def figure(self) -> float:
        """How many are open."""
        return float(len(self._times))

    def met(self) -> bool:
        """Say whether that meets the limit."""
        return self._limit.met_by(len(self._times))
