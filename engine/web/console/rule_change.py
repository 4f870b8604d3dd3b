"""Proposing changed rules and policies: what the files would change and whom that would reach.

Here: the page. Not here: what is compared (`rule_sets.rollout`, shared with the API and `siaga reload`), and approving
(`console.proposals`). It always speaks of the files that lie beside the process that answers.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from engine.core.judging.region import NATION
from engine.documents.finding import Language
from engine.people.proposal_records import TooManyProposalsError
from engine.records.rule_set_diff import Approved
from engine.rule_sets.rule_files import as_they_lie
from engine.texts.localizer import Localizer
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import PROPOSALS, shell_of
from engine.web.console.routing import pages

router = pages()

PATH = "/console/change"


@router.get(PATH)
async def change_page(visit: CurrentUser = visitor("policy")) -> Response:
    """Show what the files would change."""
    cover(visit.scope, NATION, "policy")
    loaded = await asyncio.to_thread(as_they_lie, visit.siaga.settings.paths)
    return _page(visit, await visit.siaga.approval.preview(loaded, visit.user))


@router.post(PATH)
async def propose(visit: CurrentUser = visitor("policy")) -> Response:
    """Propose what the files hold: whoever is signed in proposes, and somebody else approves.

    What was shown is what is proposed: where the files changed since, they are shown anew.
    """
    cover(visit.scope, NATION, "policy")
    siaga = visit.siaga
    loaded = await asyncio.to_thread(as_they_lie, siaga.settings.paths)
    if not loaded.valid:
        return _page(visit, siaga.approval.refuse(loaded), fault="invalid")
    if loaded.value.id != visit.text("rule_set"):
        return _page(visit, await siaga.approval.preview(loaded, visit.user), fault="other_files")
    try:
        made = await siaga.proposals.propose_rules(loaded.value, visit.scope.credential)
    except TooManyProposalsError:
        return _page(visit, await siaga.approval.preview(loaded, visit.user), fault="too_many")
    if made.proposal is None:
        return _page(visit, made.looked, fault="no_difference")
    return visit.back(f"{PROPOSALS}/{made.proposal.id}", said="proposed")


def _page(visit: CurrentUser, found: Approved, fault: str = "") -> Response:
    shell, siaga = shell_of(visit.request), visit.siaga
    texts = shell.catalogue.texts(visit.language)
    voice = Localizer(texts, siaga.books.regions, siaga.kind_names, NATION)
    language: Language = "en" if visit.language == "en" else "id"
    errors = [finding for finding in found.findings if finding.severity == "error"]
    preview = found.preview
    return shell.page(
        visit.request,
        "change.html.j2",
        visit=visit,
        status=422 if fault else 200,
        found=found,
        fault=fault,
        preview=preview,
        findings=[(f"{one.file}:{one.line}", one.text(language)) for one in errors],
        judges_from=[(rule, voice.moment(at)) for rule, at in sorted(preview.judges_from.items())]
        if preview
        else (),
        max_told=siaga.settings.reload.max_told,
    )
