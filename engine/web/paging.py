"""How an answer of the API says where its next page begins: in its body, and in a `Link` header (RFC 8288)."""

from __future__ import annotations

from typing import Any

from fastapi import Query, Request, Response

from engine.errors import ParseError
from engine.store.port import Place, read_place
from engine.web.problem import Problem

PAGED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": 'The next page, as `<URL>; rel="next"`; absent on the last one',
                "schema": {"type": "string"},
            }
        }
    }
}
"""What the API document says of an answer that is a page."""


CURSOR: Any = Query(description="`next_cursor` of the page before", max_length=100)
"""The parameter that says where a page begins."""


def cursor_of(place: Place) -> str:
    """Return the cursor of the page behind a place; it stays good while entries come and go before it."""
    return str(place)


def place_of(cursor: str) -> Place:
    """Return the place that a cursor names. Raises `Problem` for what no page gave."""
    try:
        return read_place(cursor)
    except ParseError:
        detail = "This cursor is not one that a page gave as next_cursor."
        raise Problem(422, "invalid_cursor", detail) from None


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Name the next page in the header of an answer: the same question with another cursor."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
