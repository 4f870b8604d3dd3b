"""The language read word for word: one look a minute, everything counted anew each time.

An independent reading of docs/specification/rules.md#distance, #one-open-alert, #conditions that the fold is held
against. It knows no timers, no running figures and no arrival: whole minutes only, and quadratic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from statistics import mean

from engine.core.judging.condition import (
    Aggregate,
    Change,
    Compare,
    Count,
    Distinct,
    Earlier,
    EveryEvent,
    FirstTime,
    Floor,
    PreviousWindow,
    ReferenceColumn,
    SameHour,
    ShareCondition,
    Spread,
    Value,
)
from engine.core.judging.event import Event, EventKey
from engine.core.judging.instant import DAY, HOUR, Instant, Millis
from engine.core.judging.rule import Rule
from engine.matching.native import compile_filter

PULSES = EveryEvent | Change | FirstTime
"""Conditions that are true at events only."""
Stretch = tuple[Instant, tuple[Instant, str] | None]


class Oracle:
    """One group of one rule, minute by minute."""

    def __init__(self, rule: Rule, events: Sequence[Event]) -> None:
        self.rule = rule
        start, self.until = rule.effective_from or 0, rule.effective_until or 2**62
        exists = [event for event in events if start <= event.occurred_at < self.until]
        in_order = sorted(exists, key=lambda event: event.key)
        self.events = [event for event in in_order if event.fields["watched"] and self.counts(event)]
        self.clearing = [event for event in in_order if event.fields["clear"] and rule.clear.how == "event"]
        self.restart = EventKey(-1, "", "")
        self.levels: dict[Instant, int] = {}
        """The highest level of each alert, by the instant of its opening."""

    def known(self, at: Instant) -> list[Event]:
        """The events up to an instant that were not used up."""
        return [event for event in self.events if event.key > self.restart and event.occurred_at <= at]

    def counts(self, event: Event) -> bool:
        """Whether an event has what the condition looks at."""
        condition = self.rule.condition
        if isinstance(condition, Value):
            return condition.field in event.fields or condition.missing is not None
        if isinstance(condition, Aggregate):
            return condition.of in event.fields or condition.missing is not None
        if isinstance(condition, Compare):
            plain = condition.figure in ("count", "distinct") or condition.missing is not None
            return plain or condition.of[0] in event.fields
        if isinstance(condition, ShareCondition):
            fields = [side for side in (condition.part, condition.whole) if isinstance(side, str)]
            found = [field in event.fields for field in fields]
            if isinstance(condition.whole, ReferenceColumn) and found:
                return found[0] or condition.missing is not None
            if len(fields) < 2 or condition.missing is not None:
                return True
            return any(found) if condition.within else all(found)
        if isinstance(condition, Spread):
            return condition.over in event.fields
        if isinstance(condition, Change | FirstTime):
            return condition.of[0] in event.fields or condition.missing is not None
        return True

    def sides(self, condition: ShareCondition, at: Instant) -> tuple[float, float, Event | None]:
        """Part and whole at an instant, and the latest event."""
        known = self.known(at)
        if condition.within is not None:
            inside = [event for event in known if event.occurred_at > at - condition.within]
        else:
            inside = known[-1:]
        part, whole = (
            (side.of(inside[-1].region) or 0 if inside else 0)
            if isinstance(side, ReferenceColumn)
            else sum(
                event.fields.get(side, condition.missing or 0)
                if isinstance(side, str)
                else compile_filter(side)(event)
                for event in inside
            )
            for side in (condition.part, condition.whole)
        )
        return part, whole, inside[-1] if inside else None

    def numbers(self, condition: Aggregate, at: Instant) -> list[float]:
        """The numbers in the window, in event order."""
        inside = [event for event in self.events if at - condition.within < event.occurred_at <= at]
        return [event.fields.get(condition.of, condition.missing) for event in inside]

    def spans(self, condition: Compare) -> list[tuple[Millis, Millis]]:
        """The windows of the reference, by how far back each begins and ends."""
        match condition.reference:
            case PreviousWindow():
                return [(condition.within, 2 * condition.within)]
            case Earlier(before=before, not_older_than=oldest):
                return [(before, oldest)]
            case SameHour(days=days):
                return [(day * DAY, day * DAY + condition.within) for day in range(1, days + 1)]
            case _:
                return []

    def compared(self, condition: Compare, events: list[Event]) -> Fraction | None:
        """The figure of a comparison over some events."""
        match condition.figure:
            case "count" if condition.weight is not None:
                return sum((Fraction(str(e.fields.get(condition.weight, 1))) for e in events), Fraction())
            case "count":
                return Fraction(len(events))
            case "distinct":
                return Fraction(len({e.fields.get(condition.of[0]) for e in events}))
        numbers = [Fraction(str(e.fields.get(condition.of[0], condition.missing))) for e in events]
        if not numbers:
            return Fraction() if condition.figure == "sum" else None
        return {
            "sum": sum,
            "average": lambda found: sum(found) / len(found),
            "highest": max,
            "lowest": min,
            "latest": lambda found: found[-1],
        }[condition.figure](numbers)

    def pair(self, condition: Compare, at: Instant) -> tuple[Fraction | None, Fraction | None]:
        """The figure now and its reference at an instant."""
        known = self.known(at)
        now = self.compared(condition, [e for e in known if e.occurred_at > at - condition.within])
        if isinstance(condition.reference, ReferenceColumn):
            number = condition.reference.of(known[-1].region) if known else None
            reference = None if number is None else Fraction(str(number))
        else:
            days = [
                self.compared(
                    condition,
                    [
                        e
                        for e in known
                        if at - far < e.occurred_at <= at - near and e.received_at - e.occurred_at < 12 * HOUR
                    ],
                )
                for near, far in self.spans(condition)
            ]
            found = [day for day in days if day is not None]
            whole = known and known[0].occurred_at <= at - max(far for _, far in self.spans(condition))
            reference = sum(found, Fraction()) / len(found) if whole and found else None
        if not reference or (reference < 0 and not condition.in_points):
            stated = condition.if_no_baseline
            reference = None if isinstance(stated, str) else Fraction(str(stated))
        return now, reference

    def relation(self, condition: Compare, at: Instant) -> float | None:
        """The ratio, or the points."""
        now, reference = self.pair(condition, at)
        if now is None or reference is None:
            return None
        if condition.in_points:
            return float(now - reference if condition.relation == "rises_by" else reference - now)
        return float(now / reference)

    def passes(self, floor: Floor, now: float, reference: float | None, latest: Event | None) -> bool:
        """Whether the floor lets pass; a missing reference is not asked."""
        sides = ((floor.now, now), (floor.reference, reference))
        if any(limit is not None and side is not None and not limit.met_by(side) for limit, side in sides):
            return False
        if floor.field is None or floor.field_limit is None:
            return True
        return (
            latest is not None
            and floor.field in latest.fields
            and floor.field_limit.met_by(latest.fields[floor.field])
        )

    def figure(self, at: Instant) -> float | None:
        """The figure over the window at an instant."""
        condition = self.rule.condition
        known = self.known(at)
        match condition:
            case Count(within=within, weight=weight):
                inside = [event for event in known if event.occurred_at > at - within]
                return sum(event.fields.get(weight, 1) if weight else 1 for event in inside)
            case Distinct(within=within, of=(field,)):
                return len({event.fields.get(field) for event in known if event.occurred_at > at - within})
            case ShareCondition() as condition:
                part, whole, _ = self.sides(condition, at)
                return 100 * part / whole if whole else None
            case Compare() as condition:
                return self.relation(condition, at)
            case Spread(within=within, over=field):
                return len({event.fields[field] for event in known if event.occurred_at > at - within})
            case Value(field=field, missing=missing):
                return known[-1].fields.get(field, missing) if known else None
            case Aggregate(function=function):
                numbers = self.numbers(condition, at)
                if function != "sum" and not numbers:
                    return None
                return {
                    "sum": sum,
                    "average": mean,
                    "highest": max,
                    "lowest": min,
                    "latest": lambda found: found[-1],
                    "percentile": lambda found: sorted(found)[ceil(condition.p / 100 * len(found)) - 1],
                }[function](numbers)
            case _:
                return None

    def met(self, at: Instant) -> bool:
        """Whether the condition's limit is met at an instant."""
        figure = self.figure(at)
        match self.rule.condition:
            case EveryEvent():
                return True
            case Change() | FirstTime():
                return bool(self.completing(at))
            case Count(at_least=at_least) | Spread(at_least=at_least):
                return figure is not None and figure >= at_least
            case Distinct(limit=limit) | Value(limit=limit):
                return figure is not None and limit is not None and limit.met_by(figure)
            case ShareCondition() as condition:
                part, whole, latest = self.sides(condition, at)
                held = figure is not None and condition.limit.met_by(figure)
                return held and self.passes(condition.floor, part, whole, latest)
            case Compare() as condition:
                now, reference = self.pair(condition, at)
                inside = [e for e in self.events if at - condition.within < e.occurred_at <= at]
                if now is None or not self.passes(
                    condition.floor,
                    float(now),
                    None if reference is None else float(reference),
                    inside[-1] if inside else None,
                ):
                    return False
                return (
                    condition.limit.met_by(figure)
                    if figure is not None
                    else condition.if_no_baseline == "fire"
                )
            case Aggregate() as condition:
                enough = len(self.numbers(condition, at)) >= condition.min_events
                return figure is not None and enough and condition.limit.met_by(figure)
        raise AssertionError

    def completing(self, at: Instant) -> list[Event]:
        """The events of an instant each of which makes an event condition true."""
        known = self.known(at)
        match self.rule.condition:
            case Change() as condition:
                return [event for before, event in self.pairs(at) if self.changes(condition, before, event)]
            case FirstTime(of=(field,), memory=memory):
                return [
                    event
                    for event in known
                    if event.occurred_at == at
                    and not any(
                        at - memory < other.occurred_at < at
                        and other.fields.get(field) == event.fields.get(field)
                        for other in known
                    )
                ]
        return [event for event in known if event.occurred_at == at] if self.met(at) else []

    def figure_level(self, at: Instant) -> int:
        """The highest level whose limit the figure of an instant meets."""
        figure = self.figure(at)
        return max(
            step.level
            for step in self.rule.levels
            if step.limit is None or (figure is not None and step.limit.met_by(float(figure)))
        )

    def pairs(self, at: Instant) -> list[tuple[Event, Event]]:
        """The events of an instant, each with the one before it."""
        known = self.known(at)
        return [(one, other) for one, other in pairwise(known) if other.occurred_at == at]

    def changes(self, condition: Change, before: Event, event: Event) -> bool:
        """Whether the value changed in the way the condition asks for."""
        old, new = (one.fields.get(condition.of[0], condition.missing) for one in (before, event))
        near = condition.within is None or event.occurred_at - before.occurred_at < condition.within
        asked = old in (condition.old or (old,)) and new in (condition.new or (new,))
        return near and asked and old != new

    def began(self, at: Instant) -> Instant | None:
        """When the stage began that an instant lies in: minute zero where there are none; None outside of all."""
        if self.rule.active is None:
            return 0
        stages = sorted((stage.since, stage.until) for stage in self.rule.active.stages)
        return next((since for since, until in stages if since <= at < until), None)

    def touched(self, at: Instant) -> bool:
        """Whether an event enters or leaves the window at an instant."""
        after = {0, getattr(self.rule.condition, "within", None) or 0}
        if isinstance(self.rule.condition, Compare):
            after.update(*self.spans(self.rule.condition))
        return any(at - event.occurred_at in after for event in self.events)

    def over(self, at: Instant) -> bool:
        """Whether a running alert's condition is over at an instant."""
        clear = self.rule.clear
        if clear.how == "limit":
            figure = self.figure(at)
            return (
                figure is not None
                and clear.limit is not None
                and clear.limit.met_by(figure)
                and not self.met(at)
            )
        return isinstance(self.rule.condition, PULSES) or not self.met(at)

    def stretches(self, looks: Iterable[Instant]) -> list[Stretch]:  # noqa: C901, PLR0912 - read in one go
        """All stretches for which an alert should be open, with their ends, by a look at each of these instants."""
        rule, found = self.rule, []
        state = isinstance(rule.condition, Value | Aggregate | Spread | ShareCondition | Compare) or (
            isinstance(rule.condition, Distinct) and rule.condition.limit.operator == "at_most"
        )
        opened = true_from = over_from = last_join = None
        closing: Event | None = None
        evidence: Event | None = None
        for at in looks:
            if at >= self.until:
                break
            now = [event for event in self.events if event.occurred_at == at]
            clearing = [event for event in self.clearing if event.occurred_at == at]
            if opened is not None and clearing and at > opened:
                found.append((opened, (at, "event")))
                opened = true_from = None
                closing = clearing[-1]
            elif opened is None and clearing and true_from is not None:
                true_from, closing = None, clearing[-1]
            began = self.began(at)
            if began is None:
                continue
            if true_from is not None and true_from < began:
                true_from = None
            newer = [event for event in now if closing is None or event.key > closing.key]
            completing: list[Event] = []
            if opened is not None:
                if now and (not state or self.met(at)):
                    last_join, evidence = at, now[-1]
                if self.met(at) if state else now:
                    self.levels[opened] = max(self.levels[opened], self.figure_level(at))
                if rule.clear.how in ("no_longer_true", "limit"):
                    pulse = isinstance(rule.condition, PULSES)
                    fresh = over_from is None or (pulse and now and self.met(at))
                    over_from = (at if fresh else over_from) if self.over(at) else None
                    if over_from is not None and at >= over_from + rule.keep_open_for:
                        found.append((opened, (at, "no_longer_true")))
                        opened = true_from = None
                        closing, newer = evidence, []
                elif (
                    rule.clear.how == "quiet"
                    and last_join is not None
                    and at >= last_join + rule.clear.quiet_for
                ):
                    found.append((opened, (at, "quiet")))
                    opened = true_from = None
                    closing, newer = evidence, []
            if opened is not None:
                continue
            if state:
                some_newer = any(
                    event.occurred_at <= at and (closing is None or event.key > closing.key)
                    for event in self.events
                )
                if not self.met(at):
                    true_from = None
                elif some_newer and true_from is None and (self.touched(at) or at == began):
                    true_from = at
                opens = true_from is not None and at >= true_from + rule.hold_for
            else:
                completing = self.completing(at)
                opens = any(event in newer for event in completing)
            if opens:
                opened = last_join = at
                self.levels[at] = self.figure_level(at)
                evidence = [event for event in self.events if event.occurred_at <= at][-1]
                over_from = at if isinstance(rule.condition, PULSES) else None
                if rule.start_again:
                    self.restart = completing[-1].key
        return [*found, (opened, None)] if opened is not None else found
