"""The LIMIT of a condition, a level or an ending: one of five words and a number (rule-language.md 5).

Here: taking it from the keys of a form. Not here: whether it can be met (`loading.range`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import get_args

from engine.judging.rule import Limit, Operator
from engine.loading.finding import Findings
from engine.loading.form import Form, Take
from engine.loading.marked import Node, ScalarNode
from engine.loading.moment import duration
from engine.loading.value import number

_LENGTH = re.compile(r"(\d+(ms|[smhdw]))+", re.ASCII)
LIMITS: tuple[Operator, ...] = get_args(Operator)


def figure(node: Node, findings: Findings) -> float:
    """Take the number of a limit on a figure; a percent sign may stand after it. A length is taken in milliseconds."""
    if isinstance(node, ScalarNode) and _LENGTH.fullmatch(node.text):
        return duration()(node, findings)
    return number_or_percent(node, findings)[0]


def number_or_percent(node: Node, findings: Findings) -> tuple[float, bool]:
    """Take a number, and whether a percent sign stands after it."""
    if isinstance(node, ScalarNode) and node.text.endswith("%"):
        return number(ScalarNode(node.text[:-1].rstrip(), plain=node.plain, mark=node.mark), findings), True
    return number(node, findings), False


def limit_of(
    form: Form, findings: Findings, operators: Collection[Operator] = LIMITS, take: Take[float] = number
) -> Limit | None:
    """Take the one LIMIT among the keys of a form; None where there is none (no finding) or it is unusable."""
    limits = [
        Limit(word, figure) for word in operators if (figure := form.read(word, take, None)) is not None
    ]
    if len(limits) > 1:
        findings.add("one_limit", form.mark, choices=", ".join(operators))
        return None
    return limits[0] if limits else None


def required_limit(
    form: Form, findings: Findings, operators: Collection[Operator] = LIMITS, take: Take[float] = number
) -> Limit | None:
    """Take the one LIMIT that must be among the keys of a form; None where it is unusable."""
    if not any(word in form for word in operators):
        findings.add("limit_missing", form.mark, choices=", ".join(operators))
    return limit_of(form, findings, operators, take)
