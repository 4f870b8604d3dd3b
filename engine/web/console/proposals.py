"""Proposals: the inbox of changes that wait for another person, one proposal with its difference, and the history.

Here: the pages. Not here: what a decision does (`rule_sets.proposals`) and what differs (`rule_sets.rule_difference`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
from starlette.responses import Response

from engine.core.judging.instant import Instant
from engine.core.judging.region import NATION
from engine.core.judging.rule import Rule
from engine.people.proposal_records import ChangeProposal, Decided, TooManyProposalsError
from engine.records.rule_sets import RuleSet
from engine.records.rule_sets import page_of as history_page
from engine.rule_sets.rule_difference import AudienceChange, Words, reading
from engine.texts.catalogue import Texts
from engine.texts.difference import Piece, words_differing
from engine.texts.localizer import Localizer
from engine.texts.rule_sentence import sentence
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import PROPOSALS, asked_place, next_page, shell_of
from engine.web.console.routing import pages
from engine.web.console.silences import SilenceLine, proposed_line
from engine.web.problem import not_found

router = pages()

HISTORY = "/console/rule-sets"
DECIDED = 20
"""So many decided proposals come on one page."""


class ProposalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as a list shows it; `until` is when it lapses, or when somebody decided, `about` what it is of."""

    id: str
    what: str
    by: str
    at: str
    until: str
    state: str
    decided_by: str
    about: str
    counts_at: str
    """When a change of a contact counts, or is final, unless somebody objects; empty: by approval alone."""


class DifferencePart(msgspec.Struct, frozen=True, kw_only=True):
    """One rule or policy that differs, in words."""

    id: str
    title: str
    what: Literal["rule", "policy"]
    kind: str
    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()
    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    words: tuple[Words, ...] = ()


class Former(NamedTuple):
    """A rule set that was in force."""

    id: str
    author: str
    approved_by: str
    since: str
    now: bool
    kept: bool


@router.get(PROPOSALS)
async def inbox(visit: CurrentUser = visitor("operate", "policy")) -> Response:
    """List what waits and what was decided."""
    siaga, shell = visit.siaga, shell_of(visit.request)
    voice = _voice(visit)
    waiting = [one for one in await siaga.proposals.waiting() if one.seen_by(visit.scope)]
    decided = await siaga.proposals.page(
        lambda one: one.seen_by(visit.scope), DECIDED, asked_place(visit), decided=True
    )
    return shell.page(
        visit.request,
        "proposals.html.j2",
        visit=visit,
        waiting=[_line(one, voice, visit) for one in waiting],
        decided=[_line(one, voice, visit) for one in decided.proposals],
        next_page=next_page(visit, decided.after),
        may_see_history=visit.may("read"),
    )


@router.get(PROPOSALS + "/{proposal_id}")
async def proposal_page(proposal_id: str, visit: CurrentUser = visitor("operate", "policy")) -> Response:
    """Show one proposal with its difference."""
    return await _page(visit, await _seen(visit, proposal_id))


@router.post(PROPOSALS + "/{proposal_id}/approve")
async def approve(proposal_id: str, visit: CurrentUser = visitor("operate", "policy")) -> Response:
    """Approve a proposal of somebody else, as it was shown."""
    await _seen(visit, proposal_id)
    number = visit.text("yes")
    yes = int(number) if number.isdecimal() and len(number) < len("1000000") else 0
    decided = await visit.siaga.proposals.approve(
        proposal_id, visit.scope.credential, visit.text("compared_with"), yes
    )
    return await _decided(visit, decided)


@router.post(PROPOSALS + "/{proposal_id}/reject")
async def reject(proposal_id: str, visit: CurrentUser = visitor("operate", "policy")) -> Response:
    """Reject a proposal of somebody else, or withdraw one's own."""
    await _seen(visit, proposal_id)
    reason = visit.text("reason")
    return await _decided(
        visit, await visit.siaga.proposals.reject(proposal_id, visit.scope.credential, reason)
    )


@router.get(HISTORY)
async def history(visit: CurrentUser = visitor("read")) -> Response:
    """List the rule sets that were in force, each with one tap to propose it again."""
    siaga, shell = visit.siaga, shell_of(visit.request)
    voice, now = _voice(visit), siaga.clock.now()
    page = await history_page(siaga.store, DECIDED, asked_place(visit))
    in_force = (await siaga.books.follow()).rule_set
    return shell.page(
        visit.request,
        "rule-sets.html.j2",
        visit=visit,
        rule_sets=[
            Former(
                id=one.rule_set,
                author=one.author,
                approved_by=one.approved_by,
                since="" if one.at is None else voice.near_moment(one.at, now),
                now=one.rule_set == in_force,
                kept=one.rule_set in page.kept,
            )
            for one in page.rule_sets
        ],
        next_page=next_page(visit, page.after),
        may_propose=visit.may("policy") and visit.scope.covers(NATION),
    )


@router.post(HISTORY + "/{rule_set}/propose")
async def roll_back(rule_set: str, visit: CurrentUser = visitor("policy")) -> Response:
    """Propose a rule set that was in force before."""
    cover(visit.scope, NATION, "policy")
    try:
        made = await visit.siaga.proposals.roll_back(rule_set, visit.scope.credential)
    except TooManyProposalsError:
        return visit.back(PROPOSALS, said="too_many_proposals")
    if made is None:
        raise not_found("rule set")
    if made.proposal is None:
        return visit.back(HISTORY, said="rules_no_difference")
    return visit.back(f"{PROPOSALS}/{made.proposal.id}", said="proposed")


