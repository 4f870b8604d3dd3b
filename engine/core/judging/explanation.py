"""Explanation: how a group stands at an instant, and which gate keeps an alert from opening.

Here: gates as values, with the numbers and ids that show why. Not here: words for people (`texts`). It folds anew up
to the instant asked about, so it costs judging nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.core.judging.absence import AbsenceFold, AbsenceState
from engine.core.judging.calendar import BEGINNING, END, spans_of
from engine.core.judging.condition import SilenceCondition
from engine.core.judging.condition_folds import fold_of
from engine.core.judging.event import Event
from engine.core.judging.event_value import reading_of
from engine.core.judging.fold import Fold
from engine.core.judging.group_key import group_of
from engine.core.judging.group_state import UNKNOWN, Circumstances, GroupState
from engine.core.judging.instant import Instant
from engine.core.judging.rule import Rule
from engine.core.judging.window import limit_of, within_of

OPENING_GATES = ("effective", "active", "too_late", "before_rule")
"""Gates before a rule's own reasons, in their order (docs/specification/rules.md#explanation)."""
OWN_GATES = (
    "key_missing",
    "field_missing",
    "expected",
    "already_open",
    "figure_below_limit",
    "not_newer_than_closing",
    "waiting_until",
    "condition_true",
)
"""The reasons of the condition itself, in their order; the last lets it open."""

Detail = Mapping[str, int | float | str | list[str] | None]


class OpeningGate(msgspec.Struct, frozen=True, kw_only=True):
    """One gate: its name, whether it lets the alert pass, and what shows it (ids, figures, instants in ms UTC)."""

    name: str
    passed: bool
    detail: Detail = {}


class GroupExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """How a group stands at an instant.

    `figure` over the window with the ids of what is in it, when the oldest of them leaves, since when an alert ought to
    be open (None: none ought to), and the gates in their order up to the first that holds.
    """

    at: Instant
    figure: float | None
    limit: float | None
    counted: tuple[str, ...]
    oldest_leaves_at: Instant | None
    open_since: Instant | None
    gates: tuple[OpeningGate, ...]


def explain_group(
    rule: Rule,
    state: GroupState,
    *,
    at: Instant,
    around: Circumstances = UNKNOWN,
    before: Instant | None = None,
) -> GroupExplanation:
    """Say how a group stood at an instant, by the events known now; `before` is when the rule came into force so."""
    points = [point for point in state.points if point.evidence.occurred_at <= at]
    base, status = (state.base, state.status) if state.base is None or state.base <= at else (None, None)
    marks = [mark for mark in state.marks if mark.occurred_at <= at]
    fold = fold_of(
        rule, [p.key for p in points], points, base=base, status=status, marks=marks, around=around
    )
    fold.walk()
    fold.stand_at(at)
    within, limit, counted = within_of(rule.condition), limit_of(rule.condition), fold.counted
    leaves = counted[0].occurred_at + within if counted and within is not None else None
    spell = fold.status.spell
    return GroupExplanation(
        at=at,
        figure=fold.figure,
        limit=None if limit is None else limit.number,
        counted=tuple(key.id for key in counted),
        oldest_leaves_at=leaves,
        open_since=None if spell is None else spell.happened_at,
        gates=_passed_through(
            [
                _effective(rule, at),
                _active(rule, at, around),
                *_in_force(at, before),
                *_own_gates(rule, fold, leaves, at),
            ]
        ),
    )


def explain_event(rule: Rule, event: Event, *, received_at: Instant) -> tuple[OpeningGate, ...]:
    """Say which gate kept an event that matches `watch` from being counted; the last one says that none did."""
    late_by = received_at - event.occurred_at
    return _passed_through(
        [
            _effective(rule, event.occurred_at),
            OpeningGate(
                name="too_late",
                passed=late_by <= rule.late_horizon,
                detail={"late_by": late_by, "late_horizon": rule.late_horizon},
            ),
            OpeningGate(
                name="key_missing", passed=group_of(rule, event) is not None, detail={"per": list(rule.per)}
            ),
            OpeningGate(name="field_missing", passed=reading_of(rule.condition).counts(event)),
            OpeningGate(name="condition_true", passed=True),
        ]
    )


def _effective(rule: Rule, at: Instant) -> OpeningGate:
    start, until = rule.effective_from, rule.effective_until
    exists = (start is None or at >= start) and (until is None or at < until)
    return OpeningGate(name="effective", passed=exists, detail={"from": start, "until": until})


def _active(rule: Rule, at: Instant, around: Circumstances) -> OpeningGate:
    if rule.active is None:
        return OpeningGate(name="active", passed=True)
    spans = spans_of(rule.active, around.zone)
    span = spans.around(at)
    if span is None:
        return OpeningGate(name="active", passed=False, detail={"next_start": spans.next_start(at)})
    bounds = (bound if BEGINNING < bound < END else None for bound in span)
    return OpeningGate(name="active", passed=True, detail=dict(zip(("from", "until"), bounds, strict=True)))


def _in_force(at: Instant, before: Instant | None) -> list[OpeningGate]:
    """Ask whether the rule was in force as it is; a rule of the first start always was."""
    return (
        []
        if before is None
        else [OpeningGate(name="before_rule", passed=at >= before, detail={"from": before})]
    )


def _own_gates(rule: Rule, fold: Fold, leaves: Instant | None, at: Instant) -> list[OpeningGate]:
    status, limit = fold.status, limit_of(rule.condition)
    figures: dict[str, int | float | str | list[str] | None] = {
        "figure": fold.figure,
        "limit": None if limit is None else limit.number,
        "ids": [key.id for key in fold.counted],
        "oldest_leaves_at": leaves,
    }
    if fold.sides is not None:
        figures = {**figures, "now": fold.sides[0], "reference": fold.sides[1]}
    held_until = None if status.true_since is None else status.true_since + rule.hold_for
    newer = status.floor is None or (status.seen is not None and status.seen > status.floor)
    met, before = fold.met and status.seen is not None, []
    if isinstance(fold, AbsenceFold):
        stands = fold.standing(at)
        met = fold.met if isinstance(rule.condition, SilenceCondition) else _passed(stands, at)
        figures = {**figures, **stands._asdict()}
        figures.pop("expected")
        before = [OpeningGate(name="expected", passed=stands.expected, detail={"from": stands.since})]
    return [
        *before,
        OpeningGate(
            name="already_open",
            passed=status.spell is None,
            detail={"since": None if status.spell is None else status.spell.happened_at},
        ),
        OpeningGate(name="figure_below_limit", passed=met, detail=figures),
        OpeningGate(
            name="not_newer_than_closing",
            passed=newer and not status.blocked,
            detail={"closing": None if status.floor is None else status.floor.id},
        ),
        OpeningGate(name="waiting_until", passed=held_until is None, detail={"until": held_until}),
        OpeningGate(name="condition_true", passed=True, detail=figures),
    ]


def _passed(stands: AbsenceState, at: Instant) -> bool:
    """Say whether a deadline has passed of somebody who did not report by then."""
    due, newest = stands.due, stands.newest
    return due is not None and due <= at and (newest is None or newest > due)


def _passed_through(gates: list[OpeningGate]) -> tuple[OpeningGate, ...]:
    """Return the gates up to the first that does not let pass."""
    stop = next((place for place, gate in enumerate(gates) if not gate.passed), len(gates))
    return tuple(gates[: stop + 1])
