"""The pages' own style and script.

Here: the one route that serves them. Not here: what they are made of (`console.shell`). Their path changes with their
content, so a browser may keep them for good; a path with another digest is a 404.
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from engine.web.console.page_renderer import STATIC, shell_of
from engine.web.console.routing import pages
from engine.web.problem import not_found

router = pages()


@router.get(STATIC + "{digest}/{name}")
async def static(request: Request, digest: str, name: str) -> Response:
    """Serve a file of the pages."""
    asset = shell_of(request).assets.get(name)
    if asset is None or asset.path != f"{STATIC}{digest}/{name}":
        raise not_found("file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(asset.content, 200, headers, asset.media_type)
