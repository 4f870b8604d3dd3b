"""The key `active` of a rule: stage, from-until, hours, days (rule-language.md 2).

Here: its form, with the stages filled in from the calendar. Not here: what it means (`judging.active`).
"""

from __future__ import annotations

from datetime import datetime

from engine.judging.active import Active, NamedSpan
from engine.judging.calendar import Calendar
from engine.judging.instant import Instant
from engine.loading.finding import Findings
from engine.loading.form import Take, form_of, list_of
from engine.loading.marked import Node
from engine.loading.moment import days, hours, local_or_instant
from engine.loading.value import named


def active(calendar: Calendar | None) -> Take[Active]:
    """Return a reader of `active`; without a calendar any stage is good, and none is filled in."""
    stages = {} if calendar is None else {stage.id: stage for stage in calendar.stages}
    stage = named(None if calendar is None else stages, "unknown_stage")

    def read(node: Node, findings: Findings) -> Active:
        form = form_of(node, findings)
        ids = form.read("stage", list_of(stage, single=True, minimum=1), ())
        since: datetime | Instant | None = form.read("from", local_or_instant, None)
        until: datetime | Instant | None = form.read("until", local_or_instant, None)
        found = Active(
            stages=tuple(
                NamedSpan(id=id_, since=stages[id_].since, until=stages[id_].until)
                for id_ in ids
                if id_ in stages
            ),
            since=since,
            until=until,
            hours=form.read("hours", hours, ""),
            days=form.read("days", days, ""),
        )
        form.close()
        if not form.written:
            raise findings.unusable("active_empty", form.mark)
        if _not_before(since, until):
            raise findings.unusable("until_before_from", form.place("until"))
        return found

    return read


def _not_before(since: datetime | Instant | None, until: datetime | Instant | None) -> bool:
    """Say whether one lies at or behind the other, where that is the same in every zone."""
    if isinstance(since, datetime) and isinstance(until, datetime):
        return since >= until
    return isinstance(since, int) and isinstance(until, int) and since >= until
