"""A rule in one plain sentence: when it opens an alert, at which level, and how the alert ends.

Specification: docs/specification/rules.md#keys, #conditions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import singledispatchmethod

from engine.core.judging.calendar import Active
from engine.core.judging.condition import (
    Aggregate,
    AllItems,
    AnyItem,
    Bond,
    Change,
    Compare,
    Condition,
    Count,
    Deadline,
    Distinct,
    Earlier,
    EveryEvent,
    ExpectedReporters,
    FirstTime,
    Floor,
    Guard,
    NotAllItems,
    PatternPart,
    PreviousWindow,
    Reference,
    ReferenceColumn,
    SameHour,
    SequenceStage,
    ShareCondition,
    SilenceCondition,
    Spread,
    Value,
)
from engine.core.judging.condition import Sequence as Stages
from engine.core.judging.filter import Filter, Limit
from engine.core.judging.instant import Instant, Millis
from engine.core.judging.region import LEVELS
from engine.core.judging.retention import KEPT_WHILE_OPEN
from engine.core.judging.rule import Exemption, Rule
from engine.core.judging.window import latest_needed, remembered_for
from engine.texts import local_time
from engine.texts.catalogue import Texts
from engine.texts.filter_text import FilterText, is_everything


class Contrasts:
    """Says the parts of a contrast in one language."""

    def __init__(self, texts: Texts, watched: FilterText) -> None:
        self._texts, self._watched = texts, watched

    def share(self, condition: ShareCondition) -> dict[str, str]:
        """Return what fills the sentence of a share."""
        return {
            "within": "" if condition.within is None else self._length(condition.within),
            "part": self._side(condition.part),
            "whole": self._side(condition.whole),
            "limit": self._watched.limit(condition.limit, "%"),
            "floor": self._floor(condition.floor, "part", "whole"),
            "missing": self._missing(condition.missing),
        }

    def compare(self, condition: Compare, what: str, when: str) -> dict[str, str]:
        """Return what fills the sentence of a comparison of such events; `when` is the instant that it names."""
        texts, number = self._texts, self._watched.number(condition.number)
        return {
            "within": self._length(condition.within),
            "figure": self._figure(condition, what),
            "relation": texts(f"sentence.relation.{condition.relation}", n=number),
            "reference": self._reference(condition.reference, condition.within),
            "floor": self._floor(condition.floor, "now", "reference"),
            "otherwise": self._otherwise(condition),
            "missing": self._missing(condition.missing),
            "at": texts("sentence.compare.at", when=when) if when else "",
        }

    def _side(self, side: str | Filter | ReferenceColumn) -> str:
        if isinstance(side, str):
            return self._watched.field(side)
        if isinstance(side, ReferenceColumn):
            return self._column(side)
        if is_everything(side):
            return self._texts["sentence.reports_all"]
        return self._texts("sentence.reports_of", what=self._watched.what(side))

    def _column(self, column: ReferenceColumn) -> str:
        known = f"sentence.column.{column.name}"
        return (
            self._texts[known] if known in self._texts else self._texts("sentence.column", name=column.name)
        )

    def _figure(self, condition: Compare, what: str) -> str:
        texts, of = self._texts, self._watched.fields(condition.of)
        match condition.figure:
            case "count" if condition.weight is not None:
                return texts("sentence.compare.weighted", what=what, of=self._watched.field(condition.weight))
            case "count" | "distinct":
                return texts(f"sentence.compare.{condition.figure}", what=what, of=of)
            case function:
                named = texts(f"sentence.function.{function}", p="")
                return texts("sentence.compare.figure", what=what, of=of, function=named)

    def _reference(self, reference: Reference, within: Millis) -> str:
        texts = self._texts
        match reference:
            case PreviousWindow():
                return texts("sentence.reference.previous_window", within=self._length(within))
            case Earlier(before=before, not_older_than=oldest):
                lengths = {"before": self._length(before), "oldest": self._length(oldest)}
                return texts("sentence.reference.earlier", **lengths)
            case SameHour(days=days):
                return texts("sentence.reference.same_hour", n=self._watched.number(days))
            case ReferenceColumn():
                return texts("sentence.reference.column", column=self._column(reference))

    def _otherwise(self, condition: Compare) -> str:
        match condition.if_no_baseline:
            case "skip":
                return ""
            case "fire":
                return self._texts["sentence.otherwise.fire"]
            case number:
                return self._texts("sentence.otherwise.number", n=self._watched.number(float(number)))

    def _floor(self, floor: Floor, now: str, reference: str) -> str:
        tests = list(self._tests(floor, now, reference))
        return self._texts("sentence.floor", tests=self._watched.all(tests)) if tests else ""

    def _tests(self, floor: Floor, now: str, reference: str) -> Iterator[str]:
        for name, limit in ((now, floor.now), (reference, floor.reference)):
            if limit is not None:
                yield self._texts(f"sentence.floor.{name}", limit=self._watched.limit(limit))
        if floor.field is not None and floor.field_limit is not None:
            field, held = self._watched.field(floor.field), self._watched.limit(floor.field_limit)
            yield self._texts("sentence.floor.field", field=field, limit=held)

    def _missing(self, number: float | None) -> str:
        return "" if number is None else self._texts("sentence.missing", value=self._watched.number(number))

    def _length(self, length: Millis) -> str:
        return local_time.duration(length, self._texts)


ZONE = "WIB"
"""The zone in which a rule, which belongs to no region, names its instants."""


def sentence(rule: Rule, texts: Texts, kinds: Mapping[str, Mapping[str, str]]) -> str:
    """Say what a rule does. `kinds` are the names of kinds: code -> language -> name."""
    teller = _Teller(rule, texts, kinds)
    return " ".join((teller.opens(), *teller.ends()))


def memory_sentence(rule: Rule, texts: Texts) -> str:
    """Say for how long a group of the rule remembers events, which bounds what is stored of it."""
    key = "sentence.memory.latest" if latest_needed(rule.condition) else "sentence.memory"
    length = local_time.duration(remembered_for(rule), texts)
    return texts(key, length=length, most=local_time.number(KEPT_WHILE_OPEN, texts))


class _Teller:
    """Says what there is to say of one rule."""

    def __init__(self, rule: Rule, texts: Texts, kinds: Mapping[str, Mapping[str, str]]) -> None:
        self._rule, self._texts = rule, texts
        self._watched = FilterText(texts, kinds)
        self._contrasts = Contrasts(texts, self._watched)
        self._what, self._where = self._watched.what(rule.watch), self._place()

    # --- the whole ---

    def opens(self) -> str:
        """Say when an alert opens and at which level."""
        rule, texts = self._rule, self._texts
        when = self._when(rule.condition)
        held = texts("sentence.held", length=self._length(rule.hold_for)) if rule.hold_for else ""
        if rule.by_severity:
            return texts("sentence.opens.by_severity", when=when, held=held)
        lowest, *higher = rule.levels
        levels = "".join(self._level(step.level, step.limit) for step in higher)
        return texts(
            "sentence.opens", when=when, held=held, level=texts[f"level.{lowest.level}"], levels=levels
        )

    def _level(self, level: int, limit: Limit | None) -> str:
        name = self._texts[f"level.{level}"]
        if limit is not None and limit.operator == "at_least":
            return self._texts("sentence.level.from", n=self._figure(limit), level=name)
        said = "" if limit is None else self._limit(limit)
        return self._texts("sentence.level.if", limit=said, level=name)

    def ends(self) -> Iterator[str]:
        """Say how the alert ends, who is told again, and whether the rule has an end itself."""
        rule, texts, again = self._rule, self._texts, self._rule.tell_again
        yield self._clear()
        if rule.start_again:
            yield texts["sentence.start_again"]
        if again.value_doubles:
            yield texts["sentence.again.doubles"]
        if again.every is not None and again.growing_to is not None:
            most = self._length(again.growing_to)
            yield texts("sentence.again.growing", length=self._length(again.every), most=most)
        elif again.every is not None:
            yield texts("sentence.again.every", length=self._length(again.every))
        if rule.active is not None:
            yield texts("sentence.active", when=", ".join(self._active(rule.active)))
        for one in rule.exemptions:
            yield self._exemption(one)
        if rule.hide_while:
            yield texts("sentence.hide_while", rules=self._watched.any(rule.hide_while))
        if rule.effective_from is not None:
            yield texts("sentence.effective.from", when=self._moment(rule.effective_from))
        if rule.effective_until is not None:
            yield texts("sentence.effective.until", when=self._moment(rule.effective_until))

    def _active(self, active: Active) -> Iterator[str]:
        """Say in which stage, from when until when, at which hours and on which days the rule judges."""
        texts = self._texts
        if active.stages:
            yield texts("sentence.active.stage", stages=self._watched.any([s.id for s in active.stages]))
        for key, bound in (("from", active.since), ("until", active.until)):
            if bound is not None:
                yield texts(f"sentence.active.{key}", when=self._bound(bound))
        if active.days:
            first, last = local_time.days(active.days, texts)
            yield texts(f"sentence.active.day{'s' if first != last else ''}", first=first, last=last)
        if active.hours:
            opens, closes = local_time.hours(active.hours, texts)
            yield texts("sentence.active.hours", opens=opens, closes=closes)

    def _exemption(self, one: Exemption) -> str:
        said = ", ".join(f"{key} {json.loads(value)}" for key, value in one.keys)
        facts = {"what": self._watched.what(one.holds), "keys": said, "reason": one.reason}
        if one.until is None:
            return self._texts("sentence.exemption", **facts)
        return self._texts("sentence.exemption.until", when=self._moment(one.until), **facts)

    def _clear(self) -> str:
        clear, texts = self._rule.clear, self._texts
        after = self._rule.keep_open_for
        return texts(
            f"sentence.clear.{clear.how}",
            what="" if clear.event is None else self._watched.what(clear.event),
            length=self._length(clear.quiet_for),
            limit="" if clear.limit is None else self._limit(clear.limit),
            keep=texts("sentence.keep", length=self._length(after)) if after else "",
        )

    # --- conditions ---

    @singledispatchmethod
    def _when(self, _condition: Condition) -> str:
        return self._texts("sentence.other", where=self._where, title=self._rule.title)

    @_when.register
    def _every_event(self, _condition: EveryEvent) -> str:
        return self._said("sentence.every_event")

    @_when.register
    def _count(self, condition: Count) -> str:
        limit = self._watched.limit(Limit("at_least", condition.at_least))
        within = self._length(condition.within)
        if condition.weight is None:
            return self._said("sentence.count", within=within, limit=limit)
        weight = self._watched.field(condition.weight)
        return self._said("sentence.count.weighted", within=within, limit=limit, weight=weight)

    @_when.register
    def _distinct(self, condition: Distinct) -> str:
        return self._said(
            "sentence.distinct",
            within=self._length(condition.within),
            limit=self._watched.limit(condition.limit),
            of=self._watched.fields(condition.of),
        )

    @_when.register
    def _value(self, condition: Value) -> str:
        held = self._watched.values(condition.one_of)
        if condition.limit is not None:
            held = self._watched.limit(condition.limit)
        missing = condition.missing
        return self._said(
            "sentence.value",
            field=self._watched.field(condition.field),
            held=held,
            missing=""
            if missing is None
            else self._texts("sentence.missing_value", value=self._watched.values((missing,))),
        )

    @_when.register
    def _aggregate(self, condition: Aggregate) -> str:
        texts, enough = self._texts, self._watched.number(condition.min_events)
        function = texts(f"sentence.function.{condition.function}", p=self._watched.number(condition.p))
        missing = condition.missing
        return self._said(
            "sentence.aggregate",
            within=self._length(condition.within),
            function=function,
            of=self._watched.field(condition.of),
            limit=self._watched.limit(condition.limit),
            enough=texts("sentence.enough", n=enough) if condition.min_events else "",
            missing="" if missing is None else texts("sentence.missing", value=self._watched.number(missing)),
        )

    @_when.register
    def _change(self, condition: Change) -> str:
        texts, within = self._texts, condition.within
        old, new = self._watched.values(condition.old), self._watched.values(condition.new)
        return self._said(
            "sentence.change",
            of=self._watched.fields(condition.of),
            old=texts("sentence.change.old", value=old) if old else "",
            new=texts("sentence.change.new", value=new) if new else "",
            within="" if within is None else texts("sentence.change.within", length=self._length(within)),
        )

    @_when.register
    def _first_time(self, condition: FirstTime) -> str:
        of = self._watched.fields(condition.of)
        return self._said("sentence.first_time", of=of, memory=self._length(condition.memory))

    @_when.register
    def _spread(self, condition: Spread) -> str:
        percent = "" if condition.children is None else "%"
        within = self._length(condition.within)
        limit = self._watched.limit(Limit("at_least", condition.at_least), percent)
        key = "sentence.spread" if condition.over in LEVELS else "sentence.spread.field"
        return self._said(key, within=within, limit=limit, children=self._children(condition.over))

    @_when.register
    def _rules(self, condition: Bond) -> str:
        within, said = condition.within, {"rules": self._watched.any(condition.open)}
        said["within"] = (
            "" if within is None else self._texts("sentence.rules.within", length=self._length(within))
        )
        said["limit"] = self._watched.limit(condition.limit)
        if condition.over is None:
            return self._said("sentence.rules", **said)
        return self._said("sentence.rules.over", children=self._children(condition.over), **said)

    @_when.register
    def _share(self, condition: ShareCondition) -> str:
        key = "sentence.share.latest" if condition.within is None else "sentence.share"
        return self._said(key, **self._contrasts.share(condition))

    @_when.register
    def _compare(self, condition: Compare) -> str:
        when = "" if condition.at is None else self._bound(condition.at)
        return self._said("sentence.compare", **self._contrasts.compare(condition, self._what, when))

    # --- what does not come ---

    @_when.register
    def _silence(self, condition: SilenceCondition) -> str:
        few = condition.below > 1
        return self._texts(
            "sentence.silence.few" if few else "sentence.silence",
            who=self._who(condition.expected),
            what=self._what,
            length=self._length(condition.length),
            below=condition.below,
        )

    @_when.register
    def _deadline(self, condition: Deadline) -> str:
        when = self._bound(condition.by)
        return self._texts("sentence.deadline", who=self._who(condition.expected), what=self._what, when=when)

    def _who(self, expected: ExpectedReporters) -> str:
        """Say who must report."""
        per = self._rule.per
        level = "regency" if per == ("region",) else per[0]
        key = f"sentence.expected.place.{level}"
        place = self._texts[key if len(per) == 1 and key in self._texts else "sentence.expected.place.other"]
        how = "regions" if expected.roster == "regions" else "list"
        if expected.seen is not None or expected.where is not None:
            how = "where" if expected.seen is None else "seen"
        length = self._length(expected.seen or 0)
        return self._texts(f"sentence.expected.{how}", place=place, name=expected.roster, length=length)

    def _figure(self, limit: Limit) -> str:
        """Return the number of a limit on the condition's figure; that of a silence is a length."""
        if isinstance(self._rule.condition, SilenceCondition):
            return self._length(int(limit.number))
        return self._watched.number(limit.number)

    def _limit(self, limit: Limit) -> str:
        return self._texts(f"sentence.limit.{limit.operator}", n=self._figure(limit))

    # --- patterns ---

    @_when.register
    def _sequence(self, condition: Stages) -> str:
        texts = self._texts
        steps = [self._step(number, stage) for number, stage in enumerate(condition.stages, start=1)]
        steps += [self._guard(guard, "sentence.guard.after") for guard in condition.guards]
        within = self._within(condition.within)
        return texts(
            "sentence.sequence",
            where=self._where,
            within=within,
            steps=", ".join(steps),
            watch=self._among(),
        )

    @_when.register
    def _all_items(self, condition: AllItems) -> str:
        return self._items("sentence.all_of", condition.items, self._within(condition.within))

    @_when.register
    def _any_items(self, condition: AnyItem) -> str:
        return self._items("sentence.any_of", condition.items, self._within(condition.within))

    @_when.register
    def _not_all_items(self, condition: NotAllItems) -> str:
        return self._items("sentence.not_all_of", condition.items, self._length(condition.within))

    def _items(self, key: str, items: Iterable[PatternPart], within: str) -> str:
        said = "; ".join(self._part(item) for item in items)
        return self._texts(key, where=self._where, within=within, items=said, watch=self._among())

    def _step(self, number: int, stage: SequenceStage) -> str:
        texts = self._texts
        before = "sentence.guard.before" if number == 1 else "sentence.guard.after"
        guards = self._watched.all([self._guard(guard, before) for guard in stage.guards])
        parts = [self._part(part) for part in stage.parts]
        key = "sentence.step.first_within" if number == 1 else "sentence.step.within"
        return texts(
            "sentence.step",
            n=number,
            guards=texts("sentence.guarded", guards=guards) if guards else "",
            what=self._watched.all(parts) if stage.every else self._watched.any(parts),
            within="" if stage.within is None else texts(key, length=self._length(stage.within)),
        )

    def _guard(self, guard: Guard, key: str) -> str:
        within = "" if guard.within is None else self._texts(key, length=self._length(guard.within))
        return self._texts("sentence.guard", what=self._part(guard.part), within=within)

    def _part(self, part: PatternPart) -> str:
        what = self._watched.what(part.watch)
        return what if part.times == 1 else self._texts("sentence.times", n=part.times, what=what)

    def _among(self) -> str:
        """Say what the steps and items must meet besides."""
        return "" if is_everything(self._rule.watch) else self._texts("sentence.among", what=self._what)

    # --- parts of speech ---

    def _children(self, over: str) -> str:
        """Name what is counted once for each: regions of a level, or values of a field."""
        return self._texts[f"sentence.children.{over}"] if over in LEVELS else self._watched.field(over)

    def _said(self, key: str, **values: object) -> str:
        return self._texts(key, what=self._what, where=self._where, **values)

    def _place(self) -> str:
        """Say what one group is: the same region, or the same value of a field."""
        return " ".join(self._group(self._rule.per))

    def _group(self, per: Sequence[str]) -> Iterator[str]:
        for key in per:
            place = f"sentence.per.{key}"
            known = place in self._texts and key != "field"
            yield (
                self._texts[place]
                if known
                else self._texts("sentence.per.field", field=self._watched.field(key))
            )

    def _within(self, length: Millis | None) -> str:
        return "" if length is None else self._texts("sentence.within", length=self._length(length))

    def _length(self, length: Millis) -> str:
        return local_time.duration(length, self._texts)

    def _moment(self, at: Instant) -> str:
        return local_time.full_moment(at, ZONE, self._texts)

    def _bound(self, bound: datetime | Instant) -> str:
        """Name an instant, or a local time of whichever region."""
        if isinstance(bound, int):
            return self._moment(bound)
        return self._texts("sentence.active.local", when=local_time.wall_time(bound, self._texts))
