"""Takeover: a group goes on under another version of its rule, or under a new rule.

Here: the group's state as the new version would have it had it judged all the time, joined with what people were told
already. Not here: gathering the points (`service.rebuild`), when that happens (`service.changeover`). Law:
rule-language.md 3.11.

What was over when the version came into force opens hidden. An alert that is open then goes on: it takes the spell
that runs, else the next one, and the takeover itself never ends or undoes it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.judging.circumstances import UNKNOWN, Circumstances
from engine.judging.evaluate import Group
from engine.judging.instant import Instant
from engine.judging.opening import assign, mark_of, moved
from engine.judging.rule import Rule
from engine.judging.state import ByHand, Closing, GroupState, Opening, Point, gate_of


def take_over(
    rule: Rule,
    points: Iterable[Point],
    former: GroupState,
    *,
    before: Instant,
    around: Circumstances = UNKNOWN,
    unresolved: int = 0,
    closed: ByHand | None = None,
    kind: type[Group] = Group,
) -> Group:
    """Return the group under `rule`, in force from `before` on; what it says then, `Group.look` says.

    `points` are all that the new version sees. `former` is the state under the old version. `unresolved` is the ordinal
    of the alert that people still deal with, 0 for none; `closed` what people last did to the newest one: of one that
    they closed and reopened no closing is left. `kind` is that of the rule's working copies.
    """
    told = {point.key: point.told for point in former.points}
    rows = tuple(
        msgspec.structs.replace(point, told=told.get(point.key, 0))
        for point in sorted(points, key=lambda point: point.key)
    )
    openings = [opening for opening in former.openings if opening.ordinal != unresolved]
    withdrawn = {opening.mark for opening in former.openings if opening.ordinal == unresolved}
    marks = {mark for mark in former.marks if mark.desk and mark not in withdrawn}
    if isinstance(closed, Closing):
        known = next((opening for opening in openings if opening.ordinal == closed.ordinal), None)
        mark = mark_of(closed, known or _opening_of(closed), rule.condition)
        marks.add(mark)
        openings = [
            msgspec.structs.replace(one, mark=mark) if one.ordinal == closed.ordinal else one
            for one in openings
        ]
    judged = GroupState(
        points=rows, opened=former.opened, marks=tuple(sorted(marks)), ripe=before - rule.wait_for_late
    )
    spells = kind(rule, judged, around).spells
    places = assign(openings, spells)
    openings = [moved(one, spells[places[one.ordinal]]) for one in openings if one.ordinal in places]
    if not unresolved:
        marks.add(gate_of(before))
    elif spells and spells[-1].ended_at is None:
        openings.append(Opening(ordinal=unresolved, happened_at=spells[-1].happened_at))
    else:
        openings.append(Opening(ordinal=unresolved, happened_at=before, carried=True))
    state = msgspec.structs.replace(judged, openings=tuple(openings), marks=tuple(sorted(marks)))
    return kind(rule, state, around, before=before)


def _opening_of(closed: Closing) -> Opening:
    at = closed.at if closed.floor is None else closed.floor.occurred_at
    return Opening(ordinal=closed.ordinal, happened_at=at)