async def _seen(visit: CurrentUser, proposal_id: str) -> ChangeProposal:
    proposal = await visit.siaga.proposals.get(proposal_id)
    if proposal is None or not proposal.seen_by(visit.scope):
        raise not_found("proposal")
    return proposal


async def _decided(visit: CurrentUser, decided: Decided | None) -> Response:
    if decided is None:
        raise not_found("proposal")
    if decided.result in ("approved", "rejected", "withdrawn"):
        looked = decided.looked
        said = f"rules_{looked.outcome}" if looked else f"proposal_{decided.result}"
        return visit.back(f"{PROPOSALS}/{decided.proposal.id}", said=said)
    looked_at = decided.looked.preview if decided.looked else decided.proposal.preview
    told = looked_at.told if looked_at else 0
    return await _page(visit, decided.proposal, fault=decided.result, told=told)


async def _page(
    visit: CurrentUser, proposal: ChangeProposal, *, fault: str = "", told: int | None = None
) -> Response:
    siaga, shell = visit.siaga, shell_of(visit.request)
    voice = _voice(visit)
    kept = await siaga.proposals.rule_sets_of(proposal)
    approvers = await siaga.proposals.approvers(proposal)
    preview = proposal.preview
    told = (preview.told if preview else 0) if told is None else told
    return shell.page(
        visit.request,
        "proposal.html.j2",
        visit=visit,
        status=422 if fault else 200,
        fault=fault,
        proposal=proposal,
        line=_line(proposal, voice, visit),
        parts=None if kept is None else _parts(visit, kept, voice),
        contact=proposal.subject.contact,
        counts_at=_counts_at(proposal, voice, siaga.clock.now()),
        silence=_silence(proposal, voice, siaga.clock.now()),
        preview=preview,
        told=told,
        max_told=siaga.settings.reload.max_told,
        approvers=approvers,
        mine=proposal.is_of(visit.scope.credential),
    )


def _parts(visit: CurrentUser, kept: tuple[RuleSet, RuleSet], voice: Localizer) -> list[DifferencePart]:
    found, texts, kinds = reading(*kept), voice.texts, visit.siaga.kind_names

    def said(before: Rule | None, after: Rule | None) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        old, new = ("" if rule is None else sentence(rule, texts, kinds) for rule in (before, after))
        return words_differing(old, new)

    rules = [
        DifferencePart(
            id=one.id,
            title=next(rule.title for rule in (one.after, one.before) if rule is not None),
            what="rule",
            kind=one.kind,
            before=said(one.before, one.after)[0],
            after=said(one.before, one.after)[1],
            more=tuple(_told(told, voice) for told in one.more),
            less=tuple(_told(told, voice) for told in one.less),
            words=one.words,
        )
        for one in found.rules
    ]
    return rules + [
        DifferencePart(id=one.id, title=one.id, what="policy", kind=one.kind, words=one.words)
        for one in found.policies
    ]


def _silence(proposal: ChangeProposal, voice: Localizer, now: Instant) -> SilenceLine | None:
    """Return the silence that is proposed, as the page of silences shows it."""
    return None if proposal.subject.silence is None else proposed_line(proposal, voice, now)


def _about(proposal: ChangeProposal, voice: Localizer, now: Instant) -> str:
    """Say in one line what a silence or contact is of; of rules the page of the proposal says it."""
    if proposal.subject.contact is not None:
        return proposal.subject.contact.contact
    silence = _silence(proposal, voice, now)
    if silence is None:
        return ""
    keys = "; ".join(f"{key}: {value}" for key, value in silence.of)
    return f"{keys}. {voice.texts['console.silences.with_awas']}" if silence.include_awas else keys


def _told(told: AudienceChange, voice: Localizer) -> str:
    """Return whom a rule tells, such as `AWAS: Sekda, daerah kejadian`."""
    texts = voice.texts
    level = texts[f"level.{told.level}"]
    if not told.at:
        return texts("console.proposals.told.person", level=level, who=told.role)
    key = f"console.proposals.at.{told.at}"
    place = texts[key] if key in texts else voice.place(told.at)
    return texts("console.proposals.told", level=level, who=_office(told.role, texts), place=place)


def _office(role: str, texts: Texts) -> str:
    key = texts.first(f"office.short.{role}", "")
    return texts[key] if key else role.replace("_", " ").capitalize()


def _line(proposal: ChangeProposal, voice: Localizer, visit: CurrentUser) -> ProposalLine:
    now = visit.siaga.clock.now()
    until = proposal.lapses_at if proposal.decided_at is None else proposal.decided_at
    return ProposalLine(
        id=proposal.id,
        what=voice.texts[f"console.proposals.what.{proposal.subject.kind}"],
        by=str(proposal.by),
        at=voice.near_moment(proposal.at, now),
        until=voice.near_moment(until, now),
        state=proposal.state,
        decided_by="" if proposal.decided_by is None else str(proposal.decided_by),
        about=_about(proposal, voice, now),
        counts_at=_counts_at(proposal, voice, now),
    )


def _counts_at(proposal: ChangeProposal, voice: Localizer, now: Instant) -> str:
    change = proposal.subject.contact
    return "" if change is None or change.counts_at is None else voice.near_moment(change.counts_at, now)


def _voice(visit: CurrentUser) -> Localizer:
    siaga = visit.siaga
    texts = shell_of(visit.request).catalogue.texts(visit.language)
    return Localizer(texts, siaga.books.regions, siaga.kind_names, visit.scope.region)
