"""Coverage: which rules and branches, and which rows, messages and reasons of escalation, some test reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from engine.core.alerting.alert import WENT_OUT, HistoryEntry
from engine.core.judging.event import Event
from engine.core.judging.filter import EVERYTHING, AllOf, AnyOf, Filter, Unless
from engine.core.judging.pattern import watched_by
from engine.core.judging.rule import Rule, level_name
from engine.matching.native import compile_filter
from engine.simulation.recorder import Happening, RecordedTurn

_STATUS_AFTER: Mapping[str, str] = {
    "opened": "open",
    "hidden": "open",
    "acknowledged": "acknowledged",
    "expired": "open",
    "escalated_by_hand": "open",
    "returned": "open",
    "resolved": "resolved",
    "reopened": "open",
}
"""The status in which an entry leaves its alert; the others leave it as it was."""


def reached_names(
    histories: Iterable[Sequence[HistoryEntry]], turns: Iterable[RecordedTurn]
) -> Iterator[str]:
    """Yield what happened, each by a name in a form of its own.

    `message KIND`, `entry NAME`, `notification STATE REASON`, `passed REASON`, `skipped REASON`, `closed REASON`; and
    `row STATUS WHAT`: in which status of the alert an entry was written, what with its reason.
    """
    for history in histories:
        status = "open"
        for entry in history:
            yield f"entry {entry.name}"
            yield f"row {status} {_what(entry)}"
            if entry.name in _REASONED:
                yield f"{_REASONED[entry.name]} {entry.reason}"
            if entry.name == "level_rose" and status == "acknowledged":
                status = "open"
            status = _STATUS_AFTER.get(entry.name, status)
    for turn in turns:
        if turn.notification is not None:
            if turn.notification.state in WENT_OUT:
                yield f"message {turn.notification.kind}"
            yield f"notification {turn.state} {turn.reason}".rstrip()


_REASONED = {"recipient_passed_over": "passed", "step_skipped": "skipped", "resolved": "closed"}


def _what(entry: HistoryEntry) -> str:
    """Return what was done: of an answer what it said, and why it was refused."""
    if entry.name == "answer_refused":
        return f"{entry.details.get('says', '')} refused {entry.reason}"
    return entry.reason if entry.name == "answered" else f"{entry.name} {entry.reason}".rstrip()


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How many rules and branches there are, how many of them some test touches, and which none does."""

    rules: int
    rules_touched: int
    branches: int
    branches_touched: int
    untouched: tuple[str, ...]


def coverage(rules: Iterable[Rule], touched: frozenset[str]) -> Coverage:
    """Count the rules of files against what the tests touched."""
    known = {rule.id: rule for rule in rules}
    names = {rule: list(_names(known[rule])) for rule in sorted(known)}
    branches = [name for of_rule in names.values() for name in of_rule]
    return Coverage(
        rules=len(known),
        rules_touched=sum(rule in touched for rule in known),
        branches=len(branches),
        branches_touched=sum(name in touched for name in branches),
        untouched=tuple(
            name
            for rule, of_rule in names.items()
            for name in ([rule] if rule not in touched else [n for n in of_rule if n not in touched])
        ),
    )


def touched(rules: Iterable[Rule], events: Iterable[Event], happened: Iterable[Happening]) -> frozenset[str]:
    """Return what a run touched: rules that opened, the levels they opened with, alternatives that an event met."""
    found = set()
    for one in happened:
        if one.state in ("opens", "hidden"):
            found.add(one.rule)
        found |= {f"{one.rule}: level {level_name(level)}" for level in (one.level, one.highest) if level}
    events = list(events)
    for rule in rules:
        for name, alternative, watch in _alternatives(rule):
            meets, watches = compile_filter(alternative), compile_filter(watch)
            if any(meets(event) and watches(event) for event in events):
                found.add(name)
    return frozenset(found)


def _names(rule: Rule) -> Iterator[str]:
    if len(rule.levels) > 1 and not rule.by_severity:
        yield from (f"{rule.id}: level {level_name(row.level)}" for row in rule.levels)
    yield from (name for name, _, _ in _alternatives(rule))


def _alternatives(rule: Rule) -> Iterator[tuple[str, Filter, Filter]]:
    """Yield name and filter of each alternative, and what an event must meet besides to count as touching it."""
    watch = watched_by(rule.condition, rule.watch)
    for place, (any_of, excluded) in enumerate(_any_of(watch), start=1):
        which = "any" if place == 1 else f"any {place}"
        for number, part in enumerate(any_of.parts, start=1):
            yield f"{rule.id}: {which}, {number}", part, _unless_removed(watch) if excluded else watch


def _any_of(node: Filter, *, excluded: bool = False) -> Iterator[tuple[AnyOf, bool]]:
    """Yield each `any`, and whether it stands under `unless`."""
    match node:
        case AnyOf(parts) | AllOf(parts):
            if isinstance(node, AnyOf):
                yield node, excluded
            for part in parts:
                yield from _any_of(part, excluded=excluded)
        case Unless(part):
            yield from _any_of(part, excluded=True)
        case _:
            return


def _unless_removed(node: Filter) -> Filter:
    """Return the filter without its exceptions: an event that an exception keeps out never meets the whole filter."""
    match node:
        case AllOf(parts):
            return AllOf(tuple(_unless_removed(part) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_unless_removed(part) for part in parts))
        case Unless():
            return EVERYTHING
        case _:
            return node
