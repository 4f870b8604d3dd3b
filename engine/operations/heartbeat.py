"""The dead-man heartbeat: a sign of life for whoever watches from outside, given only while nothing is lost or late.

Here: giving it, as a gauge and to an address. Not here: what is lost (`operations.auditor`) or late
(`operations.backlog`). Who watches is told nothing but that all is well; that the sign stays away is the alarm.
"""

from __future__ import annotations

import httpx
import structlog

from engine.clock import Clock
from engine.core.judging.instant import SECOND, Instant
from engine.metrics import Metrics

EVERY_SECONDS = 60.0
"""Seconds between two signs to the address."""
TIMEOUT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Heartbeat:
    """Gives signs of life. Without an address only the gauge tells."""

    def __init__(self, url: str | None, clock: Clock, metrics: Metrics) -> None:
        self._url = url
        self._clock = clock
        self._metrics = metrics
        self._beaten_at: Instant | None = None

    async def beat(self) -> None:
        """All is well now. A sign that does not reach the address is logged; the next comes all the same."""
        now = self._clock.now()
        self._metrics.heartbeat(now / SECOND)
        if self._url is None:
            return
        if self._beaten_at is not None and now - self._beaten_at < EVERY_SECONDS * SECOND:
            return
        self._beaten_at = now
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
                answer = await client.post(self._url)
            if not answer.is_success:
                log.warning("heartbeat_refused", status=answer.status_code)
        except httpx.HTTPError as error:
            log.warning("heartbeat_failed", error=type(error).__name__)
