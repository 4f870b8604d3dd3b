"""Putting changed rules and policies in force: what differs, whom it would reach, and the second person's approval.

Here: the page. Not here: what an approval looks at (`service.approval`, shared with the API and `siaga reload`).
It always speaks of the files that lie beside the process that answers.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from engine.judging.region import NATION
from engine.loading.texts import Language
from engine.service.approval import ACCEPTED, Approved
from engine.service.reload import as_they_lie
from engine.web.auth import cover
from engine.web.console.route import pages
from engine.web.console.shell import shell_of
from engine.web.console.visit import Visit, visitor
from engine.wording.voice import Voice

router = pages()

PATH = "/console/change"
LONGEST_NAME = 100


@router.get(PATH)
async def change_page(visit: Visit = visitor("policy")) -> Response:
    """Show what the files would change."""
    cover(visit.scope, NATION, "policy")
    loaded = await asyncio.to_thread(as_they_lie, visit.siaga.settings.paths)
    return _page(visit, await visit.siaga.approval.preview(loaded, visit.user))


@router.post(PATH)
async def approve(visit: Visit = visitor("policy")) -> Response:
    """Put the files in force as the second person: whoever is signed in approves what another one wrote.

    What was shown is what comes in force: where the files changed since, they are shown anew.
    """
    cover(visit.scope, NATION, "policy")
    siaga = visit.siaga
    loaded = await asyncio.to_thread(as_they_lie, siaga.settings.paths)
    if loaded.valid and loaded.value.id != visit.text("rule_set"):
        return _page(visit, await siaga.approval.preview(loaded, visit.user), fault="other_files")
    author, number = visit.text("author")[:LONGEST_NAME], visit.text("yes")
    yes = int(number) if number.isdecimal() and len(number) < len("1000000") else 0
    found = await siaga.approval.propose(loaded, author=author, approved_by=visit.user, yes=yes)
    if found.outcome in ACCEPTED:
        return visit.back("/console/rules", said=f"rules_{found.outcome}")
    return _page(visit, found, fault=found.outcome)


def _page(visit: Visit, found: Approved, fault: str = "") -> Response:
    shell, siaga = shell_of(visit.request), visit.siaga
    texts = shell.catalogue.texts(visit.language)
    voice = Voice(texts, siaga.books.regions, siaga.kind_names, NATION)
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
