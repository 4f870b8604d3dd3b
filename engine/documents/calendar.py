"""The stages of the election, from `config/calendar.yaml` to values (docs/specification/escalation.md#calendar).

Here: the keys of a stage. Not here: what a stage changes (`core.judging.calendar`).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from engine.core.judging.calendar import AWAS, Calendar, Stage
from engine.core.judging.instant import Instant
from engine.documents.fields import Form, form_of, identifier, level, list_of
from engine.documents.finding import Findings, UnusableError
from engine.documents.loaded import Loaded, load_file
from engine.documents.times import local_or_instant
from engine.documents.yaml_tree import Node

EMPTY = Calendar()


def load_calendar(path: Path) -> Loaded[Calendar]:
    """Load a calendar file."""
    return load_file(path, _read, EMPTY)


def _read(form: Form, _findings: Findings) -> Calendar:
    return Calendar(form.require("stages", list_of(_stage), ()))


def _stage(node: Node, findings: Findings) -> Stage:
    form = form_of(node, findings)
    id_ = form.require("id", identifier, "")
    since: datetime | Instant | None = form.require("from", local_or_instant, None)
    until: datetime | Instant | None = form.require("until", local_or_instant, None)
    yields = form.read("quiet_yields_from", level, AWAS)
    form.close()
    if since is None or until is None:
        raise UnusableError
    if isinstance(since, int) == isinstance(until, int) and not _before(since, until):
        raise findings.unusable("until_before_from", form.place("until"))
    return Stage(id=id_, since=since, until=until, quiet_yields_from=yields)


def _before(since: datetime | Instant, until: datetime | Instant) -> bool:
    if isinstance(since, datetime) and isinstance(until, datetime):
        return since < until
    return isinstance(since, int) and isinstance(until, int) and since < until
