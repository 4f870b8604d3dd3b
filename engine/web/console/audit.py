"""The audit: the newest things that were done, by whom, and the mark by which the whole is proved.

Here: the page. Not here: the log (`records.audit_log`) and its proof (`operations.audit_proof`), which reads all of it
and is a command. The log has no regions, so only who sees the whole nation sees it.
"""

from __future__ import annotations

from typing import get_args

from starlette.responses import Response

from engine.core.judging.region import NATION
from engine.records.audit_log import AUDIT, What, newest
from engine.texts.credential_words import credential_words, tokens_among
from engine.texts.localizer import Localizer
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import shell_of
from engine.web.console.routing import pages

router = pages()

PATH = "/console/audit"
READ = 2_000
"""So many of the newest entries are looked through."""
LISTED = 200


@router.get(PATH)
async def audit(visit: CurrentUser = visitor("operate")) -> Response:
    """List the newest entries, of one kind or by one user where asked."""
    cover(visit.scope, NATION, "operate")
    query, store = visit.request.query_params, visit.siaga.store
    what, by = query.get("what", ""), query.get("by", "").strip()
    found = [
        entry
        for entry in await newest(store, READ)
        if (not what or entry.what == what) and (not by or entry.by == by)
    ]
    shell = shell_of(visit.request)
    listed, texts = found[:LISTED], shell.catalogue.texts(visit.language)
    labels = await visit.siaga.tokens.labels(tokens_among(entry.by for entry in listed))
    voice = Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, NATION)
    now = visit.siaga.clock.now()
    return shell.page(
        visit.request,
        "audit.html.j2",
        visit=visit,
        entries=[
            (entry, voice.near_moment(entry.at, now), credential_words(entry.by, texts, labels))
            for entry in listed
        ],
        mark=(await store.mark(AUDIT)).decode(),
        kinds=get_args(What),
        what=what,
        by=by,
    )
