"""The conditions of `alert_when` that hold one figure against another: `share` and `compare`.

Specification: docs/specification/rules.md#conditions.

Here: one reader for each word, and the floor that both have. Not here: figures on their own
(`documents.rules.aggregate`), the numbers of a column (`documents.rules.columns`), judging (`core.judging.aggregate`,
`core.judging.aggregate`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Literal, get_args

from engine.core.judging.condition import (
    Compare,
    Earlier,
    Floor,
    PreviousWindow,
    Reference,
    ReferenceColumn,
    Relation,
    SameHour,
    ShareCondition,
)
from engine.core.judging.filter import Filter, Limit
from engine.core.judging.instant import DAY, Instant, format_duration
from engine.documents.fields import Form, form_of, list_of, number, scalar, whole, word
from engine.documents.finding import Findings, UnusableError
from engine.documents.rules.aggregate import check_limit, missing_number
from engine.documents.rules.columns import DIRECTORY, baseline, directory_column
from engine.documents.rules.filters import Filters
from engine.documents.rules.limit import LIMITS, Range, figure, required_limit
from engine.documents.times import duration, local_or_instant
from engine.documents.yaml_tree import MappingNode, Node, ScalarNode

RELATIONS: tuple[Relation, ...] = get_args(Relation)
POINTS = ("points", "point")
"""Unit of a difference; one of a ratio is `x`."""
Counted = Literal["count", "distinct", "sum", "average", "highest", "lowest", "latest"]
FIGURES: tuple[Counted, ...] = get_args(Counted)
SKIP: Literal["skip"] = "skip"
MOST_DAYS = 60
"""Days back that a comparison with the same hour may look."""


def share(form: Form, filters: Filters, findings: Findings) -> ShareCondition | None:
    """Take `share`: one figure in percent of another."""
    before = findings.errors
    part = form.require("part", partial(_part, filters), "")
    whole_ = form.require("whole", partial(_whole, filters), "")
    within = form.read("within", duration(1), None)
    missing = form.read("missing", missing_number, None)
    floor = form.read("only_if", partial(_floor, filters), Floor())
    limit = required_limit(form, findings, LIMITS, figure)
    if limit is None:
        return None
    if part == whole_ and findings.errors == before:
        findings.add("part_is_whole", form.place("whole"))
    check_limit(form, findings, limit, Range(low=0))
    return ShareCondition(part=part, whole=whole_, limit=limit, within=within, floor=floor, missing=missing)


def _part(filters: Filters, node: Node, findings: Findings) -> str | Filter:
    """Take one side of a share: a field whose numbers are added up, or a filter whose events are counted."""
    return (
        filters.read(node, findings) if isinstance(node, MappingNode) else filters.number_path(node, findings)
    )


def _whole(filters: Filters, node: Node, findings: Findings) -> str | Filter | ReferenceColumn:
    if isinstance(node, ScalarNode) and node.text.startswith(f"{DIRECTORY}."):
        return directory_column(filters.known, node, findings)
    return _part(filters, node, findings)


def compare(form: Form, filters: Filters, findings: Findings) -> Compare | None:
    """Take `compare`: a figure against what it was before, on other days, or what a table has for the region."""
    before = findings.errors
    written = form.require("figure", word(*FIGURES), None)
    figure_ = next((one for one in FIGURES if one == written), None)
    of, weight, missing = _figure(figure_, form, filters)
    within = form.require("within", duration(1), 1)
    reference = form.require("with", partial(_reference, filters), PreviousWindow())
    relation = _relation(form, findings)
    floor = form.read("only_if", partial(_floor, filters), Floor())
    otherwise = form.read("if_no_baseline", _otherwise, SKIP)
    at: datetime | Instant | None = form.read("at", local_or_instant, None)
    if relation is None or figure_ is None or findings.errors > before:
        return None
    if isinstance(reference, Earlier) and figure_ in ("count", "distinct", "sum"):
        length = reference.not_older_than - reference.before
        if length != within:
            findings.add(
                "windows_differ",
                form.place("with"),
                now=format_duration(within),
                reference=format_duration(length),
            )
    if isinstance(reference, SameHour) and within > DAY:
        findings.add("days_overlap", form.place("within"))
    return Compare(
        figure=figure_,
        of=of,
        weight=weight,
        missing=missing,
        within=within,
        reference=reference,
        relation=relation[0],
        number=relation[1],
        floor=floor,
        if_no_baseline=otherwise,
        at=at,
    )


def _figure(
    counted: Counted | None, form: Form, filters: Filters
) -> tuple[tuple[str, ...], str | None, float | None]:
    """Take what the figure is of: fields, a weight, the number of an event without the field."""
    match counted:
        case None:
            for key in ("of", "weight", "missing"):
                form.node(key)
            return (), None, None
        case "count":
            return (), form.read("weight", filters.number_path, None), None
        case "distinct":
            return form.require("of", list_of(filters.path, single=True, minimum=1), ()), None, None
        case _:
            of = form.require("of", filters.number_path, "")
            return (of,), None, form.read("missing", missing_number, None)


def _reference(filters: Filters, node: Node, findings: Findings) -> Reference:
    """Take what the figure is held against."""
    if not isinstance(node, MappingNode):
        word("previous_window")(node, findings)
        return PreviousWindow()
    form, before = form_of(node, findings), findings.errors
    found = list(_references(form, filters, findings))
    form.close()
    if findings.errors > before:
        raise UnusableError
    if len(found) != 1:
        raise findings.unusable("one_reference", form.mark)
    return found[0]


def _references(form: Form, filters: Filters, findings: Findings) -> Iterator[Reference]:
    if "before" in form or "not_older_than" in form:
        before = form.require("before", duration(1), 1)
        oldest = form.require("not_older_than", duration(1), before + 1)
        if oldest <= before:
            findings.add("older_than_before", form.place("not_older_than"))
        yield Earlier(before=before, not_older_than=oldest)
    days = form.read("same_hour_of_days", whole(1, MOST_DAYS), None)
    if days is not None:
        yield SameHour(days=days)
    table = form.read("baseline", partial(baseline, filters.known), None)
    if table is not None:
        yield table


def _relation(form: Form, findings: Findings) -> tuple[Relation, float] | None:
    """Take the one relation: how many times as much, or by how many points."""
    read = {one: form.read(one, _points if one.endswith("_by") else _times, None) for one in RELATIONS}
    written = [one for one in RELATIONS if one in form]
    if not written:
        findings.add("limit_missing", form.mark, choices=", ".join(RELATIONS))
    elif len(written) > 1:
        findings.add("one_limit", form.mark, choices=", ".join(RELATIONS))
    given = [(one, amount) for one, amount in read.items() if amount is not None]
    if len(written) != 1 or not given:
        return None
    relation, amount = given[0]
    rises = relation.startswith("rises")
    least = 0 if relation == "falls_to" else 1e-9
    if amount < least or (not relation.endswith("_by") and (amount < 1 if rises else amount > 1)):
        findings.add("wrong_way", form.place(relation), word=relation, number=f"{amount:g}")
    return relation, amount


def _times(node: Node, findings: Findings) -> float:
    """Take how many times the reference, such as `3x`."""
    found = scalar(node, findings)
    if not found.text.endswith("x"):
        raise findings.unusable("not_times", found.mark, text=found.text)
    return number(ScalarNode(found.text[:-1].rstrip(), plain=found.plain, mark=found.mark), findings)


def _points(node: Node, findings: Findings) -> float:
    """Take a difference in the unit of the figure, such as `10 points`."""
    found = scalar(node, findings)
    amount, _, unit = found.text.partition(" ")
    if unit.strip() not in POINTS:
        raise findings.unusable("not_points", found.mark, text=found.text)
    return number(ScalarNode(amount, plain=found.plain, mark=found.mark), findings)


def _otherwise(node: Node, findings: Findings) -> Literal["skip", "fire"] | float:
    """Take what holds without a reference: nothing, that it is met, or a number in its place."""
    if isinstance(node, ScalarNode):
        if node.text == "skip":
            return "skip"
        if node.text == "fire":
            return "fire"
        if not node.text[:1].isalpha():
            stated = number(node, findings)
            if stated <= 0:
                raise findings.unusable("not_above_zero", node.mark, number=stated)
            return stated
    word("skip", "fire")(node, findings)
    return "skip"


def _floor(filters: Filters, node: Node, findings: Findings) -> Floor:
    """Take `only_if`: limits on the figure, on what it is held against, and on a field of the latest event."""
    form = form_of(node, findings)
    now, reference = form.read("now", _limit, None), form.read("reference", _limit, None)
    field = form.read("field", filters.number_path, None)
    limit = None
    if "field" in form:
        limit = required_limit(form, findings)
    form.close()
    if not form.written:
        findings.add("empty", form.mark)
    return Floor(now=now, reference=reference, field=field, field_limit=limit)


def _limit(node: Node, findings: Findings) -> Limit | None:
    form = form_of(node, findings)
    found = required_limit(form, findings)
    form.close()
    return found
