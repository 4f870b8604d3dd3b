"""Silences: which alerts nobody is told of, until when, by whom and why; making one and ending it.

Here: the routes and what the page shows. Not here: what a silence does (`core.alerting.silence`), keeping it
(`escalation.silences`), and how far a user's region reaches (`web.api.silences`, shared with the API).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from starlette.responses import Response

from engine.core.alerting.silence import Match, Silence, SilenceWish, width_of
from engine.core.judging.instant import DAY, HOUR, Instant, Millis
from engine.core.judging.region import NATION
from engine.core.judging.rule import LEVEL_NAMES
from engine.people.proposal_records import ChangeProposal, TooManyProposalsError
from engine.texts.localizer import Localizer
from engine.web.api.silences import cover_all, within
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import PROPOSALS, shell_of
from engine.web.console.routing import pages
from engine.web.problem import Problem, not_found

router = pages()

PATH = "/console/silences"
LENGTHS: tuple[Millis, ...] = (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 7 * DAY)
"""How long a silence that is made here may last (ms); the API takes any length up to the longest of these."""
LONGEST_REASON = 500
SilencePhase = Literal["now", "later", "over"]


class SilenceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A silence as the page lists it; `of` says which alerts, key by key, and is never empty."""

    id: str
    of: tuple[tuple[str, str], ...]
    since: str
    until: str
    reason: str
    author: str
    include_awas: bool
    phase: SilencePhase
    ended_by: str
    approved_by: str


@router.get(PATH)
async def silences(visit: CurrentUser = visitor("operate")) -> Response:
    """List the silences of the user's region, and offer to make one."""
    return await _page(visit)


@router.post(PATH)
async def make(visit: CurrentUser = visitor("operate")) -> Response:
    """Make a silence from now on; what is missing is said on the page, with the form as it was."""
    form, siaga = visit.form, visit.siaga
    region = visit.text("region").partition(" ")[0] or visit.scope.region
    if not siaga.books.regions.known(region):
        return await _page(visit, fault="region")
    cover(visit.scope, region, "operate")
    rule, level, length = visit.text("rule"), visit.text("level"), visit.text("length")
    reason = visit.text("reason")[:LONGEST_REASON]
    if not reason:
        return await _page(visit, fault="reason")
    if length not in map(str, LENGTHS) or (level and level not in LEVEL_NAMES):
        raise Problem(422, "invalid_silence", "Length or level is none that the form offers.")
    match = Match(
        region=() if region == NATION and (rule or level) else (region,),
        rule=(rule,) if rule else (),
        level=(LEVEL_NAMES.index(level) + 1,) if level else (),
    )
    wish = SilenceWish(
        match=match,
        until=siaga.clock.now() + int(length),
        reason=reason,
        include_awas="include_awas" in form,
    )
    waiting = await made_or_proposed(visit, wish)
    return waiting or visit.back(PATH, said="silenced")


@router.post(PATH + "/{silence_id}/end")
async def end(silence_id: str, visit: CurrentUser = visitor("operate")) -> Response:
    """End a silence now; what it still covers is told from its current step on."""
    found = next((s for s in await visit.siaga.silences.list() if s.id == silence_id), None)
    if found is None:
        raise not_found("silence")
    cover_all(visit.scope, found.match)
    await visit.siaga.silences.end(silence_id, visit.scope.credential)
    return visit.back(PATH, said="unsilenced")


async def made_or_proposed(visit: CurrentUser, wish: SilenceWish) -> Response | None:
    """Make a silence; return the page of its proposal where it needs a second person and does not hold yet."""
    siaga, by = visit.siaga, visit.scope.credential
    if width_of(wish.match, siaga.books.regions, include_awas=wish.include_awas) is None:
        await siaga.silences.make_wish(wish, by=by)
        return None
    try:
        proposal = await siaga.proposals.propose_silence(wish, by)
    except TooManyProposalsError:
        return visit.back(PROPOSALS, said="too_many_proposals")
    return visit.back(f"{PROPOSALS}/{proposal.id}", said="silence_proposed")


async def _page(visit: CurrentUser, *, fault: str = "") -> Response:
    siaga, shell = visit.siaga, shell_of(visit.request)
    texts = shell.catalogue.texts(visit.language)
    now = siaga.clock.now()
    lines: dict[SilencePhase, list[SilenceLine]] = {"now": [], "later": [], "over": []}
    for silence in await siaga.silences.list():
        if within(visit.scope, silence.match):
            codes = [code.removesuffix("*").rstrip(".") for code in silence.match.region]
            place = codes[0] if len(codes) == 1 and codes[0] else visit.scope.region
            voice = Localizer(texts, siaga.books.regions, siaga.kind_names, place)
            made = line(silence, voice, now)
            lines[made.phase].append(made)
    waiting = [
        one for one in await siaga.proposals.waiting() if one.subject.silence and one.seen_by(visit.scope)
    ]
    regions = [r for r in siaga.books.regions if visit.scope.covers(r.code)]
    own = Localizer(texts, siaga.books.regions, siaga.kind_names, visit.scope.region)
    return shell.page(
        visit.request,
        "silences.html.j2",
        visit=visit,
        status=422 if fault else 200,
        fault=fault,
        lines=lines,
        waiting=[proposed_line(one, own, now) for one in waiting],
        regions=[(region.code, own.place(region.code)) for region in regions],
        rules=sorted(siaga.books.rule_set.rules.values(), key=lambda rule: rule.title),
        levels=[(name, texts[f"level.{number}"]) for number, name in enumerate(LEVEL_NAMES, 1) if number > 1],
        lengths=[(length, own.duration(length)) for length in LENGTHS],
        own_region=f"{visit.scope.region} {own.place(visit.scope.region)}",
    )


def line(silence: Silence, voice: Localizer, now: Instant) -> SilenceLine:
    """Return a silence in the words of a language and the zone of the region it is of."""
    texts, match = voice.texts, silence.match
    levels = tuple(texts[f"level.{level}"] for level in match.level)
    keys = (
        ("region", tuple(_place(code, voice) for code in match.region)),
        ("rule", match.rule),
        ("level", levels),
        ("kind", match.kind),
        ("policy", match.policy),
        ("incident", match.incident),
    )
    return SilenceLine(
        id=silence.id,
        of=tuple((texts[f"console.silences.of.{key}"], ", ".join(values)) for key, values in keys if values),
        since=voice.near_moment(silence.since, now),
        until=voice.near_moment(silence.until, now),
        reason=silence.reason,
        author=silence.author,
        include_awas=silence.include_awas,
        phase="over" if silence.until <= now else "later" if silence.since > now else "now",
        ended_by=silence.ended_by,
        approved_by=silence.approved_by,
    )


def proposed_line(proposal: ChangeProposal, voice: Localizer, now: Instant) -> SilenceLine:
    """Return the silence that a proposal is of, as it would hold if it were approved now."""
    wish = proposal.subject.silence
    if wish is None:
        raise ValueError("the proposal is of no silence")
    made = Silence(
        id=proposal.id,
        match=wish.match,
        since=max(now, wish.since or now),
        until=wish.until,
        reason=wish.reason,
        author=str(proposal.by),
        include_awas=wish.include_awas,
    )
    return line(made, voice, now)


def _place(code: str, voice: Localizer) -> str:
    """Return the name of a region; a pattern stays as it was written."""
    return code if code.endswith("*") else voice.place(code)
