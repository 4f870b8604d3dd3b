"""The stream of ticks by which an open page follows what happens.

Here: the route of server-sent events. Not here: noticing that something happened (`operations.ui_feed`), and what the
page then does (`templates/console/console.js`). A tick says nothing but that it is worth looking: what the user may see
is decided by the page that they then get.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from engine.clock import monotonic
from engine.operations.ui_feed import UiFeed
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.routing import pages
from engine.web.problem import busy

router = pages()
LONGEST_SECONDS = 600
"""After this the browser connects anew, which asks again who is signed in."""
STREAMS = 50
"""Pages from which one user may follow at once: each holds one of `http.max_connections` for minutes."""
RETRY_SECONDS = 60
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/console/stream")
async def stream(visit: CurrentUser = visitor("read")) -> Response:
    """Send a tick each time that something changed, at most one a second."""
    changes: UiFeed = visit.request.app.state.changes
    streams: Counter[str] = visit.request.app.state.streams
    if streams[visit.user] >= STREAMS:
        raise busy("too_many_streams", "This user follows from too many pages.", RETRY_SECONDS, status=429)
    return StreamingResponse(ticks(changes, streams, visit.user), 200, HEADERS, "text/event-stream")


async def ticks(changes: UiFeed, streams: Counter[str], user: str) -> AsyncIterator[str]:
    """Yield the events: `tick`, and `still` after a quiet while, by which the page knows that it is not cut off.

    `streams` counts by user those that are open.
    """
    began = monotonic()
    streams[user] += 1
    try:
        yield "retry: 2000\n\n"
        async for changed in changes.follow():
            yield "event: tick\ndata:\n\n" if changed else "event: still\ndata:\n\n"
            if monotonic() - began >= LONGEST_SECONDS:
                return
    finally:
        streams[user] -= 1
        if not streams[user]:
            del streams[user]
