"""The conditions of `alert_when` on several events: sequences and items in any order.

Specification: docs/specification/rules.md#conditions.

Here: one reader for each word, and what must fit together in it. Not here: judging (`core.judging.pattern`,
`core.judging.pattern`), and what `watch` means for steps and items (`core.judging.pattern`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from engine.core.judging.condition import (
    AllItems,
    AnyItem,
    Condition,
    Guard,
    NotAllItems,
    Pattern,
    PatternPart,
    Sequence,
    SequenceStage,
)
from engine.core.judging.filter import EVERYTHING, AnyOf, Filter
from engine.core.judging.instant import Millis
from engine.core.judging.pattern import parts_of
from engine.documents.fields import Form, Take, form_of, identifier, list_of, whole
from engine.documents.finding import Findings, Mark
from engine.documents.rules.filters import Filters
from engine.documents.times import duration
from engine.documents.yaml_tree import MappingNode, Node

WORDS = ("sequence", "all_of", "any_of", "not_all_of")
"""Conditions that need no `watch`: their steps and items say what is watched."""
MOST_STEPS = 20
MOST_ITEMS = 20
MOST_PARTS = 60
"""Steps, items and guards in one condition: each is a bit of what is stored of an event."""
MOST_TIMES = 1_000
FORMS = ("watch", "any_of", "all_of", "but_not")
"""What a step is told by: exactly one of these."""

Items = TypeVar("Items", AllItems, AnyItem, NotAllItems)


class _Entry(NamedTuple):
    """One entry of `steps`: a step, or what must not come."""

    mark: Mark
    stage: SequenceStage | None = None
    guard: Guard | None = None


def sequence(form: Form, filters: Filters, findings: Findings) -> Sequence | None:
    """Take `sequence`: steps in order, with what must not come before, between and after them."""
    entries = form.require("steps", list_of(_entry(filters), minimum=1, maximum=MOST_STEPS), ())
    within: Millis | None = form.read("within", duration(1), None)
    steps = [place for place, entry in enumerate(entries) if entry.stage is not None]
    if not steps:
        if entries:
            findings.add("step_missing", form.place("steps"))
        return None
    stages, guards = [], []
    for place, (mark, stage, guard) in enumerate(entries):
        if guard is not None:
            if guard.within is None and not steps[0] < place < steps[-1]:
                findings.add("required", mark, key="within")
            guards.append(guard)
        elif stage is not None:
            built = replace(stage, guards=tuple(guards))
            _check_step(built, within, mark, findings, first=place == steps[0])
            stages.append(built)
            guards.clear()
    _check_names(entries, findings)
    found = Sequence(stages=tuple(stages), guards=tuple(guards), within=within)
    _check_size(found, form.place("steps"), findings)
    return found


def all_of(form: Form, filters: Filters, findings: Findings) -> AllItems:
    """Take `all_of`: items in any order."""
    items, within = _items(form, filters), form.read("within", duration(1), None)
    return _sized(AllItems(items=items, within=within), form, findings)


def any_of(form: Form, filters: Filters, findings: Findings) -> AnyItem:
    """Take `any_of`: one of several items."""
    items, within = _items(form, filters), form.read("within", duration(1), None)
    return _sized(AnyItem(items=items, within=within), form, findings)


def not_all_of(form: Form, filters: Filters, findings: Findings) -> NotAllItems:
    """Take `not_all_of`: items of which one is missing when the wait ends."""
    items, within = _items(form, filters), form.require("within", duration(1), 1)
    return _sized(NotAllItems(items=items, within=within), form, findings)


def needs_no_watch(node: Node | None) -> bool:
    """Say whether a rule with this `alert_when` may leave `watch` out."""
    return isinstance(node, MappingNode) and any(word in (*WORDS, "rules") for word in node.pairs)


# --- steps and items ----------------------------------------------------------------------------------------------


def _entry(filters: Filters) -> Take[_Entry]:
    def read(node: Node, findings: Findings) -> _Entry:
        form = form_of(node, findings)
        forms = [word for word in FORMS if word in form]
        if len(forms) != 1:
            raise findings.unusable("step_form", form.mark, choices=", ".join(FORMS))
        if forms == ["but_not"]:
            entry = _Entry(form.mark, guard=_guard(form, filters))
        else:
            name = form.read("name", identifier, "")
            within = form.read("within", duration(1), None)
            parts = _parts(form, forms[0], filters)
            every = forms == ["all_of"]
            entry = _Entry(form.mark, SequenceStage(parts=parts, every=every, name=name, within=within))
        form.close()
        return entry

    return read


def _guard(form: Form, filters: Filters) -> Guard:
    forbidden: Take[Filter] = filters.read
    watch = form.read("but_not", forbidden, EVERYTHING)
    part = PatternPart(watch=watch, per=form.read("per", _renames(filters), ()))
    return Guard(part=part, within=form.read("within", duration(1), None))


def _parts(form: Form, word: str, filters: Filters) -> tuple[PatternPart, ...]:
    """Take what fills a step. With `times` the items of `any_of` count together."""
    take: Take[Filter] = filters.read
    per = form.read("per", _renames(filters), ())
    times = form.read("times", whole(1, MOST_TIMES), 1) if word != "all_of" else 1
    if word == "watch":
        return (PatternPart(watch=form.read("watch", take, EVERYTHING), times=times, per=per),)
    if times > 1:
        alternatives = form.read(word, list_of(take, minimum=1, maximum=MOST_ITEMS), ())
        return (PatternPart(watch=AnyOf(alternatives), times=times, per=per),)
    parts = form.read(word, list_of(_item(filters), minimum=1, maximum=MOST_ITEMS), ())
    return tuple(part if part.per else replace(part, per=per) for part in parts)


def _items(form: Form, filters: Filters) -> tuple[PatternPart, ...]:
    return form.require("items", list_of(_item(filters), minimum=1, maximum=MOST_ITEMS), ())


def _item(filters: Filters) -> Take[PatternPart]:
    """Return a reader of an item: a filter, or a map with `watch`, `times` and `per`."""

    def read(node: Node, findings: Findings) -> PatternPart:
        if not isinstance(node, MappingNode) or "watch" not in node.pairs:
            return PatternPart(watch=filters.read(node, findings))
        form = form_of(node, findings)
        parts = _parts(form, "watch", filters)
        form.close()
        return parts[0]

    return read


def _renames(filters: Filters) -> Take[tuple[tuple[str, str], ...]]:
    """Return a reader of a step's `per`: a map from keys of the rule's `per`, or fields in their order (no key yet)."""

    def read(node: Node, findings: Findings) -> tuple[tuple[str, str], ...]:
        if isinstance(node, MappingNode):
            return tuple((key.text, filters.path(field, findings)) for key, field in node.pairs.values())
        fields: Take[str] = filters.path
        return tuple(("", field) for field in list_of(fields, single=True, minimum=1)(node, findings))

    return read


# --- what fits together -------------------------------------------------------------------------------------------


def _check_step(
    stage: SequenceStage, within: Millis | None, mark: Mark, findings: Findings, *, first: bool
) -> None:
    many = any(part.times > 1 for part in stage.parts) or (stage.every and len(stage.parts) > 1)
    if first and stage.within is not None and not many:
        findings.add("step_within_alone", mark)
    waits = 0 if first else max((guard.within or 0 for guard in stage.guards), default=0)
    limits = [limit for limit in (stage.within, within) if limit is not None]
    forbidden = [guard.part.watch for guard in stage.guards if guard.within is None]
    needed = stage.parts if stage.every or len(stage.parts) == 1 else ()
    ends_itself = any(part.times > 1 and part.watch in forbidden for part in needed)
    if ends_itself or any(waits >= limit for limit in limits):
        findings.add("step_never_filled", mark)


def _check_names(entries: Collection[_Entry], findings: Findings) -> None:
    names = Counter(entry.stage.name for entry in entries if entry.stage is not None and entry.stage.name)
    for entry in reversed(list(entries)):
        if entry.stage is not None and names[entry.stage.name] > 1:
            names[entry.stage.name] -= 1
            findings.add("step_name_taken", entry.mark, name=entry.stage.name)


def _sized(built: Items, form: Form, findings: Findings) -> Items:
    _check_size(built, form.place("items"), findings)
    return built


def _check_size(built: Condition, mark: Mark, findings: Findings) -> None:
    if (count := len(parts_of(built))) > MOST_PARTS:
        findings.add("list_length", mark, count=count, minimum=1, maximum=MOST_PARTS)


def renames_fit(built: Condition, per: tuple[str, ...]) -> bool:
    """Say whether each `per` of a step or item renames keys of the rule's `per`, or has a field for each of them."""
    for part in parts_of(built):
        keys = [key for key, _ in part.per if key]
        if any(key not in per for key in keys) or (part.per and not keys and len(part.per) != len(per)):
            return False
    return True


# --- keys ---------------------------------------------------------------------------------------------------------


def keyed(built: Pattern, per: tuple[str, ...]) -> Pattern:
    """Return a pattern in which every renamed field has its key, where only the order of the fields said it."""

    def part(one: PatternPart) -> PatternPart:
        if not one.per or one.per[0][0]:
            return one
        return replace(one, per=tuple(zip(per, (field for _, field in one.per), strict=True)))

    def guards(several: tuple[Guard, ...]) -> tuple[Guard, ...]:
        return tuple(replace(guard, part=part(guard.part)) for guard in several)

    if not isinstance(built, Sequence):
        return replace(built, items=tuple(part(item) for item in built.items))
    stages = tuple(
        replace(stage, parts=tuple(part(one) for one in stage.parts), guards=guards(stage.guards))
        for stage in built.stages
    )
    return replace(built, stages=stages, guards=guards(built.guards))
