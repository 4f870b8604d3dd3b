"""Flaws of a directory: offices that nobody holds, people whom nothing reaches, shifts with holes.

Here: what somebody ought to look after before an alert needs it, over a span of time. Not here: the form of a directory
file (`loading.directory`), and whether an alert reaches anybody in spite of a flaw (`alerting.outlook`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal

import msgspec

from engine.alerting.directory import Assignment, Contents, Directory, Duty, Span
from engine.judging.instant import Instant

FlawKind = Literal["vacant", "unreachable", "away", "uncovered", "overlapping"]


class Flaw(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to look after, and from when until when it is so (milliseconds UTC; None: without end).

    `vacant`: nobody holds the office. `unreachable`: its holder has no verified
    contact. `away`: its holder is away and nobody deputises. `uncovered`: between two shifts of its roster nobody is on
    duty. `overlapping`: two hold it with the same status, so that only the later beginning decides.
    """

    kind: FlawKind
    region: str
    role: str
    since: Instant
    until: Instant | None = None
    person: str = ""


def flaws(
    contents: Contents, since: Instant, until: Instant, wanted: Iterable[tuple[str, str]] = ()
) -> list[Flaw]:
    """Return the flaws that show between two instants, by region, role and instant.

    `wanted` are offices (region, role) that somebody must hold though the directory may not know them.
    """
    directory = Directory(contents)
    offices: dict[tuple[str, str], list[Assignment]] = {office: [] for office in wanted}
    for assignment in contents.assignments:
        offices.setdefault((assignment.region, assignment.role), []).append(assignment)
    rosters: dict[tuple[str, str], list[Duty]] = {}
    for duty in contents.roster:
        rosters.setdefault((duty.region, duty.role), []).append(duty)
    found = [
        flaw for office, held in offices.items() for flaw in _of_office(directory, office, held, since, until)
    ]
    found += [flaw for shifts in rosters.values() for flaw in _of_roster(shifts, since, until)]
    return sorted(found, key=lambda flaw: (flaw.region, flaw.role, flaw.since, flaw.kind))


def _of_office(
    directory: Directory, office: tuple[str, str], held: list[Assignment], since: Instant, until: Instant
) -> Iterator[Flaw]:
    """Yield what is wrong with one office, in each stretch in which nothing of it changes."""
    region, role = office
    holders = [found for one in held if (found := directory.person(one.person)) is not None]
    names = {one.person for one in held}
    stand_ins = [d.valid for d in directory.contents.deputies if d.of in names] if names else []
    spans = [
        *(one.valid for one in held),
        *(span for holder in holders for span in holder.away),
        *stand_ins,
    ]
    edges = {edge for span in spans for edge in (span.since, span.until) if edge is not None}
    instants = sorted({since, *(edge for edge in edges if since < edge < until)})
    running: dict[tuple[FlawKind, str], Instant] = {}
    for at, ends in pairwise([*instants, until]):
        now = set(_office_at(directory, office, held, at))
        running = {key: running.get(key, at) for key in now}
        for kind, person in now:
            last = ends == until
            if last or (kind, person) not in _office_at(directory, office, held, ends):
                end = None if last else ends
                started = running[kind, person]
                yield Flaw(kind=kind, region=region, role=role, person=person, since=started, until=end)


def _office_at(
    directory: Directory, office: tuple[str, str], held: list[Assignment], at: Instant
) -> list[tuple[FlawKind, str]]:
    region, role = office
    valid = [one for one in held if one.valid.covers(at)]
    found: list[tuple[FlawKind, str]] = []
    counts = directory.assignment(region, role, at)
    if counts is None:
        return [] if directory.on_duty(region, role, at) else [("vacant", "")]
    if sum(one.status == counts.status for one in valid) > 1:
        found.append(("overlapping", counts.person))
    reason = directory.unusable(counts.person, at, {})
    if reason == "no_contact":
        found.append(("unreachable", counts.person))
    elif reason == "away" and all(
        directory.unusable(deputy, at, {}) for deputy in directory.deputies(counts.person, at)
    ):
        found.append(("away", counts.person))
    return found


def _of_roster(shifts: list[Duty], since: Instant, until: Instant) -> Iterator[Flaw]:
    """Yield the holes between the shifts of one roster; before its first and after its last there is no duty."""
    region, role = shifts[0].region, shifts[0].role
    covered: Instant | None = None
    for span in sorted((duty.valid for duty in shifts), key=_begins):
        begins = span.since if span.since is not None else since
        if covered is not None and begins > covered and covered < until and begins > since:
            yield Flaw(
                kind="uncovered",
                region=region,
                role=role,
                since=max(covered, since),
                until=min(begins, until),
            )
        if span.until is None:
            return
        covered = span.until if covered is None else max(covered, span.until)


def _begins(span: Span) -> float:
    return float("-inf") if span.since is None else span.since
