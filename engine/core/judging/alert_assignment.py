"""Which alert stands for which spell: what was said, held against what the fold finds now.

Here: openings as values, how they are assigned to spells, and where people closed them. Not here: the judgements that
follow (`core.judging.group_evaluation`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.core.judging.condition import Condition
from engine.core.judging.condition_folds import END_OF_INSTANT
from engine.core.judging.event import EventKey
from engine.core.judging.fold import Rise, later_of
from engine.core.judging.group_state import Closing, FiringInterval, Opening
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Joined, Opened
from engine.core.judging.pattern import wait_of
from engine.core.judging.points import Points
from engine.core.judging.rule import Rule, level_of
from engine.core.judging.window import climbs, within_of


def assign(openings: Sequence[Opening], spells: Sequence[FiringInterval]) -> dict[int, int]:
    """Return the place of the spell each opening stands for now, by its ordinal; who stands for none is left out.

    An opening keeps the spell of its instant (of several, the one that ended as it did), else it takes the earliest one
    that overlaps with its own stretch. What is carried over from another version of the rule takes the first that is
    left.
    """
    of_instant: dict[Instant, list[int]] = {}
    for number, spell in enumerate(spells):
        of_instant.setdefault(spell.happened_at, []).append(number)
    places: dict[int, int] = {}
    taken: set[int] = set()
    for opening in sorted(openings, key=lambda one: (one.carried, one.happened_at, one.ordinal)):
        if opening.carried:
            left = (p for p, spell in enumerate(spells) if p not in taken and _overlap(opening, spell))
            if (place := next(left, None)) is not None:
                places[opening.ordinal] = place
            continue
        same = of_instant.get(opening.happened_at, [])
        free = [one for one in same if one not in taken]
        place = min(free, key=lambda one: _unlike(opening, spells[one]), default=same[-1] if same else None)
        if place is None:
            place = next((one for one, spell in enumerate(spells) if _overlap(opening, spell)), None)
        if place is not None:
            places[opening.ordinal] = place
            taken.add(place)
    return places


def opened(ordinal: int, spell: FiringInterval) -> Opening:
    """Return the opening of a new alert that stands for a spell."""
    return Opening(
        ordinal=ordinal, happened_at=spell.happened_at, ended_at=spell.ended_at, figure=grown(spell)
    )


def told_another(points: Points, spell: FiringInterval, ordinal: int) -> bool:
    """Whether something that joined a spell was said to an alert before the one that stands for it."""
    began = points.of(spell)
    first = began[-1] + 1 if began else points.until(spell.happened_at)
    behind = len(points.rows) if spell.ended_at is None else points.until(spell.ended_at)
    return any(0 < points.rows[index].told < ordinal for index in range(first, behind))


def moved(opening: Opening, spell: FiringInterval) -> Opening:
    """Return the opening with the instants of its spell; a closing by hand is kept."""
    ended_at = spell.ended_at if spell.ended_at is not None else opening.ended_at
    figure = opening.figure if opening.happened_at == spell.happened_at else grown(spell)
    return Opening(
        ordinal=opening.ordinal,
        happened_at=spell.happened_at,
        ended_at=ended_at,
        figure=figure,
        level=opening.level,
        risen=opening.risen,
        excepted=opening.excepted,
        mark=opening.mark,
    )


def said_of(opening: Opening, said: Opened | Joined) -> Opening:
    """Return the opening with the level that was said of it."""
    evidence = said.evidence if isinstance(said, Opened) else (said.evidence,)
    excepted = bool(evidence) and all(one.level for one in evidence)
    if isinstance(said, Joined):
        excepted = excepted and opening.excepted
    if said.level <= opening.level and excepted == opening.excepted:
        return opening
    return msgspec.structs.replace(opening, level=max(said.level, opening.level), excepted=excepted)


def risen(opening: Opening, rise: Rise, rule: Rule) -> Opening:
    """Return the opening with a rise said of it; the same where that says nothing new."""
    if not climbs(rule):
        if (opening.figure or 0) >= rise.figure:
            return opening
        return msgspec.structs.replace(opening, figure=rise.figure)
    level = opening.level if opening.excepted else level_of(rule, rise.figure, ())
    doubles = rule.tell_again.value_doubles and (opening.risen is None or rise.at > opening.risen)
    if level <= opening.level and not doubles:
        return opening
    return msgspec.structs.replace(
        opening, level=max(level, opening.level), risen=later_of(opening.risen, rise.at)
    )


def grown(spell: FiringInterval) -> float | None:
    """Return how far a silence had grown at its opening; None of what does not grow by itself."""
    return None if spell.since is None else spell.figure


def window_at(spell: FiringInterval, condition: Condition) -> tuple[Instant, Instant] | None:
    """Return from when to when a spell's figure was taken at its opening; None where the condition has no window."""
    within = within_of(condition)
    if spell.since is not None:
        return spell.since, spell.happened_at
    return None if within is None else (spell.happened_at - within, spell.happened_at)


def mark_of(closed: Closing, opening: Opening, condition: Condition) -> EventKey:
    """Return where people closed an alert: after its newest evidence, and when that had been judged."""
    judged = opening.happened_at
    if closed.floor is not None:
        judged = max(judged, closed.floor.occurred_at + wait_of(condition))
        if closed.floor.occurred_at >= judged:
            return closed.floor
    return EventKey(judged, END_OF_INSTANT, END_OF_INSTANT)


def _unlike(opening: Opening, spell: FiringInterval) -> int:
    """Say how little a spell of the same instant is an opening's: one that others closed by hand least of all."""
    if opening.ended_at == spell.ended_at:
        return 0
    return 2 if spell.reason == "by_hand" else 1


def _overlap(opening: Opening, spell: FiringInterval) -> bool:
    return (spell.ended_at is None or spell.ended_at >= opening.happened_at) and (
        opening.ended_at is None or spell.happened_at <= opening.ended_at
    )
