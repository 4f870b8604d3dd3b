"""Bounds of HTTP connections: how large and how slow a request may be, and how many connections there may be.

uvicorn's protocol has no bound on a request head or on a body that never ends; this one extends it by its public
callbacks. When all places are taken, the connection that has waited longest without a complete request makes room: a
slow one therefore never keeps a quick one out. Descriptors are left for the store, the gateways and files.
"""

from __future__ import annotations

import asyncio
import resource
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal

import msgspec
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine.web.problem import Problem

HEAD_BYTES = 32_768
"""The most a request line with its header fields may have, and trailers, and the extension of a chunk."""
HEAD_SECONDS = 10.0
"""How long a request head may take from its first byte on."""
SILENT_SECONDS = 30.0
"""How long a connection may send nothing while no answer to it is under way."""
BODY_SECONDS, BODY_BYTES_PER_SECOND = 60.0, 512
"""A body may take this long, and a second longer for so many bytes that have come."""
STALLED_SECONDS = 60.0
"""How long a client may take nothing of an answer that is ready for it."""
PIPELINED = 16
"""Requests of one connection that may wait behind the one that is being answered."""
HELD_BYTES = 256 * 2**20
"""Bytes of bodies that are not complete yet, of all connections together: many of these come before any credential."""
RESERVED_DESCRIPTORS = 256
"""Descriptors that connections leave free, or half of all where there are fewer than twice as many."""
SWEEP_SECONDS = 1.0

ConnectionPhase = Literal["idle", "head", "body", "answer"]

log = structlog.get_logger("siaga.http")


class RequestProgress(msgspec.Struct, kw_only=True):
    """How far the newest request of a connection is. Instants are seconds of the event loop's clock.

    `since` is when the phase began, `heard_at` when a byte came last, `stalled_at` since when the client takes nothing.
    `undelivered` counts bytes since the parser last finished a head, a piece of a body or a message.
    """

    since: float
    heard_at: float
    phase: ConnectionPhase = "idle"
    head_bytes: int = 0
    body_bytes: int = 0
    undelivered: int = 0
    stalled_at: float | None = None

    def enter(self, phase: ConnectionPhase, now: float) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, now


def overdue(progress: RequestProgress, now: float, *, reading_paused: bool = False) -> bool:
    """Say whether a connection is too slow to be kept. While we do not read (`reading_paused`) it cannot send."""
    if progress.stalled_at is not None and now - progress.stalled_at > STALLED_SECONDS:
        return True
    if progress.phase == "answer" or reading_paused:
        return False
    if progress.phase == "idle":
        return now - progress.since > SILENT_SECONDS
    if now - progress.heard_at > SILENT_SECONDS:
        return True
    may_take = BODY_SECONDS + progress.body_bytes / BODY_BYTES_PER_SECOND
    return now - progress.since > (HEAD_SECONDS if progress.phase == "head" else may_take)


