"""The roster: who holds and stands in for the offices of a region now, how they are reached, and where nobody would be.

Here: the page. Not here: who is found for an alert (`core.alerting.directory`), what is wrong with offices
(`core.alerting.reachability`), and whom an alert would reach (`core.alerting.reachability`). It shows ids, offices and
ways to reach people, never numbers, addresses or names; changes are made by `siaga directory`.
"""

from __future__ import annotations

import asyncio

import msgspec
from starlette.responses import Response

from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.directory import Contact, Directory
from engine.core.alerting.reachability import Flaw, Matrix, ReachabilitySpan, flaws, offices_named
from engine.core.judging.calendar import within_hours
from engine.core.judging.instant import DAY, HOUR, Instant
from engine.core.judging.region import NATION, level_of, lies_in
from engine.records.rule_sets import RuleSet
from engine.texts.localizer import Localizer
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import shell_of
from engine.web.console.routing import pages

router = pages()

PATH = "/console/roster"
HOURS = 24
"""So far ahead the page looks."""
LISTED = 100


class Occupant(msgspec.Struct, frozen=True, kw_only=True):
    """Who bears an office now: an opaque id, as what, and each way to reach them with what speaks against it."""

    person: str
    capacity: str
    away: bool
    contacts: tuple[tuple[str, str], ...]


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """An office and who bears it now, the first to be told first; nobody where it is vacant."""

    title: str
    occupants: tuple[Occupant, ...]


@router.get(PATH)
async def roster(visit: CurrentUser = visitor("operate")) -> Response:
    """Show the offices of a region and whom alerts there would reach."""
    siaga = visit.siaga
    region = visit.request.query_params.get("region", "").partition(" ")[0] or visit.scope.region
    if not siaga.books.regions.known(region):
        return await _page(visit, visit.scope.region, fault=True)
    cover(visit.scope, region, "operate")
    return await _page(visit, region)


async def _page(visit: CurrentUser, region: str, *, fault: bool = False) -> Response:
    siaga, shell = visit.siaga, shell_of(visit.request)
    now = siaga.clock.now()
    around = await siaga.books.surroundings()
    rule_set, regions = siaga.books.rule_set, siaga.books.regions
    voice = Localizer(shell.catalogue.texts(visit.language), regions, siaga.kind_names, region)
    found, stretches = await asyncio.to_thread(looked_at, rule_set, around, region, now)
    in_scope = [code.code for code in regions if visit.scope.covers(code.code)]
    return shell.page(
        visit.request,
        "roster.html.j2",
        visit=visit,
        status=422 if fault else 200,
        fault=fault,
        region=region,
        place=voice.place(region),
        regions=[(code, voice.place(code)) for code in in_scope],
        offices=offices(around.directory, region, now, voice),
        flaws=[_flaw(flaw, visit, now) for flaw in found[:LISTED]],
        more_flaws=max(0, len(found) - LISTED),
        stretches=None if stretches is None else [_stretch(one, visit, now) for one in stretches[:LISTED]],
    )


def looked_at(
    rule_set: RuleSet, around: DecisionContext, region: str, now: Instant
) -> tuple[list[Flaw], list[ReachabilitySpan] | None]:
    """Return what is wrong in a region in the hours ahead, and the hours in which an alert there is not told as meant.

    The hours are looked at for a single regency only (None above it): all of a province take minutes.
    """
    rules, until = list(rule_set.rules.values()), now + HOURS * HOUR
    wanted = offices_named(rules, rule_set.policies, around.regions, region)
    found = flaws(around.directory.contents, now, until, wanted)
    inside = [flaw for flaw in found if lies_in(flaw.region, region)]
    if level_of(region) in ("nation", "province"):
        return inside, None
    matrix = Matrix(rules, rule_set.policies, around, now // HOUR * HOUR, HOURS, under=region)
    return inside, [one for one in matrix.stretches() if one.reach != "told"]


def offices(directory: Directory, region: str, now: Instant, voice: Localizer) -> list[Office]:
    """Return the offices of a region in the order of their titles."""
    return sorted(
        (
            Office(
                title=voice.office(role, region),
                occupants=tuple(
                    _occupant(directory, person, capacity, now, voice)
                    for person, capacity in directory.occupants(region, role, now)
                ),
            )
            for role in directory.roles(region)
        ),
        key=lambda office: office.title,
    )


def _occupant(directory: Directory, person: str, capacity: str, now: Instant, voice: Localizer) -> Occupant:
    known = directory.person(person)
    contacts = sorted(known.contacts, key=lambda contact: contact.priority) if known else []
    return Occupant(
        person=person,
        capacity=capacity,
        away=directory.unusable(person, now, {}) == "away",
        contacts=tuple((contact.channel, _state(contact, now, voice)) for contact in contacts),
    )


def _state(contact: Contact, now: Instant, voice: Localizer) -> str:
    """Return what speaks against a contact now: `unverified`, `quiet`, or nothing."""
    if not contact.verified:
        return "unverified"
    if contact.stopped:
        return "stopped"
    zone = voice.regions.timezone(voice.region)
    return "quiet" if contact.quiet_hours and within_hours(contact.quiet_hours, now, zone) else ""


def _flaw(flaw: Flaw, visit: CurrentUser, now: Instant) -> dict[str, str]:
    voice = _voice(visit, flaw.region)
    open_ended = flaw.until is None or flaw.until >= now + DAY
    return {
        "kind": flaw.kind,
        "office": voice.office(flaw.role, flaw.region),
        "since": voice.near_moment(flaw.since, now),
        "until": "" if open_ended or flaw.until is None else voice.near_moment(flaw.until, now),
    }


def _stretch(one: ReachabilitySpan, visit: CurrentUser, now: Instant) -> dict[str, str]:
    voice = _voice(visit, one.region)
    rule = visit.siaga.books.rule_set.rules[one.rule]
    return {
        "reach": one.reach,
        "rule": one.rule,
        "title": rule.title,
        "since": voice.near_moment(one.since, now),
        "until": voice.near_moment(one.until, now),
    }


def _voice(visit: CurrentUser, region: str) -> Localizer:
    texts = shell_of(visit.request).catalogue.texts(visit.language)
    return Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, region or NATION)
