"""Whether the entries of a directory fit together.

Here: people named twice or not at all, two holders of one office, overlapping shifts. Not here: the form of one entry
(`loading.directory`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Generic, TypeVar

import msgspec

from engine.alerting.directory import PRECEDENCE, Assignment, Deputy, Duty, Person, Span
from engine.loading.finding import Findings, Mark

E = TypeVar("E")


class Placed(msgspec.Struct, Generic[E], frozen=True):
    """An entry, where the person of it stands, and where the rest begins."""

    entry: E
    mark: Mark
    other: Mark | None = None


def check_positions(
    people: Sequence[Placed[Person]],
    assignments: Sequence[Placed[Assignment]],
    deputies: Sequence[Placed[Deputy]],
    roster: Sequence[Placed[Duty]],
    findings: Findings,
) -> None:
    """Report what does not fit together in one directory."""
    known: dict[str, Mark] = {}
    for placed in people:
        person = placed.entry
        if person.id in known:
            findings.add("duplicate_person", placed.mark, person=person.id, line=known[person.id].line)
        known.setdefault(person.id, placed.mark)
        if not person.contacts:
            findings.add("no_contact", placed.mark, person=person.id)
    named = [(a.entry.person, a.mark) for a in assignments] + [(d.entry.person, d.mark) for d in roster]
    named += [(d.entry.of, d.other or d.mark) for d in deputies] + [
        (d.entry.deputy, d.mark) for d in deputies
    ]
    for person_id, mark in named:
        if person_id and person_id not in known:
            findings.add_choice("unknown_person", mark, person_id, _alike(person_id, known))
    _check_holders(assignments, findings)
    _check_shifts(roster, findings)


def _alike(person: str, known: dict[str, Mark]) -> list[str]:
    """Return the people among whom a wrong id was meant; those of the same office or place where there are many."""
    if len(known) <= 200:
        return list(known)
    first, _, last = person.rpartition("-")
    return [id_ for id_ in known if id_.startswith(first + "-") or id_.endswith("-" + last)][:200]


def _check_holders(assignments: Sequence[Placed[Assignment]], findings: Findings) -> None:
    offices: dict[tuple[str, str], list[Placed[Assignment]]] = {}
    for placed in assignments:
        offices.setdefault((placed.entry.region, placed.entry.role), []).append(placed)
    for (code, role), held in offices.items():
        for earlier, later in pairwise(sorted(held, key=lambda p: _since(p.entry.valid))):
            if role and _overlap(earlier.entry.valid, later.entry.valid):
                counts = min(later, earlier, key=lambda p: PRECEDENCE[p.entry.status]).entry
                findings.add(
                    "overlapping_assignments",
                    later.mark,
                    role=role,
                    region=code,
                    status=f"{counts.person} ({counts.status})",
                )


def _check_shifts(roster: Sequence[Placed[Duty]], findings: Findings) -> None:
    offices: dict[tuple[str, str], list[Placed[Duty]]] = {}
    for placed in roster:
        offices.setdefault((placed.entry.region, placed.entry.role), []).append(placed)
    for (code, role), shifts in offices.items():
        for earlier, later in pairwise(sorted(shifts, key=lambda p: _since(p.entry.valid))):
            if role and _overlap(earlier.entry.valid, later.entry.valid):
                findings.add("overlapping_duties", later.mark, role=role, region=code)


def _since(span: Span) -> float:
    return float("-inf") if span.since is None else span.since


def _overlap(earlier: Span, later: Span) -> bool:
    """Say whether two spans, the earlier beginning first, share an instant."""
    return earlier.until is None or _since(later) < earlier.until
