"""A client of a running service in lock-step: its clock, its events, its answer links.

Here: the requests, and waiting for a service that is away until it is back. Not here: what is replayed or who answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from engine.clock import monotonic
from engine.core.judging.instant import Instant, format_instant, parse_instant
from engine.errors import SiagaError
from engine.simulation.officials import CLOSED_BECAUSE

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries while the service is away: the first, doubling up to the longest."""
REQUEST_SECONDS = 600.0
"""An advance may settle months of due instants."""


class ServiceGoneError(SiagaError):
    """The service did not come back in time."""


class RefusedError(SiagaError):
    """The service refused a request that a replay needs."""


class ServiceClient:
    """Speaks to one service; every request is repeated while the service is away, up to `patience` seconds."""

    def __init__(
        self, url: str, token: str, *, patience: float = 60.0, waiting: Callable[[], None] = lambda: None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=REQUEST_SECONDS
        )
        self._patience = patience
        self._waiting = waiting

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def clock(self) -> tuple[Instant, Instant | None]:
        """Return what instant it is for the service, and when something falls due next."""
        return _clock(await self._get("/v1/clock"))

    async def advance(self, until: Instant) -> tuple[Instant, Instant | None]:
        """Settle everything up to `until`; return the clock as `clock` does."""
        return _clock(await self._post("/v1/clock", json={"advance_to": format_instant(until)}))

    async def submit(self, event: bytes) -> dict[str, Any]:
        """Send one event; return the counts. Raises `RefusedError` where it was rejected."""
        response = await self._request(
            "POST", "/v1/events", content=event, headers={"Content-Type": "application/json"}
        )
        if response.status_code not in (202, 422):
            raise _refused(response)
        counts: dict[str, Any] = response.json()
        return counts

    async def alert(self, alert_id: str) -> dict[str, Any]:
        """Return an alert with its notifications."""
        found: dict[str, Any] = await self._get(f"/v1/alerts/{alert_id}")
        return found

    async def summary(self) -> dict[str, Any]:
        """Return the counts of the installation."""
        counts: dict[str, Any] = await self._get("/v1/summary")
        return counts

    async def answer(self, link: str, says: str) -> int:
        """Press a button of an answer page; return the status code (200, or 404 once the link is old).

        A closing is confirmed with its reason at once, as the second form of the page asks it.
        """
        data = {"says": says}
        if says == "resolved":
            data |= {"confirm": "yes", "reason": CLOSED_BECAUSE}
        response = await self._request("POST", link, data=data, headers={"Authorization": ""})
        return response.status_code

    async def _get(self, path: str) -> Any:
        response = await self._request("GET", path)
        if response.status_code != 200:
            raise _refused(response)
        return response.json()

    async def _post(self, path: str, **parts: Any) -> Any:
        response = await self._request("POST", path, **parts)
        if response.status_code != 200:
            raise _refused(response)
        return response.json()

    async def _request(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """Repeat a request until the service answers it; all that a replay asks may be asked twice."""
        pause, ends = FIRST_PAUSE, monotonic() + self._patience
        while True:
            try:
                response = await self._http.request(method, url, **parts)
                if response.status_code != 503:
                    return response
                why = "503"
            except httpx.TransportError as error:
                why = type(error).__name__
            if monotonic() > ends:
                raise ServiceGoneError(f"the service has been away for {self._patience:.0f} s ({why})")
            self._waiting()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _clock(state: Any) -> tuple[Instant, Instant | None]:
    due = state["next_due"]
    return parse_instant(state["now"])[0], parse_instant(due)[0] if due else None


def _refused(response: httpx.Response) -> RefusedError:
    path = response.request.url.path.split("/a/")[0]
    return RefusedError(f"{response.request.method} {path}: {response.status_code} {response.text[:300]}")
