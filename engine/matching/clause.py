"""Clauses: which part of a filter an event fails.

Here: the way down to the clause, for `siaga explain`. Not here: matching as such (`matching.native`).
"""

from __future__ import annotations

from engine.core.judging.event import Event
from engine.core.judging.filter import AllOf, Filter
from engine.matching.native import compile_filter


def failed_clause(filter_: Filter, event: Event) -> Filter | None:
    """Return the first clause that keeps the event out: a test, an `unless`, or an `any` of which no part holds.

    None where the filter holds.
    """
    if compile_filter(filter_)(event):
        return None
    if isinstance(filter_, AllOf):
        return next(found for part in filter_.parts if (found := failed_clause(part, event)) is not None)
    return filter_
