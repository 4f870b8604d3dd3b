"""The situation: what is open where.

Here: the route. Not here: what it shows of alerts (`service`), and its words (`wording`).
"""

from __future__ import annotations

from starlette.responses import Response

from engine.web.console.route import pages
from engine.web.console.shell import HOME, shell_of
from engine.web.console.visit import Visit, visitor

router = pages()


@router.get(HOME)
async def situation(visit: Visit = visitor("read")) -> Response:
    """Show what is open in the user's region."""
    return shell_of(visit.request).page(visit.request, "situation.html.j2", visit=visit)
