"""Which of several servers takes writes: Sentinels know, and are asked whenever a connection is made.

Here: the address `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE` and connections that follow the primary of the service.
Not here: what goes over them (`store.redis.client`), and what a failover may lose (docs/reliability.md).

A connection to a primary that was put down ends: Sentinel cuts it off, or the server says that it only reads now. The
next one asks the Sentinels, one after the other, until one of them knows a primary.
"""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple
from urllib.parse import unquote

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
"""The schemes of such addresses, and whether the servers speak TLS; the login is theirs, Sentinels have none."""
PORT = 26_379
PATIENCE_SECONDS = 1.0
"""How long one Sentinel is waited for; then the next is asked."""


class SentinelAddress(NamedTuple):
    """What an address names: the Sentinels, and the service that they watch."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    user: str | None
    password: str | None
    tls: bool

    @property
    def name(self) -> str:
        """How it is called in messages: without login."""
        return f"{self.service} of {','.join(f'{host}:{port}' for host, port in self.sentinels)}"


def watched(url: str) -> SentinelAddress | None:
    """Return what an address names, None where it is of another kind; raise `ValueError` where it is none."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        return None
    login, at, places = rest.rpartition("@")
    hosts, _, service = places.partition("/")
    if not service or "/" in service or not hosts:
        raise ValueError("write it as redis+sentinel://host:26379,host:26379/service")
    user, _, password = login.partition(":")
    return SentinelAddress(
        sentinels=tuple(_place(host) for host in hosts.split(",")),
        service=unquote(service),
        user=unquote(user) or None,
        password=unquote(password) if at else None,
        tls=SCHEMES[scheme],
    )


def _place(written: str) -> tuple[str, int]:
    """Return host and port; an address of IPv6 stands in brackets."""
    host, colon, port = written.rpartition(":")
    if not colon or written.endswith("]"):
        host, port = written, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("write each Sentinel as host:port")
    return host, int(port)


class _Asked(Sentinel):
    """The Sentinels of a service; the one that answered last is asked first."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return where the primary is.

        The client swaps two places of its list behind an answer: of several that ask at the same time one would write
        a Sentinel into two places and another out of the list for good. So each has a list of its own.
        """
        own = copy(self)
        own.sentinels = [*self.sentinels]
        found: tuple[str, int] = await Sentinel.discover_master(own, service_name)
        self.sentinels = own.sentinels
        return found


class PrimaryPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the primary, whichever server that is; who finds none free waits, as with one server."""

    def __init__(self, place: SentinelAddress, *, most: int, timeout: float) -> None:
        """Connect to nothing yet. At most so many connections; `timeout` is in seconds."""
        patience = min(timeout, PATIENCE_SECONDS)
        self._sentinel = _Asked(  # type: ignore[no-untyped-call]  # the client leaves it untyped
            list(place.sentinels),
            sentinel_kwargs={
                "socket_timeout": patience,
                "socket_connect_timeout": patience,
                "retry": Retry(NoBackoff(), 0),
                "protocol": 2,
            },
        )
        options: dict[str, Any] = {"ssl": True} if place.tls else {}
        super().__init__(  # type: ignore[no-untyped-call]
            place.service,
            self._sentinel,
            max_connections=most,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            username=place.user,
            password=place.password,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            **options,
        )

    async def aclose(self) -> None:
        """Close every connection, those to the Sentinels too."""
        await super().aclose()
        await self._sentinel.aclose()
