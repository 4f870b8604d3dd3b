"""Pages of long lists in the console: where the page that is asked for begins, and the address of the next one."""

from __future__ import annotations

from engine.store.port import Place
from engine.web.console.visit import Visit
from engine.web.paging import cursor_of, place_of

LONGEST = 100
"""Characters of a cursor."""


def asked_place(visit: Visit) -> Place | None:
    """Return the place behind which the page begins; None at the beginning of the list."""
    cursor = visit.request.query_params.get("cursor", "")[:LONGEST]
    return place_of(cursor) if cursor else None


def next_page(visit: Visit, after: Place | None) -> str:
    """Return the address of the next page; empty at the end."""
    if after is None:
        return ""
    url = visit.request.url.include_query_params(cursor=cursor_of(after))
    return f"{url.path}?{url.query}"
