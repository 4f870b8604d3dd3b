"""A resolved rule in the words of the rule language: what a file became, as a file would say it.

Here: from values to plain data, with defaults, named lists and named filters filled in; read again, it means
the same. Not here: reading (`documents.rules.rule_document`, `documents.rules.conditions`) and printing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Parts
from datetime import datetime
from typing import Any

import msgspec

from engine.core.judging.calendar import Active
from engine.core.judging.condition import (
    AllItems,
    AnyItem,
    Bond,
    Compare,
    Condition,
    Deadline,
    Earlier,
    ExpectedReporters,
    Guard,
    NotAllItems,
    PatternPart,
    PreviousWindow,
    Reference,
    ReferenceColumn,
    SameHour,
    Sequence,
    SequenceStage,
    SilenceCondition,
    Spread,
)
from engine.core.judging.filter import EVERYTHING, AllOf, AnyOf, Filter, Limit, Test, Unless
from engine.core.judging.instant import Instant, format_duration, format_instant
from engine.core.judging.rule import Clear, Exemption, LevelStep, Rule, TellAgain, level_name

ResolvedRule = dict[str, Any]
ZONE = "WIB"
"""The zone in which instants are written."""

_LISTED = ("equals", "one_of", "lies_in", "prefix")
"""Operators whose values a list holds."""
_TEXTS = ("id", "title", "short_title", "owner", "why", "guide")
_NAMES = {"old": "from", "new": "to", "floor": "only_if"}
"""Fields of conditions that the language calls otherwise."""
_LENGTHS = frozenset(("within", "memory"))
_APART = frozenset(("reference", "relation", "number", "at"))
"""Fields of a comparison that the language puts into other words."""
_DERIVED = frozenset(("non_negative",))
"""Fields of conditions that no file gives: they follow from others."""


def written(rule: Rule) -> ResolvedRule:
    """Return the keys of a rule, in the order in which people write them."""
    keys: ResolvedRule = {name: text for name in _TEXTS if (text := getattr(rule, name))}
    keys["level"] = "severity" if rule.by_severity else _levels(rule.levels, rule.condition)
    if rule.watch != EVERYTHING and not isinstance(rule.condition, Bond):
        keys["watch"] = filter_written(rule.watch)
    keys["per"] = rule.per[0] if len(rule.per) == 1 else list(rule.per)
    keys["alert_when"] = condition_written(rule.condition)
    if rule.hold_for:
        keys["hold_for"] = format_duration(rule.hold_for)
    keys["clear_when"] = _clear(rule.clear, rule.condition)
    if rule.keep_open_for:
        keys["keep_open_for"] = format_duration(rule.keep_open_for)
    keys["after_opening"] = "start_again" if rule.start_again else "keep_counting"
    if rule.tell_again != TellAgain():
        keys["tell_again"] = list(_tell_again(rule.tell_again))
    if rule.active is not None:
        keys["active"] = dict(_active(rule.active))
    keys["wait_for_late"] = format_duration(rule.wait_for_late)
    keys["late_horizon"] = format_duration(rule.late_horizon)
    if rule.hide_while:
        keys["hide_while"] = list(rule.hide_while)
    if rule.exemptions:
        keys["except"] = [_exemption(one) for one in rule.exemptions]
    if effective := dict(_effective(rule)):
        keys["effective"] = effective
    if rule.escalate:
        keys["escalate"] = rule.escalate
    return keys


def _exemption(one: Exemption) -> ResolvedRule:
    found: ResolvedRule = {
        "for": filter_written(one.holds),
        "set": {key: json.loads(said) for key, said in one.keys},
    }
    found["reason"] = one.reason
    return found if one.until is None else {**found, "until": format_instant(one.until, ZONE)}


def filter_written(filter_: Filter) -> ResolvedRule:
    """Return a filter as a map of which all keys hold."""
    match filter_:
        case Test(field=field, operator="equals" | "one_of" | "lies_in", value=value):
            return {field: _plain(value)}
        case Test(field=field, operator="prefix", value=value):
            return {field: f"{value}*"}
        case Test(field=field, operator=operator, value=value):
            return {field: {operator: value}}
        case AnyOf(parts) if (listed := _one_field(parts)) is not None:
            values = [filter_written(part)[listed] for part in parts]
            flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
            return {listed: flat}
        case AnyOf(parts):
            return {"any": [filter_written(part) for part in parts]}
        case Unless(part):
            return {"unless": filter_written(part)}
        case AllOf(parts):
            return _all(parts)


def _one_field(parts: Parts[Filter]) -> str | None:
    """Return the field of which a list of values with beginnings (`a*`) was made to these parts; None: it was not."""
    first, *others = parts
    if not isinstance(first, Test) or first.operator not in _LISTED or not others:
        return None
    prefixes = all(isinstance(o, Test) and (o.field, o.operator) == (first.field, "prefix") for o in others)
    return first.field if prefixes else None


def _all(parts: Iterable[Filter]) -> ResolvedRule:
    """Return several filters as one map; what asks for a key that is taken already stands in a map of its own."""
    together: ResolvedRule = {}
    for part in parts:
        for key, value in filter_written(part).items():
            before = together.get(key)
            if before is None:
                together[key] = value
            elif isinstance(part, Test) and isinstance(before, dict) and isinstance(value, dict):
                together[key] = {**before, **value}
            else:
                together = {"any": [together], "unless": {"unless": {key: value}}}
    return together


def condition_written(condition: Condition) -> ResolvedRule | str:
    """Return a condition as it stands under `alert_when`."""
    word = str(condition.__struct_config__.tag)
    keys = dict(_keys(condition))
    return {word: keys} if keys else word


def _keys(condition: Condition) -> Iterator[tuple[str, Any]]:
    match condition:
        case Sequence(stages=stages, guards=guards, within=within):
            steps = [step for stage in stages for step in (*map(_guard, stage.guards), _stage(stage))]
            yield "steps", [*steps, *map(_guard, guards)]
            yield from _length(within)
        case AllItems(items=items, within=within) | AnyItem(items=items, within=within):
            yield "items", [_part(item) for item in items]
            yield from _length(within)
        case NotAllItems(items=items, within=within):
            yield "items", [_part(item) for item in items]
            yield from _length(within)
        case Spread(over=over, at_least=at_least, within=within, children=children):
            yield "over", over
            yield "at_least", at_least if children is None else f"{at_least}%"
            yield from _length(within)
        case Compare(relation=relation, number=number, at=at):
            said = dict(_fields(condition))
            yield from ((key, said[key]) for key in said if key not in _APART)
            yield "with", _reference(condition.reference)
            yield relation, f"{number} points" if condition.in_points else f"{number}x"
            if at is not None:
                yield "at", _moment(at)
        case SilenceCondition(length=length, below=below, expected=expected):
            yield "for", format_duration(length)
            if below > 1:
                yield "below", below
            yield "expected_from", _expected(expected)
        case Deadline(by=by, expected=expected):
            yield "by", _moment(by)
            yield "expected_from", _expected(expected)
        case _:
            yield from _fields(condition)


def _reference(reference: Reference) -> ResolvedRule | str:
    match reference:
        case PreviousWindow():
            return "previous_window"
        case Earlier(before=before, not_older_than=oldest):
            return {"before": format_duration(before), "not_older_than": format_duration(oldest)}
        case SameHour(days=days):
            return {"same_hour_of_days": days}
        case ReferenceColumn(name=name):
            return {"baseline": name}


def _expected(expected: ExpectedReporters) -> ResolvedRule | str:
    """Return who must report as a file names them; who that is, no rule file holds."""
    if expected.seen is not None:
        return {"seen": format_duration(expected.seen)}
    return expected.roster if expected.where is None else filter_written(expected.where)


def _fields(struct: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """Yield what a struct says that is not a default, under the names of the language."""
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if field.name in _DERIVED or value == field.default:
            continue
        if isinstance(value, Limit) and field.name in ("limit", "field_limit"):
            yield value.operator, _number(value.number)
        else:
            length = field.name in _LENGTHS
            yield _NAMES.get(field.name, field.name), format_duration(value) if length else _plain(value)


def _plain(value: Any) -> Any:
    """Return a value as it is written: one alone without brackets."""
    match value:
        case tuple((one,)):
            return _plain(one)
        case tuple():
            return [_plain(one) for one in value]
        case Limit(operator, number):
            return {operator: number}
        case ReferenceColumn(name=name):
            return name
        case Test() | AllOf() | AnyOf() | Unless():
            return filter_written(value)
        case msgspec.Struct():
            return dict(_fields(value))
        case _:
            return value


def _stage(stage: SequenceStage) -> ResolvedRule:
    several = len(stage.parts) > 1 or stage.every
    parts = [_part(part) for part in stage.parts]
    step: ResolvedRule = {"name": stage.name} if stage.name else {}
    step |= {"all_of" if stage.every else "any_of": parts} if several else parts[0]
    return step | dict(_length(stage.within))


def _guard(guard: Guard) -> ResolvedRule:
    part = _part(guard.part)
    return {"but_not": part.pop("watch")} | part | dict(_length(guard.within))


def _part(part: PatternPart) -> ResolvedRule:
    keys: ResolvedRule = {"watch": filter_written(part.watch)}
    if part.times != 1:
        keys["times"] = part.times
    if part.per:
        keys["per"] = dict(part.per)
    return keys


def _length(within: int | None) -> Iterator[tuple[str, str]]:
    if within is not None:
        yield "within", format_duration(within)


def _levels(levels: Iterable[LevelStep], condition: Condition) -> ResolvedRule | str:
    rows = {
        level_name(row.level): "always" if row.limit is None else _limit(row.limit, condition)
        for row in levels
    }
    (first, *others) = rows
    return rows if others else first


def _number(number: float) -> float:
    """Return a whole number without its fraction, as a file would say it, however it was kept."""
    return int(number) if float(number).is_integer() else number


def _limit(limit: Limit, condition: Condition) -> ResolvedRule:
    """Return a limit on the figure of a condition; that of a silence is a length."""
    length = isinstance(condition, SilenceCondition)
    return {limit.operator: format_duration(int(limit.number)) if length else _number(limit.number)}


def _clear(clear: Clear, condition: Condition) -> ResolvedRule | str:
    match clear:
        case Clear(how="event", event=event) if event is not None:
            return {"event": filter_written(event)}
        case Clear(how="quiet", quiet_for=length):
            return {"quiet_for": format_duration(length)}
        case Clear(how="limit", limit=Limit() as limit):
            return _limit(limit, condition)
        case _:
            return clear.how


def _tell_again(again: TellAgain) -> Iterator[ResolvedRule | str]:
    if again.value_doubles:
        yield "value_doubles"
    if again.every is not None and again.growing_to is not None:
        yield {"from": format_duration(again.every), "growing_to": format_duration(again.growing_to)}
    elif again.every is not None:
        yield {"every": format_duration(again.every)}


def _active(active: Active) -> Iterator[tuple[str, Any]]:
    if active.stages:
        yield "stage", [stage.id for stage in active.stages]
    for name, bound in (("from", active.since), ("until", active.until)):
        if bound is not None:
            yield name, _moment(bound)
    for name, text in (("hours", active.hours), ("days", active.days)):
        if text:
            yield name, text


def _moment(at: datetime | Instant) -> str:
    return format_instant(at, ZONE) if isinstance(at, int) else f"{at} local"


def _effective(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.effective_from is not None:
        yield "from", format_instant(rule.effective_from, ZONE)
    if rule.effective_until is not None:
        yield "until", format_instant(rule.effective_until, ZONE)
