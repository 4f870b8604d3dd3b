"""Short ways to write patterns and their events: parts without filters, and events that say which of them they fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.core.judging.condition import Guard, PatternPart, SequenceStage
from engine.core.judging.condition import Sequence as Steps
from engine.core.judging.event import Event
from engine.core.judging.filter import EVERYTHING
from engine.core.judging.group_evaluation import Group
from engine.core.judging.instant import DAY, HOUR, Instant
from engine.core.judging.judgement import Judgement
from tests.unit.judging.desk import event

FAR = 100 * DAY
A, B, C = 1, 2, 4


def part(times: int = 1) -> PatternPart:
    """A part; the events say themselves which parts they fit."""
    return PatternPart(watch=EVERYTHING, times=times)


def stage(*guards: Guard, times: int = 1, within: int | None = None) -> SequenceStage:
    """A stage of one part."""
    return SequenceStage(parts=(part(times),), guards=guards, within=within)


def but_not(within: int | None = None) -> Guard:
    """A guard."""
    return Guard(part=part(), within=within)


CLASH_WITHOUT_POLICE = Steps(stages=(stage(),), guards=(but_not(2 * HOUR),))
"""A, then no B within two hours."""


def report(at: Instant, bits: int, id_: str = "", **over: object) -> Event:
    """An event that fits these parts."""
    return event(at, id_, bits=bits, **over)


def tell(
    group: Group, reports: Sequence[Event], at: Instant | None = None, **over: object
) -> list[Judgement]:
    """Let the group have the reports of one request."""
    now = max(one.occurred_at for one in reports) if at is None else at
    fits = {(one.desk, one.id): int(one.fields["bits"]) for one in reports}
    return list(group.apply(reports, received_at=now, fits=fits, **over))  # type: ignore[arg-type]


def wait(group: Group, until: Instant) -> list[Judgement]:
    """Look at the group whenever it asks for it."""
    said: list[Judgement] = []
    while group.due is not None and group.due <= until:
        said += group.look(now=group.due)
    return said


def kinds(said: Iterable[Judgement]) -> list[type]:
    """What was said, without the details."""
    return [type(one) for one in said]
