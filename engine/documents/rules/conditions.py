"""The conditions of `alert_when`, and what follows from each for the other keys of a rule.

Specification: docs/specification/rules.md#conditions.

Here: one reader for each word of the language (of figures out of fields: `documents.rules.aggregate`, of several kinds
of events: `documents.rules.sequence`), and which figures a condition has. Not here: judging (`engine.core.judging`). A
new condition is one reader in `_READERS` and one case in each question below.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from engine.core.judging.condition import (
    Aggregate,
    Bond,
    Compare,
    Condition,
    Count,
    Distinct,
    EveryEvent,
    ShareCondition,
    SilenceCondition,
    Spread,
    Value,
)
from engine.core.judging.event import Scalar as Plain
from engine.core.judging.filter import Limit
from engine.documents.fields import Form, Take, form_of, free, identifier, list_of, number, text
from engine.documents.finding import Findings, UnusableError
from engine.documents.rules.absence import deadline, silence
from engine.documents.rules.aggregate import (
    aggregate,
    change,
    child,
    first_time,
    missing_number,
    missing_value,
    spread,
    with_missing,
)
from engine.documents.rules.compare import compare, share
from engine.documents.rules.filters import Filters
from engine.documents.rules.limit import LIMITS, Range, limit_of, required_limit
from engine.documents.rules.sequence import all_of, any_of, not_all_of, sequence
from engine.documents.times import duration
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode


def condition(filters: Filters) -> Take[Condition]:
    """Return a reader of `alert_when`: exactly one condition, or the bare word `every_event`."""

    def read(node: Node, findings: Findings) -> Condition:
        if isinstance(node, ScalarNode):
            word = text(node, findings)
            if word == "every_event":
                return EveryEvent()
            _check_word(word, node, findings)
            raise findings.unusable("condition_needs_keys", node.mark, word=word)
        if isinstance(node, SequenceNode) or len(node.pairs) != 1:
            named = isinstance(node, SequenceNode) or any(word in _READERS for word in node.pairs)
            raise findings.unusable("one_condition" if named else "condition_missing", node.mark)
        ((key, body),) = node.pairs.values()
        _check_word(key.text, key, findings)
        if isinstance(body, ScalarNode) and body.empty:
            body = MappingNode({}, body.mark)
        form = form_of(body, findings)
        before = findings.errors
        built = _READERS[key.text](form, filters, findings)
        form.close()
        if built is None or findings.errors > before:
            raise UnusableError
        return built

    return read


def words() -> tuple[str, ...]:
    """Return the conditions that there are."""
    return tuple(_READERS)


def has_figure(built: Condition) -> bool:
    """Say whether the condition has a number that limits, levels and `value_doubles` can be held against."""
    match built:
        case (
            Count()
            | Distinct()
            | Spread()
            | Aggregate()
            | ShareCondition()
            | Compare()
            | Bond()
            | SilenceCondition()
            | Value(limit=Limit())
        ):
            return True
        case _:
            return False


def possible(built: Condition) -> Range:
    """Return the figures that can occur at all."""
    match built:
        case Count(weight=weight):
            return Range(low=0, whole=weight is None)
        case Distinct() | Spread() | Bond():
            return Range(low=0, whole=True)
        case Aggregate(non_negative=True) | ShareCondition():
            return Range(low=0)
        case SilenceCondition():
            return Range(low=0, whole=True)
        case Compare(relation=relation) if not relation.endswith("_by"):
            return Range(low=0)
        case _:
            return Range()


def opening(built: Condition) -> Range:
    """Return the figures at which the condition holds."""
    match built:
        case (
            Count(at_least=figure) | Spread(at_least=figure, children=None) | SilenceCondition(length=figure)
        ):
            return possible(built).meeting("at_least", figure)
        case (
            Distinct(limit=limit)
            | Aggregate(limit=limit)
            | ShareCondition(limit=limit)
            | Compare(limit=limit)
            | Bond(limit=limit)
            | Value(limit=Limit() as limit)
        ):
            return possible(built).under(limit)
        case _:
            return possible(built)


def _check_word(word: str, node: ScalarNode, findings: Findings) -> None:
    if word not in _READERS:
        raise findings.no_choice("unknown_condition", node.mark, word, _READERS)


def _every_event(_form: Form, _filters: Filters, _findings: Findings) -> Condition:
    return EveryEvent()


def _count(form: Form, filters: Filters, findings: Findings) -> Condition:
    weight = form.read("weight", filters.number_path, None)
    at_least = form.require("at_least", number, 1)
    built = Count(at_least=at_least, within=form.require("within", duration(1), 1), weight=weight)
    if at_least <= 0:
        findings.add("limit_always_met", form.place("at_least"), number=at_least)
    elif weight is None and not isinstance(at_least, int):
        findings.add("not_whole", form.place("at_least"), number=at_least)
    return built


def _distinct(form: Form, filters: Filters, findings: Findings) -> Condition | None:
    of = form.require("of", list_of(filters.path, single=True, minimum=1), ())
    within = form.require("within", duration(1), 1)
    limit = required_limit(form, findings, ("at_least", "at_most"))
    if limit is None:
        return None
    built = Distinct(of=of, limit=limit, within=within)
    if limit.operator == "at_least" and limit.number <= 0:
        findings.add("limit_always_met", form.place("at_least"), number=limit.number)
    elif not isinstance(limit.number, int):
        findings.add("not_whole", form.place(limit.operator), number=limit.number)
    elif opening(built).empty:
        findings.add("limit_never_met", form.place(limit.operator), field="distinct")
    return built


def _value(form: Form, filters: Filters, findings: Findings) -> Condition | None:
    value: Take[Plain] = free
    one_of = form.read("one_of", list_of(value, single=True, minimum=1), ())
    limit = limit_of(form, findings)
    takes_limit = limit is not None or any(operator in form for operator in LIMITS)
    field = form.require("field", filters.number_path if takes_limit else filters.path, "")
    missing = form.read("missing", missing_number if takes_limit else missing_value, None)
    if takes_limit and "one_of" in form:
        findings.add("one_limit", form.mark, choices="one_of, " + ", ".join(LIMITS))
    elif not takes_limit and "one_of" not in form:
        findings.add("limit_missing", form.mark, choices="one_of, " + ", ".join(LIMITS))
    if limit is not None and with_missing(filters.figures(field), missing).under(limit).empty:
        findings.add("limit_never_met", form.place(limit.operator), field=field)
    return Value(field=field, limit=limit, one_of=one_of, missing=missing)


def _rules(form: Form, filters: Filters, findings: Findings) -> Condition | None:
    ids: Take[str] = identifier
    opened = form.require("open", list_of(ids, single=True, minimum=1), ())
    within = form.read("within", duration(1), None)
    over = form.read("over", partial(child, filters), None)
    limit = required_limit(form, findings)
    if limit is None:
        return None
    built = Bond(open=opened, limit=limit, over=over, within=within)
    if opening(built).empty:
        findings.add("limit_never_met", form.place(limit.operator), field="rules")
    elif limit.operator in ("at_least", "above") and opening(built) == possible(built):
        findings.add("limit_always_met", form.place(limit.operator), number=limit.number)
    elif not isinstance(limit.number, int):
        findings.add("not_whole", form.place(limit.operator), number=limit.number)
    return built


_READERS: dict[str, Callable[[Form, Filters, Findings], Condition | None]] = {
    "sequence": sequence,
    "all_of": all_of,
    "any_of": any_of,
    "not_all_of": not_all_of,
    "silence": silence,
    "deadline": deadline,
    "every_event": _every_event,
    "rules": _rules,
    "count": _count,
    "distinct": _distinct,
    "value": _value,
    "aggregate": aggregate,
    "change": change,
    "first_time": first_time,
    "spread": spread,
    "share": share,
    "compare": compare,
}
