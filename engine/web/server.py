"""The HTTP server around the app.

Here: how uvicorn is set up and bound to the life of the service. Not here: any route (`web.app`) and the bounds of a
connection (`web.connections`).
Signals belong to the service, which ends its loops in its own order; the server only stops when told.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn

from engine.app import Siaga
from engine.errors import ConfigurationError
from engine.web.app import build
from engine.web.connections import SILENT_SECONDS, BoundedConfig, ConnectionLimits

BACKLOG = 128
"""Connections that may wait to be accepted: fewer than the descriptors in reserve, since they are accepted at once."""
SHUTDOWN_SECONDS = 5
"""How long requests under way may take to end."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@asynccontextmanager
async def serving(siaga: Siaga) -> AsyncIterator[str]:
    """Serve the app while the context lasts; gives the address it listens at, such as `http://127.0.0.1:8080`."""
    http = siaga.settings.http
    app = build(siaga)
    connections = ConnectionLimits.within_limits(
        http.max_connections, siaga.metrics.trouble.refused, most_discarded=http.max_body_bytes
    )
    config = BoundedConfig(
        app,
        connections,
        backlog=BACKLOG,
        proxy_headers=False,  # `web.client_address` knows which proxies are trusted
        ws="none",
        lifespan="off",
        access_log=False,  # its lines hold paths, and the paths of links hold tokens
        log_config=None,
        server_header=False,
        timeout_keep_alive=int(SILENT_SECONDS),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    listener = listen(http.host, http.port)
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    watching = asyncio.create_task(connections.watch(), name="connections")
    host = f"[{http.host}]" if ":" in http.host else http.host
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        app.state.changes.end()  # an open page would hold the server until its patience ends
        server.should_exit = True
        await app.state.asked.close()
        await running
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket (port 0: a free one), which no child process inherits."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"http.port: cannot listen on {host}:{port} ({error.strerror}); set another by --set http.port=N"
        ) from None
