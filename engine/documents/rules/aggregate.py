"""The conditions of `alert_when` that look at the values of fields over time (docs/specification/rules.md#conditions).

Here: one reader for each word. Not here: counting and the other conditions (`documents.rules.conditions`), judging
(`core.judging.aggregate`, `core.judging.aggregate`).
"""

from __future__ import annotations

from functools import partial
from typing import get_args

from msgspec.structs import replace

from engine.core.judging.condition import Aggregate, Change, Condition, FirstTime, Function, Spread
from engine.core.judging.event import Scalar as Plain
from engine.core.judging.filter import Limit
from engine.core.judging.region import LEVELS
from engine.documents.fields import Form, free, list_of, number, whole, word
from engine.documents.finding import Findings
from engine.documents.reference_data import ReferenceData
from engine.documents.rules.filters import Filters
from engine.documents.rules.limit import Range, number_or_percent, required_limit
from engine.documents.times import duration
from engine.documents.yaml_tree import Node, ScalarNode

CHILDREN = LEVELS[1:]
"""Levels whose regions are the children of another one."""
ALL = 100
"""Percent."""
MOST_EVENTS = 1_000_000
"""The greatest `min_events`."""


def aggregate(form: Form, filters: Filters, findings: Findings) -> Aggregate | None:
    """Take `aggregate`: a figure over the numbers of one field in a window."""
    functions: tuple[Function, ...] = get_args(Function)
    written = form.require("function", word(*functions), None)
    of = form.require("of", filters.number_path, "")
    missing = form.read("missing", missing_number, None)
    numbers = with_missing(filters.figures(of), missing)
    non_negative = numbers.low >= 0
    within = form.require("within", duration(1), 1)
    min_events = form.read("min_events", whole(1, MOST_EVENTS), 0)
    p = form.require("p", whole(1, 100), 100) if written == "percentile" else 0
    limit = required_limit(form, findings)
    function = next((one for one in functions if one == written), None)
    if function is None or limit is None:
        form.node("p")
        return None
    if function == "sum":
        numbers = Range(low=0) if non_negative else Range()
    check_limit(form, findings, limit, numbers)
    return Aggregate(
        function=function,
        of=of,
        limit=limit,
        within=within,
        p=p,
        min_events=min_events,
        missing=missing,
        non_negative=non_negative,
    )


def change(form: Form, filters: Filters, findings: Findings) -> Change:
    """Take `change`: the value differs from the previous one of the group."""
    of = form.require("of", list_of(filters.path, single=True, minimum=1), ())
    within = form.read("within", duration(1), None)
    missing = form.read("missing", missing_value, None)
    if len(of) > 1:  # there is no word for a tuple of values
        return Change(of=of, within=within, missing=missing)
    take = filters.values("".join(of))
    old, new = form.read("from", take, ()), form.read("to", take, ())
    if len(new) == 1 and old == new:
        findings.add("limit_never_met", form.place("to"), field="to")
    return Change(of=of, old=old, new=new, within=within, missing=missing)


def first_time(form: Form, filters: Filters, _findings: Findings) -> FirstTime:
    """Take `first_time`: a value that the group did not have for long."""
    of = form.require("of", list_of(filters.path, single=True, minimum=1), ())
    memory = form.require("memory", duration(1), 1)
    return FirstTime(of=of, memory=memory, missing=form.read("missing", missing_value, None))


def spread(form: Form, filters: Filters, findings: Findings) -> Spread:
    """Take `spread`: in how many different children of the group's region, or values of a field, there are events."""
    over = form.require("over", partial(child, filters), "")
    within = form.require("within", duration(1), 1)
    if over in CHILDREN:
        at_least, percent = form.require("at_least", number_or_percent, (1, False))
    else:
        at_least, percent = form.require("at_least", number, 1), False
    whole_number = percent or isinstance(at_least, int)
    if at_least <= 0:
        findings.add("limit_always_met", form.place("at_least"), number=at_least)
    elif percent and at_least > ALL:
        findings.add("limit_never_met", form.place("at_least"), field="spread")
    elif not whole_number:
        findings.add("not_whole", form.place("at_least"), number=at_least)
    return Spread(over=over, at_least=at_least, within=within, children=() if percent else None)


def child(filters: Filters, node: Node, findings: Findings) -> str:
    """Take what children are counted: a level of regions, or a field."""
    return filters.group_key(node, findings, CHILDREN)


def counted(condition: Condition, per: tuple[str, ...], known: ReferenceData) -> Condition:
    """Return the condition with what it must know of the roster, for groups of these keys."""
    if not isinstance(condition, Spread) or condition.children is None:
        return condition
    return replace(condition, children=known.children(condition.over, level_of_group(per)))


def level_of_group(per: tuple[str, ...]) -> str:
    """Return the level of the region that groups of these keys stand for, by the narrowest word of them."""
    levels = ["regency" if word == "region" else word for word in per if word in (*LEVELS, "region")]
    return max(levels, key=LEVELS.index, default="nation")


def missing_value(node: Node, findings: Findings) -> Plain | None:
    """Take what an event without the field has instead: a value, or `ignore` (None)."""
    value = free(node, findings)
    return None if value == "ignore" else value


def missing_number(node: Node, findings: Findings) -> float | None:
    """Take what an event without the field counts: a number, or `ignore` (None)."""
    if isinstance(node, ScalarNode) and node.text == "ignore":
        return None
    return number(node, findings)


def with_missing(numbers: Range, missing: Plain | None) -> Range:
    """Return the numbers that a field can have where that of an event without it is one of them."""
    if not isinstance(missing, int | float):
        return numbers
    return Range(low=min(numbers.low, missing), high=max(numbers.high, missing))


def check_limit(form: Form, findings: Findings, limit: Limit, figures: Range) -> None:
    """Report a limit that none of the figures there can be meets, or all of them do."""
    if figures.under(limit).empty:
        findings.add("limit_never_met", form.place(limit.operator), field=limit.operator)
    elif limit.operator in ("at_least", "above") and figures.under(limit) == figures and figures.low == 0:
        findings.add("limit_always_met", form.place(limit.operator), number=limit.number)
