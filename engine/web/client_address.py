"""The network address under which a request counts.

Behind a trusted proxy (`http.trusted_proxies`) it is the address that the proxy gives in `X-Forwarded-For`. Of IPv6 the
/64 counts, since one subscriber has all of it.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

UNKNOWN = "-"
"""What a request counts under whose address cannot be read: all of these share one count."""
_PEER = "siaga.peer"


class ClientAddress:
    """ASGI layer: replaces the address of the connection by the one that a trusted proxy gives, and keeps both."""

    def __init__(self, app: ASGIApp, *, trusted: tuple[str, ...]) -> None:
        self._app: Any = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            scope[_PEER] = scope.get("client")
        await self._app(scope, receive, send)


def address_of(request: Request) -> str:
    """Return the address under which a request counts."""
    return counted(request.client.host if request.client else UNKNOWN)


def peer_of(request: Request) -> str:
    """Return the address of the connection itself: the client's, or that of the proxy next to us."""
    peer = request.scope.get(_PEER)
    return str(peer[0]) if peer else UNKNOWN


def counted(host: str) -> str:
    """Return an IPv4 address as it is, the /64 of an IPv6 address, and `UNKNOWN` for anything else."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))
