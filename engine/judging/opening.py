"""Which alert stands for which spell: what was said, held against what the fold finds now.

Here: openings as values and how they are assigned to spells. Not here: the judgements that follow (`judging.evaluate`).
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.judging.state import Opening, Spell


def assign(openings: Sequence[Opening], spells: Sequence[Spell]) -> dict[int, int]:
    """Return the place of the spell each opening stands for now, by its ordinal; who stands for none is left out.

    An opening keeps the spell of its instant, else it takes the earliest one that overlaps with its own stretch.
    """
    places: dict[int, int] = {}
    taken: set[int] = set()
    for opening in sorted(openings, key=lambda one: (one.happened_at, one.ordinal)):
        same = [place for place, spell in enumerate(spells) if spell.happened_at == opening.happened_at]
        place = next((one for one in same if one not in taken), same[-1] if same else None)
        if place is None:
            place = next((one for one, spell in enumerate(spells) if _overlap(opening, spell)), None)
        if place is not None:
            places[opening.ordinal] = place
            taken.add(place)
    return places


def moved(opening: Opening, spell: Spell) -> Opening:
    """Return the opening with the instants of its spell; a closing by hand is kept."""
    ended_at = spell.ended_at if spell.ended_at is not None else opening.ended_at
    return Opening(ordinal=opening.ordinal, happened_at=spell.happened_at, ended_at=ended_at)


def _overlap(opening: Opening, spell: Spell) -> bool:
    return (spell.ended_at is None or spell.ended_at >= opening.happened_at) and (
        opening.ended_at is None or spell.happened_at <= opening.ended_at
    )
