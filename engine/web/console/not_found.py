"""Paths of the console that lead nowhere.

Here: the one route behind all others, which answers with a page. Not here: refusals of pages that exist.
"""

from __future__ import annotations

from starlette.responses import Response

from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import HOME
from engine.web.console.routing import pages
from engine.web.problem import not_found

router = pages()


@router.get(HOME + "/{rest:path}")
async def nowhere(_visit: CurrentUser = visitor()) -> Response:
    """Say to who is signed in that there is no such page."""
    raise not_found("page")