def most_connections(wanted: int, descriptors: int) -> int:
    """Return how many connections there may be where the process may have so many open files."""
    reserved = min(RESERVED_DESCRIPTORS, descriptors // 2)
    return max(1, min(wanted, descriptors - reserved))


class ConnectionLimits:
    """The open connections of one server. `refused` counts each that is closed for a reason."""

    def __init__(
        self,
        most: int,
        refused: Callable[[str], None],
        *,
        most_discarded: int,
        most_held: int = HELD_BYTES,
    ) -> None:
        """Take the most connections, and bytes of bodies: of one that nobody wants any more, of all incomplete ones."""
        self.most = most
        self.refused = refused
        self.most_discarded = most_discarded
        self._most_held = most_held
        self._held = 0
        self._open: set[BoundedProtocol] = set()
        self._incomplete: OrderedDict[BoundedProtocol, None] = OrderedDict()

    @classmethod
    def within_limits(
        cls, wanted: int, refused: Callable[[str], None], *, most_discarded: int
    ) -> ConnectionLimits:
        """Return connections bounded below the limit of open files of this process."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = most_connections(wanted, descriptors)
        if most < wanted:
            log.warning("connections_bounded", most=most, wanted=wanted, descriptors=descriptors)
        return cls(most, refused, most_discarded=most_discarded)

    def opened(self, connection: BoundedProtocol) -> bool:
        """Note a new connection; where all places are taken another makes room. False: none can, it must close."""
        if len(self._open) >= self.most:
            self.refused("connections")
            if not self._incomplete:
                return False
            longest = next(iter(self._incomplete))
            self.closed(longest)
            longest.transport.abort()
        self._open.add(connection)
        self.waits(connection)
        return True

    def waits(self, connection: BoundedProtocol) -> None:
        """Note that a connection has no complete request from now on."""
        if connection in self._open:
            self._incomplete[connection] = None
            self._incomplete.move_to_end(connection)

    def holds(self, connection: BoundedProtocol, size: int) -> None:
        """Note further bytes of a body; where all hold too many, those that have waited longest make room."""
        if connection not in self._open:
            return  # it was closed; what was read with the same piece goes with it
        connection.held += size
        self._held += size
        while self._held > self._most_held:
            longest = next(one for one in self._incomplete if one.held)
            self.refused("connections")
            self.closed(longest)
            longest.transport.abort()

    def answers(self, connection: BoundedProtocol) -> None:
        """Note that a complete request of the connection is being answered."""
        self._incomplete.pop(connection, None)
        self._release(connection)

    def closed(self, connection: BoundedProtocol) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._incomplete.pop(connection, None)
        self._release(connection)

    def _release(self, connection: BoundedProtocol) -> None:
        self._held -= connection.held
        connection.held = 0

    def sweep(self, now: float) -> None:
        """Close every connection that is too slow."""
        for connection in list(self._open):
            if overdue(connection.progress, now, reading_paused=connection.flow.read_paused):
                self.refused("too_slow")
                self.closed(connection)
                connection.transport.abort()

    async def watch(self) -> None:
        """Sweep every second until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(loop.time())


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration, with the connections that the protocol notes itself in."""

    def __init__(self, app: Any, connections: ConnectionLimits, **options: Any) -> None:
        self.connections = connections
        super().__init__(app, http=BoundedProtocol, **options)


class _RefusedError(Exception):
    """Raised in a callback of the parser to end the connection."""


class BoundedProtocol(HttpToolsProtocol):
    """One HTTP connection within bounds."""

    config: BoundedConfig

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or close."""
        super().connection_made(transport)
        now = self.loop.time()
        self.progress = RequestProgress(since=now, heard_at=now)
        self.held = 0
        self._delivered = 0
        self._refusal: Problem | None = None
        if not self.config.connections.opened(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self.config.connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; refuse where it is a head, a trailer or a chunk's extension without an end."""
        progress = self.progress
        progress.heard_at = self.loop.time()
        delivered = self._delivered
        super().data_received(data)
        if self._delivered != delivered:
            progress.undelivered = 0
            return
        progress.undelivered += len(data)
        if progress.undelivered > HEAD_BYTES and not self.transport.is_closing():
            self._refusal = _too_large()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin a head."""
        self.progress.enter("head", self.loop.time())
        self.progress.head_bytes = 0
        self.config.connections.waits(self)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header field, of the head or of the trailers."""
        self._count_head(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin a body and the answer."""
        if len(self.pipeline) >= PIPELINED:
            raise _RefusedError
        self._delivered += 1
        self.progress.enter("body", self.loop.time())
        self.progress.body_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a piece of a body; of one that was answered already only so much is read."""
        self._delivered += 1
        self.progress.body_bytes += len(body)
        super().on_body(body)
        connections = self.config.connections
        if not self.cycle.response_complete:
            connections.holds(self, len(body))
        elif self.progress.body_bytes > connections.most_discarded:
            raise _RefusedError

    def on_message_complete(self) -> None:
        """End a request: from now on it is we who are waited for."""
        self._delivered += 1
        super().on_message_complete()
        if self.cycle.response_complete:
            self._idle()
        else:
            self.progress.enter("answer", self.loop.time())
            self.config.connections.answers(self)

    def on_response_complete(self) -> None:
        """End an answer: from now on the next request is waited for."""
        super().on_response_complete()
        if self.progress.phase == "answer" and self.cycle.response_complete:
            self._idle()

    def pause_writing(self) -> None:
        """Note since when the client takes nothing."""
        self.progress.stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client takes what is sent."""
        self.progress.stalled_at = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, or is refused, and close; amid an answer only close."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self.transport.close()
        elif self._refusal is None:
            super().send_400_response(msg)
        else:
            self.config.connections.refused("head_too_large")
            self.transport.write(_raw(self._refusal))
            self.transport.close()

    def _count_head(self, size: int) -> None:
        self.progress.head_bytes += size
        if self.progress.head_bytes > HEAD_BYTES:
            self._refusal = _too_large()
            raise _RefusedError

    def _idle(self) -> None:
        self.progress.enter("idle", self.loop.time())
        self.config.connections.answers(self)
        self.config.connections.waits(self)


def _too_large() -> Problem:
    return Problem(431, "head_too_large", f"The request head is over {HEAD_BYTES} bytes.")


def _raw(problem: Problem) -> bytes:
    """Return an answer as it goes over the wire, for a request that never reached the app."""
    response = problem.response()
    head = [
        b"HTTP/1.1 %d %s" % (response.status_code, HTTPStatus(response.status_code).phrase.encode()),
        b"connection: close",
    ]
    head += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join((*head, b"", bytes(response.body)))
