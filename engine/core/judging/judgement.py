"""What judging says: openings, joins, re-datings, endings.

Here: the values that `evaluate` returns and `core.alerting.decide` takes as commands. Not here: how they are found.
Meaning: docs/specification/rules.md#late-events, #undo, #one-open-alert and
docs/specification/escalation.md#status-table. Each names its alert by `ordinal`, which counts the alerts ever opened
for the group, from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Literal, get_args

import msgspec

from engine.core.judging.event import Event, EventKey, Scalar, number
from engine.core.judging.instant import Instant

Precision = Literal["exact", "approx", "day"]
"""How well an instant is known; of `day` only the local day is, and the clock time that stands there means nothing."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""From the best known to the least."""


class Impact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an event did, by the figures of its report (`metrics.*`); None where it gives none. Numbers, never names."""

    dead: float | None = None
    injured: float | None = None
    displaced: float | None = None
    tps: float | None = None
    voters: float | None = None

    @property
    def figures(self) -> dict[str, float]:
        """The figures that are given by their names, the gravest first."""
        found = msgspec.structs.asdict(self)
        return {name: figure for name, figure in found.items() if figure is not None}


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an alert keeps of an event: ids, place, what decides about levels and conflicts of interest, and its impact.

    `impact` is None where the event gives no figure of it. Of a rule on rules it is an alert of another one: `title` is
    then the short title of that rule, and the event is that it opened. `level` is what an exception of the rule gives
    to the event, 0 for none. `token` is the credential that brought the event; empty where it was not kept.
    """

    desk: str
    id: str
    kind: str
    region: str
    severity: int
    occurred_at: Instant
    received_at: Instant
    time_precision: Precision = "exact"
    subject_role: str | None = None
    verification: str = "unverified"
    channel: str | None = None
    incident: str | None = None
    impact: Impact | None = None
    title: str = ""
    level: int = 0
    token: str = ""

    @property
    def key(self) -> EventKey:
        """The place of the event in the order of all events."""
        return EventKey(self.occurred_at, self.desk, self.id)


def evidence_of(event: Event) -> Evidence:
    """Return the evidence that an event gives: one value for all groups that it is a point of."""
    known = _evidence.get(event.id)
    if known is not None and known[0] is event:
        return known[1]
    if len(_evidence) >= _REMEMBERED:
        _evidence.clear()
    evidence = _made(event)
    _evidence[event.id] = event, evidence
    return evidence


def _made(event: Event) -> Evidence:
    given = event.fields.get
    verification, channel = given("verification"), given("source.channel")
    precision, role, incident = given("time_precision"), given("subject.role"), given("incident")
    return Evidence(
        desk=intern(event.desk),  # there are few of these, and many points
        id=event.id,
        kind=intern(event.kind),
        region=intern(event.region),
        severity=event.severity,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        time_precision="exact" if precision is None else _precision(precision),
        subject_role=role if isinstance(role, str) else None,
        verification=(isinstance(verification, str) and verification) or "unverified",
        channel=intern(channel) if isinstance(channel, str) else None,
        incident=incident if isinstance(incident, str) else None,
        token=intern(event.token),
        impact=None if _FIGURES.isdisjoint(event.fields) else _impact(event.fields),
    )


_REMEMBERED = 16_384
"""Events whose evidence is remembered, while they are sorted into groups."""
_evidence: dict[str, tuple[Event, Evidence]] = {}
"""By the id of the event, which others may bear: only the very event is what is asked about."""


def _precision(value: object) -> Precision:
    return next((known for known in PRECISIONS if known == value), "exact")


def _impact(fields: Mapping[str, Scalar]) -> Impact | None:
    """Return the figures that a report gives; what is no number, or below 0, is not one of them."""
    figures = {
        name: figure
        for name, path in _IMPACTS
        if path in fields and (figure := number(fields[path])) is not None and figure >= 0
    }
    return Impact(**figures) if figures else None


_IMPACTS = tuple((name, f"metrics.{name}") for name in Impact.__struct_fields__)
_FIGURES = frozenset(path for _, path in _IMPACTS)


Sides = tuple[float | None, float | None]
"""The two figures that a figure is made of: now and reference, or part and whole; None where there is none."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The condition came true at `happened_at` and no alert of the group is open.

    `evidence` is in event order; `figure` against `limit` over the window (from, to], where the condition has one.
    `sides` are what a figure of two figures is made of. `reason` names the gate that lets it open, or why it opens
    hidden. `follows` is the ordinal of an alert whose closing was undone, 0 for none.
    """

    ordinal: int = 0
    happened_at: Instant
    evidence: tuple[Evidence, ...]
    level: int
    figure: float | None = None
    limit: float | None = None
    sides: Sides | None = None
    window: tuple[Instant, Instant] | None = None
    reason: str = "condition_true"
    follows: int = 0


class Joined(msgspec.Struct, frozen=True, kw_only=True, tag="joined"):
    """A further match of an open alert: its evidence, the figure now, the level this figure has.

    `new_after_quiet`: it occurred `within` or more after the newest earlier evidence
    (docs/specification/rules.md#one-open-alert).
    """

    ordinal: int = 0
    evidence: Evidence
    level: int
    figure: float | None = None
    sides: Sides | None = None
    new_after_quiet: bool = False


class Risen(msgspec.Struct, frozen=True, kw_only=True, tag="risen"):
    """The figure of an open alert reached a level, or doubled, though nothing came: a silence lasts, an event left."""

    ordinal: int = 0
    figure: float
    level: int
    sides: Sides | None = None


class Redated(msgspec.Struct, frozen=True, kw_only=True, tag="redated"):
    """The condition was already true at an earlier instant (`late_report`), or without what was withdrawn
    (`refuted`, `corrected`) only at a later one.
    """

    ordinal: int = 0
    happened_at: Instant
    evidence: tuple[Evidence, ...]
    figure: float | None = None
    sides: Sides | None = None
    window: tuple[Instant, Instant] | None = None
    reason: str = "late_report"


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The condition is over at `at`: reason `no_longer_true`, `event` or `quiet`."""

    ordinal: int = 0
    at: Instant
    reason: str


class Undone(msgspec.Struct, frozen=True, kw_only=True, tag="undone"):
    """What opened the alert is no longer true: reason `late_report`, `corrected` or `refuted`."""

    ordinal: int = 0
    reason: str
    evidence: tuple[Evidence, ...] = ()


Judgement = Opened | Joined | Risen | Redated | Ended | Undone


def in_order(found: Sequence[Judgement], news: Sequence[Joined | Risen]) -> list[Judgement]:
    """Return what was found of openings with what joined them or rose, which comes before they end."""
    ending = {one.ordinal for one in found if isinstance(one, Ended)}
    said: list[Judgement] = []
    for one in found:
        if isinstance(one, Ended):
            said += [more for more in news if more.ordinal == one.ordinal]
        said.append(one)
    return [*said, *(more for more in news if more.ordinal not in ending)]
