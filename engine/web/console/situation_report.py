"""The report on the situation as a page: what the offices get by letter, as it is now.

Here: the route. Not here: what it says (`texts.situation`) and when it goes to whom (`operations.situation_report`).
"""

from __future__ import annotations

from starlette.responses import Response

from engine.texts.localizer import Localizer
from engine.texts.situation import situation_page
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import HOME, shell_of
from engine.web.console.routing import pages
from engine.web.problem import not_found

router = pages()


@router.get(HOME + "/report")
async def situation_report(visit: CurrentUser = visitor("read")) -> Response:
    """Show the situation of the user's region, or of one in it, since the last report."""
    siaga, shell = visit.siaga, shell_of(visit.request)
    region = visit.request.query_params.get("region", visit.scope.region)
    if not siaga.books.regions.known(region):
        raise not_found("region")
    cover(visit.scope, region, "read")
    found = await siaga.situations.at(region, siaga.clock.now())
    voice = Localizer(shell.catalogue.texts(visit.language), siaga.books.regions, siaga.kind_names, region)
    return shell.page(
        visit.request, "situation-report.html.j2", visit=visit, report=situation_page(found, voice)
    )
